"""Which state of a request may follow which, and that nothing else is ever written."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from model_studio.ledger import DRAWN, FAILED, LOST, SENDING, UNCERTAIN, Asked, Entry, Ledger, new_entry
from model_studio.ledger.states import FOLLOWS, State

STATES: tuple[State, ...] = get_args(State)
ALL = list(product(STATES, STATES))


def in_state(ledger: Ledger, state: State) -> Entry:
    return ledger.found(new_entry(Asked("account", "cn-beijing"), state, ledger.now(), f"t-{state}"))


def test_the_table_has_every_state() -> None:
    assert set(FOLLOWS) == set(STATES) == set().union(*FOLLOWS.values())


@pytest.mark.parametrize("state", STATES)
def test_a_record_may_be_written_again_as_it_is(state: State) -> None:
    assert state in FOLLOWS[state]


@pytest.mark.parametrize(("before", "after"), ALL)
def test_an_update_keeps_to_the_table(ledger: Ledger, before: State, after: State) -> None:
    entry = in_state(ledger, before)
    if after in FOLLOWS[before]:
        assert ledger.update(entry, state=after).state == after
    else:
        with pytest.raises(ValueError, match=f"{before} cannot become {after}"):
            ledger.update(entry, state=after)
        assert ledger.recent(1) == [entry]


@pytest.mark.parametrize(("before", "after"), [(FAILED, LOST), (FAILED, UNCERTAIN), (DRAWN, UNCERTAIN)])
def test_what_the_user_was_warned_of_keeps_to_the_table(ledger: Ledger, before: State, after: State) -> None:
    entry = in_state(ledger, before)
    with pytest.raises(ValueError, match="cannot become"):
        ledger.mark_warned(entry, after)
    assert ledger.recent(1) == [entry]


def test_a_request_is_sent_again_only_from_where_that_may_be(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = in_state(ledger, FAILED)
    assert ledger.begin(refused).state == SENDING
    monkeypatch.setitem(FOLLOWS, FAILED, frozenset({FAILED}))  # type: ignore[arg-type]  # a dict, here
    with pytest.raises(ValueError, match="failed cannot become sending"):
        ledger.begin(refused)
