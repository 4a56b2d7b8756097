"""Takes the pictures of the help pages: each node in a small graph with its result, in every language.

    .rig/venv/bin/python -m rig.screenshots [NODE ID …]

The prompt in a picture is the first quotation of the help page in that language.
"""

from __future__ import annotations

import io
import sys
import time
from itertools import takewhile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

from . import frontend
from .browser import HELP, READY, find_browser
from .comfyui import ComfyUI
from .fonts import browser_environment
from .layout import ROOT, RigError
from .servers import servers

DOCS = ROOT / "web" / "docs"
LANGUAGES = ("en", "zh", "zh-TW")
WIDTH = 720  # pixels; twice what the help panel shows unless it is made wider
MOST_BYTES = 60_000
VIEW: ViewportSize = {"width": 1800, "height": 1200}  # holds each graph, with room for the page's menus around it
SETTINGS = {
    "Comfy.TutorialCompleted": True,  # no welcome dialog over the graph
    "Comfy.Minimap.Visible": False,
    "Comfy.VueNodes.Enabled": False,
}

Node = tuple[str, dict[str, Any]]  # its id and the values of some widgets
QWEN: Node = ("ModelStudioQwenText2Image", {"aspect_ratio": "9:16", "seed": 5})
QWEN_2: Node = ("ModelStudioQwenText2Image", {"model": "qwen-image-2.0", "aspect_ratio": "9:16", "seed": 5})
WAN: Node = ("ModelStudioWanText2Image", {"aspect_ratio": "9:16", "seed": 9})
SUBMIT: Node = ("ModelStudioSubmitText2Image", {"aspect_ratio": "3:4", "seed": 3})
POLLER: Node = ("ModelStudioTaskPoller", {})
PROMPTS: Node = ("ModelStudioPromptList", {})
SET: Node = ("ModelStudioWanImageSet", {"aspect_ratio": "4:3", "seed": 4})
PALETTE: Node = ("ModelStudioColorPalette", {})
WAN_2_7: Node = ("ModelStudioWanText2Image", {"model": "wan2.7-image", "aspect_ratio": "9:16", "seed": 9})
SAVE: Node = ("SaveImage", {"filename_prefix": "ModelStudio"})
ORIGINAL: Node = ("ModelStudioSaveOriginal", {})
# From left to right, each linked to the one before it.
GRAPHS: dict[str, list[Node]] = {
    "ModelStudioQwenText2Image": [QWEN, SAVE],
    "ModelStudioWanText2Image": [WAN, SAVE],
    "ModelStudioSubmitText2Image": [SUBMIT, POLLER],
    "ModelStudioTaskPoller": [POLLER, SAVE],
    "ModelStudioPromptList": [PROMPTS, QWEN_2, SAVE],
    "ModelStudioWanImageSet": [SET, SAVE],
    "ModelStudioColorPalette": [PALETTE, WAN_2_7, SAVE],
    "ModelStudioSaveOriginal": [POLLER, ORIGINAL],
}
LINKS = {  # node -> the output that it is linked to, and its input; slots have the same names in every language
    "ModelStudioTaskPoller": ("task_id", "task_id"),
    "ModelStudioQwenText2Image": ("prompt", "prompt"),
    "ModelStudioWanText2Image": ("color_palette", "color_palette"),
    "SaveImage": ("images", "images"),
    "ModelStudioSaveOriginal": ("info", "source"),
}
QUOTED = {"ModelStudioPromptList": "prompts", "ModelStudioColorPalette": "colors"}  # the others show it as their prompt

