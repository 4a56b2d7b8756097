"""Runs that are left, killed or met by an equal one: what was asked for is paid once, and its pictures come.

By its name pytest runs this file while the rows of the others are being played in the background.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from rig.comfyui import ComfyUI
from rig.prompt_run import PromptRun
from simulator import Simulator
from simulator.service import Caller

STORED, RESUMED = "1 from store", "1 resumed"
NO_ANSWER = "An earlier submission of this request got no answer; it may have been billed too."
ADOPTED = (
    "The answer to the submission was lost. A task that fits (model, time, size, number of pictures, and the prompt "
    "where the service repeats it) was found in the account's list. It may be another program's: if the picture does "
    "not fit, change the seed to send a new request."
)
OTHER_MODEL = "wan2.2-t2i-plus"  # whose submissions nobody mixes up with those of the other tests
# A sync call of a second node, which its simulator can spoil by the model's name.
SIBLING = {"model": "wan2.6-t2i", "call_mode": "sync", "width": 1280, "height": 1280}


def _until(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def _cancel_at(comfy: ComfyUI, graph: Mapping[str, Any], text: str) -> PromptRun:
    """Presses Cancel as soon as a node shows `text`."""
    queued = comfy.queue(graph)
    _until(lambda: any(shown.startswith(text) for _, _, shown in queued.run.told))
    pressed = time.monotonic()
    comfy.interrupt()
    run = queued.wait(30)
    assert run.status == "interrupted" and run.ended_at - pressed < 10  # a fraction of it where nothing else runs
    return run


def _created(sim: Simulator) -> int:
    return sum(seen.method == "POST" and "/services/" in seen.path for seen in sim.requests)


def _billed(sim: Simulator) -> int:
    return sum(charge.images for charge in sim.billed)


@pytest.fixture
def pace(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Changes settings of the simulator for one test."""
    return lambda **values: monkeypatch.setattr(sim.service, "config", replace(sim.config, **values))


@pytest.mark.parametrize("again", ["at once", "when it is done"])
def test_cancel_during_a_sync_call(comfy: ComfyUI, sim: Simulator, graph: Any, report: Any, again: str) -> None:
    """The call runs on, since it is billed anyway."""
    sim.faults.add("slow_answer", seconds=3.0, times=1)
    shown, log = graph.draw("sync"), len(comfy.log())
    first = _cancel_at(comfy, graph, "running 1")
    before = _billed(sim)
    if again != "at once":
        _until(lambda: "is done; its pictures are stored" in comfy.log()[log:])
    second = comfy.run(graph)
    report(
        f"Cancel during a sync call, run again {again}", (shown.text(first), before), (shown.text(second), _billed(sim))
    )
    assert shown.text(second) == STORED and len(second.images(shown.save)) == 1
    assert (_created(sim), before, _billed(sim)) == (1, 1, 1)


@pytest.mark.parametrize("text", ["submitted 1", "queued 4"])
def test_cancel_while_pending(comfy: ComfyUI, sim: Simulator, graph: Any, report: Any, pace: Any, text: str) -> None:
    """Before the first question about the task, and after it."""
    pace(pending_seconds=60)
    shown = graph.draw("async")
    first = _cancel_at(comfy, graph, text)
    _until(lambda: any(seen.path.endswith("/cancel") and seen.status == 200 for seen in sim.requests))
    before = _billed(sim)
    pace(pending_seconds=0)
    second = comfy.run(graph)
    report(f"Cancel while PENDING ({text} s)", (shown.text(first), before), (shown.text(second), _billed(sim)))
    assert shown.text(second) == "1 new"
    assert (_created(sim), before, _billed(sim)) == (2, 0, 1)


@pytest.mark.parametrize("text", ["submitted 1", "running"])
def test_cancel_while_running(comfy: ComfyUI, sim: Simulator, graph: Any, report: Any, pace: Any, text: str) -> None:
    """The task cannot be stopped any more, whether it is known to run or not: it goes on and is stored."""
    pace(task_seconds=5)
    shown = graph.draw("async")
    first = _cancel_at(comfy, graph, text)
    before = _billed(sim)
    second = comfy.run(graph)
    report(f"Cancel while RUNNING ({text})", (shown.text(first), before), (shown.text(second), _billed(sim)))
    assert shown.text(second) == STORED and len(second.images(shown.save)) == 1
    assert (_created(sim), before, _billed(sim)) == (1, 1, 1)


