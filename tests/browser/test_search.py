"""Who looks for a model by its name, in their own language, finds the node that draws with it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from rig.comfyui import ComfyUI
from rig.layout import ROOT

FOUND_BY = {
    "alibaba": "Qwen Text2Image",
    "aliyun": "Task Poller",
    "tongyi": "Submit Text2Image Task",
    "wanx": "Wan Text2Image",
    "z-image": "Qwen Text2Image",
}


@pytest.mark.parametrize(
    ("language", "qwen", "wan"),
    [
        ("en", "qwen", "wan"),
        ("zh", "千问", "万相"),
        pytest.param("zh-TW", "千問", "萬相", marks=pytest.mark.oldest_too),
    ],
    ids=["en", "zh", "zh-TW"],
)
def test_a_node_is_found_and_added(
    open_page: Callable[..., Page], add_node: Callable[[Page, str, str], None], language: str, qwen: str, wan: str
) -> None:
    names = json.loads((ROOT / f"locales/{language}/nodeDefs.json").read_text("utf-8"))
    page = open_page(language)
    for word, node in {qwen: "ModelStudioQwenText2Image", wan: "ModelStudioWanText2Image"}.items():
        name = names[node]["display_name"]
        add_node(page, word, name)
        assert page.evaluate("() => window.app.graph.nodes.map((node) => [node.type, node.title])") == [[node, name]]


def test_a_node_is_found_by_words_that_are_not_its_name(
    open_page: Callable[..., Page], add_node: Callable[[Page, str, str], None], comfy: ComfyUI
) -> None:
    if not comfy.get("/object_info/ModelStudioTaskPoller")["ModelStudioTaskPoller"].get("search_aliases"):
        pytest.skip("ComfyUI before 0.11 has no search_aliases: its page finds nodes by their names alone")
    page = open_page()
    for word, name in FOUND_BY.items():
        add_node(page, word, name)
        assert page.evaluate("() => window.app.graph.nodes.map((node) => node.title)") == [name]
