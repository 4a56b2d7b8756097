"""Puts the pack's folder where something else expects it."""

from __future__ import annotations

import shutil
from pathlib import Path

# Where links are not allowed (Windows without developer mode) the pack is copied without these.
_NOT_SHIPPED = shutil.ignore_patterns(".*", "__pycache__", "benchmarks", "docs", "rig", "simulator", "tests")


def put_pack(pack: Path, place: Path) -> None:
    """Link the pack's folder to this place; where links are not allowed, copy what is shipped."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink():
        place.unlink()
    elif place.exists():
        shutil.rmtree(place)
    try:
        place.symlink_to(pack.absolute(), target_is_directory=True)
    except OSError:
        shutil.copytree(pack, place, ignore=_NOT_SHIPPED)
