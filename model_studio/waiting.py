"""How a run waits: for the clock, for work in threads, for its turn; with an eye on Cancel in all of them."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from .threads import start
from .words import Text

P = ParamSpec("P")
T = TypeVar("T")

SLICE = 0.1  # seconds between two looks at Cancel
NOTHING_SENT = Text("nothing was sent")
MOST = 0.95  # how far a bar goes before the run is done
REFRESH = 1.0  # seconds in which what is shown follows the clock, where somebody else looks for Cancel


class Interrupted(Exception):
    """The user asked to stop."""


class DeadlinePassed(Exception):
    """The time the user gave is over. `trouble`: the last there was meanwhile, empty where there was none."""

    def __init__(self, trouble: str = "") -> None:
        super().__init__(trouble)
        self.trouble = trouble


class Clock:
    """The passing of time; tests drive their own."""

    def now(self) -> float:
        """Seconds, from no particular start, never going back."""
        return time.monotonic()

    async def sleep(self, seconds: float, until: asyncio.Future[Any]) -> None:
        """Pauses, but not longer than `until` is open."""
        await asyncio.wait({until}, timeout=None if seconds == math.inf else seconds)


class Phase:
    """What a run is doing now, since when, and about how long that takes (seconds; None: not known)."""

    def __init__(self, name: str, since: float | None = None, about: float | None = None) -> None:
        self.name = name
        self.since = since
        self.about = about

    def text(self, now: float) -> str:
        """`queued 3 s`, `running 12 s of about 27 s`, `downloading 2/4`."""
        if self.since is None:
            return self.name
        seconds = now - self.since
        if self.about:
            return Text(
                "{phase} {seconds:.0f} s of about {about:.0f} s", phase=self.name, seconds=seconds, about=self.about
            )
        return Text("{phase} {seconds:.0f} s", phase=self.name, seconds=seconds)

    def fraction(self, now: float) -> float:
        """Share of the usual time that has passed, below 1 however long it takes."""
        return min((now - self.since) / self.about, MOST) if self.since is not None and self.about else 0.0


@dataclass(frozen=True)
class Origin:
    """Where a run comes from. `party`: what stands in line as one; `queued`: when its user asked for it, in seconds
    since 1970.
    """

    party: Hashable
    queued: float = field(default_factory=time.time)

    @property
    def seconds_ago(self) -> float:
        return time.time() - self.queued


@dataclass(frozen=True)
class Landed:
    """A picture of a run that is here: which, of at least how many, and itself (see runs.pictures.Picture)."""

    number: int
    of: int
    picture: Any


class Waiting:
    """The waits of one run, which end when `interrupted()` says so or the clock passes the deadline.

    timeout      seconds until the deadline
    show         called with the phase's text and fraction (0…1) whenever the text changes
    origin       who asked for this run, and when; for itself and now where None is given
    """

    def __init__(
        self,
        timeout: float,
        interrupted: Callable[[], bool] = lambda: False,
        show: Callable[[str, float], None] = lambda text, fraction: None,
        clock: Clock | None = None,
        origin: Origin | None = None,
    ) -> None:
        self.origin = origin or Origin(self)
        self.clock = clock or Clock()
        self.timeout = timeout
        self.started = self.clock.now()
        self.deadline = self.started + timeout
        self.cancel_asked = interrupted
        self._show = show
        self._look_after = SLICE
        self._pauses: set[asyncio.Future[Any]] = set()
        self._whole = self  # the run that this is a part of
        self._abandoned = self._canceled = False
        self._stops_when_left = self._stops_on_cancel = True
        self.show_picture: Callable[[Landed], None] = lambda landed: None  # called in any thread
        self._pictures = 1  # that it is to bring, as far as is known
        self._phase = Phase(Text("starting"))
        self._phases: dict[str, Phase] = {}
        self._shown = ""
        # Hears what becomes of the request of a run that was left.
        self.on_left: Callable[[str], None] = lambda text: None
        self._fates: tuple[str, str] = (NOTHING_SENT, NOTHING_SENT)
        self._reached = 0.0  # how far it was at most: a bar never goes back
        self._uncounted = 0  # how many are inside uncounted()
        self._outside = (self.started, self._phase)  # when and in which phase the first of them entered

    @property
    def party(self) -> Hashable:
        return self.origin.party

    @property
    def elapsed(self) -> float:
        return self.clock.now() - self.started

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits for this run any more."""
        return self._whole._abandoned

    def expect(self, pictures: int) -> None:
        """The run is to bring at least so many pictures."""
        self._whole._pictures = max(self._whole._pictures, pictures)

    def landed(self, number: int, picture: Any) -> None:
        """One of the pictures is here."""
        self._whole.show_picture(Landed(number, self._whole._pictures, picture))

    def aside(self, quiet: Callable[[], bool]) -> Waiting:
        """Waits for a part of this run that goes on to its end, whoever leaves, and has a deadline of its own.

        Its progress is shown unless `quiet()`.
        """

        def show(text: str, fraction: float) -> None:
            if not quiet():
                self._show(text, fraction)

        own = Waiting(self.timeout, show=show, clock=self.clock, origin=self.origin)
        own._look_after, own._whole = self._look_after, self
        own.never_stop()
        return own

    def apart(self, loop: asyncio.AbstractEventLoop) -> Waiting:
        """Waits with this time-out and clock for work elsewhere, whose progress is shown in `loop`."""

        def show(text: str, fraction: float) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended with its prompt
                if not own.abandoned:
                    loop.call_soon_threadsafe(self._show, text, fraction)

        def cancel_asked() -> bool:
            return not own.abandoned and self.cancel_asked()

        def show_picture(landed: Landed) -> None:
            if not own.abandoned:
                self.show_picture(landed)

        own = Waiting(self.timeout, cancel_asked, show, self.clock, self.origin)
        own.show_picture = show_picture
        own._look_after = math.inf  # whoever asked for it looks for Cancel, and calls `look`
        own.on_left = self.on_left
        return own

    def look(self) -> None:
        """Ends all pauses early, for a look whether the run is to end. Called in the loop of the run."""
        for pause in self._pauses:
            if not pause.done():
                pause.set_result(None)
        self._tell_fate()

    def cancel(self) -> None:
        """The user asked to stop."""
        self._canceled = True

    def leave(self, *, canceled: bool) -> None:
        """Nobody waits for this run any more; `canceled`: because the user asked to stop."""
        self._abandoned = True
        self._canceled = self._canceled or canceled

    def will_be(self, fate: str, *, canceled: str | None = None) -> None:
        """What becomes of the request if nobody waits for the run from now on, and, where that is not the same, if its
        user cancels it (empty: not known yet). Told where that has happened already. Called in the loop of the run.
        """
        self._fates = (fate, fate if canceled is None else canceled)
        self._tell_fate()

    def _tell_fate(self) -> None:
        left, canceled = self._fates
        if fate := canceled if self._canceled else left if self.abandoned else "":
            self.on_left(fate)

    def interrupted(self) -> bool:
        """Whether the run is to end: the user asked for it, or nobody waits for it, where it may end for that."""
        if not self._canceled and self.cancel_asked():
            self._canceled = True
            self._tell_fate()
        return (self._stops_on_cancel and self._canceled) or (self._stops_when_left and self.abandoned)

    def stop_when_left(self) -> None:
        """Nothing is at stake: the run ends when it is canceled, or left for any other reason. So it begins."""
        self._stops_when_left = self._stops_on_cancel = True

    def stop_on_cancel_only(self) -> None:
        """Something may be paid for: the run ends when the user cancels it, but not because another node failed."""
        self._stops_when_left, self._stops_on_cancel = False, True

    def never_stop(self) -> None:
        """Something is paid for and cannot be refunded: the run goes on to its end."""
        self._stops_when_left = self._stops_on_cancel = False

    def extend(self, seconds: float) -> None:
        """Puts the deadline at least `seconds` from now."""
        self.deadline = max(self.deadline, self.clock.now() + seconds)

    def tell(self, name: str, *, timed: bool = True, about: float | None = None, since: float | None = None) -> None:
        """The run enters a phase; its seconds, shown if `timed`, count from when it was first entered, or `since`."""
        if timed:
            began = self.clock.now() if since is None else since
            self._phase = self._phases.setdefault(name, Phase(name, began, about))
        else:
            self._phase = Phase(name)
        self._refresh()

    def reach(self, share: float) -> None:
        """So much of the run is done, 0…1; shown with the next text."""
        self._reached = max(self._reached, min(share, MOST))

    @contextlib.contextmanager
    def uncounted(self) -> Iterator[None]:
        """Inside, the deadline does not pass; afterwards it is as far away, and the phase the same, as before.

        Of several parts of the run that are inside at the same time, the first to enter and the last to leave count.
        """
        if self._uncounted == 0:
            self._outside = (self.clock.now(), self._phase)
        self._uncounted += 1
        try:
            yield
        finally:
            self._uncounted -= 1
            if self._uncounted == 0:
                entered, self._phase = self._outside
                self.deadline += self.clock.now() - entered

    @contextlib.contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Inside, the deadline is so many seconds away; afterwards it is as far away as before."""
        entered, deadline = self.clock.now(), self.deadline
        self.deadline = entered + seconds
        try:
            yield
        finally:
            self.deadline = deadline + self.clock.now() - entered

    async def sleep(self, seconds: float) -> None:
        """Pauses, but not beyond the deadline. Raises Interrupted or DeadlinePassed."""
        end = self.clock.now() + seconds
        while (left := min(end, self._last_moment()) - self.clock.now()) > 0:
            await self.pause(min(left, REFRESH))
        self._check()

    async def pause(self, seconds: float, until: asyncio.Future[Any] | None = None) -> None:
        """So many seconds, or less: until there is something to look at. Raises Interrupted or DeadlinePassed."""
        self._check()
        with self._ended_by_look(until) as ends:
            await self.clock.sleep(min(seconds, self._look_after), ends)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`function` in a thread. Raises Interrupted or DeadlinePassed while it still runs, its result then ignored."""
        return await self.result(start(function, *args, **kwargs))

    async def result(self, future: Future[T] | asyncio.Future[T], within: float = math.inf) -> T:
        """The result of a `start`, or of a task, waited for in the same way; TimeoutError after `within` seconds."""
        waited = asyncio.wrap_future(future)
        end = time.monotonic() + within
        try:
            while not waited.done():
                self._check()
                await self._look_later(waited, end)
            return waited.result()
        finally:
            # Ends a task, and work that has not begun; work under way goes on, but no longer reports to this event
            # loop, which may be closed by then.
            waited.cancel()

    async def outlast(self, future: Future[T], within: float = math.inf) -> T:
        """The result of a `start`, whoever leaves and whatever the deadline; TimeoutError after `within` seconds."""
        waited = asyncio.wrap_future(future)
        end = time.monotonic() + within
        try:
            while not waited.done():
                self._refresh()
                await self._look_later(waited, end)
            return waited.result()
        finally:
            waited.cancel()  # where it was left: it runs on, its result is ignored

    async def _look_later(self, waited: asyncio.Future[Any], end: float) -> None:
        """Until there is something to look at. Raises TimeoutError where `end` has passed."""
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        with self._ended_by_look() as ends:
            seconds = min(left, self._look_after, REFRESH)
            await asyncio.wait({waited, ends}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)

    @contextlib.contextmanager
    def _ended_by_look(self, pause: asyncio.Future[Any] | None = None) -> Iterator[asyncio.Future[Any]]:
        ends = pause or asyncio.get_running_loop().create_future()
        self._pauses.add(ends)
        try:
            yield ends
        finally:
            self._pauses.discard(ends)

    def _check(self) -> None:
        self._refresh()
        if self.interrupted():
            raise Interrupted
        if self.clock.now() >= self._last_moment():
            raise DeadlinePassed

    def _last_moment(self) -> float:
        return math.inf if self._uncounted else self.deadline

    def _refresh(self) -> None:
        now = self.clock.now()
        text = self._phase.text(now)
        if text != self._shown:
            self._shown = text
            self.reach(self._phase.fraction(now))
            self._show(text, self._reached)
