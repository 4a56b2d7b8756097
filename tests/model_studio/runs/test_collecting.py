"""Tasks to pictures: what was fetched once is kept, whoever created the task."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
import time
from contextlib import closing
from typing import Any

import pytest

from model_studio import errors
from model_studio.ledger import DRAWN, FAILED, LOST, SUBMITTED, database
from model_studio.runs.paid_record import PaidRecord
from model_studio.service import pacer
from model_studio.service.answers import Drawn, TaskAnswer
from model_studio.service.client import Client
from model_studio.studio import Result, Studio
from model_studio.threads import FILE_THREADS, file_work
from model_studio.waiting import DeadlinePassed, Interrupted, Landed, Origin, Waiting
from simulator import Simulator
from tests.model_studio.asking import ask, become_another_machine, creations, served

TASK = "wan2.2-t2i-flash"


def submit(studio: Studio, waiting: Waiting, model: str = TASK, **changes: Any) -> tuple[str, dict[str, Any]]:
    waiting.origin = Origin(waiting)  # queued now
    return asyncio.run(studio._submit(ask(model, call_mode="async", **changes), waiting))


def collect(studio: Studio, waiting: Waiting, *task_ids: str) -> Result:
    waiting.origin = Origin(waiting)
    return asyncio.run(studio._collect(task_ids, "auto", waiting))


def states(studio: Studio) -> list[str]:
    return [entry.state for entry in studio.ledger.recent(10)]


def test_a_submission_is_in_the_ledger_and_an_equal_one_is_the_same_task(
    studio: Studio, waiting: Waiting, sim: Simulator
) -> None:
    task_id, info = submit(studio, waiting)
    assert info["source"] == "new" and info["cost"]["amount"] > 0 and states(studio) == [SUBMITTED]
    again, info = submit(studio, waiting)
    assert again == task_id and info["source"] == "resumed" and info["cost"]["amount"] == 0
    assert len(creations(sim)) == 1


def test_what_was_submitted_is_taken_up_by_a_generator(studio: Studio, waiting: Waiting, sim: Simulator) -> None:
    task_id, _ = submit(studio, waiting)
    result = asyncio.run(studio._generate(ask(TASK), waiting))
    assert (result.info["source"], result.info["task_id"]) == ("resumed", task_id)
    assert len(creations(sim)) == 1


def test_what_was_fetched_is_kept(studio: Studio, waiting: Waiting, sim: Simulator) -> None:
    task_id, _ = submit(studio, waiting, n=2)
    first = collect(studio, waiting, task_id)
    seen = len(sim.requests)
    sim.clock.advance(30 * 24 * 3600)
    again = collect(studio, waiting, task_id)
    assert len(sim.requests) == seen
    assert (first.info["source"], again.info["source"]) == ("resumed", "from store")
    assert again.info["model"] == TASK and again.info["task_id"] == task_id
    for picture, drawn in zip(again.pictures, served(sim), strict=True):
        assert (picture.pixels == drawn).all()
    assert asyncio.run(studio._generate(ask(TASK, n=2), waiting)).info["source"] == "from store"


def test_reuse_off_asks_the_service(studio: Studio, waiting: Waiting, sim: Simulator, environ: dict[str, str]) -> None:
    task_id, _ = submit(studio, waiting)
    collect(studio, waiting, task_id)
    environ["MODEL_STUDIO_REUSE"] = "off"
    seen = len(sim.requests)
    assert collect(studio, waiting, task_id).info["source"] == "resumed"
    assert len(sim.requests) > seen


def test_a_task_created_elsewhere_is_kept_and_costs_nothing_here(
    studio: Studio, waiting: Waiting, sim: Simulator
) -> None:
    task_id, _ = submit(studio, waiting)
    become_another_machine(studio)
    collect(studio, waiting, task_id)
    assert states(studio) == [DRAWN] and studio.ledger.spent_today() == {}
    assert collect(studio, waiting, task_id).info["source"] == "from store"


def test_some_stored_some_not(studio: Studio, waiting: Waiting, sim: Simulator) -> None:
    first, _ = submit(studio, waiting, seed=1)
    collect(studio, waiting, first)
    second, _ = submit(studio, waiting, seed=2)
    both = collect(studio, waiting, second, first)
    for picture, drawn in zip(both.pictures, reversed(served(sim)), strict=True):
        assert (picture.pixels == drawn).all()
    assert both.info["source"] == "resumed"
    assert collect(studio, waiting, first, second).info["source"] == "from store"


@pytest.mark.parametrize(("fault", "state"), [("task_failed", FAILED), ("canceled", FAILED), ("unknown", LOST)])
def test_a_bad_end_is_written_down(studio: Studio, waiting: Waiting, sim: Simulator, fault: str, state: str) -> None:
    sim.faults.add(fault)
    task_id, _ = submit(studio, waiting)
    with pytest.raises(errors.ModelStudioError):
        collect(studio, waiting, task_id)
    end = time.monotonic() + 5
    while states(studio) != [state]:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert studio.ledger.spent_today()["CNY"] == (0 if state == FAILED else 0.14)


@pytest.mark.parametrize(
    ("fault", "work"), [("made_video", "a video"), ("made_speech", "speech"), ("made_transcript", "a transcript")]
)
def test_a_task_of_another_kind_is_named_and_not_written_down(
    studio: Studio, waiting: Waiting, sim: Simulator, fault: str, work: str
) -> None:
    sim.faults.add(fault, times=1)
    task_id, _ = submit(studio, waiting)
    become_another_machine(studio)
    for _ in range(2):
        with pytest.raises(errors.TaskError, match=f"made {work}; this node fetches pictures only") as caught:
            collect(studio, waiting, task_id)
        assert caught.value.task_id == task_id and "Signature" not in str(caught.value)
    assert states(studio) == []
    drawn, _ = submit(studio, waiting, seed=8)
    result = collect(studio, waiting, task_id, drawn)
    assert len(result.pictures) == 1 and any(f"made {work}" in note for note in result.info["notes"])


def test_cancel_of_a_collection_cancels_no_task(studio: Studio, sim: Simulator, waiting: Waiting, clock: Any) -> None:
    sim.faults.add("stuck_pending")
    task_id, _ = submit(studio, waiting)
    shown = [""]
    leaving = Waiting(300, lambda: "queued 3 s" in shown, lambda text, fraction: shown.append(text), clock)
    with pytest.raises(Interrupted):
        collect(studio, leaving, task_id)
    assert not any(seen.path.endswith("/cancel") for seen in sim.requests)
    assert states(studio) == [SUBMITTED]


def test_cancel_during_a_submission_withdraws_the_task(studio: Studio, sim: Simulator, clock: Any) -> None:
    sim.faults.add("stuck_pending")
    leaving = Waiting(300, lambda: bool(creations(sim)), clock=clock)
    with pytest.raises(Interrupted):
        submit(studio, leaving)
    assert sum(seen.path.endswith("/cancel") for seen in sim.requests) == 1
    assert states(studio) == [FAILED]


def test_no_id_lists_the_last_tasks(studio: Studio, waiting: Waiting, sim: Simulator, tmp_path: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="There are no tasks yet"):
        studio.task_ids(" ,\n")
    prompt = "a <b>boat</b>\nof 'paper', " + "and so on " * 20
    first, _ = submit(studio, waiting, seed=1, prompt=prompt)
    collect(studio, waiting, first)
    second, _ = submit(studio, waiting, seed=2)
    with pytest.raises(errors.InvalidRequest, match="There is not a task id") as caught:
        studio.task_ids("")
    lines = str(caught.value).splitlines()
    assert second in lines[1] and '"a paper boat"' in lines[1] and "under way" in lines[1] and TASK in lines[1]
    assert first in lines[2] and "\"a <b>boat</b> of 'paper', and so on and…\"" in lines[2] and "stored" in lines[2]
    assert "KiB of 4 GiB" in lines[3] and str(tmp_path) in lines[3]


def test_a_task_is_not_lost_because_it_was_looked_for_in_another_region(
    studio: Studio, waiting: Waiting, sim: Simulator, environ: dict[str, str]
) -> None:
    task_id, _ = submit(studio, waiting)
    environ["DASHSCOPE_HTTP_BASE_URL"] = sim.base_url_of("ap-southeast-1")
    with pytest.raises(errors.TaskUnknown):
        asyncio.run(studio._collect([task_id], "ap-southeast-1", waiting))
    environ["DASHSCOPE_HTTP_BASE_URL"] = sim.base_url
    assert submit(studio, waiting)[0] == task_id and len(creations(sim)) == 1


def test_tasks_that_ended_are_stored_even_when_another_does_not(
    studio: Studio, waiting: Waiting, sim: Simulator, clock: Any
) -> None:
    done, _ = submit(studio, waiting, seed=1)
    sim.faults.add("stuck_running")
    stuck, _ = submit(studio, waiting, seed=2)
    with pytest.raises(errors.TaskTimeout):
        collect(studio, waiting, done, stuck)
    sim.clock.advance(25 * 3600)
    assert collect(studio, Waiting(300, clock=clock), done).info["source"] == "from store"


def test_each_task_is_fetched_as_it_ends_and_shown_while_another_goes_on(
    studio: Studio, waiting: Waiting, sim: Simulator, clock: Any
) -> None:
    slow, _ = submit(studio, waiting, model="wan2.2-t2i-plus")
    done, _ = submit(studio, waiting, n=2)
    sim.faults.add("stuck_running", on="poll", model="wan2.2-t2i-plus")
    collecting = Waiting(300, clock=clock)
    landed: list[tuple[int, int, bool]] = []

    def show_picture(picture: Landed) -> None:
        landed.append((picture.number, picture.of, bool(sim.faults.active())))
        if len(landed) == 2:
            sim.faults.clear()

    collecting.show_picture = show_picture
    result = collect(studio, collecting, slow, done)
    assert sorted(landed[:2]) == [(0, 2, True), (1, 2, True)] and landed[2:] == [(0, 2, False)]
    assert [picture.size for picture in result.pictures] == ["1024*1024", "512*512", "512*512"]  # as the ids stand
    assert result.info["task_id"] == f"{slow}, {done}"


def test_what_has_ended_is_stored_whoever_leaves(studio: Studio, waiting: Waiting, sim: Simulator, clock: Any) -> None:
    slow, _ = submit(studio, waiting, model="wan2.2-t2i-plus")
    done, _ = submit(studio, waiting)
    sim.faults.add("stuck_running", on="poll", model="wan2.2-t2i-plus")
    landed: list[Landed] = []
    collecting = Waiting(300, lambda: bool(landed), clock=clock)
    collecting.show_picture = landed.append
    with pytest.raises(Interrupted):
        collect(studio, collecting, slow, done)
    assert collect(studio, Waiting(300, clock=clock), done).info["source"] == "from store"


@pytest.mark.parametrize(("ends", "raised"), [(DeadlinePassed, errors.TaskTimeout), (Interrupted, Interrupted)])
def test_an_answer_that_comes_while_the_wait_ends_is_not_lost(
    studio: Studio,
    waiting: Waiting,
    sim: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    ends: type[Exception],
    raised: type[Exception],
) -> None:
    quick, stuck, late = (submit(studio, waiting, seed=seed)[0] for seed in (1, 2, 3))
    over = asyncio.Event()

    async def task(client: Client, task_id: str, run: Waiting) -> TaskAnswer:
        while (answer := await ask_service(client, task_id, run)).state != "SUCCEEDED":
            pass
        if task_id == stuck:
            over.set()
            raise ends
        if task_id == late:
            await over.wait()
            await asyncio.sleep(0.1)
        return answer

    ask_service = Client.task
    monkeypatch.setattr(Client, "task", task)
    with pytest.raises(raised):
        collect(studio, waiting, quick, stuck, late)
    assert collect(studio, Waiting(300, clock=waiting.clock), quick, late).info["source"] == "from store"


def test_one_part_that_breaks_does_not_lose_the_others(
    studio: Studio, waiting: Waiting, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, whole = (submit(studio, waiting, seed=seed)[0] for seed in (1, 2))
    fetch = PaidRecord.fetch

    async def breaks(record: PaidRecord, drawn: Drawn) -> Any:
        if record.entry.task_id == broken:
            raise MemoryError
        await asyncio.sleep(0.1)
        return await fetch(record, drawn)

    monkeypatch.setattr(PaidRecord, "fetch", breaks)
    with pytest.raises(MemoryError):
        collect(studio, waiting, broken, whole)
    assert collect(studio, Waiting(300, clock=waiting.clock), whole).info["source"] == "from store"


def test_links_that_expired_make_the_next_submission_a_new_one(
    studio: Studio, waiting: Waiting, sim: Simulator
) -> None:
    task_id, _ = submit(studio, waiting)
    sim.faults.add("picture_expired")
    with pytest.raises(errors.PictureExpired, match="Queue again to try once more"):
        collect(studio, waiting, task_id)
    sim.faults.clear()
    sim.faults.add("unknown", on="poll")
    new_id, info = submit(studio, waiting)
    assert new_id != task_id and info["source"] == "new"
    assert any("An earlier task of this request can no longer be fetched" in note for note in info["notes"])


def test_a_submission_after_a_sync_call_is_a_task_of_its_own(studio: Studio, waiting: Waiting, sim: Simulator) -> None:
    """There is no id to give; the pictures of the call stay in the store."""
    asyncio.run(studio._generate(ask("wan2.6-t2i", call_mode="sync"), waiting))
    request = ask("wan2.6-t2i", call_mode="async")
    _, info = asyncio.run(studio._submit(request, waiting))
    assert info["source"] == "new" and info["notes"] == []
    assert sorted(states(studio)) == [DRAWN, SUBMITTED]


def test_only_what_the_user_reads_counts_as_told(studio: Studio, waiting: Waiting, sim: Simulator) -> None:
    """Of several errors one is raised; here the time-out, which says that nothing is paid twice."""
    sim.faults.add("unknown", times=1)
    unknown, _ = submit(studio, waiting, seed=1)
    sim.faults.add("stuck_running")
    stuck, _ = submit(studio, waiting, seed=2)
    with pytest.raises(errors.TaskTimeout):
        collect(studio, waiting, unknown, stuck)
    waiting = Waiting(300, clock=waiting.clock)
    assert submit(studio, waiting, seed=1)[1]["source"] == "resumed"
    with pytest.raises(errors.TaskUnknown):
        collect(studio, waiting, unknown)
    assert submit(studio, waiting, seed=1)[1]["source"] == "new"


def test_a_found_task_of_another_is_given_back_by_the_poller_too(
    studio: Studio, waiting: Waiting, sim: Simulator
) -> None:
    stranger, _ = submit(studio, waiting, prompt="a castle of somebody else")
    become_another_machine(studio)
    sim.faults.add("http_502", on="create", times=1)
    adopted, _ = submit(studio, waiting)
    assert adopted == stranger
    with pytest.raises(errors.TaskUnknown, match="belongs to another"):
        collect(studio, waiting, adopted)
    with pytest.raises(errors.SubmissionUncertain):
        submit(studio, waiting)
    assert submit(studio, waiting)[0] != stranger


# Many runs of one node, and a ledger that another process holds


def settle(studio: Studio) -> None:
    """Until nothing is at work in the background any more."""
    barrier = threading.Barrier(FILE_THREADS, timeout=30)
    for future in [file_work(barrier.wait) for _ in range(FILE_THREADS)]:
        future.result(30)
    loop, end = studio._background._running(), time.monotonic() + 30
    while asyncio.all_tasks(loop):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_of_a_list_of_ids_so_many_runs_are_at_work(
    studio: Studio, sim: Simulator, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacer, "REQUESTS", 2)
    sim.faults.add("stuck_pending")
    ids = [submit(studio, waiting, seed=seed)[0] for seed in range(5)]
    canceled, shown = threading.Event(), {task_id: [""] for task_id in ids}

    def asked() -> set[str]:
        return {seen.path.rsplit("/", 1)[1] for seen in sim.requests if seen.method == "GET"}

    async def one(task_id: str) -> None:
        run = Waiting(60, canceled.is_set, lambda text, _: shown[task_id].append(text), origin=Origin("node"))
        await studio.collect([task_id], "auto", run)

    async def all_of_them() -> list[Any]:
        runs = [asyncio.ensure_future(one(task_id)) for task_id in ids]
        waits = "waiting for a free place, 2 requests at a time"
        while len(asked()) < 2 or sum(waits in texts for texts in shown.values()) < 3:
            assert len(asked()) <= 2
            await asyncio.sleep(0.01)
        canceled.set()
        return await asyncio.gather(*runs, return_exceptions=True)

    assert [type(end) for end in asyncio.run(asyncio.wait_for(all_of_them(), 20))] == [Interrupted] * 5
    settle(studio)
    assert len(asked()) == 2


@pytest.fixture
def tries(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One for each connection that is made to the ledger."""
    made: list[int] = []
    connect = studio.ledger.database._connect

    def counted() -> sqlite3.Connection:
        made.append(1)
        return connect()

    monkeypatch.setattr(studio.ledger.database, "_connect", counted)
    return made


