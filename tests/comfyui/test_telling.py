"""Who hears of a run, what of it, and how much."""

from __future__ import annotations

import json
import re
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from websockets.sync.client import ClientConnection, connect

from rig.comfyui import ComfyUI
from simulator import Config, Simulator

SMALL = {"model": "wan2.2-t2i-flash", "aspect_ratio": "custom", "width": 512, "height": 512}
TINY = {"model": "qwen-image-2.0", "aspect_ratio": "custom", "width": 512, "height": 512}
MARKUP = "<img/src/onerror=alert(1)>"
TEXT_EVENT = 3  # of ComfyUI's binary messages: a progress text, which its page takes for HTML
TOLD = "model_studio.told"
WORKFLOW = {"id": "the-workflow", "extra": {"model_studio_tab": "the-tab"}}


@contextmanager
def listening(comfy: ComfyUI) -> Iterator[list[str | bytes]]:
    """All that ComfyUI tells another page, until the prompts that are queued meanwhile are done."""
    heard: list[str | bytes] = []
    with connect(f"{comfy.url.replace('http', 'ws', 1)}/ws?clientId=another", proxy=None, max_size=None) as socket:
        yield heard
        while not _was_busy(heard):
            heard.append(socket.recv(timeout=30))


def _was_busy(heard: list[str | bytes]) -> bool:
    """Whether ComfyUI, which tells every page, had something to do and has no more."""
    said = [json.loads(one) for one in heard if isinstance(one, str)]
    left = [one["data"]["status"]["exec_info"]["queue_remaining"] for one in said if one["type"] == "status"]
    return any(left) and left[-1] == 0


def kinds(heard: list[str | bytes]) -> set[str]:
    """Of the messages: the type of JSON, the number of binary ones."""
    return {
        str(struct.unpack_from(">I", one)[0]) if isinstance(one, bytes) else json.loads(one)["type"] for one in heard
    }


@pytest.fixture
def drawing(graph: Any, new_seed: Any) -> Any:
    node = graph.add("ModelStudioWanText2Image", prompt="boats", seed=new_seed(), **SMALL)
    graph.save(node)
    return graph


def test_a_run_is_told_to_the_page_that_queued_it_alone(comfy: ComfyUI, sim: Simulator, drawing: Any) -> None:
    with listening(comfy) as heard:
        run = comfy.run(drawing, workflow=WORKFLOW)
    assert run.status == "success", run.error
    told = [content["data"] for _, content in run.messages if content["type"] == TOLD]
    ((kind, text),) = told[-1].pop("lines")
    assert kind == "done" and text.startswith("1 picture 512*512, ")
    assert told[-1] == {
        "prompt_id": run.prompt_id, "node": "1", "workflow": "the-workflow", "tab": "the-tab", "ids": [],
    }  # fmt: skip
    assert kinds(heard) <= {"status", "feature_flags"}


@pytest.mark.parametrize("client", [{}, {"client_id": None}, {"client_id": "a script"}], ids=["none", "null", "own"])
def test_what_a_script_queues_is_told_to_no_page(
    comfy: ComfyUI, sim: Simulator, drawing: Any, client: dict[str, Any]
) -> None:
    with listening(comfy) as heard:
        prompt_id = comfy.post("/prompt", {"prompt": drawing, **client}).json()["prompt_id"]
    assert comfy.history(prompt_id)["status"]["status_str"] == "success"
    assert kinds(heard) & {TOLD, str(TEXT_EVENT)} == set()
    # ComfyUI itself tells every page when a node of nobody's begins and ends, but not how far it is.
    states = [json.loads(one)["data"] for one in heard if isinstance(one, str) and '"progress_state"' in one]
    values = {state["nodes"]["1"]["value"] for state in states if "1" in state["nodes"]}
    assert values <= {0.0, 1.0}


@pytest.mark.parametrize("workflow", ["text", {"id": {"a": 1}, "extra": [2]}, {"id": "x" * 10_000, "extra": None}])
def test_a_workflow_of_any_shape_may_come_along(comfy: ComfyUI, sim: Simulator, drawing: Any, workflow: Any) -> None:
    run = comfy.run(drawing, workflow=workflow)
    assert run.status == "success", run.error
    told = [content["data"] for _, content in run.messages if content["type"] == TOLD]
    assert told and all(len(str(data)) < 500 for data in told)


