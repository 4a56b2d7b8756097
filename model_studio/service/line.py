"""A line of runs at a limit, in which parties take turns: one with a thousand requests holds nobody else up.

The first in line waits for the clock and shows all others how long they wait; whoever gets a turn or leaves calls the
next. So the work for each is the same however long the line is. All in one event loop, so nothing here is locked.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import asynccontextmanager

from ..waiting import REFRESH, Interrupted, Waiting
from ..words import Text

SHOWN_FROM = 1.0  # seconds; shorter waits are not worth a word


class _Waiter:
    """One wait in the line; a run that reads several tasks at once has several."""

    def __init__(self, waiting: Waiting) -> None:
        self.waiting = waiting
        self._called = asyncio.get_running_loop().create_future()

    def call(self) -> None:
        if not self._called.done():
            self._called.set_result(None)

    async def pause(self, seconds: float) -> None:
        """Until called, at most so many seconds. Raises Interrupted."""
        if self._called.done():
            self._called = asyncio.get_running_loop().create_future()
        await self.waiting.pause(seconds, self._called)


class Line:
    """`left`: seconds until the turn of a place in the line (0: the first), infinite where that is not known.

    `text`: shows them on a node.
    """

    def __init__(self, left: Callable[[int, float], float], text: Callable[[float], Text]) -> None:
        self._seconds_until_turn = left
        self._text = text
        # Whose turn is next comes first; inside a party, who came first. The values are of no use.
        self._parties: OrderedDict[Hashable, OrderedDict[_Waiter, None]] = OrderedDict()
        self._shown = -math.inf  # when all were shown their seconds

    async def stand(self, waiting: Waiting) -> None:
        """Waits until the run is the first in line and nothing is left to wait for; uncounted, and shown on the node.

        Raises Interrupted; however it ends, the run has left the line.
        """
        if waiting.interrupted():  # also where there is nothing to wait for
            raise Interrupted
        if not self._parties and self._seconds_until_turn(0, waiting.clock.now()) <= 0:
            return
        stand = _Waiter(waiting)
        self._parties.setdefault(waiting.party, OrderedDict())[stand] = None
        served = False
        try:
            with waiting.uncounted():
                self._show_one(stand)
                while not (stand is self._first and self._seconds_until_turn(0, waiting.clock.now()) <= 0):
                    await stand.pause(self._until_next_look(stand))
                served = True
        finally:
            self._leave(stand, served)

    def call(self) -> None:
        """The first looks again how long there is to wait: something has changed."""
        if self._parties:
            self._first.call()

    @property
    def _first(self) -> _Waiter:
        return next(iter(next(iter(self._parties.values()))))

    def _until_next_look(self, stand: _Waiter) -> float:
        """Seconds that a stand may pause. The first one shows all how long they wait, once a second."""
        if stand is not self._first:
            return math.inf
        now = stand.waiting.clock.now()
        left = self._seconds_until_turn(0, now)
        if left == math.inf:
            return left
        if now >= self._shown + REFRESH:
            self._shown = now
            self._show_all(now)
        return min(left, self._shown + REFRESH - now)

    def _leave(self, stand: _Waiter, served: bool) -> None:
        was_first = stand is self._first
        party = stand.waiting.party
        others = self._parties[party]
        del others[stand]
        if not others:
            del self._parties[party]
        elif served:
            self._parties.move_to_end(party)
        if was_first and not served:
            self._shown = -math.inf  # all move up
        if was_first:
            self.call()

    def _in_turn(self) -> Iterator[_Waiter]:
        """All in the order of their turns, as things stand."""
        rounds = [iter(party) for party in self._parties.values()]
        while rounds:
            still = []
            for party in rounds:
                if stand := next(party, None):
                    yield stand
                    still.append(party)
            rounds = still

    def _show_all(self, now: float) -> None:
        """A run with several waits is shown the longest."""
        waits = {stand.waiting: self._seconds_until_turn(place, now) for place, stand in enumerate(self._in_turn())}
        for waiting, seconds in waits.items():
            self._show(waiting, seconds)

    def _show_one(self, stand: _Waiter) -> None:
        """To one that has come last."""
        own = len(self._parties[stand.waiting.party])
        others = sum(min(len(party), own) for name, party in self._parties.items() if name != stand.waiting.party)
        self._show(stand.waiting, self._seconds_until_turn(own - 1 + others, stand.waiting.clock.now()))

    def _show(self, waiting: Waiting, seconds: float) -> None:
        if seconds >= SHOWN_FROM:
            waiting.tell(self._text(seconds), timed=False)


class Places:
    """So many may be inside at the same time, others stand in line. `text`: shows that number on a node."""

    def __init__(self, number: Callable[[], float], text: Callable[[float], Text]) -> None:
        self._number = number
        self._taken = 0
        self.line = Line(self._seconds_until_turn, lambda seconds: text(number()))

    @asynccontextmanager
    async def one(self, waiting: Waiting) -> AsyncIterator[None]:
        """Inside, the run has a place; waits for it uncounted. Raises Interrupted."""
        await self.line.stand(waiting)
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
            self.line.call()

    def _seconds_until_turn(self, position: int, now: float) -> float:
        return 0 if self._taken < self._number() else math.inf
