"""Where things lie. Everything the rig makes is in one folder, `.rig/` unless MODEL_STUDIO_RIG_HOME names another."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACK_NAME = "model-studio-text2image"
COMFYUI_VERSION = "0.3.75"


class RigError(Exception):
    """Something the person at the keyboard can act on; shown without a traceback."""


def rig_home() -> Path:
    """The folder for everything the rig makes."""
    return Path(os.environ.get("MODEL_STUDIO_RIG_HOME") or ROOT / ".rig").absolute()


def venv() -> Path:
    """The virtual environment of ComfyUI, the pack and the tests."""
    return rig_home() / "venv"


def venv_python() -> Path:
    """Its interpreter."""
    return venv() / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def comfyui_tree() -> Path:
    """The ComfyUI to run: COMFYUI_PATH (never changed by the rig) or the one that setup fetched."""
    own = os.environ.get("COMFYUI_PATH")
    return Path(own).absolute() if own else rig_home() / f"comfyui-{COMFYUI_VERSION}"
