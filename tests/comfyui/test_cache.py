"""ComfyUI's own cache, on as users have it: what is not final is run again, and what is complete is not."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from rig.comfyui import ComfyUI
from simulator import Simulator

from .conftest import Graph

TASK = {"model": "wan2.2-t2i-flash", "aspect_ratio": "custom", "width": 512, "height": 512}


def billed(sim: Simulator) -> int:
    return sum(charge.images for charge in sim.billed)


def created(sim: Simulator) -> int:
    return sum(seen.method == "POST" and "/services/" in seen.path for seen in sim.requests)


def downloads(sim: Simulator) -> int:
    return sum(seen.path.startswith("/oss/") for seen in sim.requests)


@pytest.fixture
def submit(new_seed: Callable[[], int]) -> Callable[[Graph], str]:
    return lambda graph: graph.add("ModelStudioSubmitText2Image", prompt="later", seed=new_seed(), **TASK)


FAULTS = [("picture_redirect", 1), ("picture_truncated", 3)]  # a damaged file is fetched a second time


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize(("fault", "times"), FAULTS)
def test_a_picture_that_is_missing_comes_with_the_next_run(
    comfy: ComfyUI, sim: Simulator, graph: Graph, mode: str, fault: str, times: int
) -> None:
    shown = graph.draw(mode, n=2)
    sim.faults.add(fault, times=times)
    first = comfy.run(graph)
    assert len(first.images(shown.save)) == 1 and "A picture was lost" in shown.text(first)
    sim.faults.clear()
    second, before = comfy.run(graph), downloads(sim)
    assert len(second.images(shown.save)) == 2
    third = comfy.run(graph)
    assert shown.node in third.cached and downloads(sim) == before
    assert len(third.images(shown.save)) == 2
    assert (created(sim), billed(sim)) == (1, 2)


def test_it_is_asked_for_as_long_as_it_is_missing(comfy: ComfyUI, sim: Simulator, graph: Graph) -> None:
    shown = graph.draw("async", n=2)
    for _ in range(3):
        sim.faults.add("picture_redirect", times=1)
        run = comfy.run(graph)
        assert len(run.images(shown.save)) == 1 and shown.node not in run.cached
    assert len(comfy.run(graph).images(shown.save)) == 2
    assert (created(sim), billed(sim)) == (1, 2)


def test_a_picture_that_the_service_did_not_draw_is_no_reason_to_run_again(
    comfy: ComfyUI, sim: Simulator, graph: Graph
) -> None:
    """It is free, and the same request would come from the store as it is."""
    shown = graph.draw("async", n=2)
    sim.faults.add("partial_success", times=1)
    assert len(comfy.run(graph).images(shown.save)) == 1
    assert shown.node in comfy.run(graph).cached


def test_without_reuse_a_missing_picture_is_no_reason_to_pay_again(
    sim: Simulator, new_graph: Callable[[], Graph], planted_keys: Any, tmp_path: Any
) -> None:
    env = {
        "DASHSCOPE_HTTP_BASE_URL": sim.base_url,
        "DASHSCOPE_API_KEY": planted_keys["cn-beijing"],
        "MODEL_STUDIO_REUSE": "off",
    }
    graph = new_graph()
    shown = graph.draw("async", n=2)
    sim.faults.add("picture_redirect", times=1)
    with ComfyUI.start(home=tmp_path, env=env) as comfy:
        assert len(comfy.run(graph).images(shown.save)) == 1
        assert shown.node in comfy.run(graph).cached
    assert (created(sim), billed(sim)) == (1, 2)


def test_what_hangs_on_a_complete_node_does_not_run_again(comfy: ComfyUI, sim: Simulator, graph: Graph) -> None:
    """It is paid for too: here a batch of four, and two nodes after it that get its prompt."""
    first = graph.draw("async", n=4)
    second = graph.draw("sync", prompt=[first.node, 1])
    third = graph.draw("async", prompt=[second.node, 1])
    nodes = {first.node, second.node, third.node}
    run = comfy.run(graph)
    assert not nodes & run.cached
    assert [len(run.images(shown.save)) for shown in (first, second, third)] == [4, 1, 1]
    for _ in range(2):
        assert nodes <= comfy.run(graph).cached
    assert (created(sim), billed(sim)) == (3, 6)


def test_what_hangs_on_an_incomplete_node_runs_once_more_and_is_paid_once(
    comfy: ComfyUI, sim: Simulator, graph: Graph
) -> None:
    first = graph.draw("async", n=2)
    second = graph.draw("sync", prompt=[first.node, 1])
    sim.faults.add("picture_redirect", times=1)
    assert len(comfy.run(graph).images(first.save)) == 1
    assert len(comfy.run(graph).images(first.save)) == 2
    assert {first.node, second.node} <= comfy.run(graph).cached
    assert (created(sim), billed(sim)) == (2, 3)


def test_prompts_that_are_queued_together(comfy: ComfyUI, sim: Simulator, graph: Graph) -> None:
    """A batch count of four with a fixed seed: the second completes it, the others are ComfyUI's."""
    shown = graph.draw("async", n=2)
    sim.faults.add("picture_redirect", times=1)
    runs = [queued.wait() for queued in [comfy.queue(graph) for _ in range(4)]]
    assert [len(run.images(shown.save)) for run in runs] == [1, 2, 2, 2]
    assert [shown.node in run.cached for run in runs] == [False, False, True, True]
    assert (created(sim), billed(sim)) == (1, 2)


