"""Before a request is sent the ledger must be known, or there be none; after that it never stands in a run's way."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from model_studio.errors import BudgetReached, ConfigurationError, LedgerUnreadable, TaskTimeout
from model_studio.ledger import (
    DRAWN,
    FAILED,
    LOST,
    SENDING,
    SUBMITTED,
    UNCERTAIN,
    Asked,
    Claims,
    Entry,
    Ledger,
    LedgerUnavailable,
    database,
    new_entry,
)
from model_studio.ledger import session as session_module
from model_studio.ledger.locks import file_lock
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
    assert session.seconds_since_warning(entry, UNCERTAIN) is None
    session.warn(entry, UNCERTAIN)
    assert session.seconds_since_warning(entry, UNCERTAIN) is not None
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
    assert session.seconds_since_warning(entry, LOST) is not None and started == []


# Without one


def test_without_a_ledger_a_run_goes_on_with_one_note(
    lost_session: LedgerSession, caplog: pytest.LogCaptureFixture
) -> None:
    session = lost_session
    with caplog.at_level(logging.WARNING):
        account = wait(session.account("key"))
        assert len(account) == 32 and account not in (wait(session.account("other")), session.ledger.database.new_salt)
        begun = wait(session.begin(ORDER, None))
        assert (begun.id, begun.asked, begun.state) == (None, ORDER, SENDING)
        updated = wait(session.update(begun, state=DRAWN, drawn=Drawn(("link",)), billed=1))
        assert updated == replace(begun, state=DRAWN, drawn=Drawn(("link",)), billed=1, updated=updated.updated)
        assert wait(session.adopt(begun, "t-1")) is None  # nobody can know whose it is
        found = wait(session.found(Asked("account", "cn-beijing"), "t-2"))
        assert (found.id, found.task_id, found.state) == (None, "t-2", SUBMITTED)
        assert wait(session.latest("print")) == updated and wait(session.by_task("t-2")) == found
        assert wait(session.latest("another print")) is wait(session.by_task("t-1")) is None
        assert wait(session.unsettled(begun, within=70)) == []
    assert session.notes == [NOTE] and caplog.messages == [NOTE]
    again = LedgerSession(session.ledger, RULES, Waiting(60))  # of the next run
    assert wait(again.account("key")) == account and wait(again.latest("print")) == updated
    assert wait(again.recall("key", ["t-2"])) == (account, {"t-2": found})


def test_a_ledger_that_comes_into_being_knows_the_accounts(lost_session: LedgerSession) -> None:
    account = wait(lost_session.account("key"))
    lost_session.ledger.folder.parent.unlink()
    again = LedgerSession(lost_session.ledger, RULES, Waiting(60))
    assert wait(again.account("key")) == account and again.notes == []


def test_what_is_found_while_no_account_is_known_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    session = session_in(tmp_path)
    with held(session, "the file"):
        account, _ = wait(session.recall("key", ["t-1"]))
    assert wait(session.found(Asked(account, "cn-beijing"), "t-1")).task_id == "t-1"
    assert session.ledger.unwritten.entries() == []


def test_a_ledger_that_breaks_amid_a_run(session: LedgerSession) -> None:
    begun = wait(session.begin(ORDER, None))
    spoil(session)
    lost = wait(session.update(begun, state=LOST))
    assert lost == replace(begun, state=LOST, updated=lost.updated)
    assert wait(session.by_task("t-1")) is None and wait(session.unsettled(begun, within=70)) == []
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


def test_a_note_is_told_once(session: LedgerSession, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for note in ("one", "two", "one"):
            session.note(note)
    assert session.notes == caplog.messages == ["one", "two"]


# With one that cannot be used before something is sent


@contextmanager
def held(session: LedgerSession, how: str) -> Iterator[None]:
    """Another program holds the ledger."""
    session.ledger.stored_bytes()
    if how == "the file":
        with closing(sqlite3.connect(session.ledger.database.file, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            yield
    else:
        session.ledger.database._checked = False
        with file_lock(session.ledger.folder / "ledger.lock"):
            yield


BEFORE_SENDING: dict[str, Callable[[LedgerSession], Coroutine[Any, Any, Any]]] = {
    "account": lambda session: session.account("key"),
    "latest": lambda session: session.latest("print"),
    "begin": lambda session: session.begin(ORDER, None),
    "begin with a budget": lambda session: session.begin(ORDER, lambda spent: None),
}


@pytest.mark.parametrize("how", ["the file", "its lock"])
@pytest.mark.parametrize("use", BEFORE_SENDING)
def test_while_another_program_holds_the_ledger_nothing_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: str, how: str
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    session = session_in(tmp_path)
    with held(session, how), pytest.raises(LedgerUnreadable) as caught:
        wait(BEFORE_SENDING[use](session))
    text = str(caught.value)
    assert "another process holds it" in text and "Nothing was sent" in text and "Close the program" in text
    wait(BEFORE_SENDING[use](session_in(tmp_path)))


@pytest.mark.parametrize("use", BEFORE_SENDING)
def test_a_ledger_that_cannot_be_read_sends_nothing(session: LedgerSession, use: str) -> None:
    session.ledger.stored_bytes()
    spoil(session)
    with pytest.raises(LedgerUnreadable, match=r"unable to open.*Nothing was sent"):
        wait(BEFORE_SENDING[use](session))


@pytest.mark.parametrize("use", BEFORE_SENDING)
def test_the_wait_for_it_counts(tmp_path: Path, use: str) -> None:
    session = session_in(tmp_path, Waiting(0.3))
    began = time.monotonic()
    with held(session, "the file"), pytest.raises(LedgerUnreadable, match="did not answer within 0 s"):
        wait(BEFORE_SENDING[use](session))
    assert time.monotonic() - began < 10  # not BUSY_SECONDS


@pytest.mark.parametrize("use", BEFORE_SENDING)
def test_cancel_ends_the_wait_for_it(tmp_path: Path, use: str) -> None:
    session = session_in(tmp_path, Waiting(60, interrupted=lambda: True))
    with held(session, "the file"), pytest.raises(Interrupted):
        wait(BEFORE_SENDING[use](session))


@pytest.mark.parametrize("allowed", [None, lambda spent: None], ids=["", "with a budget"])
def test_a_run_that_was_left_before_the_ledger_could_be_written_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: Any
) -> None:
    session, release, ended = session_in(tmp_path, Waiting(0.2)), threading.Event(), threading.Event()
    begin = session.ledger.begin

    def late(*args: Any) -> Entry:
        release.wait(30)
        try:
            return begin(*args)
        finally:
            ended.set()

    monkeypatch.setattr(session.ledger, "begin", late)
    with pytest.raises(LedgerUnreadable, match="did not answer"):
        wait(session.begin(ORDER, allowed))
    release.set()
    assert ended.wait(20) and session.ledger.recent(2) == []


@pytest.mark.parametrize("left_by", [Interrupted, LedgerUnreadable])
def test_a_run_that_is_left_while_its_record_is_written_takes_it_back_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_by: type[Exception]
) -> None:
    """Else the next run of the request, which waits for the claim, takes it for one that was sent."""
    writing, release, canceled = threading.Event(), threading.Event(), list[bool]()
    session = session_in(tmp_path, Waiting(60, interrupted=lambda: bool(canceled)))
    transaction = session.ledger.database.transaction

    @contextmanager
    def slow(*, write: bool = True) -> Iterator[Any]:
        with transaction(write=write) as connection:
            yield connection
            writing.set()
            release.wait(20)  # the commit takes long

    async def scene() -> None:
        run = asyncio.ensure_future(session.begin(ORDER, None))
        while not writing.is_set():
            await asyncio.sleep(0.005)
        if left_by is Interrupted:
            canceled.append(True)
        else:
            session._waiting.deadline = 0.0
        await asyncio.sleep(0.3)
        assert not run.done()
        release.set()
        with pytest.raises(left_by):
            await run
        assert [(entry.state, entry.billed) for entry in session.ledger.recent(2)] == [(FAILED, 0)]

    monkeypatch.setattr(session.ledger.database, "transaction", slow)
    wait(scene())


def test_a_refusal_of_a_run_that_was_left_is_no_trouble(tmp_path: Path) -> None:
    deciding, release, canceled = threading.Event(), threading.Event(), list[bool]()
    session = session_in(tmp_path, Waiting(60, interrupted=lambda: bool(canceled)))

    def refuse(spent: Mapping[str, float]) -> None:
        deciding.set()
        release.wait(20)
        raise BudgetReached("no")

    async def scene() -> None:
        run = asyncio.ensure_future(session.begin(ORDER, refuse))
        while not deciding.is_set():
            await asyncio.sleep(0.005)
        canceled.append(True)
        await asyncio.sleep(0.2)
        release.set()
        with pytest.raises(Interrupted):
            await run

    wait(scene())
    assert session.ledger.recent(2) == []


@pytest.mark.parametrize("how", ["the file", "its lock"])
@pytest.mark.parametrize("count", [10, 60])
def test_many_runs_wait_for_it_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, how: str) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.5)
    first = session_in(tmp_path)

    async def one() -> None:
        with pytest.raises(LedgerUnreadable):
            await LedgerSession(first.ledger, RULES, Waiting(60)).account("key")

    async def scene() -> None:
        await asyncio.gather(*(one() for _ in range(count)))

    with held(first, how):
        began = time.monotonic()
        wait(scene())
        assert time.monotonic() - began < 2.5  # one after another it would be 5 s and more


def test_a_run_that_pays_nothing_goes_on_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    session = session_in(tmp_path)
    with held(session, "the file"):
        assert wait(session.recall("key", ["t-1"])) == ("", {})
    assert wait(session.found(ORDER, "t-1")).id is None  # nor afterwards: its account is not known
    assert session.notes == ["Nothing is kept, since the ledger cannot be used: another process holds it."]


def test_once_something_is_sent_a_held_ledger_stops_nothing_and_the_next_update_writes_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    session = session_in(tmp_path, Waiting(60, interrupted=lambda: True))
    entry = session.ledger.begin(new_entry(ORDER, SENDING, session.ledger.now()))
    with held(session, "the file"):
        entry = wait(session.update(entry, state=SUBMITTED, task_id="t-1"))
        (known,) = session.ledger.by_tasks_unwritten(["t-1"]).values()
        assert known == entry and wait(session.by_task("t-1")) == known
    assert session.ledger.recent(1)[0].state == SENDING and len(session.notes) == 1
    entry = wait(session.update(entry, state=DRAWN))
    assert (session.ledger.recent(1)[0].task_id, session.ledger.recent(1)[0].state) == ("t-1", DRAWN)


# With a disk that is full or read-only


def full(*args: object, **kwargs: object) -> Entry:
    raise LedgerUnavailable("the disk is full", cause="full")


def test_on_a_full_disk_a_new_request_is_sent_and_not_kept(
    session: LedgerSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wait(session.latest("print")) is None
    monkeypatch.setattr(session.ledger, "begin", full)
    assert wait(session.begin(ORDER, None)).id is None
    assert session.notes == ["Nothing is kept, since the ledger cannot be used: the disk is full."]
    with pytest.raises(ConfigurationError, match="MODEL_STUDIO_DAILY_BUDGET"):
        wait(session.begin(ORDER, lambda spent: None))


def test_when_there_is_room_again_the_next_update_writes_all(
    session: LedgerSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(session.ledger, "begin", full)
        entry = wait(session.begin(ORDER, None))
    assert session.ledger.recent(1) == []
    drawn = wait(session.update(entry, state=DRAWN, task_id="t-1"))
    assert session.ledger.recent(1) == [drawn] and drawn.asked == ORDER


def test_on_a_full_disk_a_request_that_is_known_is_not_sent_again(
    session: LedgerSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run would pay for it once more, and none would know of the other."""
    wait(session.begin(ORDER, None))
    assert wait(session.latest("print")) is not None
    monkeypatch.setattr(session.ledger, "begin", full)
    with pytest.raises(LedgerUnreadable, match=r"the disk is full.*Nothing was sent"):
        wait(session.begin(ORDER, None))


