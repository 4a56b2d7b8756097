"""Before a request is sent the ledger must be known, or there be none; after that it never stands in a run's way."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from model_studio.errors import BudgetReached, ConfigurationError, TaskTimeout
from model_studio.ledger import DRAWN, FAILED, LOST, SENDING, SUBMITTED, UNCERTAIN, Asked, Claims, Entry, Ledger
from model_studio.ledger import session as session_module
from model_studio.ledger.session import LedgerSession, Rules, StoredPictures
from model_studio.service.answers import Drawn
from model_studio.waiting import Interrupted, Waiting

T = TypeVar("T")
ORDER = Asked(
    "account", "cn-beijing", "print", "wan2.2-t2i-flash", "a paper boat", "512*512", 2, 7, True, (0.14, "CNY")
)
PNG = b"\x89PNG\r\n\x1a\n"
NOTE = "Nothing is kept, since the ledger cannot be used: Not a directory."


def wait(scene: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(scene)


RULES = Rules(reuse=True, store_limit=1000, store_days=None)


def session_in(folder: Path, waiting: Waiting | None = None, **rules: Any) -> LedgerSession:
    return LedgerSession(Ledger(folder), replace(RULES, **rules), waiting or Waiting(60))


@pytest.fixture
def session(tmp_path: Path) -> LedgerSession:
    return session_in(tmp_path / "ledger")


@pytest.fixture
def lost_session(tmp_path: Path) -> LedgerSession:
    """Its ledger has no place to be."""
    (tmp_path / "taken").touch()
    return session_in(tmp_path / "taken" / "ledger")


def spoil(session: LedgerSession) -> None:
    """Nobody can read or write the ledger from now on, and nobody can mend it."""
    session.ledger.database.file.unlink()
    session.ledger.database.file.mkdir()


# With a ledger


def test_a_run_is_remembered(session: LedgerSession) -> None:
    begun = wait(session.begin(ORDER, None))
    assert (begun.state, begun.asked) == (SENDING, ORDER)
    submitted = wait(session.update(begun, state=SUBMITTED, task_id="t-1"))
    found = wait(session.found(Asked("account", "cn-beijing"), "t-1"))
    assert wait(session.latest("print")) == wait(session.by_task("t-1")) == found == submitted
    rival = wait(session.begin(ORDER, None))
    assert wait(session.unsettled(begun, within=70)) == [rival]
    assert wait(session.account("key")) == session.ledger.account("key")
    assert session.ledger.recent(10) == [rival, submitted] and session.notes == []


def test_a_task_from_elsewhere(session: LedgerSession) -> None:
    found = wait(session.found(Asked("account", "cn-beijing"), "t-1"))
    assert (found.state, found.task_id, found.billed) == (SUBMITTED, "t-1", 0)
    assert session.ledger.recent(10) == [found]


def test_a_task_is_adopted_by_one(session: LedgerSession) -> None:
    first, second = (wait(session.begin(ORDER, None)) for _ in range(2))
    adopted = wait(session.adopt(first, "t-1"))
    assert adopted is not None and (adopted.state, adopted.task_id) == (SUBMITTED, "t-1")
    assert wait(session.adopt(second, "t-1")) is None
    assert session.ledger.recent(10) == [second, adopted] and session.notes == []


def test_a_task_id_that_another_record_has_is_told_and_ends_nothing(session: LedgerSession) -> None:
    first, second = (wait(session.begin(ORDER, None)) for _ in range(2))
    wait(session.update(first, task_id="t-1"))
    updated = wait(session.update(second, state=SUBMITTED, request_id="r-2", task_id="t-1"))
    assert (updated.state, updated.request_id, updated.task_id) == (SUBMITTED, "r-2", "t-1")
    assert session.ledger.recent(1) == [replace(updated, task_id=None)]
    assert session.notes == ["The service gave task t-1 for two requests."]
    drawn = wait(session.update(updated, state=DRAWN, drawn=Drawn(("link",))))
    assert session.ledger.recent(1) == [replace(drawn, task_id=None)]


def test_a_refusal_gets_the_sums_and_writes_nothing(session: LedgerSession) -> None:
    begun = wait(session.begin(ORDER, None))

    def refuse(spent: Mapping[str, float]) -> None:
        assert spent == {"CNY": 0.28}
        raise BudgetReached("no")

    with pytest.raises(BudgetReached):
        wait(session.begin(ORDER, refuse))
    assert session.ledger.recent(10) == [begun] and session.notes == []


def test_what_the_user_was_warned_of_is_written_a_moment_later(
    session: LedgerSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "WARNED_AFTER", 0)
    entry = wait(session.begin(ORDER, None))
    assert session.warned_at(entry, UNCERTAIN) is None
    session.warn(entry, UNCERTAIN)
    assert session.warned_at(entry, UNCERTAIN) is not None
    end = time.monotonic() + 20
    while session.ledger.recent(1)[0].state != UNCERTAIN:
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_record_that_failed_stays_that(session: LedgerSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that a new request took the place of may still be asked about by its task id."""
    started = list[object]()
    monkeypatch.setattr(session_module, "start", lambda *args: started.append(args))
    entry = wait(session.update(wait(session.begin(ORDER, None)), state=FAILED))
    session.warn(entry, LOST)
    assert session.warned_at(entry, LOST) is not None and started == []


