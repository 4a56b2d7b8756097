"""The graphs that are run: some nodes of one kind, each with its own seed and its own end."""

from __future__ import annotations

import itertools
from typing import Any

from .service import MODEL, SIDE

OURS, PARTNER = "ModelStudioWanText2Image", "WanTextToImageApi"
PROMPT = "A lighthouse on a cliff at dusk, long exposure, soft light"
Graph = dict[str, dict[str, Any]]

# Both nodes send the same request; what only one of them has is added here.
_INPUTS: dict[str, dict[str, Any]] = {
    OURS: {"aspect_ratio": "custom", "n": 1, "region": "cn-beijing", "call_mode": "async", "timeout": 300},
    PARTNER: {},
}
_seeds = itertools.count(1)  # a seed is never used twice, so that nothing comes from a cache


def graph(kind: str, count: int) -> tuple[Graph, list[str]]:
    """The prompt for ComfyUI, and the ids of its generating nodes.

    GetImageSize and PreviewAny are the cheapest end for an image in ComfyUI. PreviewImage and SaveImage would pack PNG
    files on the event loop meanwhile, and the other nodes' questions and downloads would wait for that.
    """
    nodes: Graph = {}
    generators = [f"{kind}-{number}" for number in range(count)]
    for name in generators:
        nodes[name] = {"class_type": kind, "inputs": _INPUTS[kind] | _common(next(_seeds))}
        nodes[f"size of {name}"] = {"class_type": "GetImageSize", "inputs": {"image": [name, 0]}}
        nodes[f"end of {name}"] = {"class_type": "PreviewAny", "inputs": {"source": [f"size of {name}", 0]}}
    return nodes, generators


def _common(seed: int) -> dict[str, Any]:
    return {
        "prompt": PROMPT,
        "negative_prompt": "",
        "model": MODEL,
        "width": SIDE,
        "height": SIDE,
        "seed": seed,
        "prompt_extend": False,
        "watermark": False,
    }