def test_the_day_is_the_callers(tmp_path: Path) -> None:
    """However wrong the clock of this machine is."""
    seen, sent = list[Mapping[str, float]](), 1_790_000_000.0
    session = LedgerSession(Ledger(tmp_path, lambda: sent + 91 * 86400), RULES, Waiting(60))
    for _ in range(2):
        assert wait(session.begin(ORDER, seen.append, today=sent)).sent == sent + 91 * 86400
    assert seen == [{}, {"CNY": 0.28}]


def test_the_larger_sum_of_two_days_counts(tmp_path: Path) -> None:
    """The service's day and this machine's: nobody knows which clock is right."""
    seen, own, later = list[Mapping[str, float]](), 1_790_000_000.0, 1_790_000_000.0 + 86400
    session = LedgerSession(Ledger(tmp_path, lambda: own), RULES, Waiting(60))
    dollars = replace(ORDER, price=(0.1, "USD"))
    for asked, today in ((ORDER, own), (ORDER, own), (ORDER, later), (dollars, later), (ORDER, later), (ORDER, own)):
        wait(session.begin(asked, seen.append, today=today))
    assert seen[3:] == [{"CNY": 0.56}, {"CNY": 0.56, "USD": 0.2}, {"CNY": 0.56}]


@pytest.mark.parametrize("days_off", [-1, 0, 1])
def test_a_day_whose_sum_is_unknown_refuses_by_either_clock(tmp_path: Path, days_off: int) -> None:
    (tmp_path / "ledger.begun").touch()  # of a ledger that was deleted
    session = session_in(tmp_path)
    with pytest.raises(ConfigurationError, match="damaged or deleted today"):
        wait(session.begin(ORDER, lambda spent: None, today=time.time() + days_off * 86400))