def foreign_texts(sim: Simulator, graph: Any, seed: int) -> dict[str, Callable[[], object]]:
    """Ways for a workflow or the service to bring in a text."""

    def draw(**inputs: Any) -> None:
        graph.add("ModelStudioQwenText2Image", **{"prompt": MARKUP, "seed": seed, **TINY, **inputs})

    def linked(node: str, name: str) -> Callable[[], object]:
        return lambda: graph.add(node, **{"prompt": "boats", name: [graph.add("PrimitiveString", value=MARKUP), 0]})

    def fault(name: str, **options: Any) -> Callable[[], object]:
        return lambda: (sim.faults.add(name, **options), draw())

    def task(name: str, **options: Any) -> Callable[[], object]:
        node = "ModelStudioWanText2Image"
        return lambda: (sim.faults.add(name, **options), graph.add(node, prompt=MARKUP, seed=seed, **SMALL))

    ids = {"request_id": MARKUP, "output": {"task_id": MARKUP, "task_status": MARKUP}}
    return {
        "prompt": draw,
        "negative prompt": lambda: draw(negative_prompt=MARKUP * 100),
        "prompt, linked": linked("ModelStudioQwenText2Image", "prompt"),
        "task id": lambda: graph.add("ModelStudioTaskPoller", task_id=MARKUP),
        "task id, linked": linked("ModelStudioTaskPoller", "task_id"),
        "region, linked": linked("ModelStudioTaskPoller", "region"),
        "model, linked": linked("ModelStudioQwenText2Image", "model"),
        "aspect ratio, linked": linked("ModelStudioQwenText2Image", "aspect_ratio"),
        "code": fault("http_500_json", code=MARKUP, message=MARKUP, http=400),
        "header": fault("throttle", retry_after=MARKUP, times=1),
        "failure of a task": task("task_failed", code=MARKUP, message=MARKUP),
        "state of a task": task("strange_state", state=MARKUP, on="poll", times=1),
        "ids": fault("ok_with_code", body=ids),
        "ids and a code": fault("ok_with_code", body={**ids, "code": MARKUP, "message": MARKUP}),
        "answer of another shape": fault("wrong_shape", body={MARKUP: [MARKUP], "output": MARKUP}),
        "page": fault("not_json", body=MARKUP),
        "place of a picture": fault("picture_redirect", location=f"http://elsewhere.invalid/{MARKUP}"),
    }


@pytest.mark.parametrize("language", ["en", "zh", "zh-TW"])
def test_no_text_of_others_is_told_where_a_page_takes_it_for_html(
    comfy: ComfyUI,
    sim: Simulator,
    new_graph: Any,
    new_seed: Any,
    language: str,
    in_language: Callable[[str], None],
    quick: None,
) -> None:
    """Only our own message and ComfyUI's report of an error may hold it, which pages show as text."""
    in_language(language)
    shown = 0
    for name in foreign_texts(sim, new_graph(), 0):
        sim.reset()
        graph = new_graph()
        foreign_texts(sim, graph, new_seed())[name]()
        graph.save(max(graph, key=int))
        run = comfy.run(graph, timeout=60)
        assert run.progress_texts == [], name
        for _, content in run.messages:
            assert MARKUP not in json.dumps(content) or content["type"] in (TOLD, "execution_error"), (name, content)
        shown += any(MARKUP in text for _, _, text in run.told)
    assert shown >= 3  # else nothing came in that could have gone wrong


