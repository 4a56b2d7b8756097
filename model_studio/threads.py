"""Work that blocks: in a thread of its own, or, where it is with files, in a few that take turns."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE = 2.0  # seconds that a person waits for what is only good to know
FILE_THREADS = 6  # writers of one SQLite file wait for each other anyway
GLANCE_THREADS = 2


def start(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    """Begins `function` in a thread of its own.

    A daemon: ComfyUI can stop at any time, except for what is kept (see start_kept).
    """
    future, work = _work(function, *args, **kwargs)
    _thread(work)
    return future


def start_kept(function: Callable[[], None]) -> None:
    """Begins `function` in a thread of its own, for which the process waits before it ends."""
    threading.Thread(target=function, name="model-studio-kept", daemon=False).start()


def is_ending() -> bool:
    """Whether this process only waits for its threads."""
    return not threading.main_thread().is_alive()


def file_work(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    """`function`, begun as soon as one of the few threads for files is free, first come first served.

    Thousands of runs would otherwise all lock the ledger at once, and wait until it counts as unavailable.
    """
    future, work = _work(function, *args, **kwargs)
    _files.put(work)
    return future


async def in_time(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """The result; None where a disk, a network drive or another process's lock keeps people waiting.

    In a thread of its own: those for files may all be held up by a lock that this has nothing to do with.
    """
    try:
        return await asyncio.wait_for(asyncio.wrap_future(start(function, *args, **kwargs)), PATIENCE)
    except asyncio.TimeoutError:
        return None


def glance(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """The same as in_time, for a thread. Of those that a disk holds up for ever there are no more than a few."""
    future, work = _work(function, *args, **kwargs)
    _glances.put(work)
    try:
        return future.result(PATIENCE)
    except FutureTimeout:
        future.cancel()
        return None


class _Crew:
    """A few daemon threads, begun as they are needed, which work a queue off."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._queue: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._threads = 0
        self._work = 0  # pieces of work that wait or are under way

    def put(self, work: Callable[[], None]) -> None:
        self._queue.put(work)
        with self._lock:
            self._work += 1
            if self._threads < min(self._size, self._work):
                self._threads += 1
                _thread(self._serve)

    def _serve(self) -> None:
        while True:
            self._queue.get()()
            with self._lock:
                self._work -= 1


_files = _Crew(FILE_THREADS)
_glances = _Crew(GLANCE_THREADS)


def _work(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[Future[T], Callable[[], None]]:
    future: Future[T] = Future()

    def work() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    return future, work


def _thread(target: Callable[[], None]) -> None:
    threading.Thread(target=target, name="model-studio", daemon=True).start()