# Claims


@contextmanager
def elsewhere(session: LedgerSession) -> Iterator[None]:
    """Another process's run of the same request."""
    with Claims(session.ledger.folder / "claims").attempt("print") as ours:
        assert ours
        yield


async def claim(session: LedgerSession) -> bool:
    """Whether it was ours alone."""
    async with session.claim("print"):
        with Claims(session.ledger.folder / "claims").attempt("print") as others:
            return not others


def test_another_process_s_run_of_the_same_request_is_waited_for(tmp_path: Path, clock: Any) -> None:
    shown: list[str] = []
    other = ExitStack()

    def show(text: str, fraction: float) -> None:
        shown.append(text)
        if "2 s" in text:
            other.close()

    session = session_in(tmp_path, Waiting(300, show=show, clock=clock))
    other.enter_context(elsewhere(session))
    with other:
        assert wait(claim(session))
    assert shown[1:] == [f"waiting for the same request of another run, {seconds} s" for seconds in range(3)]
    assert 1.5 <= clock.slept <= 3 and session.notes == []


def test_waiting_for_another_process_does_not_count_and_ends_after_an_hour(tmp_path: Path, clock: Any) -> None:
    session = session_in(tmp_path, Waiting(30, clock=clock))
    with elsewhere(session), pytest.raises(TaskTimeout, match=r"After 3\d\d\d s another run still works"):
        wait(claim(session))
    assert 3600 <= clock.slept < 3800
    assert wait(claim(session))


