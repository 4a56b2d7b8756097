"""Pictures as they land: on the node of the page that queued them, before the slowest is done, and nowhere else."""

from __future__ import annotations

import io
import json
import struct
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from PIL import Image
from websockets.sync.client import ClientConnection, connect

from rig.comfyui import ComfyUI
from simulator import Simulator
from tests.model_studio.asking import served

QUICK, SLOW = "wan2.2-t2i-flash", "wan2.2-t2i-plus"
SMALL = {"aspect_ratio": "custom", "width": 512, "height": 512}
PREVIEW, PREVIEW_WITHOUT_NODE = 4, 1  # of ComfyUI's binary messages
PATIENCE = 180.0  # seconds, on a busy machine


@dataclass
class Seen:
    """A preview: when it came, what is said of it, the picture itself."""

    at: float
    about: dict[str, Any]
    image: Image.Image


class PageStandIn:
    """What a page gets to hear. `previews`: whether it says that it can show them, as ComfyUI's page does."""

    def __init__(self, comfy: ComfyUI, socket: ClientConnection, client: str) -> None:
        self._comfy = comfy
        self._socket = socket
        self.client = client
        self.seen: list[Seen] = []
        self.heard: list[dict[str, Any]] = []

    def queue(self, graph: dict[str, Any]) -> str:
        answer = self._comfy.post("/prompt", {"prompt": graph, "client_id": self.client})
        return str(answer.json()["prompt_id"])

    def until(self, is_done: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not is_done():  # a node that waits tells so each second: silence alone would not end this
            self._take(self._socket.recv(timeout=max(end - time.monotonic(), 0)))

    def until_the_end(self) -> None:
        self.until(lambda: any(said["type"] == "executing" and said["data"]["node"] is None for said in self.heard))

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.heard.append({**json.loads(message), "at": time.monotonic()})
            return
        event, length = struct.unpack_from(">II", message)
        assert event != PREVIEW_WITHOUT_NODE
        if event == PREVIEW:
            about = json.loads(message[8 : 8 + length])
            self.seen.append(Seen(time.monotonic(), about, Image.open(io.BytesIO(message[8 + length :]))))


@contextmanager
def page_of(comfy: ComfyUI, previews: bool = True) -> Iterator[PageStandIn]:
    client = uuid.uuid4().hex
    url = f"{comfy.url.replace('http', 'ws', 1)}/ws?clientId={client}"
    with connect(url, proxy=None, max_size=None) as socket:
        page = PageStandIn(comfy, socket, client)
        flags = {"supports_preview_metadata": previews}
        socket.send(json.dumps({"type": "feature_flags", "data": flags}))
        page.until(lambda: any(said["type"] == "feature_flags" for said in page.heard))
        yield page


@pytest.fixture(autouse=True)
def idle(comfy: ComfyUI) -> Iterator[None]:
    """A test that failed half way leaves nothing that the next ones would queue behind."""
    yield
    end = time.monotonic() + PATIENCE
    comfy.post("/queue", {"clear": True}).raise_for_status()
    while any(comfy.get("/queue").values()):
        assert time.monotonic() < end
        comfy.interrupt()
        time.sleep(0.1)


@pytest.fixture
def page(comfy: ComfyUI) -> Iterator[PageStandIn]:
    with page_of(comfy) as page:
        yield page


@pytest.fixture
def four(graph: Any, new_seed: Any) -> Any:
    """A node that draws four pictures with one request; it has the number 1."""
    graph.save(graph.add("ModelStudioWanText2Image", prompt="boats", model=QUICK, n=4, seed=new_seed(), **SMALL))
    return graph


def looks_like(image: Image.Image, pixels: Any) -> bool:
    """Whether a picture of a sheet is this one, made small."""
    small = Image.fromarray(pixels).resize((16, 16), Image.Resampling.BOX)
    difference = np.asarray(image.resize((16, 16), Image.Resampling.BOX), float) - np.asarray(small, float)
    return bool(np.abs(difference).mean() < 6)


def quarters(sheet: Image.Image) -> list[Image.Image]:
    width, height = sheet.width // 2, sheet.height // 2
    return [sheet.crop((x, y, x + width, y + height)) for y in (0, height) for x in (0, width)]


def test_each_picture_is_shown_before_the_slowest_is_here(
    comfy: ComfyUI, sim: Simulator, page: PageStandIn, four: Any
) -> None:
    sim.faults.add("slow_answer", on="picture", times=1, seconds=1.5)
    prompt = page.queue(four)
    page.until_the_end()
    first, *_, last = page.seen
    assert first.image.format == "JPEG" and max(first.image.size) <= 512
    assert {seen.about["prompt_id"] for seen in page.seen} == {prompt}
    assert {seen.about["display_node_id"] for seen in page.seen} == {"1"}
    done = next(said["at"] for said in page.heard if said["type"] == "executed")
    assert done - first.at > 0.7  # while the slow one was waited for
    drawn = served(sim)
    assert all(any(looks_like(quarter, pixels) for pixels in drawn) for quarter in quarters(last.image))
    assert len(page.seen) <= 4
    ended = next(said["at"] for said in page.heard if said["type"] == "execution_success")
    assert last.at < ended


def test_a_poller_shows_what_has_ended_while_it_waits_for_another_task(
    comfy: ComfyUI, sim: Simulator, page: PageStandIn, new_graph: Any, new_seed: Any
) -> None:
    submissions = new_graph()
    for model in (SLOW, QUICK):
        submissions.add("ModelStudioSubmitText2Image", prompt="boats", model=model, seed=new_seed(), **SMALL)
    run = comfy.run(submissions)
    ids = " ".join(run.text(node) for node in submissions)
    held = sim.faults.add("stuck_running", on="poll", model=SLOW)
    graph = new_graph()
    graph.save(graph.add("ModelStudioTaskPoller", task_id=ids))
    page.queue(graph)
    page.until(lambda: bool(page.seen))
    assert held in sim.faults.active()
    quick, slow = (served(sim, model)[0] for model in (QUICK, SLOW))
    assert looks_like(page.seen[0].image, quick) and not looks_like(page.seen[0].image, slow)
    sim.faults.clear()
    page.until_the_end()
    both = page.seen[-1].image
    middle = both.width // 2
    assert looks_like(both.crop((0, 0, middle, both.height)), quick)
    assert looks_like(both.crop((middle, 0, both.width, both.height)), slow)
    assert any(said["type"] == "execution_success" for said in page.heard)


def test_a_list_is_shown_seldom_and_in_little(
    comfy: ComfyUI, sim: Simulator, page: PageStandIn, graph: Any, new_seed: Any
) -> None:
    prompts = graph.add("ModelStudioPromptList", prompts="\n".join(f"boat {number}" for number in range(40)))
    node = graph.add("ModelStudioQwenText2Image", prompt=[prompts, 0], model="qwen-image-2.0", seed=new_seed(), **SMALL)
    graph.show(node, 1)
    queued = time.monotonic()
    page.queue(graph)
    page.until_the_end()
    took = time.monotonic() - queued
    assert any(said["type"] == "execution_success" for said in page.heard)
    assert 0 < len(page.seen) <= took / 0.5 + 2  # the first and the last come at once
    assert all(max(seen.image.size) <= 512 for seen in page.seen)
    assert all(any(looks_like(one, pixels) for pixels in served(sim)) for one in sixteen(page.seen[-1].image))


def sixteen(sheet: Image.Image) -> list[Image.Image]:
    side = (sheet.width - 3 * 4) // 4
    return [
        sheet.crop((x, y, x + side, y + side))
        for y in range(0, sheet.height, side + 4)
        for x in range(0, sheet.width, side + 4)
    ]


def test_one_picture_needs_no_preview(sim: Simulator, page: PageStandIn, four: Any) -> None:
    four["1"]["inputs"]["n"] = 1
    page.queue(four)
    page.until_the_end()
    assert page.seen == []


def test_nobody_else_sees_them(comfy: ComfyUI, sim: Simulator, page: PageStandIn, four: Any) -> None:
    with page_of(comfy) as other:
        page.queue(four)
        page.until_the_end()
        assert page.seen
        other.until(lambda: _has_rest(other))
        assert other.seen == []


@pytest.mark.parametrize("client", [{}, {"client_id": None}, {"client_id": "a script"}], ids=["none", "null", "own"])
def test_what_a_script_queues_is_shown_to_no_page(
    comfy: ComfyUI, sim: Simulator, page: PageStandIn, four: Any, client: dict[str, Any]
) -> None:
    prompt_id = comfy.post("/prompt", {"prompt": four, **client}).json()["prompt_id"]
    page.until(lambda: _has_rest(page))
    assert comfy.history(prompt_id)["status"]["status_str"] == "success"
    assert page.seen == []


def _has_rest(page: PageStandIn) -> bool:
    """Whether ComfyUI, which tells every page, had something to do and has no more."""
    left = [said["data"]["status"]["exec_info"]["queue_remaining"] for said in page.heard if said["type"] == "status"]
    return any(left) and left[-1] == 0


def test_a_page_that_does_not_know_them_gets_none(comfy: ComfyUI, sim: Simulator, four: Any) -> None:
    with page_of(comfy, previews=False) as page:
        page.queue(four)
        page.until_the_end()
        assert page.seen == []


def test_after_cancel_nothing_is_shown_any_more(
    comfy: ComfyUI, sim: Simulator, page: PageStandIn, four: Any, new_seed: Any
) -> None:
    sim.faults.add("slow_answer", on="picture", times=1, seconds=1.0)
    page.queue(four)
    page.until(lambda: bool(page.seen))
    comfy.interrupt()
    page.until_the_end()
    shown = len(page.seen)
    page.heard.clear()
    four["1"]["inputs"].update(n=1, seed=new_seed())
    time.sleep(1.2)  # the slow picture comes meanwhile
    page.queue(four)
    page.until_the_end()
    assert len(page.seen) == shown


def test_nothing_of_it_is_written_to_disk(comfy: ComfyUI, sim: Simulator, page: PageStandIn, four: Any) -> None:
    four["2"] = {"class_type": "PreviewAny", "inputs": {"source": ["1", 1]}}  # instead of saving

    def files() -> set[str]:
        folders = (comfy.home / name for name in ("output", "temp", "input"))
        return {str(path) for folder in folders for path in folder.rglob("*")}

    before = files()
    page.queue(four)
    page.until_the_end()
    assert page.seen and files() == before