BUILD = """
([nodes, links]) => {
  const used = app.graph.last_node_id;
  app.graph.clear();
  app.graph.last_node_id = used;  // a node with the id of an earlier one would show its picture
  let before = null;
  for (const [type, values] of nodes) {
    const node = LiteGraph.createNode(type);
    app.graph.add(node);
    node.pos = before ? [before.pos[0] + before.size[0] + 30, 0] : [0, 0];
    for (const widget of node.widgets) {
      if (widget.name in values) widget.value = values[widget.name];
      if (widget.name === "control_after_generate") widget.value = "fixed";
    }
    if (before) {
      const [from, to] = links[type];
      before.connect(before.outputs.findIndex((slot) => slot.name === from), node, to);
    }
    const room = { SaveImage: 280, ModelStudioSaveOriginal: 360 }[type];  // for a picture
    node.setSize([240, room ? Math.max(room, before.size[1]) : node.computeSize()[1] + 50]);
    before = node;
  }
}
"""
HAS_PICTURES = """
() => app.graph.nodes.every((node) => !/Save/.test(node.type) || node.imgs?.every((picture) => picture.complete))
"""
# Shows the whole graph, away from the page's menus; gives its rectangle on the page.
FRAME = """
() => {
  const view = app.canvas.ds, [x, y] = [420, 150], margin = 16, badge = 10;
  const bounds = app.graph.nodes.map((node) => node.getBounding());
  const [left, top] = [0, 1].map((side) => Math.min(...bounds.map((bound) => bound[side])));
  const [right, bottom] = [0, 1].map((side) => Math.max(...bounds.map((bound) => bound[side] + bound[side + 2])));
  view.scale = 1;
  view.offset = [x - left, y - top];
  app.canvas.deselectAll();
  app.canvas.setDirty(true, true);
  const place = app.canvas.canvas.getBoundingClientRect();
  return {
    x: place.x + x - margin,
    y: place.y + y - margin - badge,
    width: right - left + 2 * margin,
    height: bottom - top + 2 * margin + badge,
  };
}
"""


def main() -> int:
    """Take the pictures of the nodes that the command line names, or of all."""
    try:
        take_pictures(sys.argv[1:] or list(GRAPHS))
        return 0
    except RigError as error:
        print(error, file=sys.stderr)
        return 1


def take_pictures(node_ids: list[str]) -> None:
    """With servers of its own, for each language a fresh page."""
    program = find_browser()
    if program is None:
        raise RigError(HELP)
    with servers(*frontend.arguments()) as comfy, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, env=browser_environment())
        for language in LANGUAGES:
            comfy.post("/settings", SETTINGS | {"Comfy.Locale": language}).raise_for_status()
            page = browser.new_page(device_scale_factor=2)
            page.goto(comfy.url)
            page.wait_for_function(READY)
            for node_id in node_ids:
                file = DOCS / "images" / f"{node_id}.{language}.webp"
                save(take(page, comfy, node_id, language), file)
                print(f"{file.relative_to(ROOT)}  {file.stat().st_size / 1000:.0f} kB", flush=True)
            page.close()
        browser.close()


def take(page: Page, comfy: ComfyUI, node_id: str, language: str) -> bytes:
    """A PNG of the node's graph after a run."""
    page.set_viewport_size(VIEW)
    (first, values), *others = GRAPHS[node_id]
    if first == "ModelStudioTaskPoller":
        given = {"task_id": submitted(comfy, language)}
    else:
        given = {QUOTED.get(first, "prompt"): quotation(node_id, language)}
    if WAN_2_7 in others:
        others[0] = (WAN_2_7[0], WAN_2_7[1] | {"prompt": quotation(WAN_2_7[0], language)})
    page.evaluate(BUILD, [[(first, values | given), *others], LINKS])
    page.evaluate("() => app.queuePrompt(0, 1)")
    while comfy.get("/prompt")["exec_info"]["queue_remaining"]:
        time.sleep(0.1)
    page.wait_for_function(HAS_PICTURES)
    clip = page.evaluate(FRAME)
    page.wait_for_timeout(700)  # the canvas and the texts over it follow some frames later
    return page.screenshot(clip=clip)


def quotation(node_id: str, language: str) -> str:
    """The first one of a help page, a line for each of its paragraphs."""
    page = DOCS / f"{node_id}.md" if language == "en" else DOCS / node_id / f"{language}.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(">"))
    quoted = (line.lstrip("> ") for line in takewhile(lambda line: line.startswith(">"), lines[start:]))
    return "\n".join(filter(None, quoted))


def submitted(comfy: ComfyUI, language: str) -> str:
    """The id of a new task, as a person would paste it."""
    node_id, values = SUBMIT
    required = comfy.get(f"/object_info/{node_id}")[node_id]["input"]["required"]
    inputs = {name: options["default"] for name, (_, options) in required.items() if "default" in options}
    inputs |= values | {"prompt": quotation(node_id, language), "aspect_ratio": "9:16"}
    return comfy.run({"1": {"class_type": node_id, "inputs": inputs}}).text("1")


def save(png: bytes, file: Path) -> None:
    """As WebP, as good as the size allows."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)
    file.parent.mkdir(exist_ok=True)
    for quality in range(80, 30, -5):
        image.save(file, "WEBP", quality=quality, method=6)
        if file.stat().st_size < MOST_BYTES:
            return
    raise RigError(f"{file} is larger than {MOST_BYTES} bytes at any quality.")


if __name__ == "__main__":
    sys.exit(main())
