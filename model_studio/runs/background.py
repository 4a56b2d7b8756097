"""Work that goes on when nobody waits for it any more.

ComfyUI runs each prompt in an event loop of its own and drops what a node was doing when the user cancels or another
node fails. What is paid for must not end like that: it runs in one event loop of this process, in a daemon thread that
begins with the first work. ComfyUI can stop at any time, but waits for what is held.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from ..errors import ModelStudioError
from ..threads import start
from ..waiting import SLICE, Interrupted, Waiting
from .keeper import Keeper

log = logging.getLogger(__name__)
T = TypeVar("T")


class Background:
    """The event loop. One for a process: runs that meet at its limits need no locks there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watch = _Watch()
        self.hold = Keeper().hold  # entered by who owns a paid request, while the end of the process would lose it

    async def attend(self, work: Callable[[Waiting], Coroutine[Any, Any, T]], waiting: Waiting) -> T:
        """Begins `work` and waits for its result in the caller's loop, where its progress is shown.

        `work` gets waits of its own with the same time-out, clock and party. When the caller leaves, by Cancel or
        because its task was canceled, they are told so; what to do then is for the work to decide. Raises what `work`
        raises, and Interrupted within a tenth of a second.
        """
        call = _Call(waiting.apart(asyncio.get_running_loop()), self._running(), asyncio.get_running_loop())
        future = asyncio.run_coroutine_threadsafe(work(call.own), call.loop)
        future.add_done_callback(call.wake)
        try:
            with self._watch.over(waiting.cancel_asked, call):
                await call.ended.wait()
            if not future.done():
                raise Interrupted
            return future.result()
        except BaseException as raised:
            if future.done():
                _take_back(future, raised)
            else:
                # The first node that sees Cancel ends the graph, and the others as if a sibling had failed.
                call.own.leave(canceled=waiting.cancel_asked())
                if not call.canceled:
                    call.loop.call_soon_threadsafe(call.own.look)
                future.add_done_callback(partial(_tell_end, call.own))
            raise

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="model-studio", daemon=True).start()
            return self._loop


@dataclass(eq=False)
class _Call:
    """Work in one event loop, and whoever waits for it in another, which may be closed when it ends."""

    own: Waiting
    loop: asyncio.AbstractEventLoop
    caller: asyncio.AbstractEventLoop
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    canceled: bool = False

    def wake(self, _: object) -> None:
        if not self.ended.is_set():
            _call(self.caller, [self.ended.set])


class _Watch:
    """Looks for Cancel, once for all runs that ask in the same way: thousands, each by itself, would do little else.

    In a thread, since the loops of the runs may be held up.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[Callable[[], bool], set[_Call]] = {}

    @contextlib.contextmanager
    def over(self, cancel_asked: Callable[[], bool], call: _Call) -> Iterator[None]:
        with self._lock:
            if not self._watched:
                start(self._look)
            self._watched.setdefault(cancel_asked, set()).add(call)
        try:
            yield
        finally:
            with self._lock:
                self._watched[cancel_asked].discard(call)

    def _look(self) -> None:
        while watched := self._still_watched():
            for cancel_asked, calls in watched:
                if cancel_asked():
                    _cancel(calls)
            time.sleep(SLICE)

    def _still_watched(self) -> list[tuple[Callable[[], bool], list[_Call]]]:
        with self._lock:
            self._watched = {asked: calls for asked, calls in self._watched.items() if calls}
            return [(asked, list(calls)) for asked, calls in self._watched.items()]


def _cancel(calls: Iterable[_Call]) -> None:
    """Tells work and caller. All of a loop at once: each word to a loop may wait for its turn among the threads."""
    told: dict[asyncio.AbstractEventLoop, list[Callable[[], None]]] = {}
    for call in calls:
        if not call.canceled:
            call.canceled = True
            call.own.cancel()
            told.setdefault(call.caller, []).append(call.ended.set)
            told.setdefault(call.loop, []).append(call.own.look)
    for loop, callbacks in told.items():
        _call(loop, callbacks)


def _call(loop: asyncio.AbstractEventLoop, callbacks: list[Callable[[], None]]) -> None:
    def call_all() -> None:
        for callback in callbacks:
            callback()

    with contextlib.suppress(RuntimeError):  # it has ended with its prompt
        loop.call_soon_threadsafe(call_all)


def _take_back(future: Future[Any], raised: BaseException) -> None:
    """An error that came at the moment in which its node was left: ComfyUI shows it to nobody."""
    error = None if future.cancelled() else future.exception()
    if isinstance(error, ModelStudioError) and error is not raised:
        error.undelivered()
        _tell_log(future)


def _tell_end(own: Waiting, future: Future[Any]) -> None:
    error = future.exception()
    if isinstance(error, ModelStudioError):
        own.on_left(error.text)
    _tell_log(future)


def _tell_log(future: Future[Any]) -> None:
    """The end of work that nobody waits for."""
    error = future.exception()
    if isinstance(error, ModelStudioError):
        log.warning("After its node was left, a request ended so: %s", error)
    elif isinstance(error, Interrupted):
        log.debug("A request was left before anything was spent, or could be canceled.")
    elif error is not None:
        log.error("A request that its node had left failed.", exc_info=error)
    else:
        log.info("A request that its node had left is done; its pictures are stored.")
