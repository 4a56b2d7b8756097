"""Who looks for a model by its name, in their own language, finds the node that draws with it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from rig.layout import ROOT


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", {"qwen": "ModelStudioQwenText2Image", "wan": "ModelStudioWanText2Image"}),
        ("zh", {"千问": "ModelStudioQwenText2Image", "万相": "ModelStudioWanText2Image"}),
        ("zh-TW", {"千問": "ModelStudioQwenText2Image", "萬相": "ModelStudioWanText2Image"}),
    ],
)
def test_nodes_are_found_and_added(
    open_page: Callable[..., Page], shot: Callable[..., object], language: str, words: dict[str, str]
) -> None:
    names = json.loads((ROOT / f"locales/{language}/nodeDefs.json").read_text("utf-8"))
    page = open_page(language)
    page.locator(".new-blank-workflow-button").click()
    for column, (word, node) in enumerate(words.items()):
        page.locator("#graph-canvas").dblclick(position={"x": 200 + 500 * column, "y": 200})
        page.locator("input:focus").fill(word)
        offer = page.get_by_role("option").filter(has_text=names[node]["display_name"])
        offer.wait_for()
        shot(page, f"search-{language}-{node}")
        offer.click()
    added = page.evaluate("() => window.app.graph.nodes.map((node) => [node.type, node.title])")
    assert added == [[node, names[node]["display_name"]] for node in words.values()]
    shot(page, f"search-{language}")
