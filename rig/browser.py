"""Finds a browser for tests and screenshots. `python3 -m rig.browser` prints which, and fails where there is none."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

VARIABLE = "MODEL_STUDIO_BROWSER"
HELP = f"There is no Chromium: apt-get install chromium (Debian, Ubuntu), or name a browser in {VARIABLE}."
_COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
_PLACES = (
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)

# In the page's words: whether ComfyUI's page has come up, with the pack's part of it.
READY = """() => {
  const manager = window.app?.vueAppReady && window.app.extensionManager;
  return manager && !manager.spinner && manager.workflow.activeWorkflow
    && window.app.extensions.some((extension) => extension.name === "ModelStudio.Text2Image");
}"""


def find_browser() -> str | None:
    """The program to start: the one that the variable names, else the first of the usual ones."""
    named = os.environ.get(VARIABLE)
    if named:
        return shutil.which(named)
    commands = filter(None, map(shutil.which, _COMMANDS))
    return next(commands, None) or next((place for place in _PLACES if Path(place).exists()), None)


if __name__ == "__main__":
    found = find_browser()
    print(found or HELP)
    sys.exit(not found)
