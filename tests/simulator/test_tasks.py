"""The state machine, with times written out."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.models import ASYNC_PROMPT
from simulator.tasks import Failure, Pace, Pictures, Task, queue_up

GOOD = Pictures(("/oss/a.png",), "1024*1024", "a boat", None)
DAY = 24 * 3600.0


def task(submitted: float = 1000.0, pace: Pace | None = None, **more: Any) -> Task:
    return Task(
        id="t",
        request_id="r",
        account="account-1",
        region="cn-beijing",
        model="wan2.2-t2i-plus",
        endpoint=ASYNC_PROMPT,
        count=1,
        submitted=submitted,
        pace=pace or Pace(pending=2.0, running=3.0),
        **{"outcome": GOOD, **more},
    )


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (1000.0, "PENDING"),
        (1001.9, "PENDING"),
        (1002.0, "RUNNING"),
        (1004.9, "RUNNING"),
        (1005.0, "SUCCEEDED"),
        (1000.0 + DAY, "SUCCEEDED"),
        (1000.1 + DAY, "UNKNOWN"),
    ],
)
def test_by_time(now: float, state: str) -> None:
    assert task().state(now) == state


def test_by_time_a_failure_ends_in_failed() -> None:
    assert task(outcome=Failure("InternalError.Algo", "no")).state(1005.0) == "FAILED"


def test_by_reads() -> None:
    by_reads = task(pace=Pace(2, 1, by_reads=True))
    assert [by_reads.read(1000.0) for _ in range(5)] == ["PENDING", "PENDING", "RUNNING", "SUCCEEDED", "SUCCEEDED"]


def test_by_reads_time_does_not_matter() -> None:
    by_reads = task(pace=Pace(1, 1, by_reads=True))
    assert by_reads.state(1000.0 + DAY / 2) == "PENDING"


@pytest.mark.parametrize(("now", "done"), [(1001.0, True), (1002.0, False), (1005.0, False)])
def test_only_a_pending_task_can_be_canceled(now: float, done: bool) -> None:
    one = task()
    assert one.cancel(now) is done
    assert (one.state(now) == "CANCELED") is done
    assert not one.cancel(now)


@pytest.mark.parametrize("held", ["PENDING", "RUNNING", "CANCELED", "UNKNOWN", "SUSPENDED", "REVIEWING"])
def test_a_held_task_stays_where_it_is(held: str) -> None:
    assert task(held=held).state(1000.0 + DAY / 2) == held


def test_a_held_pending_task_can_be_canceled() -> None:
    one = task(held="PENDING")
    assert one.cancel(1001.0)
    assert one.state(1002.0) == "CANCELED"


def test_tasks_above_the_limit_wait_their_turn() -> None:
    tasks = [task(1000.0 + number, Pace(0.0, 10.0)) for number in range(4)]
    queue_up(tasks, at_once=2)
    assert [one.started for one in tasks] == [1000.0, 1001.0, 1010.0, 1011.0]
    assert [one.state(1010.5) for one in tasks] == ["SUCCEEDED", "RUNNING", "RUNNING", "PENDING"]


def test_a_canceled_task_gives_up_its_turn() -> None:
    tasks = [task(1000.0, Pace(0.0, 10.0)) for _ in range(3)]
    queue_up(tasks, at_once=1)
    assert tasks[1].cancel(1005.0)
    queue_up(tasks, at_once=1)
    assert tasks[2].started == 1010.0


def test_a_task_that_runs_for_ever_keeps_its_place() -> None:
    tasks = [task(1000.0, Pace(0.0, 10.0), held="RUNNING"), *(task(1000.0, Pace(0.0, 10.0)) for _ in range(2))]
    queue_up(tasks, at_once=2)
    assert [one.started for one in tasks] == [1000.0, 1000.0, 1010.0]
