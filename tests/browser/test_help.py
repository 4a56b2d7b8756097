"""The help page of a node, in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from rig.layout import ROOT

NODE = "ModelStudioQwenText2Image"


@pytest.mark.parametrize("language", ["en", "zh", "zh-TW"])
def test_help_of_a_node_is_in_the_users_language(
    open_page: Callable[..., Page], open_graph: Callable[[Page, Mapping[str, Any]], None], language: str
) -> None:
    docs = ROOT / "web" / "docs"
    text = (docs / f"{NODE}.md" if language == "en" else docs / NODE / f"{language}.md").read_text("utf-8")
    page = open_page(language)
    open_graph(page, {"1": {"class_type": NODE, "inputs": {}}})
    x, y = page.evaluate(
        "() => window.app.canvas.convertOffsetToCanvas([100, -10].map((d, i) => window.app.graph.nodes[0].pos[i] + d))"
    )
    page.locator("#graph-canvas").click(position={"x": x, "y": y})
    page.get_by_test_id("info-button").click()
    panel = page.locator(".node-help-content")
    expect(panel.get_by_role("heading")).to_have_text(re.findall(r"^#+ (.*)$", text, re.MULTILINE))
    images = panel.locator("img")
    expect(images).to_have_count(text.count("!["))
    for image in images.all():
        assert image.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
