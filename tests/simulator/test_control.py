"""The page and the switches for people and other processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Start = Callable[..., Any]


@pytest.fixture
def control(shared: Any) -> Callable[..., Any]:
    def call(method: str, path: str, body: Any = None) -> Any:
        return shared.session.request(method, f"{shared.sim.url}/_simulator/{path}", json=body, timeout=10)

    return call


def test_the_page_says_what_it_is_and_escapes_what_strangers_wrote(shared: Any, control: Any) -> None:
    shared.task("wan2.6-t2i", prompt="<script>alert(1)</script>", n=1)
    answer = control("GET", "")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "simulator" in answer.text
    assert "<script" not in answer.text and "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
    assert f"DASHSCOPE_HTTP_BASE_URL={shared.sim.base_url}\n" in answer.text


def test_the_page_escapes_the_host_it_was_called_by(shared: Any) -> None:
    headers = {"Host": 'a"><script>'}
    assert "<script" not in shared.session.get(f"{shared.sim.url}/_simulator/", headers=headers, timeout=10).text


def test_the_request_log_names_the_account_and_not_the_key(shared: Any, control: Any) -> None:
    shared.get("/tasks/abc")
    shared.session.get(f"{shared.base}/tasks/x", headers={"Authorization": "Bearer sk-real-secret"}, timeout=10)
    answer = control("GET", "requests")
    assert "sk-" not in answer.text
    known, unknown = answer.json()[-2:]
    assert known["headers"]["Authorization"] == "(account-1, cn-beijing)"
    assert unknown["headers"]["Authorization"] == "(no known key)"
    assert (known["method"], known["path"], known["status"]) == ("GET", "/api/v1/tasks/abc", 200)


def test_control_calls_are_not_in_the_log(shared: Any, control: Any) -> None:
    before = len(shared.sim.requests)
    control("GET", "requests")
    assert len(shared.sim.requests) == before


def test_faults_by_http(shared: Any, control: Any) -> None:
    added = control("POST", "faults", {"fault": "throttle", "on": "poll", "times": 1, "code": "Throttling"})
    assert added.json()["active"][0]["fault"] == "throttle"
    assert shared.get("/tasks/x").json()["code"] == "Throttling"
    control("POST", "faults", {"fault": "throttle", "on": "poll"})
    assert control("DELETE", "faults").json()["active"] == []
    assert shared.get("/tasks/x").status_code == 200


@pytest.mark.parametrize("body", [{}, [], {"fault": "trottle"}, {"fault": "throttle", "x": 1}, {"fault": 3}, None])
def test_a_wrong_fault_by_http(control: Any, body: Any) -> None:
    answer = control("POST", "faults", body)
    assert answer.status_code == 400 and answer.json()["error"]


def test_the_clock_by_http(start: Start) -> None:
    client = start()
    before = client.sim.clock.now()
    url = f"{client.sim.url}/_simulator/clock"
    assert client.session.post(url, json={"advance": 86400}, timeout=10).status_code == 200
    assert 86400 <= client.sim.clock.now() - before < 86410
    wrongs: list[Any] = [{}, {"advance": "soon"}, []]
    for wrong in wrongs:
        assert client.session.post(url, json=wrong, timeout=10).status_code == 400


def test_billing_by_http(start: Start) -> None:
    client = start()
    client.sync("qwen-image-2.0", size="512*512", n=2)
    (charge,) = client.session.get(f"{client.sim.url}/_simulator/billing", timeout=10).json()
    assert (charge["model"], charge["images"], charge["task_id"]) == ("qwen-image-2.0", 2, None)
