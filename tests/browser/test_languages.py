"""The nodes on a page in Chinese."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from rig.layout import ROOT

ADD = """(type) => {
  const node = window.LiteGraph.createNode(type);
  node.pos = [300, 100];
  window.app.graph.add(node);
  const names = (slots) => slots.map((slot) => slot.localized_name);
  const { display_name, description, inputs, outputs } = node.constructor.nodeData;
  const sockets = Object.fromEntries(node.inputs.map((slot) => [slot.name, slot.localized_name]));
  return { display_name: node.title, inputs: sockets, outputs: names(node.outputs),
    labels: node.widgets.map((widget) => widget.label), says: { display_name, description, inputs, outputs } };
}"""
MIDDLE = """(name) => {
  const [node] = window.app.graph.nodes;
  const { last_y } = node.widgets.find((widget) => widget.name === name);
  return window.app.canvasPosToClientPos([node.pos[0] + node.size[0] / 2, node.pos[1] + last_y + 10]);
}"""
SAVED = "async () => (await window.app.graphToPrompt()).workflow.nodes[0].widgets_values"


@pytest.fixture(params=["zh", "zh-TW"])
def language(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def words(language: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((ROOT / f"locales/{language}/nodeDefs.json").read_text("utf-8"))
    return read


@pytest.mark.parametrize("vue", [pytest.param(False, marks=pytest.mark.oldest_too), True], ids=["classic", "vue"])
def test_nodes_speak_the_language_of_the_page(
    open_page: Callable[..., Page], words: dict[str, Any], language: str, vue: bool
) -> None:
    page = open_page(language, vue=vue)
    for node, said in words.items():
        shown = page.evaluate(ADD, node)
        inputs, outputs = list(said["inputs"].values()), list(said["outputs"].values())
        assert shown["display_name"] == shown["says"]["display_name"] == said["display_name"]
        assert shown["says"]["description"] == said["description"]
        assert shown["inputs"] == {name: word["name"] for name, word in said["inputs"].items()}
        sockets = ("color_palette", "image")  # these have no widget
        assert set(shown["labels"]) >= {word["name"] for name, word in said["inputs"].items() if name not in sockets}
        assert [value["tooltip"] for value in shown["says"]["inputs"].values()] == [word["tooltip"] for word in inputs]
        assert shown["outputs"] == [word["name"] for word in outputs]
        assert [value["tooltip"] for value in shown["says"]["outputs"]] == [word["tooltip"] for word in outputs]


@pytest.mark.oldest_too
def test_a_label_is_picked_and_its_value_saved(
    open_page: Callable[..., Page], words: dict[str, Any], language: str
) -> None:
    node = "ModelStudioWanText2Image"
    page = open_page(language)
    page.locator(".new-blank-workflow-button").click()
    page.evaluate(ADD, node)
    page.mouse.click(*page.evaluate(MIDDLE, "aspect_ratio"))
    page.get_by_text(words[node]["inputs"]["aspect_ratio"]["options"]["16:9"]).click()
    assert page.evaluate(SAVED)[:3] == ["", "wan2.6-t2i", "16:9"]
    assert page.locator("textarea").first.get_attribute("placeholder") == words[node]["inputs"]["prompt"]["placeholder"]
