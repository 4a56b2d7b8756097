"""A subgraph blueprint of the pack: found by the search, added, run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from rig.comfyui import ComfyUI
from rig.layout import PACK_NAME
from simulator import Simulator

NAME = "Qwen poster upscaled (Model Studio)"
# A prompt, and something that wants the picture.
COMPLETE = """() => {
  const [node] = window.app.graph.nodes, save = window.LiteGraph.createNode("SaveImage");
  save.pos = [node.pos[0] + node.size[0] + 50, node.pos[1]];
  window.app.graph.add(save);
  node.widgets.find((widget) => widget.name === "prompt").value = "A poster";
  node.connect(node.outputs.findIndex((output) => output.name === "upscaled"), save, 0);
}"""
SAVED = """() => window.app.graph.nodes.flatMap((node) =>
  [...(node.imgs ?? []), ...document.querySelectorAll(`[data-node-id="${node.id}"] img`)])
  .map((image) => image.naturalWidth)"""


@pytest.mark.oldest_too
def test_a_blueprint_is_found_and_runs(
    open_page: Callable[..., Page],
    add_node: Callable[[Page, str, str], None],
    comfy: ComfyUI,
    sim: Simulator,
    end_of_run: Callable[[Page], str],
) -> None:
    listed = comfy.get("/global_subgraphs").values()
    assert NAME in [entry["name"] for entry in listed if entry["info"]["node_pack"] == f"custom_nodes.{PACK_NAME}"]
    page = open_page()
    add_node(page, "poster upscaled", NAME)
    page.evaluate(COMPLETE)
    page.get_by_role("button", name="Run", exact=True).click()
    assert end_of_run(page) == "success"
    page.wait_for_function(f"() => ({SAVED})().includes(2 * 1728)")  # a poster in 3:4, doubled
    assert sum(bill.images for bill in sim.billed) == 1
