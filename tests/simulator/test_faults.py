"""The switchboard, and each fault of the line and of tasks as a client sees it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import requests

from simulator.faults import KINDS, PLACES, Faults
from simulator.models import MODELS, SYNC
from simulator.rules import CODES

Start = Callable[..., Any]
Urls = Callable[[dict[str, Any]], list[str]]


def test_a_fault_strikes_so_many_times_and_is_off_then() -> None:
    faults = Faults()
    faults.add("throttle", times=2)
    taken = [faults.take("create", "line", None) for _ in range(3)]
    assert [fault and fault.name for fault in taken] == ["throttle", "throttle", None]
    assert faults.active() == []


def test_a_fault_without_times_stays_until_cleared() -> None:
    faults = Faults()
    faults.add("throttle")
    assert all(faults.take("create", "line", None) for _ in range(50))
    faults.clear()
    assert faults.take("create", "line", None) is None


def test_a_fault_waits_for_its_chance() -> None:
    faults = Faults()
    faults.add("http_502", on="poll", after=2, times=1)
    assert [bool(faults.take("poll", "line", None)) for _ in range(4)] == [False, False, True, False]


def test_a_fault_is_for_its_place_stage_and_model_only() -> None:
    faults = Faults()
    faults.add("throttle", on="poll", model="wan2.6-t2i")
    assert faults.take("create", "line", "wan2.6-t2i") is None
    assert faults.take("poll", "task", "wan2.6-t2i") is None
    assert faults.take("poll", "line", "wan2.5-t2i-preview") is None
    assert faults.take("poll", "line", "wan2.6-t2i") is not None


@pytest.mark.parametrize(
    ("name", "more", "says"),
    [
        ("trottle", {}, "throttle"),
        ("throttle", {"on": "picture"}, "cannot strike at 'picture'"),
        ("picture_jpeg", {"on": "create"}, "cannot strike at 'create'"),
        ("throttle", {"cod": "x"}, "has no cod"),
    ],
)
def test_a_wrong_fault_is_refused_with_a_hint(name: str, more: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Faults().add(name, **more)


def test_the_table_names_known_places_and_codes() -> None:
    for kind in KINDS.values():
        assert set(kind.places) <= set(PLACES)
        assert kind.parameters.get("code", "Arrearage") in (*CODES, "QpsLimitExceeded")


REFUSALS = [
    ("throttle", {}, 429, "Throttling.RateQuota"),
    ("throttle", {"code": "Throttling"}, 429, "Throttling"),
    ("throttle", {"code": "Throttling.BurstRate"}, 429, "Throttling.BurstRate"),
    ("throttle", {"code": "limit_requests", "http": 429}, 429, "limit_requests"),
    ("http_500_json", {}, 500, "InternalError"),
    ("http_500_json", {"code": "InternalError.Algo"}, 500, "InternalError.Algo"),
    ("http_500_json", {"code": "ModelUnavailable"}, 503, "ModelUnavailable"),
    ("arrears", {}, 400, "Arrearage"),
    ("free_tier_used_up", {}, 403, "AllocationQuota.FreeTierOnly"),
    ("not_activated", {}, 403, "AccessDenied.Unpurchased"),
    ("model_not_found_404", {}, 404, "ModelNotFound"),
]


@pytest.mark.parametrize(("name", "more", "status", "code"), REFUSALS)
def test_a_refusal_is_error_json_and_nothing_is_done(
    shared: Any, name: str, more: dict[str, Any], status: int, code: str
) -> None:
    before = (len(shared.sim.billed), len(shared.sim.service.tasks))
    shared.sim.faults.add(name, times=1, **more)
    answer = shared.submit("wan2.2-t2i-plus", n=1)
    assert answer.status_code == status
    assert answer.json().keys() == {"code", "message", "request_id"}
    assert answer.json()["code"] == code and answer.json()["message"]
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert "Retry-After" not in answer.headers
    assert (len(shared.sim.billed), len(shared.sim.service.tasks)) == before


def test_a_throttle_can_say_when_to_come_again(shared: Any) -> None:
    shared.sim.faults.add("throttle", times=1, retry_after=7)
    answer = shared.submit("wan2.2-t2i-plus", n=1)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert "Retry-After" not in shared.submit("wan2.2-t2i-plus", n=1).headers


@pytest.mark.parametrize("place", ["poll", "cancel", "list"])
def test_a_refusal_elsewhere_leaves_the_task_alone(shared: Any, place: str) -> None:
    task_id = shared.task("wan2.2-t2i-plus", n=1)
    shared.sim.faults.add("throttle", on=place, times=1)
    call: Callable[[], Any] = {
        "poll": lambda: shared.get(f"/tasks/{task_id}"),
        "cancel": lambda: shared.post(f"/tasks/{task_id}/cancel", b""),
        "list": lambda: shared.get("/tasks/"),
    }[place]
    assert call().status_code == 429
    assert call().status_code in (200, 400)
    assert shared.wait(task_id)["task_status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("name", "processed"), [("close_before_answer", True), ("reset_on_connect", False), ("break_in_body", True)]
)
@pytest.mark.parametrize("call", ["sync", "submit"])
def test_a_broken_line_and_whether_it_was_done_all_the_same(
    start: Start, name: str, processed: bool, call: str
) -> None:
    client = start()
    client.sim.faults.add(name, times=1)
    with pytest.raises(requests.exceptions.RequestException):
        getattr(client, call)("wan2.6-t2i", n=1)
    assert len(client.sim.billed) == processed
    assert getattr(client, call)("wan2.6-t2i", n=1).status_code == 200
    assert len(client.sim.billed) == processed + 1


UNSEEN = (
    "close_before_answer",
    "slow_answer",
    "http_504",
    "not_json",
    "wrong_shape",
    "truncated_json",
    "break_in_body",
)


@pytest.mark.parametrize("name", UNSEEN)
@pytest.mark.parametrize("model", ["wan2.6-t2i", "wan2.2-t2i-plus"])
def test_a_task_whose_client_never_heard_of_it_is_billed_and_in_the_list(start: Start, name: str, model: str) -> None:
    client = start()
    endpoint = next(endpoint for endpoint in MODELS[model].endpoints if endpoint != SYNC)
    given = {"prompt": "a boat", "messages": [{"role": "user", "content": [{"text": "a boat"}]}]}
    headers = client.headers | {"X-DashScope-Async": "enable"}
    client.sim.faults.add(name, times=1)
    with suppress(requests.exceptions.RequestException, KeyError, TypeError):
        body = {"model": model, "input": given, "parameters": {"n": 1}}
        answer = client.session.post(client.base + endpoint, json=body, headers=headers, timeout=1)
        pytest.fail(f"the answer has a task id: {answer.json()['output']['task_id']}")
    (charge,) = client.sim.billed
    (row,) = client.get("/tasks/").json()["data"]
    assert (row["task_id"], row["model_name"], row["request_id"]) == (charge.task_id, model, charge.request_id)
    assert client.wait(row["task_id"])["task_status"] == "SUCCEEDED"


@pytest.mark.parametrize(("name", "status"), [("http_502", 502), ("not_json", 200), ("wrong_shape", 200)])
def test_the_list_can_fail_while_polls_work(shared: Any, name: str, status: int) -> None:
    task_id = shared.task("wan2.6-t2i", n=1)
    shared.sim.faults.add(name, on="list", times=1)
    assert shared.wait(task_id)["task_status"] == "SUCCEEDED"
    spoiled = shared.get("/tasks/")
    assert spoiled.status_code == status and task_id not in spoiled.text
    assert task_id in shared.get("/tasks/").text


def test_the_list_can_lag_for_some_seconds(start: Start) -> None:
    client = start()
    client.sim.faults.add("list_lag", seconds=30)
    first = client.task("wan2.6-t2i", n=1)
    client.sim.clock.advance(20)
    second = client.task("wan2.6-t2i", n=1)
    assert client.get("/tasks/").json()["total"] == 0
    client.sim.clock.advance(15)
    assert [row["task_id"] for row in client.get("/tasks/").json()["data"]] == [first]
    client.sim.clock.advance(20)
    assert [row["task_id"] for row in client.get("/tasks/").json()["data"]] == [second, first]


def test_the_list_can_lag_for_some_reads(start: Start) -> None:
    client = start()
    client.sim.faults.add("list_lag", times=2, seconds=3600)
    task_id = client.task("wan2.6-t2i", n=1)
    assert client.poll(task_id)["task_status"] != "UNKNOWN"
    assert [client.get("/tasks/").json()["total"] for _ in range(3)] == [0, 0, 1]


def test_a_fault_of_one_model_strikes_lists_of_that_model_only(shared: Any) -> None:
    shared.sim.faults.add("throttle", on="list", model="wan2.6-t2i", times=1)
    lists = [shared.get("/tasks/", **query) for query in ({}, {"model_name": "wan2.5-t2i-preview"})]
    lists.append(shared.get("/tasks/", model_name="wan2.6-t2i"))
    assert [answer.status_code for answer in lists] == [200, 200, 429]


@pytest.mark.parametrize(("name", "status", "processed"), [("http_502", 502, False), ("http_504", 504, True)])
def test_a_gateway_page(start: Start, name: str, status: int, processed: bool) -> None:
    client = start()
    client.sim.faults.add(name, times=1)
    answer = client.submit("wan2.2-t2i-plus", n=1)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html")
    assert answer.text.startswith("<html>")
    assert len(client.sim.billed) == processed


def test_whether_a_gateway_page_comes_after_the_work_can_be_chosen(start: Start) -> None:
    client = start()
    client.sim.faults.add("http_502", times=1, processed=True)
    assert client.submit("wan2.2-t2i-plus", n=1).status_code == 502
    assert len(client.sim.billed) == 1


def test_truncated_json(shared: Any) -> None:
    shared.sim.faults.add("truncated_json", times=1)
    answer = shared.submit("wan2.2-t2i-plus", n=1)
    assert answer.status_code == 200 and answer.text.startswith('{"')
    with pytest.raises(ValueError):
        answer.json()


@pytest.mark.parametrize("name", ["slow_answer", "slow_drip"])
def test_slow_answers_come_complete(shared: Any, name: str) -> None:
    shared.sim.faults.add(name, times=1, seconds=0.3)
    began = time.monotonic()
    answer = shared.submit("wan2.2-t2i-plus", n=1)
    assert time.monotonic() - began >= 0.29
    assert answer.json()["output"]["task_status"] == "PENDING"


def test_not_json_wrong_shape_and_ok_with_code(shared: Any) -> None:
    for name in ("not_json", "wrong_shape", "ok_with_code"):
        shared.sim.faults.add(name, times=1)
    billed = len(shared.sim.billed)
    text, shape, code = (shared.submit("wan2.2-t2i-plus", n=1) for _ in range(3))
    assert [answer.status_code for answer in (text, shape, code)] == [200, 200, 200]
    with pytest.raises(ValueError):
        text.json()
    assert shape.json()["output"] == ["unexpected"]
    assert code.json().keys() == {"code", "message", "request_id"}
    assert len(shared.sim.billed) == billed + 2


@pytest.mark.parametrize(
    ("name", "more", "code"),
    [
        ("task_failed", {}, "InternalError.Algo"),
        ("task_failed", {"code": "Throttling.AllocationQuota"}, "Throttling.AllocationQuota"),
        ("moderation_input", {}, "DataInspectionFailed"),
        ("moderation_output", {}, "DataInspectionFailed"),
    ],
)
def test_failures_of_tasks_are_free(start: Start, name: str, more: dict[str, Any], code: str) -> None:
    client = start()
    client.sim.faults.add(name, times=2, **more)
    output = client.wait(client.task("wan2.6-t2i", n=1))
    assert (output["task_status"], output["code"]) == ("FAILED", code)
    answer = client.sync("wan2.6-t2i", n=1)
    assert answer.json()["code"] == code
    assert answer.status_code == CODES[code][0]
    assert answer.json()["message"] == output["message"]
    assert client.sim.billed == []


@pytest.mark.parametrize("model", ["wan2.6-t2i", "wan2.2-t2i-plus"])
def test_a_task_can_be_accepted_and_throttled_later(start: Start, model: str) -> None:
    client = start()
    client.sim.faults.add("task_failed", code="Throttling.AllocationQuota", message="Allocated quota exceeded.")
    submitted = client.submit(model, n=1)
    assert (submitted.status_code, submitted.json()["output"]["task_status"]) == (200, "PENDING")
    task_id = submitted.json()["output"]["task_id"]
    client.wait(task_id)
    answer = client.get(f"/tasks/{task_id}")
    output = answer.json()["output"]
    assert (answer.status_code, output["task_status"]) == (200, "FAILED")
    assert (output["code"], output["message"]) == ("Throttling.AllocationQuota", "Allocated quota exceeded.")
    assert "code" not in answer.json()
    assert [row["status"] for row in client.get("/tasks/").json()["data"]] == ["FAILED"]


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("stuck_pending", "PENDING"),
        ("stuck_running", "RUNNING"),
        ("canceled", "CANCELED"),
        ("unknown", "UNKNOWN"),
        ("suspended", "SUSPENDED"),
        ("strange_state", "REVIEWING"),
    ],
)
def test_tasks_that_are_held_in_a_state(start: Start, name: str, state: str) -> None:
    client = start()
    client.sim.faults.add(name, times=1)
    held, free = client.task("wan2.6-t2i", n=1), client.task("wan2.6-t2i", n=1)
    assert client.wait(free)["task_status"] == "SUCCEEDED"
    client.sim.clock.advance(3600)
    assert client.poll(held)["task_status"] == state
    assert [charge.task_id for charge in client.sim.billed] == [free]


def test_a_state_can_be_shown_to_a_single_query(shared: Any) -> None:
    task_id = shared.task("wan2.6-t2i", n=1)
    shared.sim.faults.add("unknown", on="poll", times=1)
    assert shared.poll(task_id) == {"task_id": task_id, "task_status": "UNKNOWN"}
    assert shared.wait(task_id)["task_status"] == "SUCCEEDED"


def test_partial_success_on_the_prompt_shape(start: Start, urls: Urls) -> None:
    client = start()
    client.sim.faults.add("partial_success", failed=1, times=1)
    task_id = client.task("wan2.2-t2i-plus", n=4)
    output = client.wait(task_id)
    assert output["task_status"] == "SUCCEEDED"
    assert output["task_metrics"] == {"TOTAL": 4, "SUCCEEDED": 3, "FAILED": 1}
    assert output["results"][3] == {
        "code": "DataInspectionFailed",
        "message": "Output data may contain inappropriate content.",
    }
    assert len(urls(output)) == 3
    assert client.get(f"/tasks/{task_id}").json()["usage"] == {"image_count": 3}
    assert [charge.images for charge in client.sim.billed] == [3]


@pytest.mark.parametrize("model", ["wan2.2-t2i-plus", "wan2.6-t2i"])
def test_a_usage_that_tells_of_less(start: Start, urls: Urls, model: str) -> None:
    client = start()
    client.sim.faults.add("other_usage", usage={"image_count": 1, "output_image_type": "qima_output_1k"})
    task_id = client.task(model, n=2)
    assert len(urls(client.wait(task_id))) == 2
    usage = client.get(f"/tasks/{task_id}").json()["usage"]
    assert usage["image_count"] == 1 and "output_image_type" not in usage


def test_a_usage_that_tells_of_another_tier(start: Start) -> None:
    client = start()
    client.sim.faults.add("other_usage", usage={"output_image_type": "qima_output_2k"})
    usage = client.sync("qwen-image-3.0-pro", size="1024*1024").json()["usage"]
    assert (usage["output_image_type"], usage["output_image_count"]) == ("qima_output_2k", 1)


def test_when_all_fail_the_task_fails(start: Start) -> None:
    client = start()
    client.sim.faults.add("partial_success", failed=2)
    assert client.wait(client.task("wan2.2-t2i-plus", n=2))["task_status"] == "FAILED"
    assert client.sim.billed == []


@pytest.mark.parametrize("model", ["wan2.6-t2i", "wan2.5-t2i-preview"])
@pytest.mark.parametrize(("name", "count"), [("succeeded_without_pictures", 0), ("more_pictures", 2)])
def test_another_number_of_pictures(start: Start, urls: Urls, model: str, name: str, count: int) -> None:
    client = start()
    client.sim.faults.add(name)
    output = client.wait(client.task(model, n=1))
    assert output["task_status"] == "SUCCEEDED"
    assert len(urls(output)) == count
    assert sum(charge.images for charge in client.sim.billed) == count


def test_one_picture_of_another_size(start: Start, urls: Urls) -> None:
    client = start()
    client.sim.faults.add("other_size", index=1, size="700*300")
    output = client.wait(client.task("wan2.2-t2i-plus", n=3, size="512*512"))
    assert [client.image(url).size for url in urls(output)] == [(512, 512), (700, 300), (512, 512)]


def test_reset_on_a_poll_does_not_lose_the_task(shared: Any) -> None:
    task_id = shared.task("wan2.6-t2i", n=1)
    shared.sim.faults.add("reset_on_connect", on="poll", times=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        shared.poll(task_id)
    assert shared.sim.requests[-1].status == 0
    assert shared.wait(task_id)["task_status"] == "SUCCEEDED"
