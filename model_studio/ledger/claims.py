"""One run at a time for the same request, in this process and all others that share the folder."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

from filelock import Timeout

from .locks import file_lock

KEPT_SECONDS = 24 * 3600.0  # that a lock file lies about after its last use


class Claims:
    """A line for each request within this process, and a lock file for it among processes.

    The line works where the file system has no locks, too, and wakes the next one at once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = threading.Lock()  # runs may have event loops of their own
        self._lines: dict[str, deque[Future[None]]] = {}

    @contextlib.contextmanager
    def turn(self, fingerprint: str) -> Iterator[Future[None]]:
        """Inside, a place in this process's line: the future is done when it is our turn, which lasts to the end."""
        place: Future[None] = Future()
        with self._guard:
            line = self._lines.setdefault(fingerprint, deque())
            line.append(place)
            if line[0] is place:
                place.set_result(None)
        try:
            yield place
        finally:
            with self._guard:
                line.remove(place)
                if not line:
                    del self._lines[fingerprint]
                elif not line[0].done() and line[0].set_running_or_notify_cancel():
                    line[0].set_result(None)  # one that was canceled is about to leave, and lets the next one go on

    @contextlib.contextmanager
    def attempt(self, fingerprint: str) -> Iterator[bool]:
        """Whether the request is ours among all processes until the block ends; False: another run works at it.

        Raises OSError where no file can be locked.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{fingerprint}.lock"
        lock = file_lock(file)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            yield False
            return
        try:
            file.touch()
            yield True
        finally:
            lock.release()

    def sweep(self) -> None:
        """Deletes the files of locks that nobody has used for a day."""
        for file in self._folder.glob("*.lock"):
            with contextlib.suppress(OSError, Timeout):
                # Looked at before it is locked, which some versions of filelock count as a use.
                if file.stat().st_mtime < time.time() - KEPT_SECONDS:
                    with file_lock(file):
                        file.unlink()
