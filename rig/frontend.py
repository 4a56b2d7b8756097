"""The newest frontend of the registry, for tests and pictures of today's page: ComfyUI 0.3.75 brings a year-old one.

It runs on any ComfyUI: only the files of the page are replaced.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from . import pip
from .layout import rig_home
from .progress import say

VERSION = "1.58.1"


def arguments() -> tuple[str, str]:
    """What makes a ComfyUI serve it."""
    return ("--front-end-root", str(_folder() / "comfyui_frontend_package" / "static"))


def is_there() -> bool:
    """Whether it was fetched whole."""
    return _folder().exists()


def install() -> None:
    """Fetch it, beside the packages of the environment, unless it is there."""
    if is_there():
        return
    say(f"Fetching the frontend {VERSION}")
    partial = _folder().with_name(_folder().name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    package = f"comfyui-frontend-package=={VERSION}"
    pip.pip("Fetching the frontend", "install", "--quiet", "--no-deps", "--target", partial, package)
    partial.rename(_folder())


def _folder() -> Path:
    return rig_home() / f"frontend-{VERSION}"
