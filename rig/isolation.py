"""Keeps keys and settings of the person at this machine out of what the rig starts."""

from __future__ import annotations

import os

_THEIRS = ("DASHSCOPE_", "MODEL_STUDIO_")
_RIGS_OWN = ("MODEL_STUDIO_RIG_HOME", "MODEL_STUDIO_BROWSER")


def environment_without_keys() -> dict[str, str]:
    """This process's environment without every variable that the pack reads."""
    return {name: value for name, value in os.environ.items() if name not in pack_variables()}


def pack_variables() -> dict[str, str]:
    """The variables of this process's environment that the pack reads."""
    return {name: value for name, value in os.environ.items() if name.startswith(_THEIRS) and name not in _RIGS_OWN}
