"""Every text-to-image model as data. A new model is one new entry in `qwen` or `wan`, and nothing else changes."""

from collections.abc import Sequence

from .model import (
    ASPECT_RATIOS,
    BEIJING,
    QWENCLOUD,
    SINGAPORE,
    SYNC_ONLY,
    TOKEN_PLAN_BEIJING,
    TOKEN_PLAN_SINGAPORE,
    TOKEN_PLANS,
    VIRGINIA,
    Endpoint,
    Model,
)
from .qwen import QWEN_MODELS
from .sizes import Size
from .wan import SET_MODELS, WAN_MODELS

ALL_MODELS = QWEN_MODELS + WAN_MODELS
# Wan first: wan2.6-t2i is the model with tasks that the specification recommends.
TASK_MODELS = tuple(model for model in WAN_MODELS + QWEN_MODELS if model.task)


def find(name: str, models: Sequence[Model] = ALL_MODELS) -> Model | None:
    """The model of that name, or that is called so in some region (wan2.1-… and wanx2.1-…)."""
    return next((model for model in models if name == model.name or name in model.ids.values()), None)


__all__ = [
    "ALL_MODELS",
    "ASPECT_RATIOS",
    "BEIJING",
    "QWENCLOUD",
    "QWEN_MODELS",
    "SET_MODELS",
    "SINGAPORE",
    "SYNC_ONLY",
    "TASK_MODELS",
    "TOKEN_PLANS",
    "TOKEN_PLAN_BEIJING",
    "TOKEN_PLAN_SINGAPORE",
    "VIRGINIA",
    "WAN_MODELS",
    "Endpoint",
    "Model",
    "Size",
    "find",
]
