"""The vendor's own SDK, a client that was not written here, drives a running simulator."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest

dashscope = pytest.importorskip("dashscope", reason="the vendor's SDK is not installed")
from dashscope.aigc.image_generation import ImageGeneration  # noqa: E402  after the check that it is there
from dashscope.api_entities.dashscope_response import Message  # noqa: E402

MESSAGES = [{"role": "user", "content": [{"text": "a paper boat"}]}]


@pytest.fixture
def client(start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    client = start(pending_seconds=0.0)
    monkeypatch.setattr(dashscope, "base_http_api_url", client.sim.base_url)
    monkeypatch.setattr(dashscope, "api_key", client.sim.key)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return client


def test_multi_modal_conversation(client: Any) -> None:
    answer = dashscope.MultiModalConversation.call(
        model="qwen-image-2.0-pro",
        messages=MESSAGES,
        result_format="message",
        stream=False,
        watermark=False,
        prompt_extend=True,
        negative_prompt="blurred",
        size="1536*1024",
    )
    assert answer.status_code == HTTPStatus.OK
    assert (answer.usage["width"], answer.usage["height"], answer.usage["image_count"]) == (1536, 1024, 1)
    url = answer.output.choices[0].message.content[0]["image"]
    assert client.image(url).size == (1536, 1024)


def test_image_generation_at_once(client: Any) -> None:
    message = Message(role="user", content=[{"text": "一間花店"}])
    answer: Any = ImageGeneration.call(
        model="wan2.6-t2i", messages=[message], n=1, size="1280*1280", prompt_extend=True
    )
    assert answer.status_code == HTTPStatus.OK
    assert answer.output.finished is True
    assert answer.usage.size == "1280*1280"
    content = answer.output.choices[0].message.content[0]
    assert content["type"] == "image" and client.image(content["image"]).size == (1280, 1280)


def test_image_generation_as_a_task(client: Any) -> None:
    message = Message(role="user", content=[{"text": "a flower shop"}])
    submitted: Any = ImageGeneration.async_call(model="wan2.6-t2i", messages=[message], n=2, size="1280*1280")
    assert submitted.status_code == HTTPStatus.OK
    assert submitted.output.task_status == "PENDING"
    assert ImageGeneration.fetch(submitted).output.task_status in ("RUNNING", "SUCCEEDED")
    client.sim.clock.advance(10)
    done: Any = ImageGeneration.wait(submitted)
    assert done.output.task_status == "SUCCEEDED"
    assert len(done.output.choices) == 2
    assert done.usage.image_count == 2


def test_a_set_as_a_task(client: Any) -> None:
    message = Message(role="user", content=[{"text": "A fox: 1. wakes 2. walks 3. sleeps"}])
    submitted: Any = ImageGeneration.async_call(
        model="wan2.7-image", messages=[message], n=6, size="1024*1024", enable_sequential=True
    )
    client.sim.clock.advance(10)
    done: Any = ImageGeneration.wait(submitted)
    assert (done.output.task_status, done.usage.image_count, len(done.output.choices)) == ("SUCCEEDED", 3, 3)


def test_what_newer_models_read(client: Any) -> None:
    shares = ("50.00%", "30.00%", "20.00%")
    palette = [{"hex": f"#{number}0A0B0", "ratio": share} for number, share in enumerate(shares)]
    message = Message(role="user", content=[{"text": "a fox"}])
    answer: Any = ImageGeneration.call(
        model="wan2.7-image", messages=[message], n=1, size="768*768", thinking_mode=True, color_palette=palette
    )
    assert answer.status_code == HTTPStatus.OK
    agent = dashscope.MultiModalConversation.call(
        model="qwen-image-3.0", messages=MESSAGES, size="512*512", prompt_extend_mode="agent", enable_thinking=False
    )
    assert agent.status_code == HTTPStatus.OK
    refused = dashscope.MultiModalConversation.call(
        model="qwen-image-3.0", messages=MESSAGES, prompt_extend=False, prompt_extend_mode="agent"
    )
    assert (refused.status_code, refused.code) == (400, "InvalidParameter")


@pytest.mark.parametrize("model", ["wan2.5-t2i-preview", "wan2.2-t2i-plus", "qwen-image"])
def test_image_synthesis_as_a_task(client: Any, model: str) -> None:
    size = "1328*1328" if model == "qwen-image" else "1280*1280"
    submitted = dashscope.ImageSynthesis.async_call(
        model=model, prompt="a paper boat", negative_prompt="blurred", n=1, size=size
    )
    assert submitted.status_code == HTTPStatus.OK
    client.sim.clock.advance(10)
    done = dashscope.ImageSynthesis.wait(submitted)
    assert done.output.task_status == "SUCCEEDED"
    assert done.output.results[0].orig_prompt == "a paper boat"
    assert done.usage.image_count == 1
    assert f"{'*'.join(map(str, client.image(done.output.results[0].url).size))}" == size


def test_cancel_and_list(start: Callable[..., Any], client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = start(pending_seconds=50.0, task_seconds=100.0)
    monkeypatch.setattr(dashscope, "base_http_api_url", slow.sim.base_url)
    submitted = dashscope.ImageSynthesis.async_call(model="wan2.2-t2i-plus", prompt="a paper boat", n=1)
    assert dashscope.ImageSynthesis.cancel(submitted).status_code == HTTPStatus.OK
    assert dashscope.ImageSynthesis.fetch(submitted).output.task_status == "CANCELED"
    again = dashscope.ImageSynthesis.cancel(submitted)
    assert (again.status_code, again.code) == (400, "UnsupportedOperation")
    listed = dashscope.ImageSynthesis.list(model_name="wan2.2-t2i-plus")
    assert listed.status_code == HTTPStatus.OK
    assert [(row["task_id"], row["status"]) for row in listed.output["data"]] == [
        (submitted.output.task_id, "CANCELED")
    ]


def test_errors(client: Any) -> None:
    wrong_key = dashscope.MultiModalConversation.call(api_key="sk-wrong", model="qwen-image", messages=MESSAGES)
    assert (wrong_key.status_code, wrong_key.code) == (401, "InvalidApiKey")
    wrong_size = dashscope.MultiModalConversation.call(model="qwen-image", messages=MESSAGES, size="1024*1024")
    assert (wrong_size.status_code, wrong_size.code) == (400, "InvalidParameter")
    assert wrong_size.message.startswith("The size does not match the allowed size 1664*928,")
    late = dashscope.ImageSynthesis.call(model="wan2.2-t2i-plus", prompt="a boat", size="100*100")
    assert (late.status_code, late.output.task_status) == (200, "FAILED")
    assert client.sim.billed == []


def test_a_gateway_page_and_a_throttle(client: Any) -> None:
    client.sim.faults.add("http_502", times=1)
    page = dashscope.MultiModalConversation.call(model="qwen-image", messages=MESSAGES)
    assert page.status_code == 502
    client.sim.faults.add("throttle", times=1)
    throttled = dashscope.MultiModalConversation.call(model="qwen-image", messages=MESSAGES)
    assert (throttled.status_code, throttled.code) == (429, "Throttling.RateQuota")
