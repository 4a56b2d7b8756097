"""The account's limits are kept for the user, against a simulator that enforces the published ones.

Runs and simulator share a time that passes only when all runs wait, so that nothing depends on the machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model_studio import errors
from model_studio.studio import Result, Studio
from model_studio.waiting import Interrupted, Waiting
from simulator import Config, Simulator
from tests.model_studio.asking import ask, creations
from tests.model_studio.driven import Time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Time]:
    time = Time()
    with time.held_by_threads(monkeypatch):
        yield time


@pytest.fixture
def sim(clock: Time) -> Iterator[Simulator]:
    """Its clock is the one that the runs drive."""
    with Simulator(Config(rate_limits=True, task_seconds=4, sync_seconds=0)) as sim:
        sim.clock._source = lambda: 1_790_000_000 + clock.now()
        yield sim


@pytest.fixture
def environ(sim: Simulator) -> dict[str, str]:
    return {"DASHSCOPE_HTTP_BASE_URL": sim.base_url, "DASHSCOPE_API_KEY": sim.key}


@pytest.fixture
def studio(environ: dict[str, str], tmp_path: Path) -> Studio:
    return Studio(tmp_path, environ=environ)


def at_once(
    studio: Studio, clock: Time, model: str, count: int, timeout: float = 60, **changes: Any
) -> tuple[list[Any], list[str]]:
    """So many runs in one loop; their outcomes, and what they showed."""
    shown: list[str] = []

    async def all_of_them() -> list[Any]:
        runs = []
        for seed in range(count):
            waiting = Waiting(timeout, show=lambda text, fraction: shown.append(text), clock=clock)
            runs.append(studio._generate(ask(model, seed=seed, **changes), waiting))
        return await asyncio.gather(*runs, return_exceptions=True)

    return clock.play(all_of_them()), shown


def refused(sim: Simulator) -> int:
    return sum(seen.status == 429 for seen in sim.requests)


def test_eight_nodes_of_a_model_with_two_a_minute(studio: Studio, sim: Simulator, clock: Time) -> None:
    """In three minutes, with a time-out of one: waiting for the limit does not count."""
    began = clock.now()
    outcomes, shown = at_once(studio, clock, "qwen-image-2.0-pro", 8, aspect_ratio="custom", width=512, height=512)
    assert all(isinstance(outcome, Result) for outcome in outcomes), outcomes
    assert len(creations(sim)) == 8 == sum(bill.images for bill in sim.billed)
    assert 180 <= clock.now() - began < 182
    assert any(text.startswith("waiting for the rate limit, 18") for text in shown)


def test_without_the_pacer_the_service_refuses_and_all_wait_together(
    studio: Studio, sim: Simulator, clock: Time, environ: dict[str, str]
) -> None:
    environ["MODEL_STUDIO_PACE"] = "off"
    outcomes, _ = at_once(studio, clock, "qwen-image-2.0-pro", 4, 300, aspect_ratio="custom", width=512, height=512)
    assert all(isinstance(outcome, Result) for outcome in outcomes), outcomes
    assert refused(sim) > 0
    assert sum(bill.images for bill in sim.billed) == 4


def test_tasks_of_one_model_are_at_work_two_at_a_time(studio: Studio, sim: Simulator, clock: Time) -> None:
    outcomes, shown = at_once(studio, clock, "wan2.2-t2i-flash", 6)
    assert all(isinstance(outcome, Result) for outcome in outcomes), outcomes
    assert "waiting for a free place, 2 tasks at a time" in shown
    starts = sorted(task.submitted for task in sim.service.tasks.values())
    assert starts[2] - starts[0] >= 4  # the third began when one of the first two had ended


def test_queries_keep_to_twenty_a_second(studio: Studio, sim: Simulator, clock: Time) -> None:
    """Sixty tasks that are asked about together."""

    async def sixty() -> Result:
        ids = []
        for seed in range(60):
            waiting = Waiting(600, clock=clock)
            task_id, _ = await studio._submit(ask("wan2.2-t2i-flash", seed=seed, call_mode="async"), waiting)
            ids.append(task_id)
        return await studio._collect(ids, "auto", Waiting(600, clock=clock))

    assert len(clock.play(sixty()).pictures) == 60
    queries = [seen for seen in sim.requests if "/tasks/" in seen.path]
    assert len(queries) >= 60
    assert refused(sim) == 0


def test_waiting_for_the_limit_can_be_canceled_and_costs_nothing(studio: Studio, sim: Simulator, clock: Time) -> None:
    outcomes, _ = at_once(studio, clock, "qwen-image-max", 2)
    shown = [""]
    waiting = Waiting(60, lambda: "rate limit" in shown[-1], lambda text, fraction: shown.append(text), clock)
    with pytest.raises(Interrupted):
        clock.play(studio._generate(ask("qwen-image-max", seed=99), waiting))
    assert len(creations(sim)) == 2 and len(outcomes) == 2
    assert len(studio.ledger.recent(9)) == 2


def test_a_users_own_limits(studio: Studio, sim: Simulator, clock: Time, environ: dict[str, str]) -> None:
    environ["MODEL_STUDIO_PACE"] = '{"qwen-image-max": {"submits": 1, "seconds": 10}}'
    began = clock.now()
    at_once(studio, clock, "qwen-image-max", 2)
    assert clock.now() - began >= 10
    environ["MODEL_STUDIO_PACE"] = '{"qwen-image-max": 10}'
    with pytest.raises(errors.ConfigurationError, match="MODEL_STUDIO_PACE"):
        clock.play(studio._generate(ask("qwen-image-max", seed=9), Waiting(60, clock=clock)))
