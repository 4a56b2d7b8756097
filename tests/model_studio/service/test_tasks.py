from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_studio import errors
from model_studio.service import tasks
from model_studio.service.answers import Drawn, TaskAnswer


def answer(state: str, code: str = "", message: str = "") -> TaskAnswer:
    return TaskAnswer("t-1", state, "r-1", code, message, Drawn(), {})


def test_schedule_of_the_specification() -> None:
    """Every 3 seconds for the first 30, then longer."""
    asked, elapsed = [], 0.0
    while elapsed < 200:
        elapsed += tasks.poll_delay(elapsed)
        asked.append(elapsed)
    assert asked[:10] == [3, 6, 9, 12, 15, 18, 21, 24, 27, 30]
    gaps = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert gaps == sorted(gaps)
    assert all(gap > 3 for gap in gaps[9:])


ANSWER = '{"output":{"task_id":"%s","task_status":"PENDING"},"request_id":"%s"}'


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a-1", ["a-1"]),
        (" a-1, b-2\n c-3\t\r\n", ["a-1", "b-2", "c-3"]),
        ("a-1,a-1 b-2", ["a-1", "b-2"]),
        ("a-1，b-2；c-3", ["a-1", "b-2", "c-3"]),
        ('"a-1", "b-2"', ["a-1", "b-2"]),
        ('["a-1","b-2"]', ["a-1", "b-2"]),
        ("['a-1', 'b-2']", ["a-1", "b-2"]),
        ("“a-1” ‘b-2’「c-3」`d-4`。", ["a-1", "b-2", "c-3", "d-4"]),
        ("\ufeffa-1\u200b\u00a0\u3000b-2.", ["a-1", "b-2"]),
        ("https://dashscope.aliyuncs.com/api/v1/tasks/a-1, http://127.0.0.1:80/api/v1/tasks/b-2/", ["a-1", "b-2"]),
        ("task_id: a-1\nTask ID：b-2", ["a-1", "b-2"]),
        ('{"task_id": "a-1"}', ["a-1"]),
        ("{'output': {'task_id': 'a-1', 'task_status': 'PENDING'}, 'request_id': 'r-1'}", ["a-1"]),
        (ANSWER % ("a-1", "r-1"), ["a-1"]),
        (f"{ANSWER}\n{ANSWER}" % ("a-1", "r-1", "b-2", "r-2"), ["a-1", "b-2"]),
        (f"[{ANSWER}, {ANSWER}]" % ("a-1", "r-1", "b-2", "r-2"), ["a-1", "b-2"]),
        (json.dumps(ANSWER % ("a-1", "r-1")), ["a-1"]),
        (json.dumps(json.loads(ANSWER % ("a-1", "r-1")), indent=2), ["a-1"]),
    ],
)
def test_ids(text: str, ids: list[str]) -> None:
    assert tasks.parse_ids(text) == ids


@pytest.mark.parametrize("text", ["", " ,\n"])
def test_no_ids(text: str) -> None:
    assert tasks.parse_ids(text) == []


@pytest.mark.parametrize(
    "text",
    [
        *("../services", "a?b", "a/../b", "a%2f", "x" * 129, "任務", "None", "null", "undefined", "NaN", "a-1, None"),
        *("https://evil.example/tasks/a-1", "https://dashscope.aliyuncs.com/api/v1/tasks/a-1?b=c"),
        *("{}", '{"task_id": null}', '{"request_id": "r-1"}', '{"output": {"task_id": "a/../b"}}', ANSWER % ("", "r")),
    ],
)
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="is not a task id"):
        tasks.parse_ids(text)


ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}", fullmatch=True).filter(tasks.is_id)
ids = ids.filter(lambda text: not text.lower().startswith("task"))
PAIRS = "“” ‘’ 「」 『』 «» `` [] () <> （） 【】 ''"
ADDRESS = "https://dashscope-intl.aliyuncs.com/api/v1/tasks/"
before_and_behind = [*map(tuple, PAIRS.split()), ('"', '"'), *(("", end) for end in ".。!"), ("\ufeff", "")]
before_and_behind += [("\u2060", "\u200d"), ("\u200b", "\u200b"), ("\u00a0", "\u00a0")]
before_and_behind += [("task_id=", ""), ("task_id: ", ""), (ADDRESS, ""), (ADDRESS, "/")]
around = st.sampled_from(before_and_behind)
between = st.sampled_from([",", ", ", "\n", "\r\n", " ", "\t", "，", "；", "、", ";", "\u3000", "\u00a0", "\u2028"])
wrapped = st.tuples(ids, st.lists(around, max_size=3), between)