def test_a_line_of_a_list_whose_picture_is_missing(comfy: ComfyUI, sim: Simulator, graph: Graph) -> None:
    lines = graph.add("ModelStudioPromptList", prompts="a boat\na cat\na dog")
    shown = graph.draw("async", prompt=[lines, 0], n=2)
    sim.faults.add("picture_redirect", times=1)
    assert len(comfy.run(graph).images(shown.save)) == 5
    assert len(comfy.run(graph).images(shown.save)) == 6
    assert shown.node in comfy.run(graph).cached
    assert (created(sim), billed(sim)) == (3, 6)


def test_a_poller_whose_picture_is_missing(
    comfy: ComfyUI, sim: Simulator, new_graph: Callable[[], Graph], submit: Callable[[Graph], str]
) -> None:
    graph = new_graph()
    nodes = [submit(graph), submit(graph)]
    run = comfy.run(graph)
    ids = [run.text(node) for node in nodes]
    time.sleep(0.5)
    sim.faults.add("picture_redirect", times=1)
    graph = new_graph()
    poller = graph.add("ModelStudioTaskPoller", task_id=" ".join(ids))
    saved = graph.save(poller)
    counts = []
    for _ in range(3):
        run = comfy.run(graph)
        counts.append((len(run.images(saved)), poller in run.cached))
    assert counts == [(1, False), (2, False), (2, True)]
    assert (created(sim), billed(sim)) == (2, 2)


def test_a_poller_of_which_a_task_failed(
    comfy: ComfyUI, sim: Simulator, new_graph: Callable[[], Graph], submit: Callable[[Graph], str]
) -> None:
    """Failed it stays failed."""
    graph = new_graph()
    nodes = [submit(graph), submit(graph)]
    sim.faults.add("task_failed", on="create", times=1)
    run = comfy.run(graph)
    graph = new_graph()
    poller = graph.add("ModelStudioTaskPoller", task_id=" ".join(run.text(node) for node in nodes))
    saved = graph.save(poller)
    assert len(comfy.run(graph).images(saved)) == 1
    assert poller in comfy.run(graph).cached


def test_a_poller_with_a_task_that_the_service_does_not_know(
    comfy: ComfyUI, new_graph: Callable[[], Graph], submit: Callable[[Graph], str]
) -> None:
    """It may be known another time, such as under another key."""
    graph = new_graph()
    node = submit(graph)
    run = comfy.run(graph)
    graph = new_graph()
    poller = graph.add("ModelStudioTaskPoller", task_id=f"{uuid.uuid4()} {run.text(node)}")
    saved = graph.save(poller)
    for _ in range(2):
        run = comfy.run(graph)
        assert len(run.images(saved)) == 1 and poller not in run.cached


def linked(graph: Graph, nodes: list[str]) -> tuple[str, str]:
    """A Task Poller of what two nodes submit, and where its pictures are saved."""
    ids = graph.add("StringConcatenate", string_a=[nodes[0], 0], string_b=[nodes[-1], 0], delimiter=" ")
    poller = graph.add("ModelStudioTaskPoller", task_id=[ids, 0])
    return poller, graph.save(poller)


@pytest.mark.parametrize("fault", ["task_failed", "canceled", "moderation_output"])
def test_a_task_that_failed_is_submitted_again(
    comfy: ComfyUI, sim: Simulator, graph: Graph, submit: Callable[[Graph], str], fault: str
) -> None:
    node = submit(graph)
    poller = graph.add("ModelStudioTaskPoller", task_id=[node, 0])
    saved = graph.save(poller)
    sim.faults.add(fault, on="create", times=1)
    assert comfy.run(graph).status == "error"
    second = comfy.run(graph)
    assert len(second.images(saved)) == 1 and node not in second.cached
    assert {node, poller} <= comfy.run(graph).cached
    assert (created(sim), billed(sim)) == (2, 1)


@pytest.mark.parametrize("count", [1, 2])
def test_each_of_two_tasks_is_submitted_again_if_it_failed(
    comfy: ComfyUI, sim: Simulator, graph: Graph, submit: Callable[[Graph], str], count: int
) -> None:
    """One error tells of both, or a note of one."""
    nodes = [submit(graph), submit(graph)]
    poller, saved = linked(graph, nodes)
    sim.faults.add("task_failed", times=count)
    first = comfy.run(graph)
    assert (first.status == "error") == (count == 2)
    second = comfy.run(graph)
    assert len(second.images(saved)) == 2
    assert len(second.cached & set(nodes)) == 2 - count
    assert {*nodes, poller} <= comfy.run(graph).cached
    assert (created(sim), billed(sim)) == (2 + count, 2)


def test_a_task_that_is_only_late_is_not_submitted_again(
    comfy: ComfyUI, sim: Simulator, graph: Graph, submit: Callable[[Graph], str]
) -> None:
    node = submit(graph)
    saved = graph.save(graph.add("ModelStudioTaskPoller", task_id=[node, 0], timeout=10))
    sim.faults.add("arrears", on="poll", code="InvalidApiKey", times=1)
    assert comfy.run(graph).status == "error"
    second = comfy.run(graph)
    assert node in second.cached and len(second.images(saved)) == 1
    assert (created(sim), billed(sim)) == (1, 1)
