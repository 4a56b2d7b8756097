"""`.rig/venv/bin/python -m rig.blueprints` makes the pack's subgraph blueprints again, in ComfyUI's own page.

They are made with the page of the oldest ComfyUI that the pack works with: newer ones read what it writes.
"""

from __future__ import annotations

import json
import re
from typing import Any

from playwright.sync_api import sync_playwright

from .browser import HELP, READY, find_browser
from .layout import COMFYUI_VERSION, PACK_NAME, ROOT, RigError
from .servers import servers

FOLDER = ROOT / "subgraphs"
# Name -> the node that draws, and values of its widgets.
BLUEPRINTS: dict[str, tuple[str, dict[str, Any]]] = {
    "Qwen poster upscaled (Model Studio)": ("ModelStudioQwenText2Image", {"aspect_ratio": "3:4"}),
    "Wan photo upscaled (Model Studio)": ("ModelStudioWanText2Image", {"aspect_ratio": "16:9"}),
}
ASKED = ("prompt", "model", "aspect_ratio", "n", "seed")  # inputs of the node that draws, besides the upscaler's factor
EXTRA = {
    "BlueprintDescription": "A picture by Alibaba Cloud Model Studio, paid for, and upscaled in ComfyUI.",
    "BlueprintSearchAliases": ["model studio", "alibaba", "aliyun", "dashscope", "text to image", "upscale"],
}

BUILD = """
async ([type, values, asked]) => {
  const draw = LiteGraph.createNode(type), upscale = LiteGraph.createNode("ImageScaleBy");
  app.graph.clear();
  [draw, upscale].forEach((node, place) => {
    app.graph.add(node);
    node.pos = [place * 450, 0];
  });
  const fixed = { ...values, control_after_generate: "fixed", upscale_method: "lanczos", scale_by: 2 };
  for (const widget of [...draw.widgets, ...upscale.widgets]) widget.value = fixed[widget.name] ?? widget.value;
  draw.connect(0, upscale, 0);
  const { subgraph, node } = app.graph.convertToSubgraph(new Set([draw, upscale]));
  const inputs = [...asked.map((name) => [draw, name]), [upscale, "scale_by"]];
  for (const [inner, name] of inputs) {
    const slot = inner.inputs.find((input) => input.name === name);
    subgraph.addInput(name, slot.type).connect(slot, inner);
  }
  for (const [inner, index, name] of [[upscale, 0, "upscaled"], [draw, 0, "images"], [draw, 2, "info"]]) {
    subgraph.addOutput(name, inner.outputs[index].type).connect(inner.outputs[index], inner);
  }
  await new Promise(requestAnimationFrame);  // until then the page promotes what it recommends
  node.properties.proxyWidgets = [];
  node.pos = [0, 0];
  node.setSize([400, node.computeSize()[1]]);
  const { nodes, subgraphs } = app.canvas._serializeItems([node]);
  return JSON.parse(JSON.stringify({ nodes, subgraphs }));
}
"""


def main() -> None:
    """Each is built on a page of its own, and written as the page publishes one."""
    program = find_browser()
    if program is None:
        raise RigError(HELP)
    FOLDER.mkdir(exist_ok=True)
    with servers() as comfy, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        for name, (node_type, values) in BLUEPRINTS.items():
            page = browser.new_page()
            page.goto(comfy.url)
            page.wait_for_function(READY)
            built = page.evaluate(BUILD, [node_type, values, ASKED])
            page.close()
            # ASCII: ComfyUI 0.3.75 reads these files in the encoding of the system.
            text = json.dumps(published(name, **built), indent=2)
            (FOLDER / f"{name}.json").write_text(text + "\n", encoding="ascii", newline="\n")
        browser.close()


def published(name: str, nodes: list[dict[str, Any]], subgraphs: list[dict[str, Any]]) -> dict[str, Any]:
    """A workflow that holds nothing but the subgraph's node."""
    (node,), (subgraph,) = nodes, subgraphs
    (version,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    node["title"] = subgraph["name"] = name
    del node["properties"]["proxyWidgets"]  # newer pages complain of it; inputs that are linked need none
    for inner in subgraph["nodes"]:
        ours = inner["type"].startswith("ModelStudio")
        cnr_id, ver = (PACK_NAME, version) if ours else ("comfy-core", COMFYUI_VERSION)
        inner["properties"] |= {"cnr_id": cnr_id, "ver": ver}
    return {
        "revision": 0,
        "last_node_id": node["id"],
        "last_link_id": 0,
        "nodes": [node],
        "links": [],
        "version": 0.4,
        "definitions": {"subgraphs": [subgraph]},
        "extra": EXTRA,
    }


if __name__ == "__main__":
    main()
