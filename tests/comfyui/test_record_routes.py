"""The routes of the panel of recent tasks: what was drawn is listed, with small pictures, for our own page alone."""

from __future__ import annotations

import io
import json
import sqlite3
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image

from model_studio.ledger import DRAWN, Asked, Ledger, new_entry
from model_studio.service.answers import Drawn
from rig.comfyui import ComfyUI
from simulator import Simulator
from tests.long_ledger import copy

RECORDS = "/model_studio/records"
FOLDER = "user/__model_studio"


@pytest.fixture
def word() -> str:
    """By which the records of one test are found."""
    return f"boats-{uuid.uuid4().hex}"


@pytest.fixture
def drawn(
    comfy: ComfyUI, sim: Simulator, new_graph: Callable[[], Any], word: str
) -> Callable[..., tuple[dict[str, Any], list[Path]]]:
    """Draws with a node and gives its record and the files it saved."""

    def draw(mode: str, **inputs: Any) -> tuple[dict[str, Any], list[Path]]:
        graph = new_graph()
        shown = graph.draw(mode, prompt=word, **inputs)
        run = comfy.run(graph)
        assert run.status == "success", run.error
        return comfy.get(f"{RECORDS}?search={word}")["records"][0], run.images(shown.save)

    return draw


def get(comfy: ComfyUI, path: str, **headers: str) -> requests.Response:
    return requests.get(comfy.url + path, headers=headers, timeout=30)


def pixels(image: Any) -> Any:
    return np.asarray(Image.open(image).convert("RGB").resize((64, 64))).astype(float)


def test_a_task_is_listed_with_its_pictures(comfy: ComfyUI, drawn: Any, word: str) -> None:
    before = comfy.get(RECORDS)["spent"].get("CNY", 0)
    record, files = drawn("async", n=2)
    assert (record["state"], record["again"], record["thumbnails"]) == ("stored", "poller", [0, 1])
    assert (record["prompt"], record["model"], record["size"], record["n"]) == (word, "wan2.2-t2i-flash", "512*512", 2)
    assert comfy.get(RECORDS)["spent"]["CNY"] == pytest.approx(before + record["cost"]["amount"])
    assert comfy.get(RECORDS)["budget"] is None
    for number in range(len(files)):
        answer = get(comfy, f"{RECORDS}/{record['id']}/thumbnail/{number}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/jpeg")
        assert answer.headers["Cache-Control"].startswith("private")
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"  # else any page could show it
        assert Image.open(io.BytesIO(answer.content)).size == (192, 192)
        distances = [abs(pixels(io.BytesIO(answer.content)) - pixels(other)).mean() for other in files]
        assert distances[number] == min(distances) < 4 < max(distances)


def test_a_sync_call_is_listed_without_a_task(drawn: Any) -> None:
    record, _ = drawn("sync")
    assert (record["state"], record["again"], record["task_id"]) == ("stored", "node", None)
    assert isinstance(record["seed"], int)


def test_a_listed_task_comes_from_the_store(comfy: ComfyUI, sim: Simulator, drawn: Any, graph: Any) -> None:
    record, files = drawn("async", n=2)
    asked = len(sim.requests)
    node = graph.add("ModelStudioTaskPoller", task_id=record["task_id"], region=record["region"])
    save, info = graph.save(node), graph.show(node, 2)
    run = comfy.run(graph)
    assert json.loads(run.text(info))["source"] == "from store" and len(sim.requests) == asked
    assert [Image.open(file).tobytes() for file in run.images(save)] == [Image.open(file).tobytes() for file in files]


def test_nothing_is_told_that_opens_anything(comfy: ComfyUI, drawn: Any, planted_keys: dict[str, str]) -> None:
    drawn("async")
    told = get(comfy, RECORDS).text
    with sqlite3.connect(comfy.home / FOLDER / "ledger.sqlite") as ledger:
        (account,) = ledger.execute("SELECT account FROM requests ORDER BY id DESC LIMIT 1").fetchone()
    for secret in (*planted_keys.values(), account, "Signature", "/oss/", "http:", str(comfy.home), ".png"):
        assert secret not in told


def test_a_look_says_what_became_of_open_tasks(comfy: ComfyUI, sim: Simulator, graph: Any, word: str) -> None:
    sim.faults.add("moderation_output", on="create", times=1)
    graph.add("ModelStudioSubmitText2Image", prompt=word, model="wan2.2-t2i-flash", region="cn-beijing")
    assert comfy.run(graph).status == "success"

    def look(**headers: str) -> requests.Response:
        return requests.post(f"{comfy.url}{RECORDS}/look", headers=headers, timeout=30)

    assert look(Origin="http://evil.example").status_code == 403
    record = comfy.get(f"{RECORDS}?search={word}")["records"][0]
    assert record["state"] == "submitted"
    deadline = time.monotonic() + 20
    while record["state"] == "submitted":
        answer = look()
        assert answer.status_code == 200
        found = [each for each in answer.json()["found"] if each["id"] == record["id"]]
        assert not found or found[0]["state"] in ("pending", "running")
        assert time.monotonic() < deadline
        time.sleep(0.1)
        record = comfy.get(f"{RECORDS}?search={word}")["records"][0]
    assert record["state"] == "failed" and record["why"].startswith("Moderation refused the picture that was made.")
    assert sum(seen.method == "POST" for seen in sim.requests) == 1


