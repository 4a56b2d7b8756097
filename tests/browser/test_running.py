"""What a user sees while nodes wait for the service, and how Cancel ends it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from simulator import Simulator

OpenGraph = Callable[[Page, Mapping[str, Any]], None]
SMALL = {"aspect_ratio": "custom", "width": 512, "height": 512}
WAITING = re.compile(r"^(submitted|queued|running) \d+ s")


@pytest.fixture
def three_nodes() -> dict[str, Any]:
    """Three nodes that know nothing of each other, with a picture each."""
    graph: dict[str, Any] = {}
    for number in (1, 2, 3):
        inputs = {"prompt": f"boat {number}", "model": "wan2.2-t2i-flash", **SMALL}
        graph[str(number)] = {"class_type": "ModelStudioWanText2Image", "inputs": inputs}
        graph[str(number + 3)] = {"class_type": "PreviewImage", "inputs": {"images": [str(number), 0]}}
    return graph


@pytest.mark.oldest_too
def test_all_nodes_tell_how_they_wait_and_what_came_of_it(
    open_page: Callable[..., Page],
    open_graph: OpenGraph,
    three_nodes: dict[str, Any],
    sim: Simulator,
    end_of_run: Callable[[Page], str],
    shot: Callable[[Page, str], object],
) -> None:
    held = sim.faults.add("stuck_running", on="poll")
    page = open_page()
    open_graph(page, three_nodes)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text(WAITING)).to_have_count(3)
    page.wait_for_function(
        "() => window.app.graph.nodes.filter((node) => 0 < node.progress && node.progress < 1).length === 3"
    )
    expect(page).to_have_title(re.compile(r"^\[\d+%\]"))
    shot(page, "running")
    assert held in sim.faults.active()
    sim.faults.clear()
    assert end_of_run(page) == "success"
    expect(page.get_by_text(re.compile(r"^1 picture 512\*512, .* at list price$"))).to_have_count(3)
    expect(page).not_to_have_title(re.compile("%"))


def test_cancel_ends_all_nodes_at_once_and_without_an_error(
    open_page: Callable[..., Page],
    open_graph: OpenGraph,
    three_nodes: dict[str, Any],
    sim: Simulator,
    end_of_run: Callable[[Page], str],
) -> None:
    sim.faults.add("stuck_running", on="poll")
    page = open_page()
    open_graph(page, three_nodes)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text(WAITING)).to_have_count(3)
    with page.expect_response("**/interrupt"):
        page.get_by_role("button", name="Cancel current run").click()
    started = time.monotonic()
    assert end_of_run(page) == "interrupted"
    assert time.monotonic() - started < 5  # one is promised; machines that run this are busy
    expect(page).not_to_have_title(re.compile("%"))
    expect(page.get_by_role("dialog")).to_have_count(0)
