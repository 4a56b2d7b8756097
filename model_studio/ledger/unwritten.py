"""Records that could not be written, for as long as this process lives.

What the service has answered must not be forgotten because a backup holds the file or the disk is full: the next run
would pay for it again. So the end of the process waits for them too, for a while.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ..threads import is_ending, start_kept
from .database import LedgerUnavailable

if TYPE_CHECKING:
    from .records import Entry

log = logging.getLogger(__name__)
PAUSE = 1.0  # seconds between two attempts to write them
LAST_ATTEMPTS = 60.0  # seconds that the end of the process waits for them


class Unwritten:
    """By name, the newest record of each: it takes the place of what the file says.

    `write(entry, is_current)` writes a record unless `is_current()` is False once nobody else can write; raises
    LedgerUnavailable. Safe to use from threads.
    """

    def __init__(self, write: Callable[[Entry, Callable[[], bool]], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._to_write: set[str] = set()
        self._replaced: set[str] = set()  # a newer record is just being committed
        self._at_work = False

    def add(self, entry: Entry, *, retry: bool) -> None:
        """Keeps a record; `retry`: and writes it as soon as that can be."""
        with self._lock:
            self._entries[entry.name] = entry
            if not retry:
                return
            self._to_write.add(entry.name)
            if not self._at_work:
                self._at_work = True
                start_kept(self._write_all)

    def entries(self) -> list[Entry]:
        """The oldest first."""
        with self._lock:
            return list(self._entries.values())

    @contextlib.contextmanager
    def replacing(self, name: str) -> Iterator[Callable[[], None]]:
        """Inside, a newer record of this name is written. To be called when nothing but the commit is left to do."""
        with self._lock:
            before = self._entries.get(name)
        try:
            yield lambda: self._replaced.add(name)
            if before:
                self._remove(before)
        finally:
            self._replaced.discard(name)

    def over(self, read: Callable[[], Iterable[Entry]]) -> list[Entry]:
        """What `read` finds in the file, as it is by now, and what waits; newest first.

        Without regard to the condition of `read`, which the caller has to check again.
        """
        waiting = {entry.name: entry for entry in reversed(self.entries())}  # before the file, which may get them now
        found = [_current(entry, waiting.pop(entry.name, None)) for entry in read()]
        return sorted([*waiting.values(), *found], key=lambda entry: entry.id or math.inf, reverse=True)

    def _write_all(self) -> None:
        gives_up = math.inf
        while (entries := self._still_to_write()) and time.monotonic() < gives_up:
            if gives_up == math.inf and is_ending():
                gives_up = time.monotonic() + LAST_ATTEMPTS
                log.warning(
                    "ComfyUI ends as soon as the ledger can be written, after %.0f s at the latest: it does not have "
                    "all of what was paid for yet. Press Ctrl-C again to end at once.",
                    LAST_ATTEMPTS,
                )
            time.sleep(PAUSE)
            with contextlib.suppress(LedgerUnavailable):
                for entry in entries:
                    self._write(entry, partial(self._is_current, entry))
                    self._remove(entry)
                    log.info("Request %s is written down now.", entry.name)

    def _still_to_write(self) -> list[Entry]:
        with self._lock:
            entries = [self._entries[name] for name in self._to_write]
            self._at_work = bool(entries)
            return entries

    def _is_current(self, entry: Entry) -> bool:
        with self._lock:
            return self._entries.get(entry.name) is entry and entry.name not in self._replaced

    def _remove(self, entry: Entry) -> None:
        """Unless a newer one has taken its place."""
        with self._lock:
            if self._entries.get(entry.name) is entry:
                del self._entries[entry.name]
                self._to_write.discard(entry.name)


def _current(found: Entry, waiting: Entry | None) -> Entry:
    """Pictures are known to the file only."""
    return found if waiting is None else replace(waiting, id=found.id, files=found.files)