def test_a_locked_ledger_is_waited_for_once_and_not_for_each_id(
    studio: Studio, waiting: Waiting, sim: Simulator, tries: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [submit(studio, waiting, seed=seed)[0] for seed in range(4)]
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(studio.ledger.database.file, check_same_thread=False)) as other:
        account = studio.ledger.account

        def then_locked(key: str) -> str:
            found = account(key)
            other.execute("BEGIN EXCLUSIVE")
            tries.clear()
            return found

        monkeypatch.setattr(studio.ledger, "account", then_locked)
        result = collect(studio, waiting, *ids, "no-such-task")
    assert len(result.pictures) == 4
    assert len(tries) == 1
    assert sum("Nothing is kept" in note for note in result.info["notes"]) == 1


def test_a_run_canceled_while_the_ledger_is_locked_does_no_more(
    studio: Studio, waiting: Waiting, sim: Simulator, tries: list[int]
) -> None:
    task_id, _ = submit(studio, waiting)
    settle(studio)
    seen, canceled = len(sim.requests), threading.Event()
    tries.clear()

    async def canceled_run() -> None:
        run = asyncio.ensure_future(studio.collect([task_id], "auto", Waiting(60, canceled.is_set)))
        while not tries:
            await asyncio.sleep(0.01)
        canceled.set()
        await run

    with closing(sqlite3.connect(studio.ledger.database.file)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Interrupted):
            asyncio.run(canceled_run())
        other.rollback()
    settle(studio)
    assert len(tries) == 1 and len(sim.requests) == seen


@pytest.mark.parametrize(
    ("ledger", "told"),
    [
        ("locked", "After 90 s the task is not finished (no answer)."),
        ("slow", "After 60 s the task is not finished (PENDING)."),
    ],
)
def test_the_seconds_of_a_time_out_count_from_the_runs_beginning(
    studio: Studio,
    waiting: Waiting,
    sim: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    clock: Any,
    ledger: str,
    told: str,
) -> None:
    sim.faults.add("stuck_pending")
    task_id, _ = submit(studio, waiting)
    account, release = studio.ledger.account, threading.Event()

    def waits(key: str) -> str:
        clock.time += {"locked": 90, "slow": 50}[ledger]
        if ledger == "locked":
            release.wait(30)
        return account(key)

    monkeypatch.setattr(studio.ledger, "account", waits)
    late = Waiting(60, clock=clock)
    with pytest.raises(errors.TaskTimeout, match=re.escape(told)) as caught:
        collect(studio, late, task_id)
    release.set()
    assert caught.value.task_id == task_id