@pytest.mark.parametrize("where", ["in this process", "in another one"])
def test_cancel_ends_the_wait_for_another_run(tmp_path: Path, clock: Any, where: str) -> None:
    canceled = list[bool]()
    session = session_in(tmp_path, Waiting(30, interrupted=lambda: bool(canceled), clock=clock))

    async def waits() -> None:
        waiter = asyncio.ensure_future(claim(session))
        await asyncio.sleep(0.05)
        assert not waiter.done()
        canceled.append(True)
        with pytest.raises(Interrupted):
            await waiter

    with elsewhere(session) if where == "in another one" else session.ledger.claims.turn("print"):
        wait(waits())


def test_runs_of_one_process_take_turns_in_order_and_at_once(tmp_path: Path, clock: Any) -> None:
    """Whatever the time-out: the one before may wait for the rate limit, uncounted."""
    ledger, begun, release = Ledger(tmp_path), list[int](), asyncio.Event()

    async def run(number: int) -> None:
        shown = list[str]()
        waiting = Waiting(10, show=lambda text, _: shown.append(text), clock=clock)
        async with LedgerSession(ledger, RULES, waiting).claim("print"):
            begun.append(number)
            if number == 0:
                await release.wait()
        assert clock.slept == 0 and waiting.deadline == pytest.approx(waiting.started + 10 + 60 * (number > 0))
        assert ("waiting for the same request of another run, 0 s" in shown) == (number > 0)

    async def scene() -> None:
        runs = list[asyncio.Future[None]]()
        for number in range(5):
            runs.append(asyncio.ensure_future(run(number)))
            await asyncio.sleep(0.02)
        assert begun == [0]
        clock.time += 60
        runs.pop(2).cancel()
        release.set()
        await asyncio.gather(*runs)

    wait(scene())
    assert begun == [0, 1, 3, 4]


