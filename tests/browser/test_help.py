"""The help page of a node, in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from rig.layout import ROOT

NODE = "ModelStudioQwenText2Image"
DOCS = ROOT / "web" / "docs"


@pytest.mark.parametrize(
    ("language", "file"),
    [
        ("en", f"{NODE}.md"),
        ("zh", f"{NODE}/zh.md"),
        pytest.param("zh-TW", f"{NODE}/zh-TW.md", marks=pytest.mark.oldest_too),
    ],
    ids=["en", "zh", "zh-TW"],
)
def test_help_of_a_node_is_in_the_users_language(
    open_page: Callable[..., Page], add_node: Callable[[Page, str, str], None], language: str, file: str
) -> None:
    text = (DOCS / file).read_text("utf-8")
    page = open_page(language, expected=r"404 .*/docs/\w+/en\.md")  # asked for before the page without a language
    add_node(page, NODE, "Qwen")
    page.get_by_test_id("info-button").click()
    panel = page.locator(".node-help-content")
    expect(panel.get_by_role("heading")).to_have_text(re.findall(r"^#+ (.*)$", text, re.MULTILINE))
    pictures = panel.get_by_role("img")
    expect(pictures).to_have_count(text.count("!["))
    for picture in pictures.all():
        assert picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
