"""Pictures that land while others are waited for: on the node, until it runs again, and on no other node."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from rig.browser import READY
from rig.comfyui import ComfyUI
from simulator import Simulator
from tests.browser.tabs import TABS, switch

OpenGraph = Callable[..., None]
# Whether node 1 of the graph on the screen shows a preview, in the classic rendering or in Vue.
SHOWS = """() => {
  const vue = document.querySelector('[data-node-id="1"]');
  return vue ? !!vue.querySelector("img") : !!window.app.graph.getNodeById(1).imgs?.length;
}"""
SHOWS_NONE = f"() => !({SHOWS})()"
DRAW = """(n) => {
  const widgets = window.app.graph.getNodeById(1).widgets;
  widgets.find((widget) => widget.name === "n").value = n;
  widgets.find((widget) => widget.name === "seed").value = n;
  window.app.queuePrompt(0);
}"""


@pytest.fixture
def graph() -> dict[str, Any]:
    inputs = {"prompt": "boats", "model": "wan2.2-t2i-flash", "aspect_ratio": "custom", "width": 512, "height": 512}
    return {
        "1": {"class_type": "ModelStudioWanText2Image", "inputs": inputs},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 1]}},
    }


@pytest.mark.parametrize("vue", [False, True], ids=["classic", "vue"])
def test_pictures_are_shown_as_they_land_and_go_with_the_next_run(
    open_page: Callable[..., Page],
    open_graph: OpenGraph,
    graph: dict[str, Any],
    comfy: ComfyUI,
    sim: Simulator,
    end_of_run: Callable[[Page], str],
    shot: Callable[[Page, str], object],
    vue: bool,
) -> None:
    sim.faults.add("slow_answer", on="picture", times=1, seconds=4)
    page = open_page(vue=vue)
    open_graph(page, graph)
    page.evaluate(DRAW, 4)
    page.wait_for_function(SHOWS)
    assert not comfy.get("/history")  # the slow one is still on its way
    shot(page, f"preview-{vue}")
    assert end_of_run(page) == "success"
    expect(page.get_by_text(re.compile(r"^4 pictures 512\*512, "))).to_have_count(1)
    assert page.evaluate(SHOWS)

    comfy.post("/history", {"clear": True}).raise_for_status()
    sim.faults.add("task_failed")
    page.evaluate(DRAW, 3)
    assert end_of_run(page) == "error"
    page.wait_for_function(SHOWS_NONE)


def test_a_picture_lands_on_no_node_of_another_workflow(
    open_page: Callable[..., Page],
    open_graph: OpenGraph,
    graph: dict[str, Any],
    sim: Simulator,
    end_of_run: Callable[[Page], str],
) -> None:
    sim.faults.add("slow_answer", on="picture", seconds=2)
    page = open_page()
    open_graph(page, graph)
    page.evaluate(DRAW, 4)
    expect(page.get_by_text(re.compile(r"^(submitted|queued|running) "))).to_have_count(1)
    page.evaluate("() => app.extensionManager.command.execute('Comfy.DuplicateWorkflow')")
    page.wait_for_function("() => app.extensionManager.workflow.openWorkflows.length === 3")
    page.evaluate(
        """() => {
          window.seen = [];
          window.app.api.addEventListener("b_preview_with_metadata", ({detail}) => {
            window.seen.push([detail.displayNodeId, Object.keys(window.app.nodePreviewImages)]);
          });
        }"""
    )
    assert end_of_run(page) == "success"
    seen = page.evaluate("() => window.seen")
    assert seen and all(shown == ["1", []] for shown in seen)
    assert page.evaluate(SHOWS_NONE)


def test_after_a_reload_neither_pictures_nor_words_get_lost_or_land_elsewhere(
    open_page: Callable[..., Page],
    open_graph: OpenGraph,
    graph: dict[str, Any],
    sim: Simulator,
    end_of_run: Callable[[Page], str],
) -> None:
    """The page does not know then what is in the tabs that were not looked at."""
    sim.faults.add("slow_answer", on="picture", seconds=4)
    page = open_page(expected="filename=none.png")
    load, preview = (
        {"class_type": "LoadImage", "inputs": {"image": "none.png"}},
        {"class_type": "PreviewImage", "inputs": {}},
    )
    open_graph(page, {"1": load, "2": preview}, "other")
    open_graph(page, graph, "ours")
    page.wait_for_timeout(1000)
    page.evaluate(DRAW, 4)
    expect(page.get_by_text(re.compile(r"^(submitted|queued|running) "))).to_have_count(1)
    other, ours = page.evaluate(TABS)[-2:]
    switch(page, other)
    page.wait_for_timeout(2000)  # until the page has written down which tabs are open
    page.reload()
    page.wait_for_function(READY)
    assert page.evaluate("() => app.graph.nodes.map(({ type }) => type)") == ["LoadImage", "PreviewImage"]
    assert end_of_run(page) == "success"
    assert page.evaluate(SHOWS_NONE)
    switch(page, ours)
    expect(page.get_by_text(re.compile(r"^4 pictures 512\*512, "))).to_have_count(1)
