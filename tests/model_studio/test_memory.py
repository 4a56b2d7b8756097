"""The ledger never stands in a run's way: what cannot be kept becomes a note. Only a budget needs it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from model_studio.answers import Drawn
from model_studio.errors import BudgetReached, ConfigurationError, TaskTimeout
from model_studio.ledger import DRAWN, LOST, SENDING, SUBMITTED, Claims, Entry, Ledger, Order
from model_studio.memory import Memory, Rules, Shelf
from model_studio.waiting import Interrupted, Waiting

T = TypeVar("T")
ORDER = Order(
    "account", "cn-beijing", "print", "wan2.2-t2i-flash", "a paper boat", "512*512", 2, 7, True, (0.14, "CNY")
)
PNG = b"\x89PNG\r\n\x1a\n"
NOTE = "Nothing is kept, since the ledger cannot be used: Not a directory."


def wait(scene: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(scene)


def memory_in(folder: Path, **rules: Any) -> Memory:
    return Memory(Ledger(folder), replace(Rules(reuse=True, store_limit=1000, store_days=None), **rules))


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return memory_in(tmp_path / "ledger")


@pytest.fixture
def lost_memory(tmp_path: Path) -> Memory:
    """Its ledger has no place to be."""
    (tmp_path / "taken").touch()
    return memory_in(tmp_path / "taken" / "ledger")


def spoil(memory: Memory) -> None:
    """Nobody can read or write the ledger from now on, and nobody can mend it."""
    memory.ledger.database.file.unlink()
    memory.ledger.database.file.mkdir()


# With a ledger


def test_a_run_is_remembered(memory: Memory) -> None:
    begun = wait(memory.begin(ORDER, None))
    assert (begun.state, begun.order) == (SENDING, ORDER)
    submitted = wait(memory.update(begun, state=SUBMITTED, task_id="t-1"))
    found = wait(memory.found(Order("account", "cn-beijing"), "t-1"))
    assert wait(memory.latest("print")) == wait(memory.by_task("t-1")) == found == submitted
    rival = wait(memory.begin(ORDER, None))
    assert wait(memory.unsettled(begun, within=70)) == [rival]
    assert wait(memory.account("key")) == memory.ledger.account("key")
    assert memory.ledger.recent(10) == [rival, submitted] and memory.notes == []


def test_a_task_from_elsewhere(memory: Memory) -> None:
    found = wait(memory.found(Order("account", "cn-beijing"), "t-1"))
    assert (found.state, found.task_id, found.billed) == (SUBMITTED, "t-1", 0)
    assert memory.ledger.recent(10) == [found]


def test_a_task_is_adopted_by_one(memory: Memory) -> None:
    first, second = (wait(memory.begin(ORDER, None)) for _ in range(2))
    adopted = wait(memory.adopt(first, "t-1"))
    assert adopted is not None and (adopted.state, adopted.task_id) == (SUBMITTED, "t-1")
    assert wait(memory.adopt(second, "t-1")) is None
    assert memory.ledger.recent(10) == [second, adopted] and memory.notes == []


def test_a_task_id_that_another_record_has_is_told_and_ends_nothing(memory: Memory) -> None:
    first, second = (wait(memory.begin(ORDER, None)) for _ in range(2))
    wait(memory.update(first, task_id="t-1"))
    updated = wait(memory.update(second, state=SUBMITTED, request_id="r-2", task_id="t-1"))
    assert (updated.state, updated.request_id, updated.task_id) == (SUBMITTED, "r-2", "t-1")
    assert memory.ledger.recent(1) == [replace(updated, task_id=None)]
    assert memory.notes == ["The service gave task t-1 for two requests."]
    drawn = wait(memory.update(updated, state=DRAWN, drawn=Drawn(("link",))))
    assert memory.ledger.recent(1) == [replace(drawn, task_id=None)]


def test_a_refusal_gets_the_sums_and_writes_nothing(memory: Memory) -> None:
    begun = wait(memory.begin(ORDER, None))

    def refuse(spent: Mapping[str, float]) -> None:
        assert spent == {"CNY": 0.28}
        raise BudgetReached("no")

    with pytest.raises(BudgetReached):
        wait(memory.begin(ORDER, refuse))
    assert memory.ledger.recent(10) == [begun] and memory.notes == []


# Without one


def test_without_a_ledger_a_run_goes_on_with_one_note(lost_memory: Memory, caplog: pytest.LogCaptureFixture) -> None:
    memory = lost_memory
    with caplog.at_level(logging.WARNING):
        assert wait(memory.account("key")) == ""
        begun = wait(memory.begin(ORDER, None))
        assert (begun.id, begun.order, begun.state) == (None, ORDER, SENDING)
        updated = wait(memory.update(begun, state=DRAWN, drawn=Drawn(("link",)), billed=1))
        assert updated == replace(begun, state=DRAWN, drawn=Drawn(("link",)), billed=1)
        assert wait(memory.adopt(begun, "t-1")) is None  # nobody can know whose it is
        found = wait(memory.found(ORDER, "t-2"))
        assert (found.id, found.task_id, found.state) == (None, "t-2", SUBMITTED)
        assert wait(memory.latest("print")) is wait(memory.by_task("t-1")) is None
        assert wait(memory.unsettled(begun, within=70)) == []
    assert memory.notes == [NOTE] and caplog.messages == [NOTE]


def test_a_ledger_that_breaks_amid_a_run(memory: Memory) -> None:
    begun = wait(memory.begin(ORDER, None))
    spoil(memory)
    assert wait(memory.update(begun, state=LOST)) == replace(begun, state=LOST)
    assert wait(memory.latest("print")) is None
    (note,) = memory.notes
    assert note == "Nothing is kept, since the ledger cannot be used: unable to open database file."


def test_a_damaged_ledger_is_told_once(memory: Memory) -> None:
    folder = memory.ledger.folder
    folder.mkdir()
    (folder / "ledger.sqlite").write_bytes(b"no database" * 1000)
    assert wait(memory.begin(ORDER, None)).id == 1
    assert wait(memory.latest("print")) is not None
    (note,) = memory.notes
    (aside,) = folder.glob("damaged-*")
    assert aside.name in note and "billed again" in note


def test_a_budget_needs_a_ledger(lost_memory: Memory) -> None:
    with pytest.raises(ConfigurationError) as caught:
        wait(lost_memory.begin(ORDER, lambda spent: None))
    text = str(caught.value)
    assert "MODEL_STUDIO_DAILY_BUDGET cannot be kept" in text and "Not a directory" in text
    assert "Nothing was sent" in text


def test_a_budget_needs_a_ledger_from_beginning_to_end(memory: Memory) -> None:
    wait(memory.begin(ORDER, lambda spent: None))
    spoil(memory)
    with pytest.raises(ConfigurationError, match="unable to open"):
        wait(memory.begin(ORDER, lambda spent: None))


def test_a_note_is_told_once(memory: Memory, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for note in ("one", "two", "one"):
            memory.note(note)
    assert memory.notes == caplog.messages == ["one", "two"]


# Claims


@contextmanager
def elsewhere(memory: Memory) -> Iterator[None]:
    """Another run of the same request."""
    with Claims(memory.ledger.folder / "claims").attempt("print") as ours:
        assert ours
        yield


async def claim(memory: Memory, waiting: Waiting) -> bool:
    """Whether it was ours alone."""
    async with memory.claim("print", waiting):
        with Claims(memory.ledger.folder / "claims").attempt("print") as others:
            return not others


def test_another_run_of_the_same_request_is_waited_for(memory: Memory, clock: Any) -> None:
    shown: list[str] = []
    other = ExitStack()

    def show(text: str, fraction: float) -> None:
        shown.append(text)
        if "2 s" in text:
            other.close()

    other.enter_context(elsewhere(memory))
    with other:
        assert wait(claim(memory, Waiting(300, show=show, clock=clock)))
    assert shown == [f"waiting for the same request of another run, {seconds} s" for seconds in range(3)]
    assert 1.5 <= clock.slept <= 3 and memory.notes == []


def test_no_run_waits_for_ever(memory: Memory, clock: Any) -> None:
    waiting = Waiting(30, clock=clock)
    with elsewhere(memory), pytest.raises(TaskTimeout, match="After 30 s another run still works"):
        wait(claim(memory, waiting))
    assert wait(claim(memory, Waiting(30, clock=clock)))


def test_cancel_ends_the_wait_for_another_run(memory: Memory, clock: Any) -> None:
    with elsewhere(memory), pytest.raises(Interrupted):
        wait(claim(memory, Waiting(30, interrupted=lambda: clock.slept > 5, clock=clock)))
    assert clock.slept < 6


def test_a_claim_is_given_back_when_its_run_fails(memory: Memory, waiting: Waiting) -> None:
    async def fail() -> None:
        async with memory.claim("print", waiting):
            raise KeyError

    with pytest.raises(KeyError):
        wait(fail())
    with elsewhere(memory):
        pass


def test_without_reuse_nobody_waits(tmp_path: Path, waiting: Waiting, clock: Any) -> None:
    memory = memory_in(tmp_path, reuse=False)
    with elsewhere(memory):
        assert wait(claim(memory, waiting))
    assert not wait(claim(memory, waiting))
    assert clock.slept == 0 and memory.notes == []


def test_where_nothing_can_be_claimed_a_run_goes_on_with_a_note(lost_memory: Memory, waiting: Waiting) -> None:
    async def run() -> list[str]:
        async with lost_memory.claim("print", waiting):
            return list(lost_memory.notes)

    (note,) = wait(run())
    assert note.startswith("Equal requests of other runs cannot be seen: ")


# Shelves


def drawn(memory: Memory) -> Entry:
    begun = wait(memory.begin(ORDER, None))
    return wait(memory.update(begun, state=DRAWN, drawn=Drawn(("link", "link"))))


def test_what_is_put_on_a_shelf_is_there_in_the_next_run(memory: Memory) -> None:
    shelf = Shelf(memory, drawn(memory))
    assert wait(shelf.get(1)) is None
    wait(shelf.put(1, PNG))
    (entry,) = memory.ledger.recent(1)
    again = Shelf(memory, entry)
    assert wait(again.get(1)) == PNG and wait(again.get(0)) is None
    assert (shelf.downloads, again.downloads) == (1, 0)


def test_a_stored_file_that_is_gone(memory: Memory) -> None:
    wait(Shelf(memory, drawn(memory)).put(0, PNG))
    (entry,) = memory.ledger.recent(1)
    memory.ledger.store.delete(entry.files.values())
    assert wait(Shelf(memory, entry).get(0)) is None and memory.notes == []


def test_a_store_without_room_keeps_nothing(tmp_path: Path) -> None:
    memory = memory_in(tmp_path, store_limit=0)
    shelf = Shelf(memory, drawn(memory))
    wait(shelf.put(0, PNG))
    assert shelf.downloads == 1 and memory.notes == []
    assert not memory.ledger.store.folder.exists() and memory.ledger.recent(1)[0].files == {}


def test_the_rules_are_kept(tmp_path: Path) -> None:
    now = 1_790_000_000.0
    memory = Memory(Ledger(tmp_path, lambda: now), Rules(reuse=True, store_limit=20, store_days=3))
    for _ in range(3):
        wait(Shelf(memory, drawn(memory)).put(0, PNG))
    assert memory.ledger.stored_bytes() == 16
    now += 4 * 86400
    wait(Shelf(memory, drawn(memory)).put(0, PNG))
    assert memory.ledger.stored_bytes() == 8


def test_pictures_that_cannot_be_kept(memory: Memory, lost_memory: Memory) -> None:
    memory.ledger.folder.mkdir()
    memory.ledger.store.folder.touch()
    shelf = Shelf(memory, drawn(memory))
    wait(shelf.put(0, PNG))
    assert shelf.downloads == 1
    assert memory.notes == ["Nothing is kept, since the ledger cannot be used: File exists."]
    shelf = Shelf(lost_memory, drawn(lost_memory))
    wait(shelf.put(0, PNG))
    assert shelf.downloads == 1 and lost_memory.notes == [NOTE]
