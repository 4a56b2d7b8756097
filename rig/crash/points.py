"""Points at which a run can be killed: the lines of the pack's code as they are about to be executed.

The product says nothing of its phases, so they are told by the functions that are entered. Runs inside the victim.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

BEFORE, SUBMIT, POLL = "before sending", "submit", "poll"
DOWNLOAD, STORE, HAND_OVER = "download", "store", "hand-over"
PHASES = (BEFORE, SUBMIT, POLL, DOWNLOAD, STORE, HAND_OVER)

# (file, function) -> the phase that begins with it. A run never goes back to an earlier one.
_BEGINS = {
    ("drawing.py", "draw"): BEFORE,
    ("drawing.py", "submit"): BEFORE,
    ("collecting.py", "collect"): POLL,
    ("client.py", "_send"): SUBMIT,
    ("lookup.py", "adopt"): SUBMIT,
    ("polling.py", "until_ended"): POLL,
    ("gallery.py", "fetch"): DOWNLOAD,
    ("comfyui.py", "image_output"): HAND_OVER,
    ("comfyui.py", "finish"): HAND_OVER,
}
# Pictures are stored while others are downloaded: this phase is one of a thread that does nothing else.
_STORES = {("records.py", "keep"), ("store.py", "read")}


class Place(NamedTuple):
    """A line of the code in a phase."""

    phase: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.phase}: {self.file}:{self.line}"


class Tracer:
    """Counts how often each place is passed, and kills this process when it comes to one for the given time."""

    def __init__(self, pack: Path, files: set[str], deadly: Place | None, time: int) -> None:
        """`pack`: the folder whose code counts; `files`: further files, by their full names."""
        self.passed: Counter[Place] = Counter()
        self._start, self._files = f"{pack}{os.sep}", files
        self._deadly, self._time = deadly, time
        self._phase = ""
        self._thread = threading.local()
        self._lock = threading.Lock()

    def start(self) -> None:
        threading.settrace(self._enter)
        sys.settrace(self._enter)

    def stop(self) -> None:
        threading.settrace(None)
        sys.settrace(None)

    def _enter(self, frame: FrameType, event: str, _: Any) -> Any:
        file = frame.f_code.co_filename
        if not file.startswith(self._start) and file not in self._files:
            return None
        name = (os.path.basename(file), frame.f_code.co_name)
        begins = _BEGINS.get(name)
        if begins and (not self._phase or PHASES.index(begins) > PHASES.index(self._phase)):
            self._phase = begins
        if name in _STORES:
            self._thread.stores = True
        return self._go

    def _go(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "line" and self._phase:
            phase = STORE if getattr(self._thread, "stores", False) else self._phase
            self._pass(Place(phase, frame.f_code.co_filename.removeprefix(self._start), frame.f_lineno))
        return self._go

    def _pass(self, place: Place) -> None:
        with self._lock:
            self.passed[place] += 1
            if place == self._deadly and self.passed[place] == self._time:
                os.kill(os.getpid(), signal.SIGKILL)
