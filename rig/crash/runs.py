"""What came of a run, and the ways to end one."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from model_studio.errors import SubmissionUncertain

from .points import Place
from .requests import Request

Pixels = npt.NDArray[np.uint8]  # [n, height, width, 3]
UNCERTAIN = SubmissionUncertain.__name__
# A process may end late and politely on the first two; the third it never sees.
WAYS = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)


@dataclass(frozen=True)
class Ended:
    """What the nodes behind were given, or the error (name of its class, and text)."""

    pictures: Pixels | None = None
    task_id: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    message: str = ""


@dataclass(frozen=True)
class Killed:
    """A run whose process was ended by a signal.

    place   where, if at a certain place rather than time
    phase   what was under way when the signal was sent, if that was seen; the process may have gone on for a while
    warned  whether its user had read of an uncertain submission before the process ended
    """

    way: signal.Signals
    place: Place | None = None
    phase: str | None = None
    warned: bool = False


class Runner(Protocol):
    """Runs requests, and ends them before their time if it can. `apart`: seconds that pass before each request."""

    name: str
    apart: float

    def attempt(self, request: Request, phase: str, doomed: bool) -> Ended | Killed:
        """One run, which goes on with an earlier one that was ended in `phase`; ended too if it is `doomed`."""
