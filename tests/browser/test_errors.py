"""Where ComfyUI tells of an error, it says what happened and what to do, in our words, and never the key."""

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
