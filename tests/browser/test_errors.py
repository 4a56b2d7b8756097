"""An error says what happened and what to do, in our words, never the key: on the node, and where ComfyUI tells it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from simulator import Simulator


def details(page: Page, frontend: str) -> Locator:
    """What ComfyUI says of an error: in a dialog, in newer pages in a panel that a notice opens."""
    if frontend == "oldest":
        return page.get_by_role("dialog")
    page.get_by_role("button", name="View details").click()
    panel = page.get_by_test_id("properties-panel")
    refused = panel.get_by_role("button", name="Info for Qwen Text2Image")
    expect(panel.get_by_text("# ComfyUI Error Report").or_(refused)).to_be_visible()
    if refused.is_visible():
        refused.click()
    return panel


@pytest.mark.oldest_too
@pytest.mark.parametrize(
    ("name", "prompt", "fault", "says"),
    [
        (
            "moderation",
            "forbidden-word",
            {},
            r"Moderation refused the prompt.*Change the prompt.*request id [0-9a-f-]{36}",
        ),
        ("key", "boats", {"code": "InvalidApiKey", "http": 401}, r"[Kk]ey.*\(code InvalidApiKey, HTTP 401, request id"),
        ("empty", "", {}, r"The prompt is empty\. Describe the picture you want\."),
    ],
    ids=["moderation", "key", "empty"],
)
def test_the_details_of_an_error(
    open_page: Callable[..., Page],
    open_graph: Callable[[Page, Mapping[str, Any]], None],
    sim: Simulator,
    shot: Callable[[Page, str], object],
    frontend: str,
    name: str,
    prompt: str,
    fault: dict[str, Any],
    says: str,
) -> None:
    if fault:
        sim.faults.add("arrears", **fault)
    page = open_page(expected=r"400 \(Bad Request\) .*/api/prompt\)|PromptExecutionError")
    open_graph(
        page,
        {
            "1": {"class_type": "ModelStudioQwenText2Image", "inputs": {"prompt": prompt}},
            "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
        },
    )
    page.get_by_role("button", name="Run", exact=True).click()
    told = details(page, frontend)
    expect(told).to_contain_text(re.compile(says, re.DOTALL))
    shot(page, f"error-{name}")
    if frontend == "oldest":
        told.get_by_role("button", name="Show Report").click()
        expect(told).to_contain_text("# ComfyUI Error Report")
    assert sim.key not in told.inner_text()
    assert "Traceback" not in told.inner_text().split("# ComfyUI Error Report")[0]


def graph_of(prompt: str, **inputs: Any) -> dict[str, Any]:
    return {
        "1": {"class_type": "ModelStudioQwenText2Image", "inputs": {"prompt": prompt, **inputs}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }


@pytest.mark.parametrize("vue", [False, True], ids=["classic", "vue"])
def test_the_node_itself_says_all_of_it(
    open_page: Callable[..., Page],
    open_graph: Callable[[Page, Mapping[str, Any]], None],
    sim: Simulator,
    shot: Callable[[Page, str], object],
    vue: bool,
) -> None:
    page = open_page(vue=vue, expected="PromptExecutionError|Moderation")
    open_graph(page, graph_of("forbidden-word", model="qwen-image-2.0"))
    page.evaluate("() => app.queuePrompt(0, 1)")
    told = page.locator(".model-studio-outcome")
    expect(told).to_contain_text("Moderation refused the prompt.")
    expect(told).to_contain_text("Change the prompt or the negative prompt")
    expect(told).to_contain_text(re.compile(r"code DataInspectionFailed, HTTP 400, request id [0-9a-f-]{36}$"))
    expect(told.locator("> :not(.model-studio-error)")).to_have_count(0)
    for _ in range(3):  # what the page itself says of it lies over the node
        page.keyboard.press("Escape")
    shot(page, f"error-on-node-{'vue' if vue else 'classic'}")
    page.evaluate("() => { navigator.clipboard.writeText = async (text) => { window.copied = text } }")
    request_id = told.get_by_role("button")
    request_id.dispatch_event("click")
    page.wait_for_function("(id) => window.copied === id", arg=request_id.inner_text())
    assert request_id.evaluate("(id) => getComputedStyle(id).userSelect") == "text"


def test_a_refusal_stays_on_the_node_until_it_is_changed(
    open_page: Callable[..., Page],
    open_graph: Callable[[Page, Mapping[str, Any]], None],
    sim: Simulator,
) -> None:
    """Here one that nobody knows beforehand: the list of the last tasks belongs to it."""
    page = open_page(expected=r"400 \(Bad Request\) .*/api/prompt\)|PromptExecutionError")
    poller = {"class_type": "ModelStudioTaskPoller", "inputs": {"task_id": ""}}
    open_graph(page, {"1": poller, "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}})
    told = page.locator(".model-studio-outcome")
    for _ in range(2):  # the second try is refused in the same words
        page.evaluate("() => app.queuePrompt(0, 1)")
        expect(told.locator(".model-studio-error")).to_contain_text("The ledger and its pictures")
        page.keyboard.press("Escape")
    page.evaluate("() => { app.graph.getNodeById(1).widgets[0].value = 'abc' }")
    expect(told).to_have_text("")
    open_graph(page, graph_of(""))
    page.evaluate("() => app.queuePrompt(0, 1)")
    page.wait_for_timeout(1000)
    expect(page.locator(".model-studio-price .model-studio-error")).to_have_text(
        "The prompt is empty. Describe the picture you want."
    )
    expect(told).to_have_text("")  # it stands above
