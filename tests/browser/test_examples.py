"""The examples as a user meets them: in the template browser, opened, run, with pictures on their nodes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from rig.layout import PACK_NAME, ROOT
from simulator import Simulator

EXAMPLES = sorted(path.stem for path in (ROOT / "example_workflows").glob("*.json"))
# Classic nodes draw their pictures on the canvas; Vue's nodes hold them as elements. Muted nodes have none.
PICTURES = """() => window.app.graph.nodes
  .filter((node) => ["SaveImage", "PreviewImage"].includes(node.type) && node.mode === 0)
  .map((node) => [...(node.imgs ?? []), ...document.querySelectorAll(`[data-node-id="${node.id}"] img`)]
    .map((image) => image.naturalWidth))"""


def open_example(page: Page, name: str) -> None:
    """By Templates, the pack's name among the extensions, and the card."""
    page.get_by_role("button", name="Templates").click()
    page.get_by_role("button", name=PACK_NAME).click()
    card = page.get_by_test_id(f"template-workflow-{name}")
    assert card.locator("img").evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
    card.click()
    expect(page.get_by_role("dialog")).to_have_count(0)  # neither the browser nor one about missing nodes


def run(page: Page, end_of_run: Callable[[Page], str]) -> None:
    page.get_by_role("button", name="Run", exact=True).click()
    assert end_of_run(page) == "success"
    page.wait_for_function(f"() => ({PICTURES})().every((widths) => widths.length && widths.every(Boolean))")
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_opens_and_runs(
    open_page: Callable[..., Page],
    sim: Simulator,
    end_of_run: Callable[[Page], str],
    shot: Callable[[Page, str], Path],
    name: str,
) -> None:
    page = open_page()
    open_example(page, name)
    shot(page, f"example-{name}-opened")
    run(page, end_of_run)
    shot(page, f"example-{name}")
    assert sim.billed


@pytest.mark.oldest_too
def test_an_example_runs_on_vue_nodes(
    open_page: Callable[..., Page], sim: Simulator, end_of_run: Callable[[Page], str], shot: Callable[[Page, str], Path]
) -> None:
    page = open_page(vue=True, **{"LiteGraph.Canvas.MinFontSizeForLOD": 0})  # text at every zoom
    open_example(page, EXAMPLES[0])
    shot(page, "vue-opened")
    run(page, end_of_run)
    shot(page, "vue")
