"""Points at which a run can be killed: the lines of the pack's code as they are about to be executed.

The product does not report its phases: they are known by the functions that are entered. Runs inside the victim.
"""

from __future__ import annotations

import ast
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

# (file in the pack, function) -> the phase that begins with it. A run never goes back to an earlier one.
# The program does not start unless each function is defined once in its file.
BEGINS = {
    ("model_studio/runs/drawing.py", "draw"): BEFORE,
    ("model_studio/runs/drawing.py", "submit"): BEFORE,
    ("model_studio/runs/collecting.py", "collect"): POLL,
    ("model_studio/service/client.py", "_send"): SUBMIT,
    ("model_studio/runs/lookup.py", "adopt"): SUBMIT,
    ("model_studio/service/polling.py", "until_ended"): POLL,
    ("model_studio/runs/gallery.py", "fetch"): DOWNLOAD,
    ("nodes/comfyui.py", "image_output"): HAND_OVER,
    ("nodes/comfyui.py", "finish"): HAND_OVER,
}
# Pictures are stored while others are downloaded: this phase is one of a thread that does nothing else.
STORES = {("model_studio/ledger/records.py", "keep"), ("model_studio/ledger/store.py", "read")}


def missing(pack: Path) -> list[str]:
    """Functions of these tables that are not defined exactly once in their file: they were renamed, moved or doubled.

    `pack`: the folder that the files' names begin at.
    """
    named = sorted(BEGINS.keys() | STORES)
    return [f"{file}: {function}" for file, function in named if _defined(pack / file).count(function) != 1]


def _defined(file: Path) -> list[str]:
    """Names of all functions and methods in a file; none if there is no such file."""
    if not file.exists():
        return []
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return [node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


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
        name = (file.removeprefix(self._start).replace(os.sep, "/"), frame.f_code.co_name)
        begins = BEGINS.get(name)
        if begins and (not self._phase or PHASES.index(begins) > PHASES.index(self._phase)):
            self._phase = begins
        if name in STORES:
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
