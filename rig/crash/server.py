"""Runs of whole graphs in a real ComfyUI, in which nothing is changed; ended by a signal, it is started again."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image

from simulator import Simulator

from ..comfyui import ComfyUI
from ..layout import RigError
from ..prompt_run import PromptRun, QueuedPrompt
from .evidence import stored
from .points import BEFORE, DOWNLOAD, HAND_OVER, PHASES, POLL, STORE, SUBMIT
from .requests import Request
from .runs import UNCERTAIN, WAYS, Ended, Killed

# Seconds within which a run is ended after a phase was seen to begin.
SPREAD = {BEFORE: 0.02, SUBMIT: 0.3, POLL: 3.0, DOWNLOAD: 0.05, STORE: 0.1, HAND_OVER: 0.2}
LONGEST_RUN = 90.0
LONGEST_END = 60.0  # seconds: what is drawn here takes less than one, and may be waited for
_SAVE = "save"


class Server:
    """A ComfyUI that runs when it is needed. A context manager."""

    name = "ComfyUI"
    apart = 0.0  # its clock is the machine's

    def __init__(self, home: Path, env: Mapping[str, str], simulator: Simulator, dice: random.Random) -> None:
        self._home, self._env, self._simulator, self._dice = home, env, simulator, dice
        self._ways = cycle(WAYS)
        self._comfy: ComfyUI | None = None

    def attempt(self, request: Request, phase: str, doomed: bool) -> Ended | Killed:
        """A doomed run is ended soon after a phase was seen to begin, if it still goes on then."""
        comfy = self._comfy = self._comfy or ComfyUI.start(home=self._home, env=self._env)
        has_begun = self._watch(request.n)
        deadline = time.monotonic() + LONGEST_RUN
        queued = comfy.queue(graph(request))
        if doomed:
            left = PHASES[PHASES.index(phase) :]
            chosen = self._dice.choice(left)
            while not has_begun(chosen) and not queued.run.ended_at and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(self._dice.uniform(0, SPREAD[chosen]))
            if not queued.run.ended_at:
                seen = [phase, *(later for later in left if has_begun(later))]
                return self._end(comfy, queued, seen[-1])
        return _ended(queued.wait(LONGEST_RUN))

    def _end(self, comfy: ComfyUI, queued: QueuedPrompt, phase: str) -> Killed:
        """Sends the next signal, and waits for the end of the process, which may come late."""
        way = next(self._ways)
        comfy.process.send_signal(way)
        try:
            comfy.process.wait(LONGEST_END)
        except subprocess.TimeoutExpired:
            raise RigError(f"ComfyUI still ran {LONGEST_END:.0f} s after {way.name}.") from None
        self.stop()
        with suppress(OSError):  # the socket may have brought its end; the history is gone with the process
            queued.wait(LONGEST_END)
        warned = queued.run.error is not None and _ended(queued.run).error == UNCERTAIN
        return Killed(way, phase=phase, warned=warned)

    def _watch(self, n: int) -> Callable[[str], bool]:
        """Whether a phase of the next run was seen to begin."""
        requests, files = len(self._simulator.requests), len(stored(self._home))

        def has_begun(phase: str) -> bool:
            if phase in (STORE, HAND_OVER):
                return len(stored(self._home)) - files >= (1 if phase == STORE else n)
            came = [(request.method, request.path) for request in self._simulator.requests[requests:]]
            parts = {SUBMIT: ("POST", "/services/"), POLL: ("GET", "/tasks/"), DOWNLOAD: ("GET", "/oss/")}
            return phase == BEFORE or any(m == parts[phase][0] and parts[phase][1] in path for m, path in came)

        return has_begun

    def stop(self) -> None:
        if self._comfy:
            self._comfy.stop()
        self._comfy = None

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def graph(request: Request) -> dict[str, Any]:
    """In API format; the pictures are saved by ComfyUI's own node."""
    kind = request.kind
    nodes: dict[str, Any] = {"ask": {"class_type": kind.node, "inputs": dict(request.inputs)}}
    if kind.poller:
        nodes["poll"] = {"class_type": kind.poller, "inputs": request.polling(["ask", 0])}
    pictures = ["poll" if kind.poller else "ask", 0]
    nodes[_SAVE] = {"class_type": "SaveImage", "inputs": {"images": pictures, "filename_prefix": "crash"}}
    return nodes


def _ended(run: PromptRun) -> Ended:
    if run.status == "success":
        return Ended(pictures=np.stack([np.asarray(Image.open(file)) for file in run.images(_SAVE)]))
    error = run.error or {"exception_type": f"the prompt was {run.status}", "exception_message": str(run.refusal)}
    return Ended(error=error["exception_type"].rpartition(".")[2], message=error["exception_message"])
