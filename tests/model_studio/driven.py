"""An event loop whose time passes at once when everybody waits, and not while a thread is at work.

The same result comes on any machine, however busy it is.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from model_studio import threads
from model_studio.waiting import Clock

T = TypeVar("T")


class Time(Clock):
    """The time of all loops that `play` runs on it."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self._lock = threading.Lock()
        self._at_work = 0

    def now(self) -> float:
        return self.seconds

    def play(self, scene: Coroutine[Any, Any, T]) -> T:
        loop = asyncio.SelectorEventLoop(_Selector(self))
        loop.time = self.now  # type: ignore[method-assign]  # a loop takes no clock
        try:
            return loop.run_until_complete(scene)
        finally:
            if left := asyncio.all_tasks(loop):
                for task in left:
                    task.cancel()
                loop.run_until_complete(asyncio.wait(left))
            loop.close()

    @property
    def is_held(self) -> bool:
        """Whether a thread is at work."""
        return self._at_work > 0

    @contextmanager
    def held_by_threads(self, patch: Any) -> Iterator[None]:
        """Inside, what is begun in threads takes no time."""
        begin = threads._work

        def counted(*args: Any, **kwargs: Any) -> tuple[Future[Any], Callable[[], None]]:
            future, work = begin(*args, **kwargs)
            self._count(1)

            def work_and_tell() -> None:
                try:
                    work()  # and tells whoever waits for it, in whatever loop
                finally:
                    self._count(-1)

            return future, work_and_tell

        with patch.context() as patched:
            patched.setattr(threads, "_work", counted)
            yield

    def _count(self, change: int) -> None:
        with self._lock:
            self._at_work += change


class _Selector(selectors.DefaultSelector):
    """Where the loop would sleep, time jumps instead."""

    def __init__(self, time: Time) -> None:
        super().__init__()
        self._time = time

    def select(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        while self._time.is_held:
            if events := super().select(0.005):
                return events
        if events := super().select(0):  # of work that has just ended
            return events
        assert timeout is not None, "everybody waits, for nothing"
        self._time.seconds += timeout
        return []