def test_cancel_during_the_download(comfy: ComfyUI, sim: Simulator, graph: Any, report: Any) -> None:
    sim.faults.add("slow_drip", on="picture", seconds=2.0)
    shown = graph.draw("sync")
    first = _cancel_at(comfy, graph, "downloading 0/1")
    second = comfy.run(graph)
    report("Cancel during the download", (shown.text(first), 1), (shown.text(second), _billed(sim)))
    assert shown.text(second) == STORED
    assert _created(sim) == _billed(sim) == sum("/oss/" in seen.path for seen in sim.requests) == 1


def test_cancel_while_looking_for_a_lost_task(comfy: ComfyUI, sim: Simulator, graph: Any, report: Any) -> None:
    sim.faults.add("close_before_answer", on="create", times=1)
    shown = graph.draw("async", model=OTHER_MODEL)
    first = _cancel_at(comfy, graph, "looking for the task")
    before = _billed(sim)
    second = comfy.run(graph)
    report(
        "answer lost, Cancel while the task is looked for",
        (shown.text(first), before),
        (shown.text(second), _billed(sim)),
    )
    assert shown.text(second) == f"{RESUMED}; {ADOPTED}"
    assert (_created(sim), before, _billed(sim)) == (1, 1, 1)


def test_cancel_leaves_the_tasks_of_others_alone(
    comfy: ComfyUI, sim: Simulator, graph: Any, report: Any, pace: Any, planted_keys: Mapping[str, str]
) -> None:
    """Nobody knows yet whether a task that was found in the list is ours."""
    pace(pending_seconds=60)
    body = {"model": OTHER_MODEL, "input": {"prompt": "cats"}, "parameters": {"size": "512*512", "n": 1}}
    stranger = Caller(sim.config.keys[planted_keys["cn-beijing"]], "another program", sim.url)
    sim.service.create(stranger, "/services/aigc/text2image/image-synthesis", True, json.dumps(body).encode())
    sim.faults.add("reset_on_connect", on="create", times=1)
    shown = graph.draw("async", model=OTHER_MODEL)
    run = _cancel_at(comfy, graph, "submitted 1")
    time.sleep(0.5)  # what is canceled is canceled at once
    report("request lost, another's task found, Cancel", (shown.text(run), 0))
    assert not [seen for seen in sim.requests if seen.path.endswith("/cancel")]
    assert _billed(sim) == 1


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_sibling_fails(comfy: ComfyUI, sim: Simulator, graph: Any, report: Any, mode: str) -> None:
    """ComfyUI drops the other nodes of the graph: ours goes on in the background."""
    sim.faults.add("slow_answer", model=SIBLING["model"], seconds=1.0, times=1)
    sim.faults.add("moderation_output", model=SIBLING["model"], times=1)
    sim.faults.add("slow_answer", model="qwen-image-2.0", seconds=3.0, times=1)
    shown, sibling = graph.draw(mode), graph.draw("async", **SIBLING)
    first = comfy.run(graph)
    assert first.error and first.error["node_id"] == sibling.node
    before = _billed(sim)
    second = comfy.run(graph)
    report(f"a sibling node fails, {mode}", (sibling.text(first), before), (shown.text(second), _billed(sim) - 1))
    assert [shown.text(second), sibling.text(second)] == [STORED, "1 new"]
    assert (_created(sim), before, _billed(sim)) == (3, 1, 2)


@pytest.mark.parametrize(
    ("timeouts", "sources"),
    [
        # Both run, but ComfyUI gives both what one of them put out.
        ((300, 300), [["1 new", "1 new"], [STORED, STORED]]),
        ((300, 301), [[STORED, "1 new"]]),
    ],
)
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_two_equal_nodes(
    comfy: ComfyUI,
    sim: Simulator,
    graph: Any,
    new_seed: Any,
    report: Any,
    mode: str,
    timeouts: tuple[int, int],
    sources: list[list[str]],
) -> None:
    seed = new_seed()
    both = [graph.draw(mode, seed=seed, timeout=timeout) for timeout in timeouts]
    run = comfy.run(graph)
    texts = sorted(shown.text(run) for shown in both)
    report(f"two equal nodes with time-outs {timeouts}, {mode}", (" and ".join(texts), _billed(sim)))
    assert texts in sources
    assert (_created(sim), _billed(sim)) == (1, 1)
    one, other = (run.images(shown.save)[0] for shown in both)
    assert _pixels(one) == _pixels(other)


