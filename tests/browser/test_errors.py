"""An error's dialog says what happened and what to do, in our words, and never the key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from simulator import Simulator


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
def test_the_dialog_of_an_error(
    open_page: Callable[..., Page],
    open_graph: Callable[[Page, Mapping[str, Any]], None],
    sim: Simulator,
    shot: Callable[[Page, str], object],
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
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(re.compile(says, re.DOTALL))
    shot(page, f"error-{name}")
    dialog.get_by_role("button", name="Show Report").click()
    expect(dialog).to_contain_text("# ComfyUI Error Report")
    assert sim.key not in dialog.inner_text()
    assert "Traceback" not in dialog.inner_text().split("# ComfyUI Error Report")[0]
