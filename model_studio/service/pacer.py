"""The limits of an account, kept by all runs of this process together.

Without it, runs that start at once would all be refused, and each would try again by itself. All runs share one event
loop, so nothing here is locked; time is that of the runs' clock. Who waits stands in a `line`.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Hashable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any
from weakref import WeakValueDictionary

from ..catalog.model import RateLimit
from ..waiting import Waiting
from ..words import Text
from .backoff import LONGEST_PAUSE, LONGEST_PAUSE_PER_MINUTE, doubled, retry_after
from .exchange import Answer
from .line import Line, Places

QUERIES = RateLimit(20, 1)  # reading, canceling and listing tasks, per account (documentation: Rate limits)

REQUESTS = 100  # that one party works at

# Seconds added to a window, at most a quarter of it: the service counts arrivals, and two requests may arrive closer
# together than they were sent. Submissions differ by the making of a connection each; queries go over kept ones.
SUBMIT_MARGIN = 0.25
QUERY_MARGIN = 0.05

PER_MINUTE = 30.0  # seconds from which a window counts as one of minutes

FLOW_HEADER = "x-dashscope-inner-flow-control-meta"
MOST_ANNOUNCED_SUBMITS = 1_000_000
LONGEST_ANNOUNCED_PERIOD = 3600.0

HISTORY = 60.0  # seconds that turns are remembered whatever the limit, which may change: the longest published window


class Gate:
    """One limit: turns to send, places for tasks at work, and pauses after refusals.

    `margin`: seconds added to the limit's window.
    """

    def __init__(self, margin: float) -> None:
        self._margin = margin
        self._given: RateLimit | None = None
        self._fixed = False
        self._announced: tuple[int, float] | None = None
        self._line = Line(self._seconds_until_turn, _turn_text)
        self._turns: deque[float] = deque()  # when the last ones were given
        self._at_work = Places(self._places, _place_text)
        self._refusals = 0  # in a row
        self._paused = -math.inf  # when the newest pause began
        self._resumes = -math.inf  # when it ends

    @property
    def limit(self) -> RateLimit | None:
        """The limit that counts now, None for no limit of ours.

        What the service has announced takes the place of the published one, but not of a `fixed` one, nor of None.
        """
        if self._given is None or self._announced is None or self._fixed:
            return self._given
        submits, per_seconds = self._announced
        return replace(self._given, submits=submits, per_seconds=per_seconds)

    def follow(self, limit: RateLimit | None, *, fixed: bool) -> None:
        """Keeps this limit from now on, also for those in line. `fixed`: whatever the service announces."""
        if (limit, fixed) != (self._given, self._fixed):
            self._given, self._fixed = limit, fixed
            self._call()

    async def turn(self, waiting: Waiting) -> float:
        """Waits, the parties in turns, until one more request may be sent; no time-out runs meanwhile.

        The time at which the turn was given, which `refused` and `accepted` ask for. Raises Interrupted.
        """
        await self._line.stand(waiting)
        now = waiting.clock.now()
        self._turns.append(now)
        kept = max(HISTORY, self._window())
        while self._turns[0] < now - kept:
            self._turns.popleft()
        return now

    def place(self, waiting: Waiting) -> AbstractAsyncContextManager[None]:
        """Inside, the run has one of the places for tasks at work; waits for it like `turn`. Raises Interrupted."""
        return self._at_work.one(waiting)

    def refused(self, answer: Answer | None, sent: float, now: float) -> float:
        """The service said 429 to a request of the turn given at `sent`: nobody gets a turn for the seconds returned.

        Or a task that it had taken was refused later on; there is no `answer` then.

        They are what the service asks for; else they double with each refusal in a row, with jitter. A
        request that was sent before a pause began tells nothing about that pause, and doubles nothing.
        """
        asked = retry_after(answer) if answer else 0.0
        again = sent > self._paused
        if again:
            self._refusals += 1
        if asked or again or now >= self._resumes:
            self._paused = now
            self._resumes = max(self._resumes, now + (asked or self._doubled()))
        return self._resumes - now

    def pause_left(self, now: float) -> float:
        """Seconds for which nobody gets a turn after a refusal."""
        return max(self._resumes - now, 0.0)

    def accepted(self, answer: Answer, sent: float) -> None:
        """The service took the request of the turn given at `sent`; its answer may announce the real limit."""
        if sent > self._paused:
            self._refusals = 0
        announced = _announced(answer) or self._announced
        if announced != self._announced:
            self._announced = announced
            self._call()

    def _call(self) -> None:
        """The limit is another."""
        self._line.call()
        self._at_work.line.call()

    def _seconds_until_turn(self, position: int, now: float) -> float:
        """Seconds until the turn at this position in the line (0: the first), as things stand."""
        limit = self.limit
        turn = max(now, self._resumes)
        if limit is not None:
            rounds, column = divmod(position, limit.submits)
            before = len(self._turns) - limit.submits + column
            if before >= 0:
                turn = max(turn, self._turns[before] + self._window())
            turn += rounds * self._window()
        return turn - now

    def _window(self) -> float:
        limit = self.limit
        return limit.per_seconds + min(self._margin, limit.per_seconds / 4) if limit else 0.0

    def _places(self) -> float:
        limit = self.limit
        return math.inf if limit is None or limit.concurrent is None else limit.concurrent

    def _doubled(self) -> float:
        limit = self.limit
        slow = limit is not None and limit.per_seconds >= PER_MINUTE
        return doubled(self._refusals, LONGEST_PAUSE_PER_MINUTE if slow else LONGEST_PAUSE)


class Pacer:
    """The gates of all accounts. `account`: any text that is the same for the same account, and not its key."""

    def __init__(self) -> None:
        self._submits: dict[tuple[str, str, str], Gate] = {}
        self._queries: dict[str, Gate] = {}
        self._requests: WeakValueDictionary[Hashable, Places] = WeakValueDictionary()

    def submits(
        self, account: str, region: str, model_id: str, limit: RateLimit | None, *, fixed: bool = False
    ) -> Gate:
        """The gate for creating with one model, which keeps `limit` from now on (None: no limit of ours).

        `fixed`: the user's own limit, which stays whatever the service announces.
        """
        gate = self._submits.setdefault((account, region, model_id), Gate(SUBMIT_MARGIN))
        gate.follow(limit, fixed=fixed)
        return gate

    def queries(self, account: str, limited: bool) -> Gate:
        """The gate for reading, canceling and listing tasks. Not `limited`: it only pauses after refusals."""
        gate = self._queries.setdefault(account, Gate(QUERY_MARGIN))
        # Fixed: a limit announced with such an answer could only be one for creating.
        gate.follow(QUERIES if limited else None, fixed=True)
        return gate

    def requests(self, party: Hashable) -> Places:
        """Places for the requests that a party works at, whatever the limits: each takes a thread and open files."""
        return self._requests.setdefault(party, Places(lambda: REQUESTS, _requests_text))


def _turn_text(seconds: float) -> Text:
    return Text("waiting for the rate limit, {seconds:.0f} s", seconds=seconds)


def _place_text(places: float) -> Text:
    if places == 1:
        return Text("waiting for a free place, 1 task at a time")
    return Text("waiting for a free place, {places:.0f} tasks at a time", places=places)


def _requests_text(places: float) -> Text:
    return Text("waiting for a free place, {places:.0f} requests at a time", places=places)


def _announced(answer: Answer) -> tuple[int, float] | None:
    """Submissions and seconds of the account's real limit, where an answer announces them.

    The header holds a JSON object with `count_limit` and `count_limit_period` in its `user_spec` (recorded with
    qwen-image-max, June 2026); it is the service's internal one, so that it may hold anything tomorrow.
    """
    try:
        meta = json.loads(answer.headers.get(FLOW_HEADER, ""))
    except (ValueError, RecursionError):
        return None
    spec = meta.get("user_spec", meta) if isinstance(meta, dict) else None
    if not isinstance(spec, dict):
        return None
    submits: Any = spec.get("count_limit")
    period: Any = spec.get("count_limit_period")
    if type(submits) is not int or type(period) not in (int, float):
        return None
    if not 1 <= submits <= MOST_ANNOUNCED_SUBMITS or not 0 < period <= LONGEST_ANNOUNCED_PERIOD:
        return None
    return submits, float(period)
