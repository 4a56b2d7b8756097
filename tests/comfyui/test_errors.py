"""What users see when something is wrong, and that nothing is spent on what must fail."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from rig.comfyui import ComfyUI
from simulator import Simulator


def sent(sim: Simulator) -> list[Any]:
    """Requests that may cost money; a task that an earlier test left may still be asked about."""
    return [seen for seen in sim.requests if "/services/" in seen.path]


SMALL = {"model": "wan2.2-t2i-flash", "aspect_ratio": "custom", "width": 512, "height": 512}
MANY_AT_ONCE = {"model": "wan2.5-t2i-preview", "aspect_ratio": "1:1"}  # five tasks, by the published limit


@pytest.mark.parametrize(
    ("class_type", "inputs", "says"),
    [
        (
            "ModelStudioQwenText2Image",
            {"aspect_ratio": "custom", "width": 200, "height": 200},
            "qwen-image-2.0-pro cannot draw 200*200. It takes 262144 (512*512) to 4194304 (2048*2048) pixels in all, "
            "sides at most 8:1. Recommended: 2048*2048, 2688*1536",
        ),
        (
            "ModelStudioQwenText2Image",
            {"model": "qwen-image-max", "aspect_ratio": "custom", "width": 1024, "height": 1024},
            "It takes one of 1664*928, 1472*1104, 1328*1328, 1104*1472, 928*1664.",
        ),
        ("ModelStudioQwenText2Image", {"model": "qwen-image", "n": 2}, "Set n to 1."),
        ("ModelStudioQwenText2Image", {"call_mode": "async"}, "Set call_mode to auto or sync."),
        ("ModelStudioQwenText2Image", {"region": "us-east-1"}, "It is in cn-beijing and ap-southeast-1"),
        ("ModelStudioQwenText2Image", {"model": "wan2.6-t2i"}, "Choose one of qwen-image-2.0-pro"),
        ("ModelStudioWanText2Image", {"prompt": " "}, "The prompt is empty."),
        ("ModelStudioWanText2Image", {"n": 7}, "Set n to 1 to 4."),
        ("ModelStudioWanText2Image", {"region": "mars"}, "Choose one of auto, cn-beijing"),
        ("ModelStudioWanText2Image", {"seed": -1}, "-1"),
        ("ModelStudioSubmitText2Image", {"model": "qwen-image-2.0-pro"}, "Choose one of wan2.6-t2i"),
    ],
)
def test_refused_before_the_graph_runs(
    comfy: ComfyUI, sim: Simulator, graph: Any, class_type: str, inputs: dict[str, Any], says: str
) -> None:
    node = graph.add(class_type, **{"prompt": "boats", **inputs})
    if class_type != "ModelStudioSubmitText2Image":
        graph.save(node)
    run = comfy.run(graph)
    assert run.status == "refused" and run.refusal
    (error,) = run.refusal["node_errors"][node]["errors"]
    assert says in str(error)
    assert sent(sim) == []


def test_linked_values_are_checked_when_the_node_runs(comfy: ComfyUI, sim: Simulator, graph: Any) -> None:
    width = graph.add("PrimitiveInt", value=100)
    node = graph.add("ModelStudioWanText2Image", prompt="boats", aspect_ratio="custom", width=[width, 0])
    graph.save(node)
    run = comfy.run(graph)
    assert run.status == "error" and run.error
    assert "wan2.6-t2i cannot draw 100*1280" in run.error["exception_message"]
    assert sent(sim) == []


def test_a_linked_region_takes_only_listed_values(comfy: ComfyUI, sim: Simulator, graph: Any) -> None:
    """A stranger's workflow cannot change where a request goes."""
    region = graph.add("PrimitiveString", value="https://evil.example")
    graph.save(graph.add("ModelStudioWanText2Image", prompt="boats", region=[region, 0]))
    run = comfy.run(graph)
    assert run.status in ("refused", "error")
    assert sent(sim) == []


def test_the_message_of_a_failing_node(comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any) -> None:
    sim.faults.add("moderation_output", times=1)
    node = graph.add("ModelStudioWanText2Image", prompt="boats", seed=new_seed(), **SMALL)
    graph.save(node)
    run = comfy.run(graph)
    assert run.status == "error" and run.error
    (task_id,) = {seen.path.rsplit("/", 1)[1] for seen in sim.requests if "/tasks/" in seen.path}
    message = run.error["exception_message"]
    assert message.startswith("Moderation refused the picture that was made. It says:")
    for part in ("Another seed may pass", "code DataInspectionFailed", "request id ", f"task id {task_id}"):
        assert part in message
    assert run.error["node_id"] == node
    assert run.error["exception_type"].endswith("errors.ContentRefused")


