"""A look at open tasks: what it finds is written down or told, it costs nothing, and no run notices."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from typing import Any

import pytest

from model_studio.account import settings
from model_studio.ledger import DRAWN, FAILED, SUBMITTED, LedgerUnavailable
from model_studio.runs import looking
from model_studio.service import pacer
from model_studio.studio import Studio
from model_studio.waiting import Waiting
from simulator import Simulator
from tests.model_studio.asking import ask, billed, creations, states

TASK = "wan2.2-t2i-flash"


def submit(studio: Studio, **changes: Any) -> str:
    task_id, _ = asyncio.run(studio.submit(ask(TASK, call_mode="async", **changes), Waiting(30)))
    return task_id


def look(studio: Studio) -> list[tuple[str, str]]:
    """States and reasons of what was not written down."""
    return [(found["state"], found["why"]) for found in asyncio.run(studio.look())]


def shown(studio: Studio) -> dict[str, Any]:
    record: dict[str, Any] = asyncio.run(studio.records(1))["records"][0]
    return record


def polls(sim: Simulator) -> int:
    return sum(seen.method == "GET" and "/tasks/" in seen.path for seen in sim.requests)


def test_a_task_is_queued_runs_and_can_be_fetched(studio: Studio, sim: Simulator) -> None:
    submit(studio, n=2)
    assert [look(studio), look(studio)] == [[("pending", "")], [("running", "")]]
    assert states(studio) == [SUBMITTED]
    assert look(studio) == [] and states(studio) == [DRAWN]
    assert (shown(studio)["state"], shown(studio)["pictures"]) == ("ready", 2)
    asked = polls(sim)
    assert look(studio) == [] and polls(sim) == asked == 3  # nothing is open any more
    assert len(creations(sim)) == 1


@pytest.mark.parametrize(
    ("fault", "state", "says"),
    [
        ("moderation_output", "failed", "Moderation refused the picture that was made."),
        ("moderation_output", "failed", "(code DataInspectionFailed)"),
        ("canceled", "canceled", "It was canceled before it ran, and is not billed."),
        ("partial_success", "failed", "code"),
    ],
)
def test_a_bad_end_is_written_down_with_its_reason(
    studio: Studio, sim: Simulator, fault: str, state: str, says: str
) -> None:
    sim.faults.add(fault)
    submit(studio)
    for _ in range(3):
        told = look(studio)
    assert told == [] and states(studio) == [FAILED] and billed(sim) == 0
    assert studio.ledger.spent_today() == {"CNY": 0}
    assert shown(studio)["state"] == state and says in shown(studio)["why"]


@pytest.mark.parametrize(
    ("fault", "state", "says"),
    [
        ("unknown", "unknown", "The service does not know this task in region cn-beijing."),
        ("suspended", "submitted", ""),
        ("succeeded_without_pictures", "submitted", ""),
        ("arrears", "unanswered", "The account has an unpaid bill"),
    ],
)
def test_what_is_no_end_is_told_and_not_written(
    studio: Studio, sim: Simulator, fault: str, state: str, says: str
) -> None:
    submit(studio)
    sim.faults.add(fault, **({"on": "poll"} if fault != "succeeded_without_pictures" else {}))
    if fault == "succeeded_without_pictures":
        submit(studio, seed=8)
    for _ in range(3):
        told = look(studio)
    assert told[0][0] == state and says in told[0][1]
    assert states(studio)[0] == SUBMITTED


def test_no_key_and_another_key_are_told_and_nothing_is_asked(
    studio: Studio, sim: Simulator, environ: dict[str, str]
) -> None:
    submit(studio)
    key = environ["DASHSCOPE_API_KEY_CN_BEIJING"]
    environ["DASHSCOPE_API_KEY_CN_BEIJING"] = "sk-planted-of-somebody-else"
    asked = len(sim.requests)
    assert look(studio) == [("unasked", looking.OTHER_KEY)]
    del environ["DASHSCOPE_API_KEY_CN_BEIJING"]
    ((state, why),) = look(studio)
    assert state == "unasked" and why.startswith("There is no API key for region cn-beijing.")
    assert len(sim.requests) == asked
    environ["DASHSCOPE_API_KEY_CN_BEIJING"] = key
    assert look(studio) == [("pending", "")]


def test_the_newest_are_asked_about_and_no_more(
    studio: Studio, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "MOST", 2)
    ids = [submit(studio, seed=seed) for seed in range(4)]
    assert len(look(studio)) == 2
    assert {seen.path.rsplit("/", 1)[1] for seen in sim.requests if seen.method == "GET"} == set(ids[2:])


def test_what_is_too_old_for_the_service_is_not_asked_about(studio: Studio, sim: Simulator) -> None:
    submit(studio)
    now = studio.ledger.now
    studio.ledger.now = lambda: now() + 25 * 3600
    asked = len(sim.requests)
    assert look(studio) == [] and len(sim.requests) == asked
    assert shown(studio)["state"] == "expired" and "24 hours" in shown(studio)["why"]


def test_questions_pass_the_accounts_gate(
    studio: Studio, sim: Simulator, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its turns are counted, and its pauses are kept, but not for longer than a look."""
    monkeypatch.setattr(looking, "PATIENCE", 0.3)
    submit(studio)
    gate = studio._pacer.queries(_account(studio), settings.pace(environ).limits_queries)
    monkeypatch.setattr(gate, "_resumes", time.monotonic() + 60)
    asked, began = len(sim.requests), time.monotonic()
    assert look(studio) == [("unanswered", "")]
    assert len(sim.requests) == asked and time.monotonic() - began < 10
    monkeypatch.setattr(gate, "_resumes", 0.0)
    turns = len(gate._turns)
    look(studio)
    assert isinstance(gate, pacer.Gate) and len(gate._turns) == turns + 1


