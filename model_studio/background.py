"""Work that goes on when nobody waits for it any more.

ComfyUI runs each prompt in an event loop of its own and drops what a node was doing when the user cancels or another
node fails. What is paid for must not end like that: it runs in one event loop of this process, in a daemon thread that
begins with the first work and does not keep ComfyUI from stopping.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from .errors import ModelStudioError
from .waiting import SLICE, Interrupted, Waiting

log = logging.getLogger(__name__)
T = TypeVar("T")


class Background:
    """The event loop. One for a process: runs that meet at its limits need no locks there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def attend(self, work: Callable[[Waiting], Coroutine[Any, Any, T]], waiting: Waiting) -> T:
        """Begins `work` and waits for its result in the caller's loop, where its progress is shown.

        `work` gets waits of its own with the same time-out and clock. When the caller leaves, by Cancel or because its
        task was canceled, they are told so; what to do then is for the work to decide. Raises what `work` raises, and
        Interrupted within a tenth of a second.
        """
        own = waiting.apart(asyncio.get_running_loop())
        future = asyncio.run_coroutine_threadsafe(work(own), self._running())
        try:
            return await _result(future, waiting)
        except BaseException:
            if not future.done():
                # The first node that sees Cancel ends the graph, and the others as if a sibling had failed.
                own.leave(canceled=waiting.interrupted())
                future.add_done_callback(_tell_log)
            raise

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="model-studio", daemon=True).start()
            return self._loop


async def _result(future: Future[T], waiting: Waiting) -> T:
    """The result, watched from another loop; that loop may be closed when it comes."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()

    def wake(future: Future[T]) -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(ended.set)

    future.add_done_callback(wake)
    while not future.done():
        if waiting.interrupted():
            raise Interrupted
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(ended.wait(), SLICE)
    return future.result()


def _tell_log(future: Future[Any]) -> None:
    """The end of work that nobody waits for."""
    error = future.exception()
    if isinstance(error, ModelStudioError):
        log.warning("After its node was left, a request ended so: %s", error)
    elif isinstance(error, Interrupted):
        log.info("A request was left before anything was spent, or could be canceled.")
    elif error is not None:
        log.error("A request that its node had left failed.", exc_info=error)
    else:
        log.info("A request that its node had left is done; its pictures are stored.")
