"""The service's answers: recorded ones, documented ones, and whatever JSON there is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_studio.catalog import ALL_MODELS
from model_studio.service.answers import MOST, Drawn, TaskAnswer, read_drawn, read_task


@pytest.fixture
def recorded(recordings: Path) -> Callable[[str], Any]:
    return lambda name: json.loads((recordings / f"{name}.json").read_text("utf-8"))["response"]["body"]


def test_recorded_sync_answer(recorded: Callable[[str], Any]) -> None:
    answer = read_task(recorded("sync-qwen-image-max"))
    assert answer.request_id == "5795d646-7395-91d2-85d7-34d8b99a3d8d"
    (link,) = answer.drawn.links
    assert link.startswith("https://dashscope-7c2c.oss-cn-shanghai.aliyuncs.com/")
    assert link.endswith("&Signature=c2ln%2BbmF0dXJl%3D")  # percent-encoding untouched


def test_recorded_submission(recorded: Callable[[str], Any]) -> None:
    answer = read_task(recorded("submit-image-synthesis"))
    assert (answer.task_id, answer.state) == ("9e2b6ef6-285d-4efa-8651-4dbda7d571fa", "PENDING")


def test_recorded_running_task(recorded: Callable[[str], Any]) -> None:
    answer = read_task(recorded("task-running"))
    assert answer.state == "RUNNING" and answer.drawn == Drawn()
    assert answer.times == {"submit_time": "2024-03-01 17:38:24.817", "scheduled_time": "2024-03-01 17:38:24.831"}


def test_recorded_finished_task_keeps_all_links_even_equal_ones(recorded: Callable[[str], Any]) -> None:
    answer = read_task(recorded("task-succeeded-results"))
    assert answer.state == "SUCCEEDED" and len(answer.drawn.links) == 4
    assert answer.drawn.links[1] == answer.drawn.links[2]


def test_recorded_unknown_task(recorded: Callable[[str], Any]) -> None:
    assert read_task(recorded("task-unknown")).state == "UNKNOWN"


SIGNED = [
    "https://a.oss-cn-beijing.aliyuncs.com/x.png?Expires=1&OSSAccessKeyId=LTAI&Signature=planted",
    "https://a.oss-cn-beijing.aliyuncs.com/x.png?x-oss-credential=planted&x-oss-signature=planted",
    "HTTPS://A.OSS-CN-BEIJING.ALIYUNCS.COM/X.PNG?X-OSS-SECURITY-TOKEN=planted",
    "http://a.aliyuncs.com/x?a=1&b=planted",
    "/x.png?security-token=planted&X-OSS-SIGNATURE=planted",
]


@pytest.mark.parametrize("link", SIGNED)
def test_what_opens_a_picture_to_anyone_is_in_no_text_for_users(link: str) -> None:
    output = {"task_status": f"SEE {link}", "code": link, "message": f"see {link} for more"}
    output["results"] = [{"code": link, "message": link}]
    answer = read_task({"output": output, "request_id": link})
    assert "planted" not in repr(answer).lower()
    assert "for more" in answer.message and "?…" in answer.message


NASTY = "".join(map(chr, [*range(32), *range(127, 160), 0x200B, 0x200E, 0x202E, 0x2028, 0x2029, 0x2066, 0xFEFF]))


def test_what_the_service_says_is_one_line_that_only_shows_itself() -> None:
    said = f"one\r\n2026-01-01 ERROR forged\x1b[31mred\x1b]0;title\x07{NASTY}two 😀 三　四"
    answer = read_task({"output": {"message": said, "code": said, "task_status": said}, "request_id": said})
    for told in (answer.message, answer.code, answer.state):
        assert not set(told) & set(NASTY)
        assert told.startswith("one 2026-01-01 ERROR forged [31mred") and told.endswith("two 😀 三 四")
    assert not set(answer.request_id) & set(NASTY)


def test_what_is_shown_and_kept_is_bounded() -> None:
    much = "很" * 10**7
    answer = read_task({"output": {"message": much, "results": [{"actual_prompt": much}]}, "request_id": much})
    assert len(answer.message) == 2000 and len(answer.request_id) == 128
    assert len(answer.drawn.used_prompts[0]) == 100_000


def choice(*items: dict[str, str]) -> dict[str, Any]:
    return {"finish_reason": "stop", "message": {"role": "assistant", "content": list(items)}}


@pytest.mark.parametrize(
    ("output", "drawn"),
    [
        ({"choices": [choice({"image": "a"}, {"image": "b"})]}, Drawn(("a", "b"))),
        ({"choices": [choice({"image": "a", "type": "image"}), choice({"image": "b"})]}, Drawn(("a", "b"))),
        ({"choices": [choice({"image": "a"}, {"text": "rewritten"})]}, Drawn(("a",), ("rewritten",))),
        (
            {"results": [{"url": "a", "orig_prompt": "o", "actual_prompt": "p"}, {"url": "b"}]},
            Drawn(("a", "b"), ("p",), (), ("o",)),
        ),
        (
            {"results": [{"url": "a"}, {"code": "DataInspectionFailed", "message": "No."}, {"code": "X"}]},
            Drawn(("a",), (), ("DataInspectionFailed: No.", "X")),
        ),
        ({"choices": [choice({"text": "I cannot\n draw \ud800 this."})]}, Drawn(said=("I cannot draw ? this.",))),
        (
            {"choices": [choice({"image": "a"}), choice({"text": "No."}, {"text": "x" * 9999})]},
            Drawn(("a",), said=("No.", "x" * 2000)),
        ),
        ({"choices": [choice({"text": "See https://a.b/c?Signature=s"})]}, Drawn(said=("See https://a.b/c?…",))),
        ({"results": [{"url": "a", "actual_prompt": "half \ud800 a pair"}]}, Drawn(("a",), ("half ? a pair",))),
        ({}, Drawn()),
        (None, Drawn()),
        ({"choices": None, "results": {"url": "a"}}, Drawn()),
        ({"choices": [{"message": None}, 3, {"message": {"content": "text"}}]}, Drawn()),
    ],
)
def test_shapes(output: Any, drawn: Drawn) -> None:
    assert read_drawn(output) == drawn


@pytest.mark.parametrize("count", [MOST - 1, MOST, MOST + 1, 2000])
def test_more_than_any_set_of_pictures_holds_is_counted_but_not_read(count: int) -> None:
    """Each link makes a thread, a booking and a file."""
    links = [f"https://a/{number}" for number in range(count)]
    in_one_choice = {"choices": [choice(*({"image": link} for link in links))]}
    in_choices = {"choices": [choice({"image": link}) for link in links]}
    results = {"results": [{"url": link} for link in links]}
    in_both = {"choices": in_choices["choices"][: count // 2], "results": results["results"][count // 2 :]}
    for output in (in_one_choice, in_choices, results, in_both):
        drawn = read_drawn(output)
        assert drawn.links == tuple(links[:MOST]) and drawn.more == max(count - MOST, 0)


def test_other_lists_of_an_answer_are_bounded_too() -> None:
    """Each failure and each text makes a note."""
    results = [{"url": "a", "orig_prompt": "o", "actual_prompt": "p"}, {"code": "X"}] * 1000
    drawn = read_drawn({"choices": [choice({"text": "No."})] * 1000, "results": results})
    assert {len(texts) for texts in (drawn.used_prompts, drawn.asked_prompts, drawn.failures, drawn.said)} == {MOST}


@pytest.mark.parametrize(
    ("output", "work"),
    [
        ({"video_url": "https://a/b.mp4", "orig_prompt": "boats"}, "a video"),
        ({"results": {"video_url": "https://a/b.mp4"}}, "a video"),
        ({"choices": [choice({"video": "https://a/b.mp4"})]}, "a video"),
        ({"audio": {"url": "https://a/b.wav", "expires_at": 1}}, "speech"),
        ({"results": [{"file_url": "f", "transcription_url": "t", "subtask_status": "SUCCEEDED"}]}, "a transcript"),
        ({"result": {"transcription_url": "t"}}, "a transcript"),
        ({"choices": [choice({"image": "a"}, {"text": "a video"})], "results": [{"url": "a"}]}, ""),
        ({"video_url": None, "audio": {}}, ""),
    ],
)
def test_what_is_no_picture(output: Any, work: str) -> None:
    assert read_task({"output": output}).other_work == work


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["output", "choices", "results", "message", "content", "image", "url", "video_url", "task_status"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


def test_every_set_that_can_be_asked_for_is_read_whole() -> None:
    assert 2 * max(model.max_n for model in ALL_MODELS) <= MOST


@given(st.dictionaries(st.sampled_from(["output", "request_id", "usage"]), anything))
def test_any_json_is_read_without_raising(body: dict[str, Any]) -> None:
    answer = read_task(body)
    assert isinstance(answer, TaskAnswer)
    assert all(isinstance(link, str) and link for link in answer.drawn.links)
