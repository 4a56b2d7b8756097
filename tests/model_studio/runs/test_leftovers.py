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
OLD = NOW - LIFETIME
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
    ("sent", "kinds", "consented", "expected"),
    [
        (NOW - 60, GONE, False, "raise"),  # a user has to know first
        (NOW - 60, GONE, True, "replace"),
        (OLD, GONE, False, "replace"),  # nothing else could be
        (OLD, GONE, True, "replace"),
        (NOW - 60, TROUBLE, False, "raise"),
        (NOW - 60, TROUBLE, True, "raise"),  # the service keeps it
        (OLD, TROUBLE, False, "raise"),
        (OLD, TROUBLE, True, "replace"),
        (NOW - 60, LATER, True, "raise"),
        (OLD, LATER, True, "raise"),
    ],
)
def test_after_an_error(sent: float, kinds: tuple[type[ModelStudioError], ...], consented: bool, expected: str) -> None:
    for kind in kinds:
        assert leftovers.after(record(sent=sent), error(kind), consented, NOW) == expected, kind


@pytest.mark.parametrize("consented", [False, True])
def test_what_ended_unpaid_is_sent_again_only_if_nothing_is_wrong_with_it(consented: bool) -> None:
    failed = record("failed")
    for kind in (errors.TaskCanceled, errors.Throttled):
        assert leftovers.after(failed, error(kind), consented, NOW) == "send"
    for kind in (errors.ContentRefused, errors.ServiceFault, errors.NoPictures):
        assert leftovers.after(failed, error(kind), consented, NOW) == "raise"


def test_a_denial_counts_after_minutes_only() -> None:
    denied = record(missing=NOW - PATIENCE + 1)
    for kind in (errors.TaskUnknown, errors.PictureExpired):
        assert not leftovers.is_lost(record(), error(kind), NOW)
        assert not leftovers.is_lost(denied, error(kind), NOW)
        assert leftovers.is_lost(denied, error(kind), NOW + 1)
        assert leftovers.is_lost(record(sent=OLD), error(kind), NOW)
    assert leftovers.is_lost(record(), error(errors.NoPictures), NOW)
    assert not leftovers.is_lost(record("failed"), error(errors.NoPictures), NOW)
    for kind in TROUBLE:
        assert not leftovers.is_lost(denied, error(kind), NOW + 1)
        assert leftovers.is_lost(record(sent=OLD), error(kind), NOW)


@given(missing=st.none() | st.floats(-1e6, 1e6), sent=st.floats(-1e6, 1e6), consented=st.booleans())
def test_patience_is_bounded_whatever_the_clock_says(missing: float | None, sent: float, consented: bool) -> None:
    found = record(sent=NOW + sent, missing=None if missing is None else NOW + missing)
    assert BRIEF <= leftovers.patience(found, consented, NOW) <= PATIENCE
    if consented or leftovers.is_old(found, NOW):
        assert leftovers.patience(found, consented, NOW) == BRIEF
