"""What an earlier request left: the cases, as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_studio import errors
from model_studio.errors import ModelStudioError
from model_studio.ledger import Asked, Entry, new_entry
from model_studio.runs import leftovers
from model_studio.runs.leftovers import BRIEF, LIFETIME, PATIENCE
from model_studio.service.answers import Drawn
from model_studio.words import Text

NOW = 1_800_000_000.0
LINKS = Drawn(links=("https://host.aliyuncs.com/a.png",))


def record(state: str = "submitted", sent: float = NOW - 60, **values: Any) -> Entry:
    asked = Asked("account", "cn-beijing", "print", "wan2.2-t2i-flash", "a boat", "512*512", 1)
    is_task = values.pop("is_task", True)
    return replace(new_entry(replace(asked, is_task=is_task), "sending", NOW), state=state, sent=sent, **values)


def error(kind: type[ModelStudioError]) -> ModelStudioError:
    return kind(Text("It went wrong."))


@pytest.mark.parametrize(
    ("found", "consented", "step"),
    [
        (None, False, "send"),
        (record("sending"), False, "look up"),
        (record("sending"), True, "look up"),
        (record("uncertain"), True, "look up"),
        (record("sending", is_task=False), False, "warn"),
        (record("uncertain", is_task=False), True, "send"),
        (record("submitted", task_id="t"), False, "resume"),
        (record("submitted", task_id="t"), True, "resume"),
        (record("drawn", drawn=LINKS, is_task=False), False, "resume"),
        (record("lost", drawn=LINKS, is_task=False), True, "resume"),
        (record("lost", is_task=False), False, "warn"),
    ],
)
def test_where_a_run_begins(found: Entry | None, consented: bool, step: str) -> None:
    assert leftovers.first_step(found, consented) == step


GONE = (errors.TaskUnknown, errors.NoPictures, errors.PictureExpired)
TROUBLE = (errors.PictureBroken, errors.PictureUnreachable, errors.PictureRefused, errors.ServiceFault)
LATER = (errors.TaskTimeout, errors.ConnectionFailed, errors.PictureUnreadable)


@pytest.mark.parametrize(
    ("old", "kinds", "consented", "expected"),
    [
        (False, GONE, False, "raise"),  # a user has to know first
        (False, GONE, True, "replace"),
        (True, GONE, False, "replace"),  # nothing else could be
        (True, GONE, True, "replace"),
        (False, TROUBLE, False, "raise"),
        (False, TROUBLE, True, "raise"),  # the service keeps it
        (True, TROUBLE, False, "raise"),
        (True, TROUBLE, True, "replace"),
        (False, LATER, True, "raise"),
        (True, LATER, True, "raise"),
    ],
)
def test_after_an_error(old: bool, kinds: tuple[type[ModelStudioError], ...], consented: bool, expected: str) -> None:
    for kind in kinds:
        assert leftovers.after(record(), error(kind), consented, old) == expected, kind


@pytest.mark.parametrize("consented", [False, True])
def test_what_ended_unpaid_is_sent_again_only_if_nothing_is_wrong_with_it(consented: bool) -> None:
    failed = record("failed")
    for kind in (errors.TaskCanceled, errors.Throttled):
        assert leftovers.after(failed, error(kind), consented, False) == "send"
    for kind in (errors.ContentRefused, errors.ServiceFault, errors.NoPictures):
        assert leftovers.after(failed, error(kind), consented, False) == "raise"


def test_a_denial_counts_after_minutes_only() -> None:
    for kind in (errors.TaskUnknown, errors.PictureExpired):
        assert not leftovers.is_lost(record(), error(kind), False)
        assert not leftovers.is_lost(record(denied=PATIENCE - 1), error(kind), False)
        assert leftovers.is_lost(record(denied=PATIENCE), error(kind), False)
        assert leftovers.is_lost(record(), error(kind), True)
    assert leftovers.is_lost(record(), error(errors.NoPictures), False)
    assert not leftovers.is_lost(record("failed"), error(errors.NoPictures), False)
    for kind in TROUBLE:
        assert not leftovers.is_lost(record(denied=PATIENCE), error(kind), False)
        assert leftovers.is_lost(record(), error(kind), True)


@given(denied=st.floats(0, 1e6), consented=st.booleans(), old=st.booleans())
def test_patience_is_bounded(denied: float, consented: bool, old: bool) -> None:
    found = record(denied=denied)
    assert BRIEF <= leftovers.patience(found, consented, old) <= PATIENCE
    if consented or old:
        assert leftovers.patience(found, consented, old) == BRIEF


def test_a_day_is_what_the_service_says_it_keeps_things_for() -> None:
    assert leftovers.is_old(record(sent=NOW - LIFETIME), NOW)
    assert not leftovers.is_old(record(sent=NOW - LIFETIME + 1), NOW)