@given(st.lists(wrapped, max_size=20))
def test_ids_come_out_in_order_whatever_they_are_wrapped_in(items: list[Any]) -> None:
    text = ""
    for task_id, wraps, after in items:
        for before, behind in wraps:
            task_id = f"{before}{task_id}{behind}"
        text += task_id + after
    assert tasks.parse_ids(text) == list(dict.fromkeys(task_id for task_id, _, _ in items))


@given(st.lists(ids, min_size=1, max_size=20), st.sampled_from([None, 2]), st.booleans())
def test_ids_come_out_of_json(given_ids: list[str], indent: int | None, ascii_only: bool) -> None:
    answers = [json.loads(ANSWER % (task_id, "r-1")) for task_id in given_ids]
    for value in (given_ids, answers, {"data": answers}, [{"task_id": task_id} for task_id in given_ids]):
        text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
        assert tasks.parse_ids(text) == list(dict.fromkeys(given_ids))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"model": "m", "task_id": "a-1, b-2"}', ["a-1", "b-2"]),  # our info of two
        (r'{"output": {"task_id": "a-1", "results": [{"orig_prompt": "say \"task_id\": \"b-2\""}]}}', ["a-1"]),
        (r'{"task_id": "a\u002d1"}', ["a-1"]),
        ("Moderation refused it. (HTTP 403, request id r-11, task id a-22)", ["a-22"]),
        ("內容審核拒絕了提示詞。（HTTP 403，請求 ID r-11，任務 ID a-22）", ["a-22"]),
        ("内容审核拒绝了提示词。（HTTP 403，请求 ID r-11，任务 ID a-22）", ["a-22"]),
        ("task id: a-22", ["a-22"]),
    ],
)
def test_only_task_ids_are_taken_out_of_what_holds_more(text: str, found: list[str]) -> None:
    assert tasks.parse_ids(text) == found


@given(st.text())
def test_whatever_is_pasted_there_are_ids_or_a_sentence(text: str) -> None:
    try:
        found = tasks.parse_ids(text)
    except errors.InvalidRequest as error:
        assert "task id" in error.text
    else:
        assert all(map(tasks.is_id, found))


def test_too_many_are_refused_with_what_would_work() -> None:
    most = " ".join(f"a-{number}" for number in range(tasks.MOST_IDS))
    assert len(tasks.parse_ids(most)) == tasks.MOST_IDS
    with pytest.raises(errors.InvalidRequest, match=r"101 task ids are too many.*up to 100"):
        tasks.parse_ids(f"{most} one-more")


@given(st.text())
def test_whatever_is_an_id_is_safe_in_a_path(text: str) -> None:
    if tasks.is_id(text):
        assert all(character.isascii() and (character.isalnum() or character in "-_") for character in text)


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "SUCCEEDED", "SUSPENDED", "BRAND_NEW", ""])
def test_no_error(state: str) -> None:
    assert tasks.failure(answer(state), "t-1", "cn-beijing") is None


@pytest.mark.parametrize(
    ("given_answer", "kind", "says"),
    [
        (answer("FAILED", "DataInspectionFailed", "Input data may…"), errors.ContentRefused, "Moderation"),
        (answer("FAILED", "InternalError.Algo", "inference internal error."), errors.ServiceFault, "while drawing"),
        (answer("FAILED", "RequestTimeOut"), errors.ServiceFault, "300 seconds"),  # of a task: not billed
        (answer("FAILED"), errors.ServiceFault, "failed"),
        (answer("CANCELED"), errors.TaskCanceled, "canceled"),
        (answer("UNKNOWN"), errors.TaskUnknown, "24 hours"),
    ],
)
def test_errors(given_answer: TaskAnswer, kind: type, says: str) -> None:
    error = tasks.failure(given_answer, "t-1", "cn-beijing")
    assert type(error) is kind
    assert says in str(error) and "request id r-1, task id t-1" in str(error)


def test_unknown_names_all_three_reasons() -> None:
    text = str(tasks.failure(answer("UNKNOWN"), "t-1", "cn-beijing"))
    for reason in ("older than 24 hours", "another account", "another region"):
        assert reason in text


def test_timeout_keeps_the_ids() -> None:
    error = tasks.timeout({"a": "RUNNING", "b": ""}, 120, "HTTP 502")
    assert error.task_id == "a, b"
    assert "After 120 s 2 tasks are not finished (RUNNING, no answer; the last connection error: HTTP 502)." in str(
        error
    )
