"""Chinese fonts for the browser that the rig drives, also on a machine that has none."""

from __future__ import annotations

import os
import sys

from simulator.fonts import font_file

from .layout import rig_home

_CONFIG = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <include>{system}</include>
  <dir>{folder}</dir>
</fontconfig>
"""


def browser_environment() -> dict[str, str | float | bool]:
    """This process's environment, in which a browser finds the simulator's font beside the system's.

    Windows and macOS have Chinese fonts.
    """
    font = font_file()
    if sys.platform != "linux" or font is None:
        return {**os.environ}
    config = rig_home() / "fonts.conf"
    system = os.environ.get("FONTCONFIG_FILE", "fonts.conf")  # fontconfig knows in which folder
    config.write_text(_CONFIG.format(system=system, folder=font.parent), encoding="utf-8")
    return {**os.environ, "FONTCONFIG_FILE": str(config)}