def test_a_region_without_a_key(comfy: ComfyUI, sim: Simulator, graph: Any) -> None:
    graph.save(graph.add("ModelStudioWanText2Image", prompt="boats", region="us-east-1"))
    run = comfy.run(graph)
    assert run.status == "error" and run.error
    for word in ("no API key for region us-east-1", "DASHSCOPE_API_KEY_US_EAST_1", "__model_studio"):
        assert word in run.error["exception_message"]
    assert sent(sim) == []


def test_an_uncertain_submission_is_not_sent_again(comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any) -> None:
    sim.faults.add("close_before_answer", on="create")
    graph.save(graph.add("ModelStudioWanText2Image", prompt="boats", seed=new_seed(), call_mode="sync"))
    run = comfy.run(graph)
    assert run.status == "error" and run.error
    assert "It may have been billed (1 picture, CNY 0.20 at list price)" in run.error["exception_message"]
    assert len(sent(sim)) == 1


def _interrupt(comfy: ComfyUI, graph: Any, text: str) -> Any:
    """Presses Cancel as soon as a node shows `text`; the run, which without it would last for minutes."""
    queued = comfy.queue(graph)
    end = time.monotonic() + 30
    while not any(shown.startswith(text) for _, _, shown in queued.run.told):
        assert time.monotonic() < end, queued.run.told
        time.sleep(0.02)
    comfy.interrupt()
    return queued.wait(30)


def _withdrawn(sim: Simulator) -> int:
    return sum(seen.path.endswith("/cancel") for seen in sim.requests)


def _wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("fault", "inputs", "text", "cancels"),
    [
        ("stuck_pending", SMALL, "submitted 1", True),
        ("stuck_running", SMALL, "running", False),
        ("slow_answer", {"call_mode": "sync"}, "running 1", False),
        ("slow_answer", SMALL, "submitting", True),
        ("throttle", SMALL, "waiting for the rate limit", False),
    ],
)
def test_cancel(
    comfy: ComfyUI,
    sim: Simulator,
    graph: Any,
    new_seed: Any,
    fault: str,
    inputs: dict[str, Any],
    text: str,
    cancels: bool,
) -> None:
    """Seen while the task still goes on, shown as an interrupt; one that may be PENDING is canceled at the service too.

    What runs there is billed; it goes on behind the scenes until its pictures are stored.
    """
    sim.faults.add(fault, on="create", **({"seconds": 6.0} if fault == "slow_answer" else {}))
    node = graph.add("ModelStudioWanText2Image", prompt="boats", seed=new_seed(), **inputs)
    graph.save(node)
    assert _interrupt(comfy, graph, text).status == "interrupted"
    if fault == "slow_answer":
        assert len(sim.requests) == 1  # the answer, which more would follow, was not waited for
    if cancels:
        _wait_until(lambda: _withdrawn(sim) == 1)
        return
    seen = len(sim.requests)
    if fault != "throttle":  # it goes on: is asked about, or its picture is fetched
        _wait_until(lambda: len(sim.requests) > seen)
    assert _withdrawn(sim) == 0


def test_cancel_ends_all_waiting_nodes(comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any) -> None:
    sim.faults.add("stuck_pending")
    for _ in range(4):
        graph.save(graph.add("ModelStudioWanText2Image", prompt="boats", seed=new_seed(), **MANY_AT_ONCE))
    assert _interrupt(comfy, graph, "submitted 1").status == "interrupted"
    _wait_until(lambda: _withdrawn(sim) == 4)


def test_the_next_run_is_not_canceled_too(comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any) -> None:
    sim.faults.add("stuck_pending", times=1)
    node = graph.add("ModelStudioWanText2Image", prompt="boats", seed=new_seed(), **SMALL)
    graph.save(node)
    assert _interrupt(comfy, graph, "submitted 1").status == "interrupted"
    assert comfy.run(graph).status == "success"


def test_refusals_are_json_a_client_can_read(comfy: ComfyUI, sim: Simulator, graph: Any) -> None:
    graph.save(graph.add("ModelStudioWanText2Image", prompt="", n=9))
    run = comfy.run(graph)
    assert json.loads(json.dumps(run.refusal))["error"]["type"] == "prompt_outputs_failed_validation"
