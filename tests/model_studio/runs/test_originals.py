"""The service's own bytes, by the info of a run or by task ids; whatever text comes, only what the ledger has."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_studio.errors import InvalidRequest, PictureNotStored
from model_studio.ledger import DRAWN, SENDING, Asked, Entry, Ledger, Limits, new_entry
from model_studio.ledger.session import LedgerSession, Rules
from model_studio.runs.originals import Named, named, originals
from model_studio.service.answers import Drawn
from model_studio.waiting import Waiting
from model_studio.words import Text


@pytest.fixture
def session(tmp_path: Path, waiting: Waiting) -> LedgerSession:
    return LedgerSession(Ledger(tmp_path / "ledger"), Rules(reuse=False, store_limit=10**6, store_days=None), waiting)


def record(session: LedgerSession, *contents: bytes, count: int = 0, **ids: str) -> Entry:
    """A record with pictures, of which so many were drawn."""
    ledger = session.ledger
    entry = ledger.begin(new_entry(Asked("account", "cn-beijing", n=1), SENDING, ledger.now()))
    links = tuple(f"https://a/{number}" for number in range(count or len(contents)))
    entry = ledger.update(entry, state=DRAWN, drawn=Drawn(links), **ids)
    for number, content in enumerate(contents):
        ledger.keep(entry, number, content, Limits(10**6))
    return entry


def found(session: LedgerSession, source: str) -> tuple[list[bytes], list[Text]]:
    notes = list[Text]()

    async def collect() -> list[bytes]:
        return [content async for content in originals(named(source), session, notes)]

    return asyncio.run(collect()), notes


def test_by_request_of_a_sync_call(session: LedgerSession) -> None:
    record(session, b"other", request_id="r-2")
    record(session, b"1", b"2", request_id="r-1")
    assert found(session, json.dumps({"task_id": None, "request_id": "r-1"})) == ([b"1", b"2"], [])


def test_by_tasks_in_the_order_of_their_ids(session: LedgerSession) -> None:
    for name in ("a", "b", "c"):
        record(session, name.encode(), task_id=f"task-{name}", request_id="the-same")
    info = {"task_id": "task-c, task-a", "request_id": "the-same"}
    assert found(session, json.dumps(info)) == ([b"c", b"a"], [])
    assert found(session, "task-b\ntask-c") == ([b"b", b"c"], [])


def test_what_is_missing_is_told_beside_what_is_there(session: LedgerSession) -> None:
    record(session, b"1", count=2, task_id="task-a")
    assert found(session, "task-a task-b") == (
        [b"1"],
        ["Original 2 of task-a is not in the store, or damaged.", "No original of task-b is in the store."],
    )


@pytest.mark.parametrize(
    ("limit", "advice"), [(0, "The store is switched off"), (10**6, "For 24 hours Task Poller fetches a task again")]
)
def test_nothing_at_all_is_an_error_that_says_what_to_do(session: LedgerSession, limit: int, advice: str) -> None:
    session.rules = Rules(reuse=True, store_limit=limit, store_days=None)
    record(session, count=1, task_id="task-a")
    with pytest.raises(PictureNotStored, match="No original of task-a is in the store") as error:
        found(session, "task-a")
    assert advice in str(error.value)


def test_a_damaged_file_is_not_handed_out(session: LedgerSession) -> None:
    record(session, b"1", task_id="task-a")
    (file,) = session.ledger.store.folder.iterdir()
    file.write_bytes(b"2")
    with pytest.raises(PictureNotStored, match="Original 1 of task-a is not in the store, or damaged"):
        found(session, "task-a")


def test_an_info_names_by_task_else_by_request() -> None:
    assert named('{"task_id": "a, b", "request_id": "r"}') == Named(["a", "b"], [])
    assert named('{"task_id": null, "request_id": "r"}') == Named([], ["r"])
    assert named('{"request_id": "r, s"}') == Named([], ["r", "s"])


@pytest.mark.parametrize(
    "source",
    [
        "",
        " ",
        "{}",
        "[]",
        "null",
        '{"task_id": 7, "request_id": ["r"]}',
        '{"request_id": "\\ud800"}',
        "../../etc/passwd",
        '{"request_id": "a b"}',
        '{"task_id": "../a"}',
        '{"request_id": ""}',
        "[" * 100_000,
    ],
)
def test_what_names_nothing_is_refused(source: str) -> None:
    with pytest.raises(InvalidRequest):
        named(source)


@pytest.fixture(scope="module")
def one_picture(tmp_path_factory: pytest.TempPathFactory) -> LedgerSession:
    rules = Rules(reuse=True, store_limit=10**6, store_days=None)
    session = LedgerSession(Ledger(tmp_path_factory.mktemp("ledger")), rules, Waiting(60))
    record(session, b"1", task_id="task-a", request_id="r-1")
    return session


hostile = st.sampled_from(["' OR 1=1 --", "%", "_", "*", "task_id", "1", "r-1' OR '1'='1", "task-", "r-", "a\0"])


@given(
    st.builds(lambda task, request: json.dumps({"task_id": task, "request_id": request}), hostile, hostile) | hostile
)
def test_no_text_selects_what_it_does_not_name(one_picture: LedgerSession, source: Any) -> None:
    with pytest.raises((InvalidRequest, PictureNotStored)):
        found(one_picture, source)
