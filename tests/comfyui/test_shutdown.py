"""ComfyUI is ended while a request is under way: what was paid for and could not be fetched later comes first."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rig.comfyui import ComfyUI
from rig.prompt_run import QueuedPrompt
from simulator import Simulator

from .conftest import Graph

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there a signal cannot be sent to one process")
SIGNALS = [signal.SIGINT, signal.SIGTERM]
AT_ONCE = 20  # seconds, in which Python itself ends: busy machines take a few
FOUR = {"model": "qwen-image-2.0-pro", "n": 4}
WAITS = "ComfyUI ends as soon as what is paid for and cannot be fetched later is here: 4 × qwen-image-2.0-pro."


@pytest.fixture
def start(sim: Simulator, planted_keys: Mapping[str, str], tmp_path: Path) -> Callable[[], ComfyUI]:
    """A ComfyUI of this test, each time with the same folders."""
    env = {"DASHSCOPE_HTTP_BASE_URL": sim.base_url, "DASHSCOPE_API_KEY": planted_keys["cn-beijing"]}
    return lambda: ComfyUI.start(home=tmp_path, env=env)


@pytest.fixture
def pace(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Changes settings of the simulator for one test."""
    return lambda **values: monkeypatch.setattr(sim.service, "config", replace(sim.config, **values))


def billed(sim: Simulator) -> int:
    return sum(charge.images for charge in sim.billed)


def created(sim: Simulator) -> int:
    return sum(seen.method == "POST" and "/services/" in seen.path for seen in sim.requests)


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def shows(queued: QueuedPrompt, beginning: str) -> Callable[[], bool]:
    return lambda: any(text.startswith(beginning) for _, _, text in queued.run.told)


@pytest.mark.parametrize("ending", SIGNALS)
def test_a_sync_call_comes_to_its_end(
    sim: Simulator, new_graph: Callable[[], Graph], start: Any, pace: Any, ending: signal.Signals
) -> None:
    """And three prompts that are queued behind it buy nothing."""
    pace(sync_seconds=3)
    graphs = [new_graph() for _ in range(4)]
    shown = [graph.draw("sync", **FOUR) for graph in graphs]
    with start() as comfy:
        first, *_ = [comfy.queue(graph) for graph in graphs]
        until(shows(first, "running"))
        comfy.process.send_signal(ending)
        until(lambda: WAITS in comfy.log())
        assert comfy.process.wait(15) == 0
    assert (created(sim), billed(sim)) == (1, 4)
    with start() as comfy:
        run = comfy.run(graphs[0])
        assert shown[0].text(run) == "4 from store" and len(run.images(shown[0].save)) == 4
    assert (created(sim), billed(sim)) == (1, 4)


def test_a_second_ctrl_c_ends_at_once(sim: Simulator, graph: Graph, start: Any, pace: Any) -> None:
    pace(sync_seconds=60)
    graph.draw("sync", **FOUR)
    with start() as comfy:
        until(shows(comfy.queue(graph), "running"))
        comfy.process.send_signal(signal.SIGINT)
        until(lambda: WAITS in comfy.log())
        comfy.process.send_signal(signal.SIGINT)
        comfy.process.wait(AT_ONCE)


def test_a_task_is_not_waited_for(sim: Simulator, graph: Graph, start: Any, pace: Any) -> None:
    """The next run takes it up."""
    pace(task_seconds=60)
    shown = graph.draw("async")
    with start() as comfy:
        until(shows(comfy.queue(graph), "submitted 1"))
        comfy.process.send_signal(signal.SIGTERM)
        assert comfy.process.wait(AT_ONCE) == 0
        assert "ComfyUI ends as soon as" not in comfy.log()
    sim.clock.advance(60)
    with start() as comfy:
        assert shown.text(comfy.run(graph)) == "1 resumed"
    assert (created(sim), billed(sim)) == (1, 1)


def test_a_submission_is_waited_for_until_its_task_is_known(
    sim: Simulator, graph: Graph, start: Any, pace: Any
) -> None:
    sim.faults.add("slow_answer", on="create", seconds=2.0)
    shown = graph.draw("async")
    with start() as comfy:
        until(shows(comfy.queue(graph), "submitting"))
        comfy.process.send_signal(signal.SIGTERM)
        assert comfy.process.wait(15) == 0
        assert "is here: 1 × wan2.2-t2i-flash." in comfy.log()
    with start() as comfy:
        assert shown.text(comfy.run(graph)) == "1 resumed"
    assert (created(sim), billed(sim)) == (1, 1)


@pytest.mark.parametrize("ran", [False, True])
def test_with_nothing_under_way_it_ends_at_once(sim: Simulator, graph: Graph, start: Any, ran: bool) -> None:
    shown = graph.draw("sync")
    with start() as comfy:
        if ran:
            assert shown.text(comfy.run(graph)) == "1 new"
        comfy.process.send_signal(signal.SIGTERM)
        comfy.process.wait(AT_ONCE)
        assert "ComfyUI ends as soon as" not in comfy.log()
