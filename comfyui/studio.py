"""The one Studio of this process, and its folder."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import folder_paths

from ..model_studio.studio import Studio


@cache
def studio() -> Studio:
    """Made at first use."""
    return Studio(private_folder())


def private_folder() -> Path:
    """user/__model_studio, which ComfyUI gives out over no HTTP route; not created here."""
    name = "model_studio"
    if hasattr(folder_paths, "get_system_user_directory"):  # since 0.3.76
        return Path(folder_paths.get_system_user_directory(name))
    return Path(folder_paths.get_user_directory()) / f"__{name}"
