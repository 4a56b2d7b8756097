"""Reading ComfyUI's websocket messages."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from rig.prompt_run import PromptRun


@pytest.fixture
def run(tmp_path: Path) -> PromptRun:
    return PromptRun(tmp_path, prompt_id="mine")


def tell(run: PromptRun, kind: str, **data: Any) -> bool:
    return run.take(json.dumps({"type": kind, "data": {"prompt_id": "mine"} | data}))


def text_message(node_id: str, text: str) -> bytes:
    return struct.pack(">II", 3, len(node_id)) + node_id.encode() + text.encode()


def test_a_run_that_succeeds(run: PromptRun) -> None:
    tell(run, "execution_start")
    tell(run, "executing", node="1")
    run.take(text_message("1", "等待中"))
    tell(run, "progress_state", nodes={"1": {"state": "finished"}, "2": {"state": "running"}})
    tell(run, "executed", node="2", output={})
    tell(run, "execution_success")
    assert not run.ended_at
    assert tell(run, "executing", node=None)
    assert run.status == "success"
    assert [(node_id, text) for _, node_id, text in run.progress_texts] == [("1", "等待中")]
    assert list(run.executed_at) == ["1", "2"]
    assert 0 < run.started_at <= run.executed_at["1"] <= run.executed_at["2"] <= run.ended_at


@pytest.mark.parametrize(("kind", "status"), [("execution_error", "error"), ("execution_interrupted", "interrupted")])
def test_a_run_that_does_not(run: PromptRun, kind: str, status: str) -> None:
    tell(run, kind, exception_message="no")
    assert tell(run, "executing", node=None)
    assert run.status == status
    assert (run.error or {}).get("exception_message") == ("no" if status == "error" else None)


def test_messages_of_other_prompts_do_not_count(run: PromptRun) -> None:
    run.take(text_message("1", "of an earlier prompt"))
    assert not tell(run, "executing", prompt_id="another", node=None)
    tell(run, "execution_error", prompt_id="another")
    assert (run.status, run.progress_texts) == ("running", [])


def test_previews_in_the_binary_stream_are_skipped(run: PromptRun) -> None:
    tell(run, "execution_start")
    assert not run.take(struct.pack(">II", 1, 2) + b"\xff\xd8 a picture")
    assert run.progress_texts == []


def test_pictures_and_texts_of_the_history(run: PromptRun, tmp_path: Path) -> None:
    file = {"filename": "a.png", "subfolder": "cats", "type": "output"}
    run.outputs = {"2": {"images": [file]}, "3": {"text": ["hello"]}}
    assert run.images("2") == [tmp_path / "output" / "cats" / "a.png"]
    assert run.images("9") == []
    assert run.text("3") == "hello"