@pytest.fixture(scope="module")
def variables(running_simulator: Simulator, planted_keys: Mapping[str, str]) -> dict[str, str]:
    return {
        "DASHSCOPE_HTTP_BASE_URL": running_simulator.base_url,
        "DASHSCOPE_API_KEY_CN_BEIJING": planted_keys["cn-beijing"],
    }


@pytest.fixture(scope="module")
def neighbour(
    comfy: ComfyUI, variables: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ComfyUI]:
    """Another ComfyUI with the same user folder."""
    home, user = tmp_path_factory.mktemp("neighbour"), str(comfy.home / "user")
    with ComfyUI.start(home=home, env=variables, args=["--user-directory", user]) as neighbour:
        yield neighbour


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_two_processes_ask_for_the_same(
    comfy: ComfyUI, neighbour: ComfyUI, sim: Simulator, graph: Any, report: Any, mode: str
) -> None:
    shown = graph.draw(mode)
    queued = [server.queue(graph) for server in (comfy, neighbour)]
    runs = [one.wait(60) for one in queued]
    texts = sorted(shown.text(run) for run in runs)
    report(f"two processes at the same moment, {mode}", (" and ".join(texts), _billed(sim)))
    assert texts == [STORED, "1 new"]
    assert (_created(sim), _billed(sim)) == (1, 1)
    one, other = (run.images(shown.save)[0] for run in runs)
    assert _pixels(one) == _pixels(other)


def test_killed(
    sim: Simulator, graph: Any, report: Any, pace: Any, variables: Mapping[str, str], tmp_path: Path
) -> None:
    """While a task runs, while the submission of another is on the way, and in the middle of a sync call."""
    pace(task_seconds=6)
    sim.faults.add("slow_answer", on="create", model=OTHER_MODEL, seconds=12)
    sim.faults.add("slow_answer", on="create", model="qwen-image-2.0", seconds=12)
    running, submitting, calling = graph.draw("async"), graph.draw("async", model=OTHER_MODEL), graph.draw("sync")
    with ComfyUI.start(home=tmp_path, env=variables) as comfy:
        queued = comfy.queue(graph)
        _until(lambda: any(text.startswith("running") for _, node, text in queued.run.told if node == running.node))
        assert _billed(sim) == 3
        comfy.process.kill()
        with pytest.raises(ConnectionError):
            queued.wait(10)
    sim.faults.clear()

    def run(shown: Any) -> tuple[str, int]:
        """This node alone: what the user sees, and the pictures billed so far."""
        alone = {name: graph[name] for name in (shown.node, shown.save, shown.info)}
        return shown.text(comfy.run(alone)), _billed(sim)

    with ComfyUI.start(home=tmp_path, env=variables) as comfy:
        seen = {"running": [run(running)], "submitting": [run(submitting)], "calling": [run(calling), run(calling)]}
    for what, runs in seen.items():
        report(f"killed while {what}", ("(killed)", 1), *((text, billed - 2) for text, billed in runs))
    assert seen["running"] == [(RESUMED, 3)]
    assert seen["submitting"] == [(f"{RESUMED}; {ADOPTED}", 3)]
    (warning, before), (drawn, after) = seen["calling"]
    assert warning.startswith("SubmissionUncertain: An earlier run sent this request, and its answer is not known")
    assert "may have been billed (1 picture, CNY 0.20 at list price)" in warning
    assert (before, drawn, after) == (3, f"1 new; {NO_ANSWER}", 4)
    assert _created(sim) == 4


def _pixels(file: Path) -> bytes:
    """Without what ComfyUI writes beside them: the graph."""
    with Image.open(file) as image:
        return image.tobytes()
