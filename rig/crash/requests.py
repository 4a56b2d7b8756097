"""What is asked for: requests of each kind that the service knows, no two alike."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import points

WAN, QWEN = "ModelStudioWanText2Image", "ModelStudioQwenText2Image"
SET = "ModelStudioWanImageSet"
SUBMIT, POLLER = "ModelStudioSubmitText2Image", "ModelStudioTaskPoller"
MOST = 4  # pictures in one request
_TIMEOUT = 3600  # seconds; in a hastened victim that is three minutes


@dataclass(frozen=True)
class Kind:
    """A way to get pictures: the node that asks for them, and the one that fetches them if that is another."""

    name: str
    model: str
    side: int  # pixels; as few as the model takes
    node: str
    call_mode: str | None = "async"
    poller: str | None = None

    def phases(self, node: str) -> set[str]:
        """What a whole run of the node passes through if no earlier run has begun with the request."""
        if node == self.poller:
            return {points.POLL, points.DOWNLOAD, points.STORE, points.HAND_OVER}
        if self.poller:
            return {points.BEFORE, points.SUBMIT, points.HAND_OVER}
        return set(points.PHASES) - ({points.POLL} if self.call_mode == "sync" else set())


# Several models, since submissions of one model at about the same time cannot be told apart in the task list.
KINDS = (
    Kind("wan2.6-t2i async", "wan2.6-t2i", 768, WAN),
    Kind("wan2.5-t2i-preview async", "wan2.5-t2i-preview", 768, WAN),
    Kind("wan2.2-t2i-plus async", "wan2.2-t2i-plus", 512, WAN),
    Kind("qwen-image-2.0 sync", "qwen-image-2.0", 512, QWEN, "sync"),
    Kind("wan2.7-image set async", "wan2.7-image", 768, SET),
    Kind("wan2.2-t2i-flash submit, poll", "wan2.2-t2i-flash", 512, SUBMIT, None, POLLER),
)


@dataclass(frozen=True)
class Request:
    """`prompt` is like no other. `ahead`: seconds by which the service's and the ledger's clocks are ahead.

    `n`: the pictures that come; `most`: those that are asked for, which are more of a set.
    """

    kind: Kind
    n: int
    most: int
    prompt: str
    inputs: Mapping[str, Any] = field(repr=False)
    ahead: float

    def polling(self, task_id: Any) -> dict[str, Any]:
        """The inputs of the poller."""
        return {"task_id": task_id, "region": "auto", "timeout": _TIMEOUT}


def fresh(number: int, ahead: float, dice: random.Random) -> Request:
    kind, n, prompt = dice.choice(KINDS), dice.randint(1, MOST), f"request {number}"
    most = n
    if kind.node == SET:  # by its scenes the model decides how many it draws
        most, prompt = MOST, " ".join([f"{prompt} as a story", *(f"{scene}. a boat" for scene in range(1, n + 1))])
    inputs: dict[str, Any] = {
        "prompt": prompt,
        "model": kind.model,
        "aspect_ratio": "custom",
        "width": kind.side,
        "height": kind.side,
        "seed": dice.randrange(2**31),
        "watermark": False,
        "region": "auto",
    }
    inputs |= {"max_images": most} if kind.node == SET else {"n": n, "negative_prompt": "", "prompt_extend": False}
    if kind.call_mode:
        inputs |= {"call_mode": kind.call_mode, "timeout": _TIMEOUT}
    return Request(kind, n, most, prompt, inputs, ahead)
