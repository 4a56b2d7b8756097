"""What the frontend calls deprecated, and our scripts use."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from rig.layout import PACK_NAME

# Of our scripts, or of the modules in /scripts/ that warn whoever imports them: only our pack is there to do so.
OURS = re.compile(rf"/extensions/{PACK_NAME}/|//[^/]+/scripts/")
TOLD = re.compile(r"deprecat|will be removed|not part of the public API", re.IGNORECASE)
# The graph's part of the frontend warns but once, and so perhaps of what ComfyUI itself does.
REPEAT = """() => {
  let litegraph;
  Object.defineProperty(window, "LiteGraph", {
    get: () => litegraph,
    set: (value) => Object.assign(litegraph = value, { alwaysRepeatWarnings: true }),
  });
}"""


def listen(page: Page, take: Callable[[str], None]) -> None:
    """Calls `take` for each warning that a script of ours causes, from the next address on that the page goes to."""

    def hear(event: dict[str, Any]) -> None:
        text = " ".join(str(part.get("value", part.get("description"))) for part in event["args"])
        frames = event.get("stackTrace", {"callFrames": []})["callFrames"]
        ours = [f"{frame['url']}:{frame['lineNumber'] + 1}" for frame in frames if OURS.search(frame["url"])]
        if event["type"] == "warning" and ours and TOLD.search(text):
            take(f"{text} ({ours[0]})")

    page.add_init_script(f"({REPEAT})()")
    session = page.context.new_cdp_session(page)  # Playwright's own event does not say who called
    session.on("Runtime.consoleAPICalled", hear)
    session.send("Runtime.enable")
