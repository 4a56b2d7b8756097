"""What could not be written stays known to this process, and is written as soon as the ledger can be."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model_studio.ledger import (
    DRAWN,
    FAILED,
    LOST,
    SENDING,
    SUBMITTED,
    Asked,
    Entry,
    Ledger,
    LedgerUnavailable,
    Limits,
    database,
    new_entry,
    unwritten,
)
from model_studio.service.answers import Drawn

ORDER = Asked("account", "cn-beijing", "print", "wan2.2-t2i-flash", "a paper boat", "512*512", 1, 7)
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unwritten, "PAUSE", 0.01)
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.02)


def begin(ledger: Ledger, **changes: Any) -> Entry:
    return ledger.begin(new_entry(replace(ORDER, **changes), SENDING, ledger.now()))


def until_written(ledger: Ledger) -> None:
    end = time.monotonic() + 20
    while ledger.unwritten.entries():
        assert time.monotonic() < end
        time.sleep(0.005)


def in_file(ledger: Ledger) -> list[tuple[str, str | None]]:
    return [(entry.state, entry.task_id) for entry in ledger.recent(10)]


# What is found


def test_it_takes_the_place_of_what_the_file_says(ledger: Ledger) -> None:
    entry = begin(ledger)
    submitted = replace(entry, state=SUBMITTED, task_id="t-1")
    ledger.unwritten.add(submitted, retry=False)
    assert ledger.latest("print") == ledger.by_task("t-1") == submitted
    assert ledger.by_tasks(["t-1", "t-2"]) == {"t-1": submitted} and ledger.unsettled(entry, 70) == []
    assert ledger.latest_unwritten("print") == submitted and ledger.by_tasks_unwritten(["t-1"]) == {"t-1": submitted}
    assert ledger.found(new_entry(Asked("account", "cn-beijing"), SUBMITTED, ledger.now(), "t-1")) == submitted
    assert in_file(ledger) == [(SENDING, None)]


def test_it_hides_what_no_longer_fits(ledger: Ledger) -> None:
    """A task that was given back, a request that was refused."""
    entry = ledger.update(begin(ledger), state=SUBMITTED, task_id="t-1")
    given_back = replace(entry, state=SENDING, task_id=None)
    ledger.unwritten.add(given_back, retry=False)
    assert ledger.by_tasks(["t-1"]) == {} and ledger.unsettled(entry, 70) == [given_back]
    ledger.unwritten.add(replace(entry, state=FAILED), retry=False)
    assert ledger.latest("print") is ledger.latest_unwritten("print") is None


def test_a_record_that_the_file_has_never_had(ledger: Ledger, now: Any) -> None:
    older = begin(ledger)
    entry = new_entry(ORDER, SENDING, now.time)
    others = [new_entry(replace(ORDER, **other), SENDING, now.time) for other in ({"account": "a"}, {"is_task": False})]
    for waiting in (entry, *others, replace(entry, name="late", sent=entry.sent + 71)):
        ledger.unwritten.add(replace(waiting, asked=replace(waiting.asked)), retry=False)
    assert ledger.unsettled(older, 70) == [entry, older] and ledger.unsettled_unwritten(older, 70) == [entry]
    assert ledger.latest("another print") is None


def test_stored_pictures_still_come_first(ledger: Ledger) -> None:
    stored = ledger.update(begin(ledger), state=DRAWN, drawn=Drawn(("link",)))
    ledger.keep(stored, 0, PNG, Limits(1000))
    newer = new_entry(ORDER, SENDING, ledger.now())
    ledger.unwritten.add(newer, retry=False)
    assert ledger.latest("print") == newer
    first = ledger.latest("print", stored_first=True)
    assert first is not None and (first.name, first.is_stored) == (stored.name, True)


def test_its_pictures_are_those_of_the_file(ledger: Ledger) -> None:
    entry = ledger.update(begin(ledger), state=SUBMITTED, task_id="t-1")
    ledger.unwritten.add(replace(entry, state=DRAWN, drawn=Drawn(("link",))), retry=False)
    ledger.keep(entry, 0, PNG, Limits(1000))
    found = ledger.latest("print", stored_first=True)
    assert found is not None and found.is_stored


# When it is written


@pytest.mark.parametrize("known", [True, False], ids=["begun before", "never written"])
def test_it_is_written_when_the_file_is_free(ledger: Ledger, known: bool) -> None:
    other = begin(ledger)
    entry = begin(ledger) if known else new_entry(ORDER, SENDING, ledger.now())
    with closing(sqlite3.connect(ledger.database.file, isolation_level=None)) as held:
        held.execute("BEGIN EXCLUSIVE")
        ledger.unwritten.add(replace(entry, state=SUBMITTED, task_id="t-1"), retry=True)
        ledger.unwritten.add(replace(entry, state=DRAWN, task_id="t-1"), retry=True)
        ledger.unwritten.add(replace(other, state=FAILED), retry=True)
        time.sleep(0.1)  # it tries in vain
        assert len(ledger.unwritten.entries()) == 2
        held.execute("ROLLBACK")
    until_written(ledger)
    assert in_file(ledger) == [(DRAWN, "t-1"), (FAILED, None)]
    ledger.unwritten.add(replace(entry, state=LOST, task_id="t-1"), retry=True)  # and again
    until_written(ledger)
    assert in_file(ledger) == [(LOST, "t-1"), (FAILED, None)]


def test_an_update_that_succeeds_removes_it(ledger: Ledger) -> None:
    entry = begin(ledger)
    ledger.unwritten.add(replace(entry, state=SUBMITTED, task_id="t-1"), retry=False)
    drawn = ledger.update(entry, state=DRAWN, task_id="t-1")
    assert ledger.unwritten.entries() == [] and ledger.latest("print") == drawn


@pytest.mark.parametrize("use", ["begin", "update"])
def test_what_is_not_written_removes_nothing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, use: str) -> None:
    entry = begin(ledger)
    refused = replace(entry, state=FAILED)
    ledger.unwritten.add(refused, retry=False)
    with closing(sqlite3.connect(ledger.database.file, isolation_level=None)) as held:
        held.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LedgerUnavailable):
            getattr(ledger, use)(refused)
        held.execute("ROLLBACK")
    assert ledger.unwritten.entries() == [refused]


def test_an_older_record_never_replaces_one_that_is_being_committed(ledger: Ledger) -> None:
    entry = begin(ledger)
    older = replace(entry, state=SUBMITTED, task_id="t-1")
    ledger.unwritten.add(older, retry=False)
    seen = list[bool]()

    def catch_up() -> None:  # what the thread asks once it may write
        ledger._catch_up(older, lambda: seen.append(ledger.unwritten._is_current(older)) or seen[-1])

    with ledger.unwritten.replacing(entry.name) as about_to_commit:
        catch_up()
        about_to_commit()
        catch_up()
    assert seen == [True, False] and ledger.unwritten.entries() == []


def test_a_task_that_another_record_has_got_meanwhile(ledger: Ledger) -> None:
    entry = begin(ledger)
    ledger.found(new_entry(Asked("account", "cn-beijing"), SUBMITTED, ledger.now(), "t-1"))
    ledger.unwritten.add(replace(entry, state=SUBMITTED, task_id="t-1"), retry=True)
    until_written(ledger)
    assert in_file(ledger) == [(SUBMITTED, "t-1"), (SUBMITTED, None)]


def test_no_thread_is_begun_where_nothing_can_be_written(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = list[Callable[[], None]]()
    monkeypatch.setattr(unwritten, "start_kept", begun.append)
    entry = begin(ledger)
    ledger.unwritten.add(entry, retry=False)
    assert begun == []
    for _ in range(3):
        ledger.unwritten.add(entry, retry=True)
    assert len(begun) == 1
    begun[0]()
    assert ledger.unwritten.entries() == []


# At the end of the process

ENDING = """
import logging
from dataclasses import replace
from model_studio.ledger import SENDING, SUBMITTED, Asked, Ledger, database, new_entry, unwritten

