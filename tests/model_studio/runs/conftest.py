"""Runs that are driven in the test's own event loop, so that Cancel comes at the very moment a test wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from model_studio.ledger import session
from model_studio.studio import Result, Studio
from model_studio.waiting import Origin, Waiting
from tests.model_studio.asking import ask


@pytest.fixture(autouse=True)
def warned_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "WARNED_AFTER", 0.05)


@pytest.fixture
def generate(studio: Studio, clock: Any) -> Callable[..., Result]:
    """A run; `cancel_at`: Cancel is pressed when the node shows a text that begins so; `queued`: when, if not now."""

    def run(
        model: str = "wan2.2-t2i-flash",
        cancel_at: str = "never",
        timeout: float = 300,
        queued: float | None = None,
        **changes: Any,
    ) -> Result:
        shown = [""]
        waiting = Waiting(
            timeout,
            lambda: shown[-1].startswith(cancel_at),
            lambda text, fraction: shown.append(text),
            clock,
            None if queued is None else Origin("test", queued),
        )
        return asyncio.run(studio._generate(ask(model, **changes), waiting))

    return run