def test_runs_in_event_loops_of_their_own_take_turns(tmp_path: Path) -> None:
    ledger, alone, taken = Ledger(tmp_path), threading.Lock(), list[int]()

    async def run(number: int) -> None:
        async with LedgerSession(ledger, RULES, Waiting(60)).claim("print"):
            assert alone.acquire(blocking=False), "two at the same time"
            await asyncio.sleep(0.001)
            taken.append(number)
            alone.release()

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda number: asyncio.run(run(number)), range(20)))
    assert sorted(taken) == list(range(20))


def test_a_claim_is_given_back_when_its_run_fails(session: LedgerSession) -> None:
    async def fail() -> None:
        async with session.claim("print"):
            raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            wait(fail())
    with elsewhere(session):
        pass


def test_without_reuse_nobody_waits(tmp_path: Path, waiting: Waiting, clock: Any) -> None:
    session = session_in(tmp_path, waiting, reuse=False)
    with elsewhere(session), session.ledger.claims.turn("print"):
        assert wait(claim(session))
    assert not wait(claim(session))
    assert clock.slept == 0 and session.notes == []


def test_where_nothing_can_be_claimed_a_run_goes_on_with_a_note(lost_session: LedgerSession) -> None:
    async def run() -> list[str]:
        async with lost_session.claim("print"):
            return list(lost_session.notes)

    (note,) = wait(run())
    assert note.startswith("Equal requests of other programs cannot be detected: ")


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")
@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK], ids=errno.errorcode.get)
def test_without_locks_equal_runs_of_this_process_are_one_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(handle: int, how: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", flock)
    ledger, inside, most = Ledger(tmp_path), list[int](), list[int]()

    async def run() -> list[str]:
        session = LedgerSession(ledger, RULES, Waiting(5))
        async with session.claim("print"):
            inside.append(1)
            most.append(len(inside))
            await asyncio.sleep(0.01)
            inside.pop()
        return list(session.notes)

    async def scene() -> list[list[str]]:
        return await asyncio.gather(*(run() for _ in range(3)))

    note = f"Equal requests of other programs cannot be detected: {os.strerror(number)}."
    assert wait(scene()) == [[note]] * 3 and most == [1, 1, 1]
    assert list((tmp_path / "claims").glob("*.lock")) != []  # no other kind of lock, which a killed process leaves


# Shelves


def drawn(session: LedgerSession, count: int = 1) -> Entry:
    begun = wait(session.begin(ORDER, None))
    return wait(session.update(begun, state=DRAWN, drawn=Drawn(("link",) * count)))


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
    session.ledger.store.delete(file.name for file in entry.files.values())
    assert wait(StoredPictures(session, entry).get(0)) is None and session.notes == []


def test_a_store_without_room_keeps_nothing(tmp_path: Path) -> None:
    session = session_in(tmp_path, store_limit=0)
    store = StoredPictures(session, drawn(session))
    wait(store.put(0, PNG))
    assert store.downloads == 1 and session.notes == []
    assert not session.ledger.store.folder.exists() and session.ledger.recent(1)[0].files == {}


def test_the_rules_are_kept(tmp_path: Path) -> None:
    session, now = session_in(tmp_path, store_limit=20, store_days=3), 1_790_000_000.0
    for _ in range(3):
        wait(StoredPictures(session, drawn(session), now).put(0, PNG))
    assert session.ledger.stored_bytes() == 16
    wait(StoredPictures(session, drawn(session), now + 4 * 86400).put(0, PNG))
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
