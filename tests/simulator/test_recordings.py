"""The simulator's answers beside recorded ones of the real service: the same fields with values of the same kinds.

The recordings are test data of the public project cnblogs/dashscope-sdk (MIT licence), see tests/data/recordings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulator.models import ASYNC_PROMPT, SYNC

FOLDER = Path(__file__).parents[1] / "data" / "recordings"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}")


@pytest.fixture
def client(start: Callable[..., Any]) -> Any:
    return start(task_seconds=100.0, sync_seconds=0.0)


def recorded(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def kinds(value: Any) -> Any:
    """The shape of JSON: keys and kinds of values; text only as uuid, time or link where it is one."""
    if isinstance(value, dict):
        return {key: kinds(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [kinds(inner) for inner in value]
    if isinstance(value, str):
        if UUID.fullmatch(value):
            return "uuid"
        if LOCAL_TIME.fullmatch(value):
            return "time"
        return "link" if value.startswith(("http://", "https://")) else "text"
    return type(value).__name__


def assert_like(answer: Any, name: str, *same: str) -> None:
    """`same`: dotted paths whose very value must be equal."""
    true = recorded(name)["response"]
    assert answer.status_code == true["status"]
    assert kinds(answer.json()) == kinds(true["body"])
    for path in same:
        ours, theirs = answer.json(), true["body"]
        for key in path.split("."):
            ours, theirs = ours[key], theirs[key]
        assert ours == theirs, path
    if "content-type" in true["headers"]:
        assert answer.headers["content-type"] == true["headers"]["content-type"]
    for header in ("server", "req-cost-time", "req-arrive-time", "resp-start-time", "vary"):
        assert kinds(answer.headers[header]) == kinds(true["headers"][header])
    assert answer.headers["server"] == true["headers"]["server"]
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


def test_a_synchronous_answer(client: Any) -> None:
    request = recorded("sync-qwen-image-max")["request"]["body"]
    answer = client.post(SYNC, request)
    assert_like(answer, "sync-qwen-image-max", "usage", "output.task_metric")
    headers = recorded("sync-qwen-image-max")["response"]["headers"]
    for header in ("x-dashscope-finished", "x-dashscope-timeout", "x-dashscope-call-gateway"):
        assert answer.headers[header] == headers[header]
    ours, theirs = (json.loads(h["x-dashscope-inner-flow-control-meta"]) for h in (answer.headers, headers))
    for name in ("count_limit", "count_limit_period"):
        assert ours["user_spec"][name] == theirs["user_spec"][name]


def test_a_task_from_submit_to_success(client: Any) -> None:
    request = recorded("submit-image-synthesis")["request"]["body"]
    submitted = client.post(ASYNC_PROMPT, request, X_DashScope_Async="enable")
    assert_like(submitted, "submit-image-synthesis", "output.task_status")
    path = f"/tasks/{submitted.json()['output']['task_id']}"
    assert_like(client.get(path), "task-running", "output.task_status", "output.task_metrics")
    client.sim.clock.advance(200)
    assert_like(client.get(path), "task-succeeded-results", "output.task_status", "output.task_metrics", "usage")


def test_an_unknown_task(client: Any) -> None:
    assert_like(client.get("/tasks/1111"), "task-unknown", "output")


def test_a_cancel_that_comes_too_late(client: Any) -> None:
    answer = client.post(f"/tasks/{client.task('wan2.6-t2i', n=1)}/cancel", b"")
    assert_like(answer, "cancel-too-late", "code", "message")


def test_the_list(client: Any) -> None:
    client.task("wan2.6-t2i", n=1)
    client.sim.clock.advance(200)
    assert_like(client.get("/tasks"), "list-tasks", "total", "total_page", "page_no", "page_size")


def test_a_wrong_key(client: Any) -> None:
    client.headers = {"Authorization": "Bearer sk-wrong"}
    request = recorded("error-key")["request"]
    assert_like(client.post(SYNC, request["body"]), "error-key", "code", "message")


def test_a_wrong_parameter(client: Any) -> None:
    body = {"model": "wan2.6-t2i", "input": {"messages": [{"role": "user", "content": []}]}}
    assert_like(client.post(SYNC, body), "error-parameter", "code", "message")


@pytest.mark.parametrize(
    ("one", "other"),
    [({"a": 1}, {"a": "1"}), ({"a": 1}, {"b": 1}), ([1], [1, 1]), ("2024-03-01 17:38:24.817", "2024-03-01"), (1, 1.5)],
)
def test_the_comparison_sees_differences(one: Any, other: Any) -> None:
    assert kinds(one) != kinds(other)
