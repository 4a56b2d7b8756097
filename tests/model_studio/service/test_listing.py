"""The account's list of tasks, whatever is in it."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_studio import errors
from model_studio.service.exchange import Answer
from model_studio.service.listing import PAGE_SIZE, ListedTask, TaskPage, read_models, read_page
from model_studio.waiting import Waiting
from tests.model_studio.submitting import error

MADE = 1_764_158_400_123  # milliseconds since 1970


def row(**changes: Any) -> dict[str, Any]:
    return {"task_id": "t-1", "model_name": "wan2.6-t2i", "gmt_create": MADE, **changes}


def read(*rows: Any, page: int = 1, **body: Any) -> TaskPage:
    return read_page({"data": list(rows), "total_page": 1, **body}, "wan2.6-t2i", page, None)


def test_a_task_and_when_it_was_made() -> None:
    assert read(row()).tasks == [ListedTask("t-1", 1_764_158_400.123)]


@pytest.mark.parametrize(
    "odd",
    [
        "no row",
        None,
        row(model_name="wan2.5-t2i-preview"),
        row(model_name=None),
        *(row(task_id=task_id) for task_id in ("", None, 7, "../../x", "null", "t" * 129)),
    ],
)
def test_what_is_no_task_of_the_model_is_left_out(odd: Any) -> None:
    assert read(odd, row()).tasks == read(row()).tasks


@pytest.mark.parametrize(
    "made",
    [
        *(math.inf, -math.inf, math.nan, 10**400, -(10**400), 1e300, -1, 0, True, False, None, [], {}, "soon"),
        *(str(MADE), "1764158400123.5", 253_402_300_800_000),
    ],
)
def test_a_task_that_was_made_at_no_time_is_left_out(made: Any) -> None:
    assert read(row(gmt_create=made), row()).tasks == read(row()).tasks


@pytest.mark.parametrize(
    ("page", "body", "is_last"),
    [
        (1, {"total_page": 1}, True),
        (1, {"total_page": 2}, False),
        (2, {"total_page": 2}, True),
        (3, {"total_page": 2}, True),
        (1, {"total_page": 0}, True),
        (1, {"total_page": "2"}, True),
        (1, {"total_page": None}, True),
        (1, {"total_page": math.nan}, True),
        (1, {"total_page": 10**400}, False),
        (1, {"total_page": 2, "data": []}, True),
        (1, {"total_page": 2, "data": None}, True),
    ],
)
def test_which_page_is_the_last(page: int, body: dict[str, Any], is_last: bool) -> None:
    assert read(row(), page=page, **body).is_last is is_last


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "total_page", "gmt_create", "model_name", "task_id"]), inner)
    ),
)


@given(anything, anything, anything)
def test_any_json_is_read_without_raising(data: Any, pages: Any, made: Any) -> None:
    read_page({"data": data, "total_page": pages}, "wan2.6-t2i", 1, None)
    for task in read(row(gmt_create=made)).tasks:
        assert 0 < task.made < 1e12


def test_a_page_is_asked_for_and_dated_by_the_service(
    client_at: Any, waiting: Waiting, script: Any, answer: Any
) -> None:
    body = {"data": [row()], "total_page": 3, "request_id": "r-1"}
    exchange = script(
        answer(502, b"<html>"),
        answer(200, body, Date="Thu, 26 Nov 2026 12:00:00 GMT"),
        answer(200, body, Date="yesterday"),
    )
    client = client_at(exchange)
    page = asyncio.run(client.listed("wan2.6-t2i", 2, waiting))
    assert page == TaskPage([ListedTask("t-1", 1_764_158_400.123)], False, 1_795_694_400.0)
    path = "/tasks/?model_name=wan2.6-t2i&page_no=2&page_size=50"
    assert {call.url for call in exchange.calls} == {client.host.base_url + path}
    assert asyncio.run(client.listed("wan2.6-t2i", 2, waiting)).now is None


def test_an_endless_number_in_the_list_is_no_exception(client_at: Any, waiting: Waiting, script: Any) -> None:
    """JSON as other programs write it: 1e400 is read as infinite."""
    text = json.dumps({"data": [row(gmt_create="?")], "total_page": 1})
    for made in ("1e400", "-1e400", "NaN", "9" * 4000):
        listed = Answer(200, {}, text.replace('"?"', made).encode())
        assert asyncio.run(client_at(script(listed)).listed("wan2.6-t2i", 1, waiting)).tasks == []


def test_a_list_that_is_refused(client_at: Any, waiting: Waiting, script: Any, answer: Any) -> None:
    with pytest.raises(errors.AccessDenied):
        asyncio.run(client_at(script(answer(403, error("AccessDenied")))).listed("wan2.6-t2i", 1, waiting))


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ({"models": [{"model": "a"}, {"model": None}, "b", {"name": "c"}], "total": 4}, (["a"], True)),
        ({"models": [{"model": "a"}], "total": PAGE_SIZE + 1}, (["a"], False)),
        ({"models": [{"model": "a"}]}, (["a"], True)),
        ({"models": [], "total": 10**9}, ([], True)),
        ({"models": {"model": "a"}}, ([], True)),
        (None, ([], True)),
        ("models", ([], True)),
    ],
)
def test_a_page_of_the_list_of_models(output: Any, found: Any) -> None:
    assert read_models({"output": output}, 1) == found
