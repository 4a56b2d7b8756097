"""The page with the pack in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page


@pytest.mark.parametrize("vue", [False, True], ids=["classic", "vue"])
def test_the_page_opens_without_an_error(
    open_page: Callable[..., Page], shot: Callable[[Page, str], Path], vue: bool
) -> None:
    page = open_page(vue=vue)
    assert page.locator("canvas#graph-canvas").is_visible()
    assert not page.get_by_role("dialog").count()
    shot(page, f"page-{'vue' if vue else 'classic'}")
