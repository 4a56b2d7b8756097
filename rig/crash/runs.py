"""What came of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .points import Place
from .requests import Request

Pixels = npt.NDArray[np.uint8]  # [n, height, width, 3]
UNCERTAIN = "SubmissionUncertain"


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
    """`place`: where, if it was killed at a certain place rather than time."""

    place: Place | None = None


class Runner(Protocol):
    """Runs requests, and kills them if it can. `apart`: seconds that pass before each request."""

    name: str
    apart: float

    def attempt(self, request: Request, phase: str, doomed: bool) -> Ended | Killed:
        """One run, which goes on with an earlier one that was killed in `phase`."""
