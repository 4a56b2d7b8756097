from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_studio import errors, tasks
from model_studio.answers import Drawn, TaskAnswer


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


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a-1", ["a-1"]),
        (" a-1, b-2\n c-3\t\r\n", ["a-1", "b-2", "c-3"]),
        ("a-1,a-1 b-2", ["a-1", "b-2"]),
        ("a-1，b-2；c-3", ["a-1", "b-2", "c-3"]),
        ('"a-1", "b-2"', ["a-1", "b-2"]),
    ],
)
def test_ids(text: str, ids: list[str]) -> None:
    assert tasks.parse_ids(text) == ids


@pytest.mark.parametrize("text", ["", " ,\n"])
def test_no_ids(text: str) -> None:
    assert tasks.parse_ids(text) == []


@pytest.mark.parametrize("text", ["../services", "a?b", "a/../b", "a%2f", "x" * 129, "任務"])
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(errors.InvalidRequest):
        tasks.parse_ids(text)


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
    assert "After 120 s 2 tasks are not finished (RUNNING, no answer; the last trouble on the line: HTTP 502)." in str(
        error
    )
