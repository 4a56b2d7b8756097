"""Submit Text2Image Task and Task Poller in real graphs."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from model_studio.threads import FILE_THREADS
from rig.comfyui import ComfyUI
from simulator import Simulator

LEDGER = "user/__model_studio/ledger.sqlite"

SMALL = {"model": "wan2.2-t2i-flash", "aspect_ratio": "custom", "width": 512, "height": 512}


@pytest.fixture
def submitted(comfy: ComfyUI, sim: Simulator, new_graph: Any, new_seed: Any) -> Any:
    """Submits a task with a graph of that one node; its id."""

    def submit(**inputs: Any) -> str:
        graph = new_graph()
        node = graph.add("ModelStudioSubmitText2Image", prompt="later", seed=new_seed(), **{**SMALL, **inputs})
        shown = graph.show(node, 0)
        run = comfy.run(graph)
        assert run.status == "success", run.error
        assert f"submitted: {run.text(shown)}" in [text for _, _, text in run.told]
        return run.text(shown)

    return submit


def test_submit_can_be_queued_alone(comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any) -> None:
    node = graph.add("ModelStudioSubmitText2Image", prompt="alone", seed=new_seed(), **SMALL)
    run = comfy.run(graph)
    assert run.status == "success"
    task_id = run.text(node)  # in the history, for those who have no page open
    assert f"Submitted task {task_id} (wan2.2-t2i-flash, n=1, cn-beijing)" in comfy.log()
    assert ["/services/" in seen.path for seen in sim.requests] == [True]  # it does not wait for what becomes of it


def test_submit_now_poll_later(comfy: ComfyUI, sim: Simulator, graph: Any, submitted: Any) -> None:
    ids = [submitted(n=2), submitted()]
    node = graph.add("ModelStudioTaskPoller", task_id="\n".join(ids))
    save, info = graph.save(node), graph.show(node, 2)
    run = comfy.run(graph)
    assert run.status == "success", run.error
    assert len(run.images(save)) == 3
    assert json.loads(run.text(info))["task_id"] == ", ".join(ids)
    assert len(sim.billed) == 2


def test_submit_linked_to_a_poller(comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any) -> None:
    submit = graph.add("ModelStudioSubmitText2Image", prompt="linked", seed=new_seed(), **SMALL)
    save = graph.save(graph.add("ModelStudioTaskPoller", task_id=[submit, 0]))
    run = comfy.run(graph)
    assert run.status == "success", run.error
    assert len(run.images(save)) == 1


def test_unknown_task_is_explained(comfy: ComfyUI, sim: Simulator, graph: Any) -> None:
    graph.save(graph.add("ModelStudioTaskPoller", task_id="9e2b6ef6-285d-4efa-8651-4dbda7d571fa"))
    run = comfy.run(graph)
    assert run.status == "error" and run.error
    message = run.error["exception_message"]
    for word in ("older than 24 hours", "another account", "another region", "9e2b6ef6-285d-4efa-8651-4dbda7d571fa"):
        assert word in message


@pytest.mark.parametrize("task_id", ["", "  ,\n", "../services/aigc"])
def test_what_is_no_id_is_refused(comfy: ComfyUI, sim: Simulator, graph: Any, task_id: str) -> None:
    graph.save(graph.add("ModelStudioTaskPoller", task_id=task_id))
    run = comfy.run(graph)
    assert run.status == "refused"
    assert "task id" in json.dumps(run.refusal)
    assert sim.requests == []


def test_the_server_goes_on_while_the_ledger_is_locked(
    comfy: ComfyUI, sim: Simulator, graph: Any, submitted: Any
) -> None:
    """An empty Poller would name the last tasks: it is refused without them, and the page is answered meanwhile."""
    submitted()
    graph.save(graph.add("ModelStudioTaskPoller", task_id=""))
    answered = 0
    with ThreadPoolExecutor(1) as pool, closing(sqlite3.connect(comfy.home / LEDGER)) as other:
        other.execute("BEGIN EXCLUSIVE")
        refused = pool.submit(comfy.run, graph)
        while not refused.done():
            comfy.get("/queue")
            answered += 1
        other.rollback()
    told = json.dumps(refused.result().refusal)
    assert "There is not a task id." in told and "cannot be read" not in told
    assert answered > 3


@pytest.fixture
def locked(comfy: ComfyUI, submitted: Any) -> Iterator[None]:
    """Another process holds the ledger."""
    submitted()
    with closing(sqlite3.connect(comfy.home / LEDGER)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield


def test_cancel_ends_an_empty_poller_while_the_ledger_is_locked(
    comfy: ComfyUI, sim: Simulator, graph: Any, locked: None
) -> None:
    empty = graph.add("PrimitiveString", value="")
    poller = graph.add("ModelStudioTaskPoller", task_id=[empty, 0])
    graph.save(poller)
    queued = comfy.queue(graph)
    while not any(told["data"].get("node") == poller for _, told in queued.run.messages if told["type"] == "executing"):
        time.sleep(0.01)
    comfy.interrupt()
    run = queued.wait(30)
    assert run.status == "interrupted", run.error


def test_graphs_are_checked_and_prices_told_while_runs_wait_for_the_ledger(
    comfy: ComfyUI, sim: Simulator, new_graph: Any, new_seed: Any, locked: None
) -> None:
    """Seven runs, so that each thread for files waits for it, too; none of them finds it within two seconds."""
    waiting, next_one = new_graph(), new_graph()
    for _ in range(FILE_THREADS + 1):
        waiting.save(waiting.add("ModelStudioWanText2Image", prompt="wait", seed=new_seed(), **SMALL))
    for _ in range(10):
        next_one.save(next_one.add("ModelStudioWanText2Image", prompt="next", seed=new_seed(), n=99, **SMALL))
    queued = comfy.queue(waiting)
    while len([text for _, _, text in queued.run.told if text == "starting"]) <= FILE_THREADS:
        time.sleep(0.01)
    began = time.monotonic()
    assert comfy.queue(next_one).run.status == "refused"
    price = comfy.post("/model_studio/quote", {"inputs": {**SMALL, "region": "auto"}, "linked": False})
    took = time.monotonic() - began
    comfy.interrupt()
    assert queued.wait(30).status == "interrupted"
    assert price.json()["cost"] and took < 10, took  # 20 and more where each has to wait


def test_too_many_ids_are_refused_before_the_graph_runs(comfy: ComfyUI, sim: Simulator, graph: Any) -> None:
    ids = " ".join(f"made-up-{number}" for number in range(500))
    graph.save(graph.add("ModelStudioTaskPoller", task_id=ids))
    assert "500 task ids are too many for one Task Poller" in json.dumps(comfy.run(graph).refusal)
    linked = graph.add("PrimitiveString", value=ids)
    graph.save(graph.add("ModelStudioTaskPoller", task_id=[linked, 0]))
    del graph["1"], graph["2"]
    run = comfy.run(graph)
    assert run.status == "error" and run.error and "It takes up to 100" in run.error["exception_message"]
    assert sim.requests == []
