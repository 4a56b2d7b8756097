"""Good answers and bad ones: what was paid for counts more than whatever else is said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from model_studio import errors
from model_studio.waiting import Waiting
from tests.model_studio.submitting import DONE, create

LINK = "https://dashscope-result-sh.oss-cn-shanghai.aliyuncs.com/a.png?Expires=1&Signature=secret%2B"


@pytest.mark.parametrize("status", [302, 400, 403, 404, 429, 500])
@pytest.mark.parametrize("code", ["", "InvalidParameter", "Throttling", "InternalError"])
def test_a_task_counts_whatever_else_is_said(
    client_at: Any, waiting: Waiting, script: Any, answer: Any, status: int, code: str
) -> None:
    exchange = script(answer(status, {**DONE, "code": code, "message": "no"}))
    assert create(client_at, waiting, exchange).task_id == "t-1"
    assert len(exchange.calls) == 1


@pytest.mark.parametrize("status", [302, 403, 429, 500])
def test_a_picture_counts_under_any_status(
    client_at: Any, waiting: Waiting, script: Any, answer: Any, status: int
) -> None:
    drawn = {"output": {"choices": [{"message": {"content": [{"image": LINK}]}}]}, "request_id": "r-1"}
    assert create(client_at, waiting, script(answer(status, drawn)), "sync").drawn.links == (LINK,)


def test_openai_like_envelope(client_at: Any, waiting: Waiting, script: Any, answer: Any) -> None:
    body = {"error": {"code": "InvalidApiKey", "message": "Incorrect key"}, "request_id": "r-1"}
    with pytest.raises(errors.AuthenticationFailed):
        create(client_at, waiting, script(answer(401, body)))


@pytest.mark.parametrize("body", [DONE, {"output": {"choices": [{"message": {"content": [{"image": LINK}]}}]}}])
def test_what_was_paid_counts_more_than_a_code_beside_it(
    client_at: Any, waiting: Waiting, script: Any, answer: Any, body: Any
) -> None:
    exchange = script(answer(200, {"code": "InternalError", "message": "", "request_id": "r-1", **body}))
    made = create(client_at, waiting, exchange, "sync")
    assert made.task_id == "t-1" or made.drawn.links == (LINK,)
    assert len(exchange.calls) == 1


def test_recorded_errors_are_understood(
    client_at: Any, waiting: Waiting, script: Any, answer: Any, recordings: Any
) -> None:
    for name, kind in (
        ("error-key", errors.AuthenticationFailed),
        ("error-parameter", errors.ParameterRefused),
        ("cancel-too-late", errors.ParameterRefused),
    ):
        recorded = json.loads((recordings / f"{name}.json").read_text("utf-8"))["response"]
        with pytest.raises(kind) as caught:
            create(client_at, waiting, script(answer(recorded["status"], recorded["body"])))
        assert caught.value.request_id == recorded["body"]["request_id"]
