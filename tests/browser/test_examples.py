"""The examples as a user meets them: in the template browser, opened as a form or as a graph, run, with pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from rig.layout import PACK_NAME, ROOT
from simulator import Simulator

FOLDER = ROOT / "example_workflows"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.json"))
# Classic nodes draw their pictures on the canvas; Vue's nodes hold them as elements. Muted nodes have none.
PICTURES = """() => window.app.graph.nodes
  .filter((node) => ["SaveImage", "PreviewImage"].includes(node.type) && node.mode === 0)
  .map((node) => [...(node.imgs ?? []), ...document.querySelectorAll(`[data-node-id="${node.id}"] img`)]
    .map((image) => image.naturalWidth))"""
# Pages with App mode show a tour of it to whoever is there for the first time.
NO_TOUR: dict[str, Any] = {"Comfy.OnboardingCoachmarks.Seen": ["appMode"]}
HAS_APP_MODE = "() => 'activeMode' in window.app.extensionManager.workflow.activeWorkflow"
TEXTS = """() => ({
  groups: window.app.graph.groups.map((group) => group.title),
  titles: window.app.graph.nodes.map((node) => node.title),
  note: window.app.graph.nodes.find((node) => node.type === "MarkdownNote").widgets[0].value,
})"""


def open_example(page: Page, name: str) -> None:
    """By Templates, the pack's name among the extensions, and the card."""
    page.get_by_role("button", name="Templates").click()
    page.get_by_role("button", name=PACK_NAME).click()
    card = page.get_by_test_id(f"template-workflow-{name}")
    card.scroll_into_view_if_needed()  # until then its picture is not loaded
    assert card.locator("img").evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
    card.click()
    expect(page.get_by_role("dialog")).to_have_count(0)  # neither the browser nor one about missing nodes


def show_graph(page: Page) -> None:
    """Where the page has App mode, examples open in it."""
    if page.evaluate(HAS_APP_MODE) and page.get_by_test_id("linear-run-button").is_visible():
        page.get_by_role("button", name="Enter node graph").click()


def open_file(page: Page, workflow: dict[str, Any]) -> None:
    """As a file that is dropped onto the page."""
    content = json.dumps(workflow).encode()
    page.locator("#comfy-file-input").set_input_files(
        {"name": "a file.json", "mimeType": "application/json", "buffer": content}
    )
    page.wait_for_function("(count) => window.app.graph.nodes.length === count", arg=len(workflow["nodes"]))


def run(page: Page, end_of_run: Callable[[Page], str]) -> None:
    page.get_by_role("button", name="Run", exact=True).click()
    assert end_of_run(page) == "success"
    page.wait_for_function(f"() => ({PICTURES})().every((widths) => widths.length && widths.every(Boolean))")
    expect(page.get_by_role("dialog")).to_have_count(0)


# Their graphs hold all kinds of nodes that examples have; that each example runs is in tests/comfyui/test_examples.py.
RUN = ("Story in four pictures", "Submit tonight, collect tomorrow", "Transparent sticker")


def test_each_example_is_among_the_templates_and_opens(
    open_page: Callable[..., Page], shot: Callable[[Page, str], Path]
) -> None:
    page = open_page(**NO_TOUR)
    for name in EXAMPLES:
        workflow = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
        open_example(page, name)
        show_graph(page)
        page.wait_for_function("(count) => window.app.graph.nodes.length === count", arg=len(workflow["nodes"]))
        assert page.evaluate("() => window.app.graph.nodes.every((node) => !node.has_errors)"), name
        shot(page, f"example-{name}-opened")


@pytest.mark.parametrize("name", RUN)
def test_an_example_runs(
    open_page: Callable[..., Page],
    sim: Simulator,
    end_of_run: Callable[[Page], str],
    shot: Callable[[Page, str], Path],
    name: str,
) -> None:
    page = open_page(**NO_TOUR)
    open_example(page, name)
    show_graph(page)
    run(page, end_of_run)
    shot(page, f"example-{name}")
    assert sim.billed


