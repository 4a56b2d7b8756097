"""The page with the pack in it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from rig.layout import PACK_NAME
from tests.browser import deprecations
from tests.browser.conftest import PATIENCE

OLD_SCRIPT = f"/extensions/{PACK_NAME}/old.js"


@pytest.mark.parametrize("vue", [False, True], ids=["classic", "vue"])
def test_the_page_opens_without_an_error(
    open_page: Callable[..., Page], shot: Callable[[Page, str], Path], vue: bool
) -> None:
    page = open_page(vue=vue)
    assert page.locator("canvas#graph-canvas").is_visible()
    assert not page.get_by_role("dialog").count()
    shot(page, f"page-{'vue' if vue else 'classic'}")


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("window.app.canvas.selected_nodes", f"selected_nodes is deprecated.*{OLD_SCRIPT}:1"),
        ("import('/scripts/ui.js')", "ui.js.* is deprecated"),
    ],
    ids=["graph", "module"],
)
def test_a_deprecated_part_of_the_page_is_noticed(open_page: Callable[..., Page], script: str, told: str) -> None:
    page = open_page(expected=told)
    heard: list[str] = []
    deprecations.listen(page, heard.append)
    page.evaluate("() => window.app.canvas.selected_nodes")  # by somebody else; the frontend tells it but once
    page.route(f"**{OLD_SCRIPT}", lambda route: route.fulfill(body=script, content_type="text/javascript"))
    page.evaluate("(address) => import(address)", OLD_SCRIPT)
    end = time.monotonic() + PATIENCE / 1000
    while not any(re.search(told, text) for text in heard):
        assert time.monotonic() < end, heard
        page.wait_for_timeout(50)
