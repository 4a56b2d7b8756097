"""Where what a run tells appears: as text, on the nodes of the workflow that queued it, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from rig.comfyui import ComfyUI
from simulator import Simulator
from tests.browser.tabs import TABS, switch

SMALL = {"model": "wan2.2-t2i-flash", "aspect_ratio": "custom", "width": 512, "height": 512}
MARKUP = "<img/src/onerror=window.ran=true>"
WAITING = re.compile(r"^(submitted|queued|running) \d+ s")
DONE = re.compile(r"^1 picture 512\*512, .* CNY 0.14 at list price$")
UNCHANGED = "unchanged: nothing was run or billed"


def graph_of(node: str, **inputs: Any) -> dict[str, Any]:
    return {
        "1": {"class_type": f"ModelStudio{node}", "inputs": inputs},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }


def outcome(page: Page) -> Any:
    return page.locator(".model-studio-outcome")


def run(page: Page) -> None:
    page.evaluate("() => app.queuePrompt(0, 1)")


@pytest.fixture
def two_tabs(open_page: Callable[..., Page], open_graph: Callable[..., None]) -> Callable[..., tuple[Page, str, str]]:
    """A page with a workflow and, on the screen, a copy of its file: same ids of nodes, and of the workflows."""

    def two_tabs(**settings: Any) -> tuple[Page, str, str]:
        page = open_page(**settings)
        open_graph(page, graph_of("WanText2Image", prompt="boats", **SMALL))
        copy_of_it = page.evaluate("() => JSON.stringify(app.graph.serialize())").encode()
        page.locator("#comfy-file-input").set_input_files(
            {"name": "copy.json", "mimeType": "application/json", "buffer": copy_of_it}
        )
        page.wait_for_function("() => app.extensionManager.workflow.openWorkflows.length === 3")
        page.wait_for_timeout(500)
        _, one, copy = page.evaluate(TABS)
        ids = page.evaluate("() => app.extensionManager.workflow.openWorkflows.map((tab) => tab.activeState?.id)")
        assert ids[1] == ids[2]
        page.evaluate("() => { app.graph.getNodeById(1).widgets[7].value = 'fixed' }")  # the seed
        return page, one, copy

    return two_tabs


@pytest.mark.parametrize("vue", [pytest.param(False, marks=pytest.mark.oldest_too), True], ids=["classic", "vue"])
def test_an_outcome_is_on_the_workflow_that_queued_it(
    two_tabs: Callable[..., tuple[Page, str, str]],
    sim: Simulator,
    end_of_run: Callable[[Page], str],
    shot: Callable[[Page, str], Path],
    vue: bool,
) -> None:
    sim.faults.add("stuck_running", on="poll")
    page, one, copy = two_tabs(vue=vue)
    run(page)
    expect(outcome(page)).to_have_text(WAITING)
    shot(page, f"telling-{'vue' if vue else 'classic'}")
    switch(page, one)
    expect(outcome(page)).to_have_text("")
    switch(page, copy)
    expect(outcome(page)).to_have_text(WAITING)
    switch(page, one)
    sim.faults.clear()
    assert end_of_run(page) == "success"
    page.wait_for_timeout(700)
    expect(outcome(page)).to_have_text("")
    switch(page, copy)
    expect(outcome(page)).to_have_text(DONE)
    shot(page, f"told-{'vue' if vue else 'classic'}")
    run(page)
    switch(page, one)
    page.wait_for_timeout(1500)
    expect(outcome(page)).to_have_text("")
    switch(page, copy)
    expect(outcome(page)).to_have_text(UNCHANGED)
    assert "model_studio_tab" not in str(page.evaluate("() => app.graph.serialize()"))


def test_a_script_s_run_shows_on_no_page(
    open_page: Callable[..., Page], open_graph: Callable[..., None], sim: Simulator, comfy: ComfyUI
) -> None:
    page = open_page()
    open_graph(page, graph_of("WanText2Image", prompt="boats", **SMALL))
    prompt = page.evaluate("async () => (await app.graphToPrompt()).output")
    for client in ({}, {"client_id": "a script"}):
        prompt["1"]["inputs"]["seed"] += 1
        comfy.post("/prompt", {"prompt": prompt, **client}).raise_for_status()
    while len(comfy.get("/history")) < 2:
        page.wait_for_timeout(50)
    page.wait_for_timeout(500)
    assert len(sim.billed) == 2
    expect(outcome(page)).to_have_text("")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_markup_in_a_stranger_s_workflow_or_an_answer_stays_text(
    open_page: Callable[..., Page],
    open_graph: Callable[..., None],
    sim: Simulator,
    end_of_run: Callable[[Page], str],
    shot: Callable[[Page, str], Path],
    language: str,
) -> None:
    page = open_page(language, expected="task id|任务")
    sim.faults.add("http_500_json", code=MARKUP, message=MARKUP, http=400)
    linked = {
        **graph_of("TaskPoller", task_id=["3", 0]),
        "3": {"class_type": "PrimitiveString", "inputs": {"value": MARKUP}},
    }
    drawn = graph_of("WanText2Image", prompt=MARKUP, **SMALL)
    for graph, told in ((linked, MARKUP.strip("<>")), (drawn, MARKUP)):  # ids are taken out of brackets
        open_graph(page, graph)
        run(page)
        expect(outcome(page)).to_contain_text(told)
        shot(page, f"markup-{language}")
        page.wait_for_timeout(500)
        page.keyboard.press("Escape")
    assert page.evaluate("() => window.ran") is None


def test_a_cleared_workflow_hears_nothing_of_what_ran_in_it(
    open_page: Callable[..., Page], open_graph: Callable[..., None], sim: Simulator, end_of_run: Callable[[Page], str]
) -> None:
    """A new node gets the number of an old one."""
    sim.faults.add("slow_answer", on="picture", times=1, seconds=3)
    page = open_page(**{"Comfy.ConfirmClear": False})
    open_graph(page, graph_of("WanText2Image", prompt="boats", n=4, **SMALL))
    run(page)
    expect(outcome(page).filter(has_text=WAITING)).to_have_count(1)
    page.evaluate("() => app.extensionManager.command.execute('Comfy.ClearWorkflow')")
    page.wait_for_function("() => app.graph.nodes.length === 0")
    page.evaluate("() => { app.graph.add(LiteGraph.createNode('ModelStudioQwenText2Image')) }")
    assert page.evaluate("() => Number(app.graph.nodes[0].id)") == 1
    assert end_of_run(page) == "success"
    page.wait_for_timeout(500)
    expect(outcome(page)).to_have_text("")
    assert not page.evaluate("() => app.graph.nodes[0].imgs?.length")
