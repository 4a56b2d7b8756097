"""What is told of a request whose node is left before its end, and that nothing is bought for a node that is left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from model_studio.runs import gallery, lookup
from model_studio.service.retries import Resends
from model_studio.studio import Studio
from model_studio.waiting import Interrupted, Waiting
from simulator import Simulator
from tests.model_studio.asking import ask, billed, creations

TASK = "wan2.2-t2i-flash"
BILL = "(1 picture, CNY 0.14 at list price)"
UNPAID, UNKNOWN = "nothing was billed", f"no answer came, and it may be billed {BILL}; the next run looks for its task"
PAID_BEFORE = "an earlier run paid for it; this one costs nothing"
WAYS = pytest.mark.parametrize("by_cancel", [True, False], ids=["cancel", "sibling"])
SEEN = 0.4  # seconds in which a run surely notices that it was left


class Leaving:
    """A run that is left at `now`, by Cancel or as another node's failure does; `told`: what becomes of its request."""

    def __init__(self, studio: Studio, clock: Any) -> None:
        self.told: list[str] = []
        self._studio = studio
        self._clock = clock
        self._is_canceled = self._by_cancel = False
        self._leave: Callable[[], object] = lambda: None

    def now(self) -> None:
        """From any thread."""
        self._is_canceled = self._by_cancel
        if not self._by_cancel:
            self._leave()

    def run(self, *, by_cancel: bool) -> list[str]:
        self._by_cancel = by_cancel
        waiting = Waiting(300, lambda: self._is_canceled, clock=self._clock)
        waiting.on_left = lambda text: self.told.append(str(text))
        asyncio.run(asyncio.wait_for(self._run(waiting), 20))
        return self.told

    async def _run(self, waiting: Waiting) -> None:
        run = asyncio.ensure_future(self._studio.generate(ask(TASK, call_mode="async"), waiting))
        loop = asyncio.get_running_loop()
        self._leave = lambda: loop.call_soon_threadsafe(run.cancel)
        with pytest.raises((Interrupted, asyncio.CancelledError)):
            await run
        await asyncio.sleep(2 * SEEN)  # for what is done behind the scenes


@pytest.fixture
def leaving(studio: Studio, clock: Any) -> Leaving:
    return Leaving(studio, clock)


@WAYS
def test_after_a_limit_refused_its_task_nothing_more_is_bought(
    leaving: Leaving, sim: Simulator, monkeypatch: pytest.MonkeyPatch, by_cancel: bool
) -> None:
    after = Resends.after

    async def pause(*args: Any) -> None:
        leaving.now()
        await asyncio.sleep(SEEN)
        await after(*args)

    monkeypatch.setattr(Resends, "after", pause)
    sim.faults.add("task_failed", code="Throttling.RateQuota", message="too many", times=1)
    assert leaving.run(by_cancel=by_cancel)[-1] == UNPAID
    assert (len(creations(sim)), billed(sim)) == (1, 0)


def test_a_lost_answer_is_told_to_who_cancels(
    leaving: Leaving, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = lookup._find

    async def late(*args: Any) -> str | None:
        leaving.now()
        await asyncio.sleep(SEEN)
        return await find(*args)

    monkeypatch.setattr(lookup, "_find", late)
    sim.faults.add("close_before_answer", on="create")
    assert leaving.run(by_cancel=True) == [UNKNOWN]


@WAYS
def test_what_is_stored_costs_nothing(
    leaving: Leaving, generate: Any, sim: Simulator, monkeypatch: pytest.MonkeyPatch, by_cancel: bool
) -> None:
    generate(TASK, call_mode="async")
    decode = gallery._decode

    def slow(*args: Any) -> Any:
        leaving.now()
        time.sleep(SEEN)
        return decode(*args)

    monkeypatch.setattr(gallery, "_decode", slow)
    assert set(leaving.run(by_cancel=by_cancel)) == {PAID_BEFORE}
    assert billed(sim) == 1