@pytest.mark.parametrize("path", [RECORDS, f"{RECORDS}/1/thumbnail/0"])
@pytest.mark.parametrize("foreign", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_other_pages_are_refused(comfy: ComfyUI, drawn: Any, path: str, foreign: dict[str, str]) -> None:
    drawn("async")
    for prefix in ("", "/api"):
        assert get(comfy, prefix + path).status_code in (200, 404)
        assert get(comfy, prefix + path, **foreign).status_code == 403


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("?limit=0", "limit"),
        ("?limit=101", "limit"),
        ("?limit=ten", "limit"),
        ("?before=-1", "before"),
        ("?before=", "before"),
        ("?before=9223372036854775808", "before"),
        (f"?before={'9' * 5000}", "before"),
        ("?before=٣", "before"),
        (f"?limit={1999999:026}", "limit"),
        (f"?before={'0' * 20}{'9' * 24}", "before"),
        (f"?search={'x' * 1001}", "search"),
        ("/one/thumbnail/0", "id"),
        ("/1/thumbnail/-1", "number"),
    ],
    ids=lambda text: text[:20],
)
def test_what_cannot_be_meant_is_refused(comfy: ComfyUI, asked: str, told: str) -> None:
    answer = get(comfy, RECORDS + asked)
    assert answer.status_code == 400 and told in answer.json()["error"]


@pytest.mark.parametrize("search", ["%25", "_", "'", "%22", "%00", "%ED%A0%80", "%FF", "紙", "%F0%9F%8E%8F"])
def test_any_text_can_be_searched_for(comfy: ComfyUI, search: str) -> None:
    answer = get(comfy, f"{RECORDS}?search={search}")
    assert answer.status_code == 200 and isinstance(answer.json()["records"], list)


def test_no_picture_is_found(comfy: ComfyUI, drawn: Any) -> None:
    record, _ = drawn("async")
    path = f"{RECORDS}/{record['id']}/thumbnail"
    for missing in (f"{path}/1", f"{RECORDS}/999999999/thumbnail/0", f"{path}/{2**63 - 1}"):
        answer = get(comfy, missing)
        assert answer.status_code == 404 and answer.headers["Cache-Control"] == "no-store"
    newest = max((comfy.home / FOLDER / "pictures").iterdir(), key=lambda file: file.stat().st_mtime)
    newest.write_bytes(newest.read_bytes()[:-50])
    assert get(comfy, f"{path}/0").status_code == 404
    newest.unlink()
    assert get(comfy, f"{path}/0").status_code == 404


def test_many_thumbnails_are_asked_for_at_once(comfy: ComfyUI, drawn: Any) -> None:
    record, _ = drawn("async")
    with ThreadPoolExecutor(30) as pool:
        answers = pool.map(lambda _: get(comfy, f"{RECORDS}/{record['id']}/thumbnail/0"), range(60))
    assert {(answer.status_code, answer.content[:2]) for answer in answers} == {(200, b"\xff\xd8")}


def test_five_thousand_records_come_page_by_page(comfy: ComfyUI, word: str) -> None:
    ledger = Ledger(comfy.home / FOLDER)
    asked = Asked("account", "cn-beijing", "print", "wan2.2-t2i-flash", word, "512*512", 1, 7, True, (0.14, "CNY"))
    entry = ledger.found(new_entry(asked, DRAWN, 1_700_000_000, word))
    copy(ledger, ledger.update(entry, drawn=Drawn(("https://link",))), 4999)
    ids, query = list[int](), f"?search={word}"
    while True:
        page = comfy.get(RECORDS + query)
        ids += [record["id"] for record in page["records"]]
        if not page["more"]:
            break
        assert len(page["records"]) == 100
        query = f"?search={word}&before={ids[-1]}"
    assert ids == sorted(set(ids), reverse=True) and len(ids) == 5000
    assert [record["id"] for record in comfy.get(f"{RECORDS}?before={ids[4000]}&limit=3")["records"]] == ids[4001:4004]


def test_a_ledger_that_cannot_be_read_is_told(comfy: ComfyUI, drawn: Any) -> None:
    record, _ = drawn("async")
    file = comfy.home / FOLDER / "ledger.sqlite"
    aside = file.with_name("aside")
    file.rename(aside)
    file.mkdir()
    try:
        for path in (RECORDS, f"{RECORDS}/{record['id']}/thumbnail/0"):
            answer = get(comfy, path)
            assert answer.status_code == 503 and "ledger" in answer.json()["error"]
            assert str(comfy.home) not in answer.text
    finally:
        file.rmdir()
        aside.rename(file)
    assert get(comfy, RECORDS).status_code == 200
