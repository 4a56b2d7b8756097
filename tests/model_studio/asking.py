"""Small requests, and what a simulator saw of them."""

from __future__ import annotations

import io
import shutil
import time
from typing import Any

import numpy as np
from PIL import Image

from model_studio.request import ImageRequest, plan
from model_studio.runs.paid_request import PaidRequest
from model_studio.studio import Result, Studio
from model_studio.waiting import Waiting
from simulator import Simulator

SMALL = {
    "qwen-image-2.0": "512*512",
    "wan2.5-t2i-preview": "768*768",
    "wan2.2-t2i-flash": "512*512",
}


def ask(model: str, **changes: Any) -> ImageRequest:
    """A small request."""
    width, height = map(int, SMALL.get(model, "0*0").split("*"))
    inputs: dict[str, Any] = {
        "prompt": "a paper boat",
        "aspect_ratio": "custom" if width else "1:1",
        "width": width,
        "height": height,
        "n": 1,
        "seed": 7,
        "negative_prompt": "",
        "prompt_extend": False,
        "watermark": False,
        "region": "cn-beijing",
        "call_mode": "auto",
    }
    return plan(model=model, **{**inputs, **changes})


def served(sim: Simulator, model: str = "") -> list[Any]:
    """The pictures behind the links that were billed, or those of a model, as arrays."""
    return [
        np.asarray(Image.open(io.BytesIO(sim.pictures[path.split("?")[0]])).convert("RGB"))
        for bill in sim.billed
        if model in ("", bill.model)
        for path in bill.paths
    ]


def creations(sim: Simulator) -> list[Any]:
    return [seen for seen in sim.requests if seen.method == "POST" and "/services/" in seen.path]


def billed(sim: Simulator) -> int:
    """Pictures."""
    return sum(bill.images for bill in sim.billed)


def same(result: Result, sim: Simulator) -> bool:
    """Whether the pictures are those that were billed, pixel for pixel."""
    return all((got.pixels == drawn).all() for got, drawn in zip(result.pictures, served(sim), strict=True))


def states(studio: Studio) -> list[str]:
    """Of the last requests, newest first."""
    return [entry.state for entry in studio.ledger.recent(10)]


def become(studio: Studio, *expected: str) -> None:
    """A bad end is written down a moment after its user was warned."""
    end = time.monotonic() + 5
    while states(studio) != list(expected):
        assert time.monotonic() < end, states(studio)
        time.sleep(0.01)


def set_clock(studio: Studio, hours: float) -> None:
    """This machine's clock is set so much ahead (or back); the service's is not."""
    now = studio.ledger.now
    studio.ledger.now = lambda: now() + hours * 3600


def become_another_machine(studio: Studio) -> None:
    """It has never had a ledger; what the service did so far was for somebody else."""
    shutil.rmtree(studio.ledger.folder)
    studio.ledger.database.salt = ""


async def owner(studio: Studio, request: ImageRequest) -> PaidRequest:
    return await studio._paid(request, Waiting(30))