@pytest.mark.oldest_too
def test_an_example_runs_on_vue_nodes(
    open_page: Callable[..., Page], sim: Simulator, end_of_run: Callable[[Page], str], shot: Callable[[Page, str], Path]
) -> None:
    page = open_page(vue=True, **{"LiteGraph.Canvas.MinFontSizeForLOD": 0}, **NO_TOUR)  # text at every zoom
    open_example(page, EXAMPLES[0])
    show_graph(page)
    expect(page.get_by_text("Open Workflow")).to_have_count(0)  # not the form of pages before App mode
    shot(page, "vue-opened")
    run(page, end_of_run)
    shot(page, "vue")


@pytest.mark.parametrize("vue", [False, True], ids=["classic", "vue"])
def test_an_example_is_a_form_that_runs(
    open_page: Callable[..., Page],
    sim: Simulator,
    end_of_run: Callable[[Page], str],
    shot: Callable[[Page, str], Path],
    vue: bool,
) -> None:
    page = open_page(vue=vue, **NO_TOUR)
    open_example(page, "Contact sheet of four pictures")
    fields = page.get_by_test_id("app-mode-widget-item")
    expect(fields).to_have_count(5)
    expect(fields.last).to_contain_text("CNY\u00a00.56")
    page.get_by_test_id("linear-run-button").get_by_role("button", name="Run", exact=True).click()
    assert end_of_run(page) == "success"
    pictures = page.get_by_test_id("linear-center-panel").locator("img")
    expect(pictures).to_have_count(6)  # four and their sheet, one of them large
    assert pictures.first.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
    expect(fields.last).to_contain_text("4 pictures")
    shot(page, f"form-{'vue' if vue else 'classic'}")


@pytest.mark.parametrize("vue", [False, True], ids=["classic", "vue"])
def test_the_price_is_in_each_form_that_is_opened(open_page: Callable[..., Page], vue: bool) -> None:
    page = open_page(vue=vue, **NO_TOUR)
    for name, prices in {"Contact sheet": 1, "Three models": 3, "Qwen poster": 1}.items():
        (file,) = FOLDER.glob(f"{name}*.json")
        open_file(page, json.loads(file.read_text("utf-8")))
        page.wait_for_timeout(700)  # what the page does with a form that it just made is done within some frames
        expect(page.get_by_test_id("app-mode-widget-item").get_by_text("CNY")).to_have_count(prices)


@pytest.mark.parametrize("language", ["zh", pytest.param("zh-TW", marks=pytest.mark.oldest_too)])
def test_an_example_is_opened_in_the_language_of_the_page(open_page: Callable[..., Page], language: str) -> None:
    words = json.loads((ROOT / f"locales/{language}/main.json").read_text("utf-8"))["modelStudio"]["examples"]
    workflow = json.loads((FOLDER / "Seed study of one prompt.json").read_text("utf-8"))
    page = open_page(language, **NO_TOUR)
    open_file(page, workflow)
    shown = page.evaluate(TEXTS)
    assert shown["groups"] == [words[group["title"]] for group in workflow["groups"]]
    assert {words[f"Seed {number}"] for number in (1, 2, 3, 4)} <= set(shown["titles"])
    (note,) = (node["widgets_values"][0] for node in workflow["nodes"] if node["type"] == "MarkdownNote")
    assert shown["note"].split("\n\n") == [words[paragraph] for paragraph in note.split("\n\n")]


def test_what_somebody_saved_is_left_as_it_is(open_page: Callable[..., Page]) -> None:
    workflow = json.loads((FOLDER / "Seed study of one prompt.json").read_text("utf-8"))
    page = open_page(**NO_TOUR)
    open_file(page, workflow)
    english = page.evaluate(TEXTS)
    saved = page.evaluate("async () => (await window.app.graphToPrompt()).workflow")
    page = open_page("zh", **NO_TOUR)
    open_file(page, saved)
    assert page.evaluate(TEXTS)["groups"] == english["groups"] == [group["title"] for group in workflow["groups"]]