@pytest.fixture
def quick(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that draws at once."""
    monkeypatch.setattr(sim.service, "config", replace(sim.config, task_seconds=0.05))


@pytest.fixture
def in_language(comfy: ComfyUI) -> Iterator[Callable[[str], None]]:
    """Makes a page with this language known to the server."""

    def speak(locale: str) -> None:
        requests.put(f"{comfy.url}/model_studio/language", json={"locale": locale}, timeout=10).raise_for_status()

    yield speak
    speak("en")


def test_hundreds_of_prompts_send_little(new_graph: Any, tmp_path: Path) -> None:
    graph = new_graph()
    prompts = graph.add("ModelStudioPromptList", prompts="\n".join(f"boat {number}" for number in range(400)))
    node = graph.add("ModelStudioQwenText2Image", prompt=[prompts, 0], **TINY)
    graph.show(node, 1)
    with Simulator(Config(task_seconds=0.05)) as sim:
        env = {"DASHSCOPE_HTTP_BASE_URL": sim.base_url, "DASHSCOPE_API_KEY": sim.key, "MODEL_STUDIO_PACE": "off"}
        with ComfyUI.start(home=tmp_path, env=env) as comfy:
            run = comfy.run(graph, timeout=300)
    assert run.status == "success", run.error
    ours = [content for _, content in run.messages if content["type"] in (TOLD, "progress_state")]
    assert sum(len(json.dumps(content)) for content in ours) < 400_000
    assert max(len(text.encode()) for _, _, text in run.told) < 10_000
    assert len(run.told) < 2 * (run.ended_at - run.started_at) + 10
    assert re.match(r"400 pictures 512\*512, [\d.]+ s, CNY 80.00 at list price", run.told[-1][2])


def lines_until(socket: ClientConnection, begin: str) -> list[list[str]]:
    """What the node tells with a text that begins so: kind and text of each line."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        message = socket.recv(timeout=60)
        content = json.loads(message) if isinstance(message, str) else {}
        if content.get("type") == TOLD:
            lines: list[list[str]] = content["data"]["lines"]
            if any(text.startswith(begin) for _, text in lines):
                return lines
    raise AssertionError("it is not told")


def test_an_error_is_told_with_its_advice_code_and_ids(comfy: ComfyUI, sim: Simulator, drawing: Any) -> None:
    sim.faults.add("moderation_output", times=1)
    run = comfy.run(drawing)
    told = [content["data"] for _, content in run.messages if content["type"] == TOLD][-1]
    (_, what), (_, facts) = told["lines"]
    assert {kind for kind, _ in told["lines"]} == {"error"}
    assert what.startswith("Moderation refused the picture") and "Another seed may pass" in what
    request_id, task_id = told["ids"]
    assert facts == f"code DataInspectionFailed, request id {request_id}, task id {task_id}"


GOES_ON = "it goes on and is billed (1 picture, CNY {}); its pictures will be stored"
DRAWN = "it was drawn and is billed (1 picture, CNY {}); its pictures are stored"
CANCELED = {
    "queued": ("stuck_pending", SMALL, "submitted", ["its task was withdrawn before it was drawn, and is not billed"]),
    "drawing": ("stuck_running", SMALL, "running", [GOES_ON.format("0.14 at list price")]),
    "sync call": (
        "slow_answer",
        {"model": "wan2.6-t2i", "call_mode": "sync"},
        "running",
        [GOES_ON.format("0.20 at list price"), DRAWN.format("0.20 at list price")],
    ),
    "refused by a limit": ("throttle", SMALL, "waiting for the rate limit", ["nothing was billed"]),
}


@pytest.mark.parametrize("case", list(CANCELED))
def test_cancel_says_what_becomes_of_the_request(
    comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any, case: str
) -> None:
    """Also when that is known after the prompt's end."""
    fault, inputs, at, fates = CANCELED[case]
    sim.faults.add(fault, on="create", **({"seconds": 4.0} if fault == "slow_answer" else {}))
    graph.save(graph.add("ModelStudioWanText2Image", prompt="boats", seed=new_seed(), **inputs))
    address = f"{comfy.url.replace('http', 'ws', 1)}/ws?clientId=a-page"
    with connect(address, proxy=None, max_size=None) as socket:
        comfy.post("/prompt", {"prompt": graph, "client_id": "a-page"}).raise_for_status()
        lines_until(socket, at)
        comfy.interrupt()
        for fate in fates:
            told = lines_until(socket, f"canceled: {fate}")
            assert [kind for kind, _ in told] == ["left"]
