"""Paths, headers and bodies of the HTTP face."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote

import pytest

from simulator.models import ASYNC_MESSAGES, ASYNC_PROMPT, SYNC

Start = Callable[..., Any]
Urls = Callable[[dict[str, Any]], list[str]]


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "No API-key provided."),
        ({"Authorization": "Bearer "}, "No API-key provided."),
        ({"Authorization": "sk-simulated-cn-beijing"}, "No API-key provided."),
        ({"Authorization": "Bearer sk-wrong"}, "Invalid API-key provided."),
        ({"Authorization": "Bearer sk-simulated-ap-southeast-1"}, "Invalid API-key provided."),
    ],
)
@pytest.mark.parametrize("path", [SYNC, ASYNC_PROMPT, "/tasks/x", "/tasks/", "/tasks/x/cancel"])
def test_missing_and_wrong_keys(shared: Any, headers: dict[str, str], message: str, path: str) -> None:
    method = "GET" if path in ("/tasks/x", "/tasks/") else "POST"
    answer = shared.session.request(method, shared.base + path, headers=headers, json={"model": "none"}, timeout=10)
    assert answer.status_code == 401
    body = answer.json()
    assert body == {"code": "InvalidApiKey", "message": message, "request_id": answer.headers["x-request-id"]}


def test_the_checks_come_in_the_services_order(start: Start) -> None:
    """Each request has all the later faults too."""
    client = start(rate_limits=True)
    headers = dict(client.headers)
    bad = {"model": "wan2.6-t2i", "input": {}, "parameters": {"size": "1*1"}}

    client.headers = {"Authorization": "Bearer wrong"}
    assert client.post(SYNC, b"{").status_code == 401
    client.headers = headers
    assert "Required body invalid" in client.post("/services/wrong", b"{").json()["message"]
    unknown = client.post("/services/wrong", bad | {"model": "x"}, X_DashScope_Async="enable")
    assert unknown.json()["message"] == "Model not exist."
    misplaced = client.post("/services/wrong", bad, X_DashScope_Async="enable")
    assert misplaced.json()["message"] == "url error, please check url!"
    assert client.post(SYNC, bad, X_DashScope_Async="enable").json()["code"] == "AccessDenied"
    assert client.post(SYNC, bad).json()["message"] == "Field required: input.messages"
    assert client.post(SYNC, bad).json()["code"] == "Throttling.RateQuota"


def test_any_other_value_of_the_async_header_means_synchronous(shared: Any) -> None:
    body = {
        "model": "qwen-image-2.0",
        "input": {"messages": [{"role": "user", "content": [{"text": "a boat"}]}]},
        "parameters": {"size": "512*512"},
    }
    assert shared.post(SYNC, body, X_DashScope_Async="DISABLE").status_code == 200


def test_the_async_header_on_a_query_is_refused(shared: Any) -> None:
    headers = shared.headers | {"X-DashScope-Async": "enable"}
    answer = shared.session.get(f"{shared.base}/tasks/x", headers=headers, timeout=10)
    assert answer.status_code == 403
    assert "does not support asynchronous calls" in answer.json()["message"]


def test_get_on_a_post_path_and_unknown_paths(shared: Any) -> None:
    answer = shared.get(SYNC)
    assert answer.status_code == 400 and answer.json()["message"] == "Request method 'GET' is not supported"
    assert shared.get("/nowhere").status_code == 404
    assert shared.get("/nowhere").json()["code"] == "NotFound"


@pytest.mark.parametrize("ahead", [0, 3600, -86400])
def test_every_answer_carries_the_date_of_the_simulators_clock(start: Start, urls: Urls, ahead: float) -> None:
    client = start()
    client.sim.clock.advance(ahead)
    good = client.sync("qwen-image-2.0", size="512*512")
    client.sim.faults.add("http_504", on="list", times=1)
    answers = [
        *(
            good,
            client.submit("wan2.6-t2i", size="1"),
            client.post(SYNC, b"{"),
            client.get("/tasks/"),
            client.get("/x"),
        ),
        *(client.get("/tasks/x"), client.download(urls(good.json()["output"])[0]), client.download(client.sim.url)),
    ]
    for answer in answers:
        date = answer.headers["Date"]
        assert abs(parsedate_to_datetime(date).timestamp() - client.sim.clock.now()) < 5
        assert date.endswith(" GMT") and len(date) == 29
    assert abs(int(good.headers["req-arrive-time"]) / 1000 - client.sim.clock.now()) < 5


def test_the_synchronous_answer_of_qwen(shared: Any, urls: Urls) -> None:
    answer = shared.sync("qwen-image-2.0-pro", n=2, size="2688*1536")
    body = answer.json()
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["x-dashscope-simulated"] == "true"
    assert body["usage"] == {"height": 1536, "image_count": 2, "width": 2688}
    (choice,) = body["output"]["choices"]
    assert choice["finish_reason"] == "stop" and choice["message"]["role"] == "assistant"
    assert [item.keys() for item in choice["message"]["content"]] == [{"image"}, {"image"}]
    assert body["output"].keys() == {"choices"}
    assert [shared.image(url).size for url in urls(body["output"])] == [(2688, 1536)] * 2


@pytest.mark.parametrize("model", ["qwen-image-max", "qwen-image-plus", "qwen-image"])
def test_task_metric_of_the_first_qwen_models(shared: Any, model: str) -> None:
    body = shared.sync(model).json()
    assert body["output"]["task_metric"] == {"FAILED": 0, "SUCCEEDED": 1, "TOTAL": 1}
    assert body["usage"] == {"height": 928, "image_count": 1, "width": 1664}


def test_both_answers_of_wan_2_6(shared: Any) -> None:
    sync = shared.sync("wan2.6-t2i", n=2).json()
    task_id = shared.task("wan2.6-t2i", n=2)
    shared.wait(task_id)
    queried = shared.get(f"/tasks/{task_id}").json()
    for body in (sync, queried):
        output = body["output"]
        assert output["finished"] is True
        assert [len(choice["message"]["content"]) for choice in output["choices"]] == [1, 1]
        assert all(choice["message"]["content"][0]["type"] == "image" for choice in output["choices"])
        tokens = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
        assert body["usage"] == {"image_count": 2, "size": "1280*1280"} | tokens
    assert "task_metrics" not in queried["output"]
    assert set(queried["output"]) - set(sync["output"]) == {
        *("task_id", "task_status", "submit_time", "scheduled_time", "end_time")
    }


def test_wan_2_7_takes_keywords(shared: Any) -> None:
    assert shared.sync("wan2.7-image", n=1, size="1K").json()["usage"]["size"] == "1024*1024"


@pytest.mark.parametrize(("style", "shape"), [("together", [2]), ("apart", [1, 1])])
@pytest.mark.parametrize("model", ["wan2.6-t2i", "qwen-image-2.0"])
def test_the_style_of_choices(start: Start, style: str, shape: list[int], model: str) -> None:
    output = start(choices_style=style).sync(model, n=2).json()["output"]
    assert [len(choice["message"]["content"]) for choice in output["choices"]] == shape


def test_the_answer_of_the_prompt_shape(shared: Any) -> None:
    answer = shared.submit("wan2.5-t2i-preview", n=1)
    assert answer.json().keys() == {"output", "request_id"}
    assert answer.json()["output"].keys() == {"task_status", "task_id"}
    output = shared.wait(answer.json()["output"]["task_id"])
    (result,) = output["results"]
    assert result["orig_prompt"] == "a boat"
    assert result["actual_prompt"].startswith("a boat, ")
    assert output["task_metrics"] == {"TOTAL": 1, "SUCCEEDED": 1, "FAILED": 0}
    plain = shared.wait(shared.task("wan2.5-t2i-preview", n=1, prompt_extend=False))
    assert "actual_prompt" not in plain["results"][0]


def test_qwen_image_asynchronously(shared: Any, urls: Urls) -> None:
    output = shared.wait(shared.task("qwen-image", size="1328*1328"))
    assert shared.image(urls(output)[0]).size == (1328, 1328)


@pytest.mark.parametrize(("size", "tier"), [("1024*1024", "1k"), ("2048*2048", "2k")])
def test_the_answer_of_qwen_3(shared: Any, size: str, tier: str) -> None:
    body = shared.sync("qwen-image-3.0-pro", size=size).json()
    assert body["output"]["rewrite_status"] == "success"
    assert body["usage"]["output_image_type"] == f"qima_output_{tier}"
    assert body["usage"]["output_image_count"] == 1
    assert not {"image_count", "width", "height"} & body["usage"].keys()


@pytest.mark.parametrize("extend", [True, False])
def test_the_answer_of_z_image(shared: Any, extend: bool) -> None:
    body = shared.sync("z-image-turbo", prompt_extend=extend).json()
    message = body["output"]["choices"][0]["message"]
    image, text = message["content"]
    assert image.keys() == {"image"}
    assert (text["text"] != "a boat") is extend
    assert bool(message["reasoning_content"]) is extend
    assert ("output_tokens_details" in body["usage"]) is extend


def test_cancel(start: Start) -> None:
    client = start(task_seconds=100.0, pending_seconds=50.0)
    task_id = client.task("wan2.6-t2i", n=1)
    assert client.poll(task_id).keys() == {"task_id", "task_status", "submit_time"}  # not scheduled yet
    answer = client.post(f"/tasks/{task_id}/cancel", b"")
    assert answer.status_code == 200 and answer.json().keys() == {"request_id"}
    assert client.poll(task_id)["task_status"] == "CANCELED"
    again = client.post(f"/tasks/{task_id}/cancel", b"")
    assert (again.status_code, again.json()["code"]) == (400, "UnsupportedOperation")


def test_a_failed_task_says_why_inside_output(shared: Any) -> None:
    output = shared.wait(shared.task("wan2.2-t2i-plus", size="100*100"))
    assert output["task_status"] == "FAILED"
    assert (output["code"], output["message"]) == (
        "InvalidParameter",
        "Either width or height should be between 512 and 1440. ",
    )


def test_the_list_its_filters_and_pages(start: Start) -> None:
    client = start(task_seconds=100.0)
    tasks = [client.task("wan2.6-t2i", n=1) for _ in range(3)]
    client.sim.clock.advance(200)
    tasks.append(client.task("wan2.5-t2i-preview", n=1))

    def ids(**query: Any) -> list[str]:
        return [row["task_id"] for row in client.get("/tasks/", **query).json()["data"]]

    assert ids() == tasks[::-1]
    assert ids(status="RUNNING") == ids(model_name="wan2.5-t2i-preview") == ids(task_id=tasks[3]) == [tasks[3]]
    assert ids(page_size=3) == tasks[:0:-1] and ids(page_size=3, page_no=2) == [tasks[0]]
    page = client.get("/tasks", page_size=3).json()
    assert (page["total"], page["total_page"], page["page_no"], page["page_size"]) == (4, 2, 1, 3)
    now = client.sim.clock.now() + 8 * 3600  # the query is in UTC+8
    stamps = [time.strftime("%Y%m%d%H%M%S", time.gmtime(now + offset)) for offset in (-100, 100)]
    assert ids(start_time=stamps[0], end_time=stamps[1]) == [tasks[3]]
    assert ids(end_time=stamps[0]) == tasks[2::-1]
    client.sim.clock.advance(25 * 3600)
    assert ids() == []
    assert ids(start_time=stamps[0], end_time=stamps[1]) == [tasks[3]]


def test_an_empty_list(start: Start) -> None:
    page = start().get("/tasks/").json()
    assert page.pop("request_id")
    assert page == {"total": 0, "data": [], "total_page": 0, "page_no": 1, "page_size": 10}


@pytest.mark.parametrize(
    "query",
    [
        {"page_no": "x"},
        {"page_no": 0},
        {"page_size": -1},
        {"start_time": "yesterday"},
        {"end_time": "2026111000000"},
        {"start_time": "20261399000000"},
        {"start_time": "20261101000000", "end_time": "20261102000001"},
        {"start_time": "20200101000000"},  # to now
    ],
)
def test_a_bad_query_of_the_list(shared: Any, query: dict[str, Any]) -> None:
    answer = shared.get("/tasks/", **query)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidParameter")


@pytest.mark.parametrize(
    "query",
    [
        {"start_time": "20261101000000", "end_time": "20261102000000"},
        {"end_time": "20200101000000"},
        {"start_time": "20261102000000", "end_time": "20261101000000"},
    ],
)
def test_a_span_of_the_list_with_nothing_in_it(shared: Any, query: dict[str, Any]) -> None:
    answer = shared.get("/tasks/", **query)
    assert (answer.status_code, answer.json()["total"]) == (200, 0)


def test_links_are_signed(start: Start, urls: Urls) -> None:
    client = start()
    url = urls(client.sync("qwen-image-2.0", size="512*512").json()["output"])[0]
    assert url.startswith(client.sim.url + "/oss/")
    path, _, query = url.partition("?")
    signature = query.rpartition("Signature=")[2]
    refused = {
        path: "AccessDenied",
        url.replace("Signature=", "Signature=x"): "SignatureDoesNotMatch",
        url.replace("OSSAccessKeyId=L", "OSSAccessKeyId=M"): "SignatureDoesNotMatch",
        url.replace("Expires=1", "Expires=2"): "SignatureDoesNotMatch",
        url.replace(".png", "x.png"): "SignatureDoesNotMatch",
    }
    for altered, code in refused.items():
        answer = client.download(altered)
        assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/xml")
        assert f"<Code>{code}</Code>" in answer.text
    assert unquote(signature).endswith("=") and client.download(url).status_code == 200


def test_a_link_lives_24_hours_from_the_end_of_the_task(start: Start, urls: Urls) -> None:
    client = start()
    url = urls(client.wait(client.task("wan2.6-t2i", n=1)))[0]
    client.sim.clock.advance(24 * 3600 - 10)
    assert client.download(url).status_code == 200
    client.sim.clock.advance(20)
    answer = client.download(url)
    assert answer.status_code == 403
    assert "<Message>Request has expired.</Message>" in answer.text and "<ServerTime>" in answer.text


def test_the_storage_refuses_the_key(shared: Any, urls: Urls) -> None:
    url = urls(shared.sync("qwen-image-2.0", size="512*512").json()["output"])[0]
    answer = shared.download(url, **shared.headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/xml")


def test_requests_are_recorded_as_they_came(start: Start) -> None:
    client = start()
    client.submit("wan2.6-t2i", prompt="一艘紙船", n=1)
    client.get("/tasks/abc", page_no=3)
    first, second = client.sim.requests
    assert (first.method, first.path, first.status) == ("POST", f"/api/v1{ASYNC_MESSAGES}", 200)
    assert first.body["input"]["messages"][0]["content"][0]["text"] == "一艘紙船"
    assert first.headers["authorization"] == f"Bearer {client.sim.key}"
    assert first.headers["X-DASHSCOPE-ASYNC"] == "enable"
    assert (second.path, second.query, second.body) == ("/api/v1/tasks/abc", {"page_no": "3"}, None)
    assert abs(second.time - time.time()) < 5


def test_the_default_region_can_be_another(start: Start) -> None:
    client = start(region="us-east-1")
    assert client.sim.key == "sk-simulated-us-east-1"
    assert client.submit("wan2.6-t2i", n=1).status_code == 200
    assert client.sync("qwen-image").json()["message"] == "Model not exist."


def test_many_calls_at_once_take_as_long_as_one(start: Start) -> None:
    client = start(task_seconds=0.5)
    began = time.monotonic()
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda _: client.sync("qwen-image-2.0", size="512*512"), range(12)))
    assert all(answer.status_code == 200 for answer in answers)
    assert time.monotonic() - began < 3


def test_stopping_does_not_wait_for_answers_under_way(start: Start) -> None:
    from simulator import Config, Simulator

    client = start(task_seconds=60.0)
    with ThreadPoolExecutor(1) as thread:
        with Simulator(Config(task_seconds=60.0)) as sim:
            client.base = sim.base_url
            waiting = thread.submit(client.sync, "qwen-image-2.0")
            while not sim.requests:
                time.sleep(0.01)
            began = time.monotonic()
        assert time.monotonic() - began < 5
        assert waiting.exception(timeout=5) is not None
