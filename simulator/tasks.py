"""Asynchronous tasks: PENDING, RUNNING, then SUCCEEDED or FAILED; CANCELED from PENDING only; UNKNOWN after 24 hours.

No HTTP and no clock in here: whoever asks says what time it is (seconds since 1970).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

LIFETIME = 24 * 3600.0  # seconds in which a task id can be queried (specification)


@dataclass(frozen=True)
class Pictures:
    """A good end. `paths` are signed paths of pictures, or None where that picture failed (partial success).

    `instead`: fields of the output that come in place of pictures; `usage`: of the usage, in place of what is true.
    """

    paths: tuple[str | None, ...]
    size: str  # "W*H"
    prompt: str
    actual_prompt: str | None  # None: the prompt was not rewritten
    instead: Mapping[str, Any] | None = None
    usage: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Failure:
    """A bad end: what FAILED says."""

    code: str
    message: str


@dataclass(frozen=True)
class Pace:
    """How a task moves on: by time (seconds), or by reads (so many queries see PENDING, so many RUNNING)."""

    pending: float
    running: float
    by_reads: bool = False


@dataclass
class Task:
    """One asynchronous task. Times are seconds since 1970; `started` is the plan as long as it lies ahead."""

    id: str
    request_id: str
    account: str
    region: str
    model: str
    endpoint: str
    count: int  # pictures asked for
    submitted: float
    pace: Pace
    outcome: Pictures | Failure
    held: str | None = None  # a state a fault holds it in
    started: float = field(default=0.0)
    finished: float = field(default=0.0)
    canceled: float | None = None
    reads: int = 0

    def __post_init__(self) -> None:
        self.started = self.finished = self.submitted  # all that is told of a task that moves by reads
        if not self.pace.by_reads:
            self.start(self.submitted + self.pace.pending)

    def start(self, when: float) -> None:
        self.started = when
        self.finished = math.inf if self.held == "RUNNING" else when + self.pace.running

    def state(self, now: float) -> str:
        if now > self.submitted + LIFETIME:
            return "UNKNOWN"
        if self.canceled is not None:
            return "CANCELED"
        if self.held:
            return self.held
        if self.pace.by_reads:
            position, start, end = float(self.reads), self.pace.pending + 1, self.pace.pending + self.pace.running + 1
        else:
            position, start, end = now, self.started, self.finished
        if position < start:
            return "PENDING"
        if position < end:
            return "RUNNING"
        return "SUCCEEDED" if isinstance(self.outcome, Pictures) else "FAILED"

    def read(self, now: float) -> str:
        """The state as a query sees it; a task by reads moves on with each."""
        self.reads += 1
        return self.state(now)

    def cancel(self, now: float) -> bool:
        """Only a PENDING task can be canceled (API documentation)."""
        if self.state(now) != "PENDING":
            return False
        self.canceled = now
        return True

    def drop(self, now: float) -> bool:
        """Ends a task that has not ended, as if it had been canceled; whether it was one."""
        if self.state(now) not in ("PENDING", "RUNNING"):
            return False
        self.canceled = now
        return True


def queue_up(tasks: Iterable[Task], at_once: int) -> None:
    """Plans the starts of one account's tasks of one model, first come first served, `at_once` running together.

    Those above the limit wait in PENDING (API documentation). Works by time only: a task by reads never waits.
    """
    ends: list[float] = []
    for task in tasks:
        if task.pace.by_reads or task.canceled is not None or task.held == "PENDING":
            continue
        when = task.submitted + task.pace.pending
        if len(ends) == at_once:
            when = max(when, heapq.heappop(ends))
        task.start(when)
        heapq.heappush(ends, task.finished)
