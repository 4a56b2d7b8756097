"""One owner for each paid request: consent, equal requests at the same moment, budgets, a ledger that fails."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from model_studio import errors
from model_studio.ledger import (
    DRAWN,
    FAILED,
    SENDING,
    SUBMITTED,
    UNCERTAIN,
    Ledger,
    LedgerUnavailable,
    database,
    new_entry,
    session,
)
from model_studio.runs import leftovers
from model_studio.service.exchange import Answer, Call
from model_studio.studio import Result, Studio
from model_studio.waiting import Interrupted, Waiting
from model_studio.words import Text
from simulator import Simulator
from tests.model_studio.asking import ask, become, billed, creations, owner, same, set_clock, states

TASK, SYNC = "wan2.2-t2i-flash", "qwen-image-2.0"
Generate = Callable[..., Result]


# The same request at the same moment


def test_two_equal_runs_at_once_are_one_request(studio: Studio, sim: Simulator) -> None:
    async def both() -> list[Result]:
        runs = (studio.generate(ask(SYNC), Waiting(30)) for _ in range(2))
        return list(await asyncio.gather(*runs))

    sim.faults.add("slow_answer", on="create", seconds=0.3)
    results = asyncio.run(both())
    assert sorted(result.info["source"] for result in results) == ["from store", "new"]
    assert len(creations(sim)) == 1 and all(same(result, sim) for result in results)


def test_who_waited_for_a_request_that_became_uncertain_does_not_send_it_again(studio: Studio, sim: Simulator) -> None:
    """Sending again is for a user who has read the error."""
    paid = asyncio.run(owner(studio, ask(SYNC)))
    asked = paid._asked
    assert asked.fingerprint

    async def wait_and_see() -> None:
        with studio.ledger.claims.attempt(str(asked.fingerprint)) as ours:
            waiting = asyncio.create_task(studio.generate(ask(SYNC), Waiting(30)))
            await asyncio.sleep(0.3)
            assert ours and not waiting.done()
            entry = studio.ledger.begin(new_entry(asked, SENDING, studio.ledger.now()))
            studio.ledger.update(entry, state=UNCERTAIN)
        await waiting

    with pytest.raises(errors.SubmissionUncertain, match="its answer is not known"):
        asyncio.run(wait_and_see())
    assert creations(sim) == []
    assert asyncio.run(studio.generate(ask(SYNC), Waiting(30))).info["source"] == "new"


def test_waiting_for_another_run_ends_with_the_time_out(studio: Studio, clock: Any, generate: Generate) -> None:
    paid = asyncio.run(owner(studio, ask(SYNC)))
    assert paid._asked.fingerprint
    with studio.ledger.claims.attempt(paid._asked.fingerprint) as ours:
        assert ours
        with pytest.raises(errors.TaskTimeout, match="Nothing was sent"):
            generate(SYNC, timeout=20)
        with pytest.raises(Interrupted):
            generate(SYNC, cancel_at="waiting for the same request of another run, 3 s")


# Consent: queued after the user could read what became of the first


@pytest.mark.parametrize("model", [TASK, SYNC])
def test_runs_that_were_queued_before_the_error_could_be_read_send_nothing(
    generate: Generate, sim: Simulator, studio: Studio, model: str
) -> None:
    sim.faults.add("close_before_answer", on="create")
    sim.faults.add("http_502", on="list")
    queued = time.time()
    for _ in range(5):
        with pytest.raises(errors.SubmissionUncertain):
            generate(model, queued=queued)
    assert len(creations(sim)) == 1
    become(studio, UNCERTAIN)
    with pytest.raises(errors.SubmissionUncertain):
        generate(model, queued=queued)
    assert len(creations(sim)) == 1
    sim.faults.clear()
    sim.faults.add("http_502", on="list")
    assert generate(model).info["source"] == "new"


def test_what_is_told_again_to_those_in_the_queue_does_not_delay_consent(
    generate: Generate, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "WARNED_AFTER", 60)
    sim.faults.add("http_502", on="create", times=1)
    begun = time.time()
    with pytest.raises(errors.SubmissionUncertain):
        generate(SYNC, queued=begun)
    read = time.time()
    with pytest.raises(errors.SubmissionUncertain):
        generate(SYNC, queued=begun)
    assert generate(SYNC, queued=read).info["source"] == "new"


def test_a_task_that_the_service_denies_is_bought_once_whatever_is_queued(
    generate: Generate, sim: Simulator, studio: Studio
) -> None:
    sim.faults.add("unknown", on="poll")
    queued = time.time()
    for _ in range(4):
        with pytest.raises(errors.TaskUnknown):
            generate(n=4, queued=queued)
    assert len(creations(sim)) == 1


# A denial that may pass


def test_a_task_is_asked_about_for_minutes_before_it_counts_as_lost(
    generate: Generate, sim: Simulator, studio: Studio, clock: Any
) -> None:
    sim.faults.add("unknown", on="poll", times=6)
    result = generate(n=4)
    assert result.info["source"] == "new" and same(result, sim) and billed(sim) == 4
    sim.faults.add("unknown", on="poll")
    slept = clock.slept
    with pytest.raises(errors.TaskUnknown):
        generate(seed=2)
    assert leftovers.PATIENCE <= clock.slept - slept < 2 * leftovers.PATIENCE


@pytest.mark.parametrize("fault", ["picture_missing", "picture_expired"])
def test_a_picture_is_asked_for_for_minutes_before_it_counts_as_lost(
    generate: Generate, sim: Simulator, clock: Any, fault: str
) -> None:
    sim.faults.add(fault, times=6)
    result = generate(SYNC, n=2)
    assert same(result, sim) and billed(sim) == 2 and result.is_final
    sim.faults.add(fault)
    slept = clock.slept
    with pytest.raises(errors.PictureExpired, match="Queue again to try once more"):
        generate(SYNC, seed=2)
    assert leftovers.PATIENCE <= clock.slept - slept < 2 * leftovers.PATIENCE


def test_short_runs_add_up_to_the_patience(generate: Generate, sim: Simulator, studio: Studio) -> None:
    """Only the seconds count in which the service was asked and denied it, whatever passes between the runs."""
    sim.faults.add("unknown", on="poll")
    for _ in range(3):
        with pytest.raises(errors.TaskTimeout, match="has not known the task"):
            generate(timeout=60)
        set_clock(studio, 5)
    with pytest.raises(errors.TaskUnknown, match="Queue again to try once more"):
        generate(timeout=60)
    assert len(creations(sim)) == 1
    sim.faults.clear()
    assert generate(timeout=60).info["source"] == "resumed" and len(creations(sim)) == 1


def test_a_task_that_is_known_again_is_lost_no_more(generate: Generate, sim: Simulator, studio: Studio) -> None:
    """An old warning is no consent to pay at the next hiccup."""
    sim.faults.add("unknown", on="poll")
    with pytest.raises(errors.TaskUnknown, match="Queue again to try once more"):
        generate(n=4)
    sim.faults.clear()
    sim.faults.add("stuck_running", on="poll", times=5)
    with pytest.raises(errors.TaskTimeout):
        generate(n=4, timeout=10)
    become(studio, SUBMITTED)
    sim.faults.clear()
    sim.faults.add("unknown", on="poll", times=8)
    assert generate(n=4).info["source"] == "resumed" and len(creations(sim)) == 1


def test_one_dead_link_of_several_holds_the_others_up_for_minutes_once(
    generate: Generate, sim: Simulator, environ: dict[str, str], clock: Any
) -> None:
    environ["MODEL_STUDIO_STORE_LIMIT"] = "0"
    generate(SYNC, n=2)
    del sim.pictures._drawings[sim.billed[0].paths[0].split("?")[0]]
    waits = []
    for _ in range(3):
        before = clock.slept
        assert len(generate(SYNC, n=2).pictures) == 1
        waits.append(clock.slept - before)
    assert waits[0] >= leftovers.PATIENCE - 10 and max(waits[1:]) < 20
    assert len(creations(sim)) == 1


def test_a_clock_that_jumps_ahead_buys_nothing_that_the_service_still_has(
    generate: Generate, sim: Simulator, studio: Studio, clock: Any
) -> None:
    sim.faults.add("stuck_running", on="poll", times=30)
    with pytest.raises(errors.TaskTimeout):
        generate(timeout=30, n=4)
    set_clock(studio, 25)
    _, info = asyncio.run(studio._submit(ask(TASK, n=4, call_mode="async"), Waiting(60, clock=clock)))
    assert info["source"] == "resumed"
    sim.faults.clear()
    sim.faults.add("unknown", on="poll", times=2)  # and it hesitates
    assert generate(n=4).info["source"] == "resumed"
    set_clock(studio, -25)
    assert generate(n=4).info["source"] == "from store"
    assert len(creations(sim)) == 1


def test_a_clock_that_jumps_ahead_buys_no_picture_whose_link_works(
    generate: Generate, sim: Simulator, studio: Studio
) -> None:
    sim.faults.add("picture_html", times=2)
    with pytest.raises(errors.PictureBroken):
        generate(SYNC)
    set_clock(studio, 25)
    sim.faults.add("picture_html", times=2)
    with pytest.raises(errors.PictureBroken):
        generate(SYNC)
    assert generate(SYNC).info["source"] == "resumed" and len(creations(sim)) == 1


# Money


def test_the_days_sum_and_the_budget(
    generate: Generate, sim: Simulator, studio: Studio, environ: dict[str, str]
) -> None:
    environ["MODEL_STUDIO_DAILY_BUDGET"] = "CNY 0.30"
    generate(n=2)  # 0.14 each
    assert studio.ledger.spent_today() == {"CNY": pytest.approx(0.28)}
    seen = len(sim.requests)
    with pytest.raises(errors.BudgetReached, match=r"CNY 0\.14 .* CNY 0\.28 of today .* CNY 0\.30"):
        generate(seed=2)
    assert len(sim.requests) == seen
    assert generate(n=2).info["source"] == "from store"  # costs nothing
    environ["MODEL_STUDIO_DAILY_BUDGET"] = "CNY 0.42"
    assert generate(seed=2).info["source"] == "new"


def test_the_budget_counts_what_others_spent_while_this_one_was_refused(
    generate: Generate, sim: Simulator, studio: Studio, environ: dict[str, str]
) -> None:
    environ["MODEL_STUDIO_DAILY_BUDGET"] = "CNY 0.14"
    paid = asyncio.run(owner(studio, ask(TASK, seed=1)))
    asyncio.run(paid.sending())
    asyncio.run(paid.refused(errors.Throttled(Text("no"))))  # by a limit: it would be sent again
    generate(seed=2)
    with pytest.raises(errors.BudgetReached), paid.held:
        asyncio.run(paid.sending())
    assert states(studio) == [DRAWN, FAILED] and studio.ledger.spent_today() == {"CNY": 0.14}


def test_after_a_damage_the_sum_of_the_day_is_not_known_and_a_budget_refuses(
    generate: Generate, sim: Simulator, studio: Studio, environ: dict[str, str]
) -> None:
    environ["MODEL_STUDIO_DAILY_BUDGET"] = "CNY 10"
    generate()
    studio.ledger.database.file.write_bytes(b"no database" * 1000)
    with pytest.raises(errors.ConfigurationError, match="damaged or deleted today"):
        generate(seed=2)
    assert len(creations(sim)) == 1
    del environ["MODEL_STUDIO_DAILY_BUDGET"]
    assert generate(seed=2).info["source"] == "new"


def test_a_ledger_that_fails_once_is_asked_again(generate: Generate, sim: Simulator, studio: Studio) -> None:
    generate()
    transaction, failures = studio.ledger.database.transaction, iter([True])

    def failing_once(**changes: Any) -> Any:
        if next(failures, False):
            raise LedgerUnavailable("database is locked")
        return transaction(**changes)

    studio.ledger.database.transaction = failing_once
    assert generate().info["source"] == "from store"


def test_failed_pictures_are_not_counted(generate: Generate, sim: Simulator, studio: Studio) -> None:
    sim.faults.add("partial_success", failed=1)
    assert generate(n=3).info["cost"]["amount"] == pytest.approx(0.28)
    assert studio.ledger.spent_today() == {"CNY": pytest.approx(0.28)}


# A ledger that cannot be kept


@pytest.fixture
def no_ledger(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    studio.ledger = Ledger(tmp_path / "file" / "below")


@pytest.mark.usefixtures("no_ledger")
def test_without_a_ledger_pictures_still_come(generate: Generate, sim: Simulator, environ: dict[str, str]) -> None:
    result = generate()
    assert result.info["source"] == "new" and same(result, sim)
    assert any(note.startswith("Nothing is kept") for note in result.info["notes"])
    environ["MODEL_STUDIO_DAILY_BUDGET"] = "CNY 100"
    with pytest.raises(errors.ConfigurationError, match="cannot be kept"):
        generate(seed=2)
    assert len(creations(sim)) == 1


@pytest.mark.usefixtures("no_ledger")
def test_without_a_ledger_the_next_run_takes_up_the_task(
    generate: Generate, sim: Simulator, studio: Studio, waiting: Waiting
) -> None:
    sim.faults.add("stuck_running", on="poll")
    for _ in range(2):
        with pytest.raises(errors.TaskTimeout, match=r"nothing is paid twice.*Nothing is kept, since the ledger"):
            generate(timeout=30)
    sim.faults.clear()
    task_id, facts = asyncio.run(studio.submit(ask(TASK), waiting))
    assert facts["source"] == "resumed"
    found = asyncio.run(studio.collect([task_id], "cn-beijing", waiting))
    assert same(found, sim) and found.info["model"] == TASK  # as the record says
    assert generate().info["source"] == "resumed" and len(creations(sim)) == 1


@pytest.mark.usefixtures("no_ledger")
@pytest.mark.parametrize("model", [TASK, SYNC])
def test_without_a_ledger_consent_is_needed_too(generate: Generate, sim: Simulator, model: str) -> None:
    sim.faults.add("close_before_answer", on="create", times=1)
    sim.faults.add("http_502", on="list")
    queued = time.time()
    for _ in range(5):
        with pytest.raises(errors.SubmissionUncertain):
            generate(model, queued=queued)
    assert len(creations(sim)) == 1
    assert generate(model).info["source"] == "new"


@pytest.mark.parametrize("model", [TASK, SYNC])
def test_an_answer_that_comes_while_the_ledger_is_held_is_not_forgotten(
    generate: Generate, sim: Simulator, studio: Studio, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    generate(seed=1)
    exchange = studio._exchange
    with closing(sqlite3.connect(studio.ledger.database.file, isolation_level=None, check_same_thread=False)) as backup:

        def held_from_the_answer_on(call: Call) -> Answer:
            answer = exchange(call)
            if call.method == "POST" and not backup.in_transaction:
                backup.execute("BEGIN EXCLUSIVE")
            return answer

        monkeypatch.setattr(studio, "_exchange", held_from_the_answer_on)
        assert generate(model).info["source"] == "new"
        backup.execute("ROLLBACK")
    monkeypatch.setattr(studio, "_exchange", exchange)
    sim.faults.add("http_502", on="list")
    assert generate(model).info["source"] in ("resumed", "from store") and billed(sim) == 2
    become(studio, DRAWN, DRAWN)


def test_nothing_secret_is_written_down_but_the_links(generate: Generate, sim: Simulator, tmp_path: Path) -> None:
    generate()
    generate(SYNC)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert not any(sim.key.encode() in file.read_bytes() for file in files)
    assert not any("boat" in file.name or "Signature" in file.name for file in files)
    assert "Signature" not in json.dumps(generate().info)
