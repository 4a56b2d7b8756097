"""One run at a time for the same request, in this process and all others that share the folder."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

KEPT_SECONDS = 24 * 3600.0  # that a lock file lies about after its last use


class Claims:
    """A lock file for each request under way. The system frees the locks of a process that ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextlib.contextmanager
    def attempt(self, fingerprint: str) -> Iterator[bool]:
        """Whether the request is ours until the block ends; False: another run works at it.

        Raises OSError or NotImplementedError where no file can be locked.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{fingerprint}.lock"
        # Not bound to a thread: another instance for the same file is another claim.
        lock = FileLock(file, thread_local=False)
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
                    with FileLock(file, blocking=False):
                        file.unlink()