# Without one


def test_without_a_ledger_a_run_goes_on_with_one_note(
    lost_session: LedgerSession, caplog: pytest.LogCaptureFixture
) -> None:
    session = lost_session
    with caplog.at_level(logging.WARNING):
        assert wait(session.account("key")) == ""
        begun = wait(session.begin(ORDER, None))
        assert (begun.id, begun.asked, begun.state) == (None, ORDER, SENDING)
        updated = wait(session.update(begun, state=DRAWN, drawn=Drawn(("link",)), billed=1))
        assert updated == replace(begun, state=DRAWN, drawn=Drawn(("link",)), billed=1)
        assert wait(session.adopt(begun, "t-1")) is None  # nobody can know whose it is
        found = wait(session.found(ORDER, "t-2"))
        assert (found.id, found.task_id, found.state) == (None, "t-2", SUBMITTED)
        assert wait(session.latest("print")) is wait(session.by_task("t-1")) is None
        assert wait(session.unsettled(begun, within=70)) == []
    assert session.notes == [NOTE] and caplog.messages == [NOTE]


def test_a_ledger_that_breaks_amid_a_run(session: LedgerSession) -> None:
    begun = wait(session.begin(ORDER, None))
    spoil(session)
    assert wait(session.update(begun, state=LOST)) == replace(begun, state=LOST)
    assert wait(session.latest("print")) is None
    (note,) = session.notes
    assert note == "Nothing is kept, since the ledger cannot be used: unable to open database file."


def test_a_damaged_ledger_is_told_once(session: LedgerSession) -> None:
    folder = session.ledger.folder
    folder.mkdir()
    (folder / "ledger.sqlite").write_bytes(b"no database" * 1000)
    assert wait(session.begin(ORDER, None)).id == 1
    assert wait(session.latest("print")) is not None
    (note,) = session.notes
    (aside,) = folder.glob("damaged-*")
    assert aside.name in note and "billed again" in note


def test_a_budget_needs_a_ledger(lost_session: LedgerSession) -> None:
    with pytest.raises(ConfigurationError) as caught:
        wait(lost_session.begin(ORDER, lambda spent: None))
    text = str(caught.value)
    assert "MODEL_STUDIO_DAILY_BUDGET cannot be kept" in text and "Not a directory" in text
    assert "Nothing was sent" in text


def test_a_budget_needs_a_ledger_from_beginning_to_end(session: LedgerSession) -> None:
    wait(session.begin(ORDER, lambda spent: None))
    spoil(session)
    with pytest.raises(ConfigurationError, match="unable to open"):
        wait(session.begin(ORDER, lambda spent: None))