def _account(studio: Studio) -> str:
    (account,) = studio._pacer._queries
    return account


def test_a_run_at_the_same_request_is_left_alone(studio: Studio, sim: Simulator) -> None:
    """It holds the claim, and writes down itself what it finds."""
    submit(studio)
    (entry,) = studio.ledger.recent(1)
    assert entry.asked.fingerprint
    for _ in range(2):
        look(studio)
    with studio.ledger.claims.turn(entry.asked.fingerprint), studio.ledger.claims.attempt(entry.asked.fingerprint):
        assert look(studio) == [("ready", "")] and states(studio) == [SUBMITTED]
    assert look(studio) == [] and states(studio) == [DRAWN]


def test_a_run_that_goes_on_at_the_same_time_gets_its_pictures_once(
    studio: Studio, sim: Simulator, waiting: Waiting, environ: dict[str, str]
) -> None:
    environ["MODEL_STUDIO_PACE"] = "off"  # the two go by different clocks

    async def both() -> Any:
        run = asyncio.create_task(studio._generate(ask(TASK), waiting))
        while not run.done():
            await studio.look()
        return run.result()

    assert len(asyncio.run(both()).pictures) == 1
    assert len(creations(sim)) == 1 and billed(sim) == 1 and shown(studio)["state"] == "stored"


def test_a_task_that_was_taken_for_a_lost_one_is_judged_by_its_pictures(studio: Studio, sim: Simulator) -> None:
    """So a look writes nothing of it."""
    submit(studio)
    with closing(studio.ledger.database._connect()) as connection:
        connection.execute("UPDATE requests SET adopted = 1")
    for _ in range(2):
        look(studio)
    assert look(studio) == [("ready", "")] and states(studio) == [SUBMITTED]


def test_a_lock_on_the_ledger_keeps_nobody_waiting(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "PATIENCE", 0.1)
    monkeypatch.setattr("model_studio.studio.PATIENCE", 0.1)
    submit(studio)
    with closing(studio.ledger.database._connect()) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        with pytest.raises(LedgerUnavailable) as caught:  # "nothing is open" is not known
            look(studio)
        assert "did not answer" in caught.value.reason and time.monotonic() - began < 10
