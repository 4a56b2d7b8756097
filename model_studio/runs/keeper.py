"""Keeps this process from ending while something is under way that is paid for and would be lost with it.

Python waits at its end for threads that are no daemons, and daemons work on meanwhile. So one such thread lives as long
as anything is held. It is the last moment at which this can be done: functions of `atexit` run later, when Python 3.12
and newer start no threads any more.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import ProcessEnding
from ..threads import is_ending, start_kept
from ..words import Text

log = logging.getLogger(__name__)
LOOK_AFTER = 0.1  # seconds between two looks whether the process is to end


class Keeper:
    """What must come to its end before this process does. A signal, such as a second Ctrl-C, ends it all the same."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: Counter[str] = Counter()
        self._watched = False  # whether the thread lives

    @contextmanager
    def hold(self, what: str) -> Iterator[None]:
        """Inside, the process does not end by itself; `what`: of what it then says that it waits for it.

        Raises ProcessEnding where it is too late to begin anything.
        """
        with self._changed:
            if is_ending():
                raise ProcessEnding(
                    Text("ComfyUI is being closed, so the request was not sent."),
                    Text("Nothing was billed. Start ComfyUI and queue again."),
                )
            self._held[what] += 1
            if not self._watched:
                self._watched = True
                start_kept(self._watch)
        try:
            yield
        finally:
            with self._changed:
                self._held[what] -= 1
                self._held += Counter()  # without those of which there is none
                self._changed.notify()

    def _watch(self) -> None:
        with self._changed:
            while self._held and not is_ending():
                self._changed.wait(LOOK_AFTER)
            if self._held:
                log.warning(
                    "ComfyUI ends as soon as what is paid for and cannot be fetched later is here: %s. Press Ctrl-C "
                    "again to end at once; it may then be lost.",
                    ", ".join(f"{count} × ({what})" if count > 1 else what for what, count in self._held.items()),
                )
            while self._held:
                self._changed.wait()
            self._watched = False