class Teller(logging.Handler):
    def emit(self, record):
        say(record.getMessage())

logging.getLogger().addHandler(Teller())
database.BUSY_SECONDS, unwritten.PAUSE, unwritten.LAST_ATTEMPTS = 0.02, 0.01, float(args[1])
ledger = Ledger(Path(args[0]))
entry = ledger.begin(new_entry(Asked("account", "cn-beijing", "print"), SENDING, ledger.now()))
say("begun")
hear()
ledger.unwritten.add(replace(entry, state=SUBMITTED, task_id="t-1"), retry=True)
"""


@pytest.mark.parametrize(
    ("seconds", "is_released", "left"), [(20, True, (SUBMITTED, "t-1")), (0.2, False, (SENDING, None))]
)
def test_the_end_of_the_process_waits_for_it(
    folder: Path, other_process: Any, seconds: float, is_released: bool, left: tuple[str, str | None]
) -> None:
    """But not for ever."""
    process = other_process(ENDING, folder, seconds)
    assert process.told() == "begun"
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as backup:
        backup.execute("BEGIN EXCLUSIVE")
        process.go_on()
        assert process.told().startswith("ComfyUI ends as soon as the ledger can be written, after ")
        if is_released:
            backup.rollback()
        process.end()
    assert in_file(Ledger(folder)) == [left]
