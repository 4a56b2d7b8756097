"""Small requests, and what a simulator saw of them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from model_studio.request import ImageRequest, plan
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


def served(sim: Simulator) -> list[Any]:
    """The pictures behind the links that were billed, as arrays."""
    return [
        np.asarray(Image.open(io.BytesIO(sim.pictures[path.split("?")[0]])).convert("RGB"))
        for bill in sim.billed
        for path in bill.paths
    ]


def creations(sim: Simulator) -> list[Any]:
    return [seen for seen in sim.requests if seen.method == "POST" and "/services/" in seen.path]