def test_a_note_is_told_once(session: LedgerSession, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for note in ("one", "two", "one"):
            session.note(note)
    assert session.notes == caplog.messages == ["one", "two"]


# Claims


@contextmanager
def elsewhere(session: LedgerSession) -> Iterator[None]:
    """Another run of the same request."""
    with Claims(session.ledger.folder / "claims").attempt("print") as ours:
        assert ours
        yield


async def claim(session: LedgerSession, waiting: Waiting) -> bool:
    """Whether it was ours alone."""
    async with session.claim("print", waiting):
        with Claims(session.ledger.folder / "claims").attempt("print") as others:
            return not others


def test_another_run_of_the_same_request_is_waited_for(session: LedgerSession, clock: Any) -> None:
    shown: list[str] = []
    other = ExitStack()

    def show(text: str, fraction: float) -> None:
        shown.append(text)
        if "2 s" in text:
            other.close()

    other.enter_context(elsewhere(session))
    with other:
        assert wait(claim(session, Waiting(300, show=show, clock=clock)))
    assert shown == [f"waiting for the same request of another run, {seconds} s" for seconds in range(3)]
    assert 1.5 <= clock.slept <= 3 and session.notes == []


def test_no_run_waits_for_ever(session: LedgerSession, clock: Any) -> None:
    waiting = Waiting(30, clock=clock)
    with elsewhere(session), pytest.raises(TaskTimeout, match="After 30 s another run still works"):
        wait(claim(session, waiting))
    assert wait(claim(session, Waiting(30, clock=clock)))


def test_cancel_ends_the_wait_for_another_run(session: LedgerSession, clock: Any) -> None:
    with elsewhere(session), pytest.raises(Interrupted):
        wait(claim(session, Waiting(30, interrupted=lambda: clock.slept > 5, clock=clock)))
    assert clock.slept < 6


def test_a_claim_is_given_back_when_its_run_fails(session: LedgerSession, waiting: Waiting) -> None:
    async def fail() -> None:
        async with session.claim("print", waiting):
            raise KeyError

    with pytest.raises(KeyError):
        wait(fail())
    with elsewhere(session):
        pass


def test_without_reuse_nobody_waits(tmp_path: Path, waiting: Waiting, clock: Any) -> None:
    session = session_in(tmp_path, reuse=False)
    with elsewhere(session):
        assert wait(claim(session, waiting))
    assert not wait(claim(session, waiting))
    assert clock.slept == 0 and session.notes == []


def test_where_nothing_can_be_claimed_a_run_goes_on_with_a_note(lost_session: LedgerSession, waiting: Waiting) -> None:
    async def run() -> list[str]:
        async with lost_session.claim("print", waiting):
            return list(lost_session.notes)

    (note,) = wait(run())
    assert note.startswith("Equal requests of other runs cannot be seen: ")


# Shelves


def drawn(session: LedgerSession) -> Entry:
    begun = wait(session.begin(ORDER, None))
    return wait(session.update(begun, state=DRAWN, drawn=Drawn(("link", "link"))))


def test_what_is_put_on_a_shelf_is_there_in_the_next_run(session: LedgerSession) -> None:
    store = StoredPictures(session, drawn(session))
    assert wait(store.get(1)) is None
    wait(store.put(1, PNG))
    (entry,) = session.ledger.recent(1)
    again = StoredPictures(session, entry)
    assert wait(again.get(1)) == PNG and wait(again.get(0)) is None
    assert (store.downloads, again.downloads) == (1, 0)


def test_a_stored_file_that_is_gone(session: LedgerSession) -> None:
    wait(StoredPictures(session, drawn(session)).put(0, PNG))
    (entry,) = session.ledger.recent(1)
    session.ledger.store.delete(entry.files.values())
    assert wait(StoredPictures(session, entry).get(0)) is None and session.notes == []


def test_a_store_without_room_keeps_nothing(tmp_path: Path) -> None:
    session = session_in(tmp_path, store_limit=0)
    store = StoredPictures(session, drawn(session))
    wait(store.put(0, PNG))
    assert store.downloads == 1 and session.notes == []
    assert not session.ledger.store.folder.exists() and session.ledger.recent(1)[0].files == {}


def test_the_rules_are_kept(tmp_path: Path) -> None:
    now = 1_790_000_000.0
    session = LedgerSession(Ledger(tmp_path, lambda: now), Rules(reuse=True, store_limit=20, store_days=3), Waiting(60))
    for _ in range(3):
        wait(StoredPictures(session, drawn(session)).put(0, PNG))
    assert session.ledger.stored_bytes() == 16
    now += 4 * 86400
    wait(StoredPictures(session, drawn(session)).put(0, PNG))
    assert session.ledger.stored_bytes() == 8


def test_pictures_that_cannot_be_kept(session: LedgerSession, lost_session: LedgerSession) -> None:
    session.ledger.folder.mkdir()
    session.ledger.store.folder.touch()
    store = StoredPictures(session, drawn(session))
    wait(store.put(0, PNG))
    assert store.downloads == 1
    assert session.notes == ["Nothing is kept, since the ledger cannot be used: File exists."]
    store = StoredPictures(lost_session, drawn(lost_session))
    wait(store.put(0, PNG))
    assert store.downloads == 1 and lost_session.notes == [NOTE]
