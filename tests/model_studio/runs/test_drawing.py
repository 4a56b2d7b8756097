"""Nothing paid is lost, nothing is paid twice: what a second run makes of the first, whatever became of that.

Runs are driven in the test's own event loop, so that Cancel comes at the very moment a test wants it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_studio import errors
from model_studio.ledger import (
    DRAWN,
    FAILED,
    LOST,
    SENDING,
    SUBMITTED,
    UNCERTAIN,
    LedgerUnavailable,
    new_entry,
    session,
)
from model_studio.request import ImageRequest
from model_studio.runs import pictures
from model_studio.runs.drawing import Drawing
from model_studio.service.transport import SHORT
from model_studio.studio import Result, Studio
from model_studio.waiting import Interrupted, Waiting
from simulator import Simulator
from tests.model_studio.asking import ask, creations, served

TASK, SYNC = "wan2.2-t2i-flash", "qwen-image-2.0"
Generate = Callable[..., Result]


@pytest.fixture(autouse=True)
def told_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "TOLD_AFTER", 0.05)


@pytest.fixture
def generate(studio: Studio, clock: Any) -> Generate:
    """A run; `cancel_at`: Cancel is pressed when the node shows a text that begins so."""

    def run(model: str = TASK, cancel_at: str = "never", timeout: float = 300, **changes: Any) -> Result:
        shown = [""]
        waiting = Waiting(
            timeout, lambda: shown[-1].startswith(cancel_at), lambda text, fraction: shown.append(text), clock
        )
        return asyncio.run(studio._generate(ask(model, **changes), waiting))

    return run


def states(studio: Studio) -> list[str]:
    return [entry.state for entry in studio.ledger.recent(10)]


def become(studio: Studio, *expected: str) -> None:
    """A bad end is written down a moment after it was told."""
    end = time.monotonic() + 5
    while states(studio) != list(expected):
        assert time.monotonic() < end, states(studio)
        time.sleep(0.01)


def billed(sim: Simulator) -> int:
    return sum(bill.images for bill in sim.billed)


def is_free(result: Result) -> bool:
    return bool(result.info["cost"]["amount"] == 0)


def same(result: Result, sim: Simulator) -> bool:
    return all((got.pixels == drawn).all() for got, drawn in zip(result.pictures, served(sim), strict=True))


@pytest.mark.parametrize("model", [TASK, SYNC, "wan2.6-t2i"])
def test_an_equal_request_is_answered_from_the_store_without_a_byte(
    generate: Generate, sim: Simulator, model: str
) -> None:
    first = generate(model, n=2)
    seen = len(sim.requests)
    again = generate(model, n=2)
    assert len(sim.requests) == seen
    assert (first.info["source"], again.info["source"]) == ("new", "from store")
    assert same(again, sim) and len(again.pictures) == 2 == billed(sim)
    assert is_free(again) and not is_free(first)
    told = ("request_id", "task_id", "size", "seed", "model", "image_count")
    assert [again.info[name] for name in told] == [first.info[name] for name in told]
    assert again.used_prompt == first.used_prompt


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 8},
        {"prompt": "another boat"},
        {"n": 2},
        {"negative_prompt": "rain"},
        {"prompt_extend": True},
        {"watermark": True},
        {"width": 640},
    ],
)
def test_another_request_is_sent(generate: Generate, sim: Simulator, change: dict[str, Any]) -> None:
    generate()
    assert generate(**change).info["source"] == "new"
    assert len(creations(sim)) == 2


def test_call_mode_and_time_out_do_not_make_another_request(generate: Generate, sim: Simulator) -> None:
    generate("wan2.6-t2i", call_mode="async")
    assert generate("wan2.6-t2i", call_mode="sync", timeout=20).info["source"] == "from store"


def test_another_key_region_or_address_is_another_request(
    generate: Generate, sim: Simulator, environ: dict[str, str]
) -> None:
    generate("wan2.6-t2i")
    environ["DASHSCOPE_HTTP_BASE_URL"] = sim.base_url_of("ap-southeast-1")
    assert generate("wan2.6-t2i", region="ap-southeast-1").info["source"] == "new"
    environ["DASHSCOPE_HTTP_BASE_URL"] = sim.base_url_of("cn-beijing")
    assert generate("wan2.6-t2i").info["source"] == "new"
    environ["DASHSCOPE_API_KEY_CN_BEIJING"] = "sk-simulated-other-cn-beijing"
    assert generate("wan2.6-t2i").info["source"] == "new"
    assert len(creations(sim)) == 4


def test_reuse_off_sends_each_time(generate: Generate, sim: Simulator, environ: dict[str, str]) -> None:
    environ["MODEL_STUDIO_REUSE"] = "off"
    assert [generate().info["source"] for _ in range(2)] == ["new", "new"]
    assert billed(sim) == 2


def test_without_a_store_the_links_still_serve(generate: Generate, sim: Simulator, environ: dict[str, str]) -> None:
    environ["MODEL_STUDIO_STORE_LIMIT"] = "0"
    generate()
    again = generate()
    assert again.info["source"] == "resumed" and same(again, sim) and billed(sim) == 1


def test_a_stored_picture_that_is_gone_or_damaged_is_fetched_again(
    generate: Generate, sim: Simulator, studio: Studio
) -> None:
    generate(n=2)
    first, second = sorted(studio.ledger.store.folder.iterdir())
    first.unlink()
    second.write_bytes(second.read_bytes()[:1000])
    again = generate(n=2)
    assert again.info["source"] == "resumed" and same(again, sim) and len(creations(sim)) == 1
    assert generate(n=2).info["source"] == "from store"


# A run that ended before its task did


@pytest.mark.parametrize("state", ["stuck_pending", "stuck_running", "suspended", "strange_state"])
def test_after_a_time_out_the_task_is_taken_up(generate: Generate, sim: Simulator, studio: Studio, state: str) -> None:
    sim.faults.add(state, on="poll")
    with pytest.raises(errors.TaskTimeout, match="task id"):
        generate()
    assert states(studio) == [SUBMITTED]
    sim.faults.clear()
    again = generate()
    assert again.info["source"] == "resumed" and is_free(again) and same(again, sim)
    assert len(creations(sim)) == 1 and states(studio) == [DRAWN]


def test_cancel_while_pending_cancels_the_task(generate: Generate, sim: Simulator, studio: Studio) -> None:
    sim.faults.add("stuck_pending", on="poll", times=3)
    with pytest.raises(Interrupted):
        generate(cancel_at="queued 5 s")
    assert sum(seen.path.endswith("/cancel") for seen in sim.requests) == 1
    assert states(studio) == [FAILED] and studio.ledger.spent_today() == {"CNY": 0}
    assert billed(sim) == 0
    assert generate().info["source"] == "new"


@pytest.mark.parametrize("moment", ["running", "downloading 0/2"])
def test_cancel_too_late_brings_and_stores_the_pictures(
    generate: Generate, sim: Simulator, studio: Studio, moment: str
) -> None:
    generate(cancel_at=moment, n=2)
    assert not any(seen.path.endswith("/cancel") for seen in sim.requests)
    again = generate(n=2)
    assert again.info["source"] == "from store" and same(again, sim) and len(creations(sim)) == 1


def test_cancel_at_the_last_moment_is_refused_by_the_service_and_the_run_goes_on(
    generate: Generate, sim: Simulator
) -> None:
    sim.faults.add("stuck_pending", on="poll", times=2)
    sim.faults.add("http_502", on="cancel")
    generate(cancel_at="queued 5 s")
    assert billed(sim) == 1 and generate().info["source"] == "from store"


@pytest.mark.parametrize("fault", ["picture_truncated", "picture_html", "picture_redirect", "picture_500"])
def test_pictures_that_could_not_be_fetched_are_fetched_by_the_next_run(
    generate: Generate, sim: Simulator, fault: str
) -> None:
    sim.faults.add(fault)
    for _ in range(2):
        with pytest.raises(errors.PictureError):
            generate(SYNC)
    sim.faults.clear()
    again = generate(SYNC)
    assert again.info["source"] == "resumed" and same(again, sim) and len(creations(sim)) == 1


def test_one_lost_picture_of_several_is_fetched_by_the_next_run(generate: Generate, sim: Simulator) -> None:
    sim.faults.add("picture_missing", times=1)
    assert len(generate(n=3).pictures) == 2
    again = generate(n=3)
    assert again.info["source"] == "resumed" and same(again, sim)


@pytest.mark.parametrize("model", [TASK, SYNC])
def test_links_that_do_not_work_are_told_once_and_then_it_is_drawn_anew(
    generate: Generate, sim: Simulator, studio: Studio, model: str
) -> None:
    sim.faults.add("picture_expired")
    with pytest.raises(errors.PictureExpired):
        generate(model)
    become(studio, LOST)
    sim.faults.clear()
    assert generate(model).info["source"] == "resumed"  # they work after all
    assert len(creations(sim)) == 1


def test_what_is_lost_for_good_is_drawn_anew_and_told(generate: Generate, sim: Simulator, studio: Studio) -> None:
    sim.faults.add("picture_expired")
    with pytest.raises(errors.PictureExpired):
        generate()
    with pytest.raises(errors.PictureExpired):
        generate()  # the new one's picture
    assert len(creations(sim)) == 2
    become(studio, LOST, FAILED)


def test_a_task_of_yesterday_is_drawn_anew_and_told(
    generate: Generate, sim: Simulator, studio: Studio, clock: Any
) -> None:
    sim.faults.add("stuck_running", on="poll")
    with pytest.raises(errors.TaskTimeout):
        generate()
    sim.faults.clear()
    sim.clock.advance(25 * 3600)
    now = studio.ledger.now
    studio.ledger.now = lambda: now() + 25 * 3600
    again = generate()
    assert again.info["source"] == "new" and len(creations(sim)) == 2
    assert any("An earlier task of this request can no longer be fetched" in note for note in again.info["notes"])


def test_stored_pictures_outlive_the_service(generate: Generate, sim: Simulator, studio: Studio) -> None:
    generate(n=2)
    sim.clock.advance(30 * 24 * 3600)
    assert generate(n=2).info["source"] == "from store"


def test_unknown_is_told_once_and_then_it_is_drawn_anew(generate: Generate, sim: Simulator, studio: Studio) -> None:
    sim.faults.add("unknown", on="poll", times=2)
    with pytest.raises(errors.TaskUnknown):
        generate()
    assert generate().info["source"] == "new"
    assert len(creations(sim)) == 2


@pytest.mark.parametrize("fault", ["task_failed", "moderation_output", "canceled"])
def test_an_unpaid_end_is_drawn_anew_by_the_next_run(
    generate: Generate, sim: Simulator, studio: Studio, fault: str
) -> None:
    sim.faults.add(fault, times=1)
    with pytest.raises(errors.ModelStudioError):
        generate()
    assert states(studio) == [FAILED] and studio.ledger.spent_today() == {"CNY": 0}
    assert generate().info["source"] == "new"
    assert billed(sim) == 1


def test_a_task_that_a_limit_refused_is_submitted_again(generate: Generate, sim: Simulator) -> None:
    sim.faults.add("task_failed", code="Throttling.AllocationQuota", message="Allocated quota exceeded", times=2)
    result = generate()
    assert result.info["source"] == "new" and len(creations(sim)) == 3 and billed(sim) == 1


def test_a_task_that_failed_meanwhile_is_told(generate: Generate, sim: Simulator) -> None:
    sim.faults.add("task_failed", times=1)
    sim.faults.add("stuck_running", on="poll", times=40)
    with pytest.raises(errors.TaskTimeout):
        generate(timeout=60)
    sim.faults.clear()
    with pytest.raises(errors.ServiceFault):
        generate()
    assert generate().info["source"] == "new"


def test_a_link_that_works_after_all_is_forgotten_as_lost(
    generate: Generate, sim: Simulator, studio: Studio, clock: Any
) -> None:
    sim.faults.add("picture_expired", times=1)
    with pytest.raises(errors.PictureExpired):
        generate()
    assert generate().info["source"] == "resumed"  # before it could be written down as lost
    time.sleep(0.2)
    assert states(studio) == [DRAWN]
    _, info = asyncio.run(studio._submit(ask(TASK, call_mode="async"), Waiting(30, clock=clock)))
    assert info["source"] == "resumed" and len(creations(sim)) == 1


def days_later(studio: Studio, sim: Simulator, days: float) -> None:
    sim.clock.advance(days * 24 * 3600)
    now = studio.ledger.now
    studio.ledger.now = lambda: now() + days * 24 * 3600


def test_what_was_lost_is_told_by_the_run_that_really_sends(
    generate: Generate, sim: Simulator, studio: Studio, environ: dict[str, str]
) -> None:
    sim.faults.add("stuck_running", on="poll")
    with pytest.raises(errors.TaskTimeout):
        generate()
    sim.faults.clear()
    days_later(studio, sim, 1.1)
    environ["MODEL_STUDIO_DAILY_BUDGET"] = "CNY 0.01"
    with pytest.raises(errors.BudgetReached):
        generate()
    del environ["MODEL_STUDIO_DAILY_BUDGET"]
    again = generate()
    assert again.info["source"] == "new"
    assert any("An earlier task of this request can no longer be fetched" in note for note in again.info["notes"])
    assert states(studio) == [DRAWN, FAILED]


def test_an_old_picture_that_is_kept_but_cannot_be_opened_is_not_bought_again(
    generate: Generate, sim: Simulator, studio: Studio
) -> None:
    sim.faults.add("picture_avif")
    with pytest.MonkeyPatch.context() as old_pillow:
        old_pillow.setattr(pictures, "_knows_avif", lambda: False)  # the simulator's still does
        for _ in range(2):
            with pytest.raises(errors.PictureUnreadable, match="Update it"):
                generate(SYNC)
            days_later(studio, sim, 2)
    assert generate(SYNC).info["source"] == "from store"
    assert len(creations(sim)) == 1


@pytest.mark.parametrize("fault", ["picture_500", "picture_redirect", "picture_html"])
def test_old_pictures_that_cannot_be_had_block_no_request(
    generate: Generate, sim: Simulator, studio: Studio, fault: str
) -> None:
    sim.faults.add(fault)
    with pytest.raises(errors.PictureError):
        generate(SYNC)
    days_later(studio, sim, 2)
    with pytest.raises(errors.PictureError):
        generate(SYNC)  # of the new request
    assert len(creations(sim)) == 2


def test_a_stored_result_counts_more_than_a_later_uncertain_one(
    generate: Generate, sim: Simulator, studio: Studio, clock: Any
) -> None:
    generate("wan2.6-t2i", call_mode="sync")
    sim.faults.add("http_502", on="create", times=1)
    with pytest.raises(errors.SubmissionUncertain):
        asyncio.run(studio._submit(ask("wan2.6-t2i", call_mode="async"), Waiting(30, clock=clock)))
    assert generate("wan2.6-t2i").info["source"] == "from store"


def test_a_file_damaged_while_a_task_runs_costs_no_second_payment(
    generate: Generate, sim: Simulator, studio: Studio
) -> None:
    """The new file keeps the salt, so that accounts and requests are known by the same digests."""
    generate(seed=1)
    studio.ledger.database.file.write_bytes(b"no database" * 1000)
    first = generate(seed=2)
    assert any("was damaged" in note for note in first.info["notes"])
    assert generate(seed=2).info["source"] == "from store"


# A submission that nobody knows the end of


LOST_ANSWERS = ["http_504", "close_before_answer", "break_in_body", "not_json", "truncated_json", "wrong_shape"]


@pytest.mark.parametrize("fault", LOST_ANSWERS)
def test_a_lost_answer_is_found_in_the_list_of_tasks(generate: Generate, sim: Simulator, fault: str) -> None:
    sim.faults.add(fault, on="create", times=1)
    result = generate(n=2)
    assert result.info["source"] == "new" and same(result, sim)
    assert result.info["task_id"] == sim.billed[0].task_id
    assert len(creations(sim)) == 1 and billed(sim) == 2
    assert any("found in the account's list" in note for note in result.info["notes"])


@pytest.mark.parametrize("model", [TASK, SYNC])
@pytest.mark.parametrize("fault", ["http_502", "reset_on_connect"])
def test_what_cannot_be_found_is_told_and_then_sent_anew(
    generate: Generate, sim: Simulator, studio: Studio, fault: str, model: str
) -> None:
    sim.faults.add(fault, on="create", times=1)
    with pytest.raises(
        errors.SubmissionUncertain, match=r"It may have been billed \(1 picture, CNY 0\.\d+ at list price"
    ) as caught:
        generate(model)
    assert "Queueing again sends a new request" in str(caught.value)
    become(studio, UNCERTAIN)
    assert len(creations(sim)) == 1
    assert studio.ledger.spent_today()["CNY"] > 0  # it may be billed
    assert generate(model).info["source"] == "new"
    assert billed(sim) == 1


@pytest.mark.parametrize("fault", ["close_before_answer", "http_504"])
def test_a_lost_sync_answer_is_told(generate: Generate, sim: Simulator, fault: str) -> None:
    sim.faults.add(fault, on="create", times=1)
    with pytest.raises(errors.SubmissionUncertain):
        generate(SYNC)
    assert len(creations(sim)) == 1 and billed(sim) == 1


async def new_drawing(studio: Studio, request: ImageRequest) -> Drawing:
    return await studio._drawing(await studio._api(request.region), request, Waiting(1))


def kill_while_sending(studio: Studio, sim: Simulator, model: str, arrives: bool, **changes: Any) -> None:
    """Leaves the ledger as a process that was killed with a request on its way; `arrives`: the service has it."""
    drawing = asyncio.run(new_drawing(studio, ask(model, **changes)))
    with drawing._held:
        asyncio.run(drawing.sending())
    if arrives:
        request = ask(model, **changes)
        api = asyncio.run(studio._api(request.region))
        headers = {"X-DashScope-Async": "enable"} if request.endpoint.is_async else {}
        call = api.call("POST", request.endpoint.path, SHORT, body=request.body, headers=headers)
        studio._transport._exchange(call)


def test_after_a_kill_the_task_is_found(generate: Generate, sim: Simulator, studio: Studio) -> None:
    kill_while_sending(studio, sim, TASK, arrives=True)
    result = generate()
    assert result.info["source"] == "resumed" and same(result, sim)
    assert len(creations(sim)) == 1


@pytest.mark.parametrize("model", [TASK, SYNC])
def test_after_a_kill_what_cannot_be_found_is_told_once(
    generate: Generate, sim: Simulator, studio: Studio, model: str
) -> None:
    kill_while_sending(studio, sim, model, arrives=False)
    with pytest.raises(errors.SubmissionUncertain, match="An earlier run ended while its request was on the way"):
        generate(model)
    assert creations(sim) == []
    assert generate(model).info["source"] == "new"


def test_killed_before_it_could_be_told_it_is_told_by_the_next_process(
    sim: Simulator, environ: dict[str, str], tmp_path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by killing: what was marked as told a moment before it was told was sent again without a word."""
    monkeypatch.setattr(session, "TOLD_AFTER", 60)  # the process is killed before that
    sim.faults.add("http_502", on="create", times=1)
    for _ in range(2):
        process = Studio(tmp_path, environ=environ)
        with pytest.raises(errors.SubmissionUncertain):
            asyncio.run(process._generate(ask(SYNC), Waiting(300, clock=clock)))
    assert len(creations(sim)) == 1
    assert asyncio.run(process._generate(ask(SYNC), Waiting(300, clock=clock))).info["source"] == "new"


def test_a_lost_task_is_told_by_the_next_process_too(
    sim: Simulator, environ: dict[str, str], tmp_path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "TOLD_AFTER", 60)
    sim.faults.add("unknown", on="poll")
    for _ in range(2):
        process = Studio(tmp_path, environ=environ)
        with pytest.raises(errors.TaskUnknown, match="Queue again to try once more"):
            asyncio.run(process._generate(ask(TASK), Waiting(300, clock=clock)))
    assert len(creations(sim)) == 1


@pytest.mark.parametrize("model", [TASK, SYNC])
def test_success_without_a_picture_is_told_and_then_drawn_anew(
    generate: Generate, sim: Simulator, studio: Studio, model: str
) -> None:
    sim.faults.add("succeeded_without_pictures", times=1)
    with pytest.raises(errors.NoPictures, match="It may be billed"):
        generate(model)
    assert studio.ledger.spent_today()["CNY"] > 0
    assert generate(model).info["source"] == "new"
    assert len(creations(sim)) == 2


@pytest.mark.parametrize("model", [TASK, SYNC])
def test_a_refusal_in_words_is_quoted(generate: Generate, sim: Simulator, studio: Studio, model: str) -> None:
    sim.faults.add("refused_in_words", times=1)
    with pytest.raises(errors.NoPictures, match=r'It says: "I cannot draw this.*" It may be billed'):
        generate(model)
    assert studio.ledger.spent_today()["CNY"] > 0
    assert generate(model, seed=8).info["source"] == "new"


def test_a_task_that_shows_up_late_is_taken_up_before_anything_is_sent_again(
    generate: Generate, sim: Simulator, studio: Studio
) -> None:
    sim.faults.add("close_before_answer", on="create", times=1)
    sim.faults.add("http_502", on="list")
    with pytest.raises(errors.SubmissionUncertain):
        generate()
    sim.faults.clear()
    assert generate().info["source"] == "resumed"
    assert len(creations(sim)) == 1


def test_tasks_that_others_know_are_no_candidates(generate: Generate, sim: Simulator) -> None:
    generate(seed=1)
    sim.faults.add("http_502", on="create", times=1)
    with pytest.raises(errors.SubmissionUncertain):
        generate(seed=2)


def test_two_candidates_are_none(generate: Generate, sim: Simulator, studio: Studio) -> None:
    kill_while_sending(studio, sim, TASK, arrives=True, seed=1)
    kill_while_sending(studio, sim, TASK, arrives=True, seed=2)
    with pytest.raises(errors.SubmissionUncertain):
        generate(seed=1)


def test_one_candidate_for_two_submissions_is_nobodys(generate: Generate, sim: Simulator, studio: Studio) -> None:
    kill_while_sending(studio, sim, TASK, arrives=True, seed=1)
    kill_while_sending(studio, sim, TASK, arrives=False, seed=2)
    for seed in (2, 1):
        with pytest.raises(errors.SubmissionUncertain):
            generate(seed=seed)


@pytest.mark.parametrize("skew", [-5 * 3600, 5 * 3600])
def test_the_list_is_read_by_the_services_clock(generate: Generate, sim: Simulator, studio: Studio, skew: int) -> None:
    now = studio.ledger.now
    studio.ledger.now = lambda: now() + skew
    sim.faults.add("close_before_answer", on="create", times=1)
    assert same(generate(), sim) and len(creations(sim)) == 1


def test_a_task_of_another_prompt_is_given_back(generate: Generate, sim: Simulator, studio: Studio) -> None:
    """Another tool of the same account may submit to the same model in the same second."""
    kill_while_sending(studio, sim, TASK, arrives=True, prompt="a castle of somebody else")
    (entry,) = studio.ledger.recent(1)
    studio.ledger.update(entry, state=FAILED)
    sim.faults.add("http_502", on="create", times=1)
    with pytest.raises(errors.SubmissionUncertain, match="is another's"):
        generate()
    become(studio, SUBMITTED, UNCERTAIN, FAILED)  # the first is the stranger's, known as such from now on
    again = generate()
    assert again.info["source"] == "new" and again.info["task_id"] != sim.billed[0].task_id
    assert "An earlier submission of this request got no answer; it may have been billed too." in again.info["notes"]


def test_a_found_task_is_checked_by_later_runs_too(generate: Generate, sim: Simulator, studio: Studio) -> None:
    kill_while_sending(studio, sim, TASK, arrives=True, prompt="a castle of somebody else")
    (entry,) = studio.ledger.recent(1)
    studio.ledger.update(entry, state=FAILED)
    sim.faults.add("http_502", on="create", times=1)
    sim.faults.add("stuck_running", on="poll", times=40)
    with pytest.raises(errors.TaskTimeout):
        generate(timeout=60)
    sim.faults.clear()
    with pytest.raises(errors.SubmissionUncertain, match="is another's"):
        generate()


def test_a_found_task_is_not_canceled(generate: Generate, sim: Simulator) -> None:
    """It may be another's."""
    sim.faults.add("close_before_answer", on="create", times=1)
    sim.faults.add("stuck_pending", on="poll", times=3)
    generate(cancel_at="queued 5 s")
    assert not any(seen.path.endswith("/cancel") for seen in sim.requests)


def test_two_lost_submissions_of_one_request_are_no_rivals(generate: Generate, sim: Simulator) -> None:
    sim.faults.add("reset_on_connect", on="create", times=1)
    sim.faults.add("close_before_answer", on="create", times=1)
    with pytest.raises(errors.SubmissionUncertain):
        generate()
    assert same(generate(), sim) and billed(sim) == 1


async def left_while_sending(studio: Studio, sim: Simulator, waiting: Waiting, model: str) -> Result:
    """Another node of the graph fails while the request is under way."""
    run = asyncio.create_task(studio._generate(ask(model), waiting))
    while not creations(sim):
        await asyncio.sleep(0.005)
    waiting.leave(canceled=False)
    return await run


def test_an_uncertain_end_that_nobody_heard_is_told_by_the_next_run(
    studio: Studio, sim: Simulator, generate: Generate
) -> None:
    sim.faults.add("http_504", on="create", times=1)
    with pytest.raises(errors.SubmissionUncertain):
        asyncio.run(left_while_sending(studio, sim, Waiting(30), SYNC))
    with pytest.raises(errors.SubmissionUncertain, match="An earlier run ended"):
        generate(SYNC)
    assert len(creations(sim)) == 1
    assert generate(SYNC).info["source"] == "new"


def test_a_run_that_was_left_before_it_sent_sends_nothing(studio: Studio, sim: Simulator) -> None:
    """Neither at a gate with nothing to wait for, nor after an earlier task came to nothing."""
    for model in (TASK, SYNC):
        waiting = Waiting(30)
        waiting.leave(canceled=False)
        with pytest.raises(Interrupted):
            asyncio.run(studio._generate(ask(model), waiting))
    assert creations(sim) == [] and studio.ledger.spent_today() == {}


def test_cancel_while_an_earlier_task_ends_unpaid_sends_no_new_one(generate: Generate, sim: Simulator) -> None:
    sim.faults.add("canceled", times=1)
    sim.faults.add("stuck_running", on="poll", times=40)
    with pytest.raises(errors.TaskTimeout):
        generate(timeout=60)
    sim.faults.clear()
    sim.faults.add("stuck_running", on="poll", times=3)
    with pytest.raises(Interrupted):
        generate(cancel_at="running")
    assert len(creations(sim)) == 1


def test_what_was_told_is_forgotten_when_it_comes_to_a_good_end(
    generate: Generate, sim: Simulator, studio: Studio, clock: Any
) -> None:
    sim.faults.add("unknown", on="poll", times=1)
    with pytest.raises(errors.TaskUnknown):
        generate()
    assert generate().info["source"] == "resumed"
    _, info = asyncio.run(studio._submit(ask(TASK, call_mode="async"), Waiting(30, clock=clock)))
    assert info["source"] == "resumed" and len(creations(sim)) == 1


def test_a_clock_that_goes_back_blocks_no_request(generate: Generate, sim: Simulator, studio: Studio) -> None:
    sim.faults.add("http_502", on="create", times=1)
    with pytest.raises(errors.SubmissionUncertain):
        generate(SYNC)
    become(studio, UNCERTAIN)
    now = studio.ledger.now
    studio.ledger.now = lambda: now() - 3600
    assert generate(SYNC).info["source"] == "new"


def test_an_older_task_of_someone_else_is_not_taken(generate: Generate, sim: Simulator, studio: Studio) -> None:
    kill_while_sending(studio, sim, TASK, arrives=True, seed=1)
    (entry,) = studio.ledger.recent(1)
    studio.ledger.update(entry, state=FAILED)  # that task is now nobody's
    sim.clock.advance(600)
    sim.faults.add("http_502", on="create", times=1)
    with pytest.raises(errors.SubmissionUncertain):
        generate(seed=2)


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
    drawing = asyncio.run(new_drawing(studio, ask(SYNC)))
    asked = drawing._asked
    assert asked.fingerprint

    async def wait_and_see() -> None:
        with studio.ledger.claims.attempt(str(asked.fingerprint)) as ours:
            waiting = asyncio.create_task(studio.generate(ask(SYNC), Waiting(30)))
            await asyncio.sleep(0.3)
            assert ours and not waiting.done()
            entry = studio.ledger.begin(new_entry(asked, SENDING, studio.ledger.now()))
            studio.ledger.update(entry, state=UNCERTAIN)
        await waiting

    with pytest.raises(errors.SubmissionUncertain, match="Another run sent the same request at the same time"):
        asyncio.run(wait_and_see())
    assert creations(sim) == []
    assert asyncio.run(studio.generate(ask(SYNC), Waiting(30))).info["source"] == "new"


def test_waiting_for_another_run_ends_with_the_time_out(studio: Studio, clock: Any, generate: Generate) -> None:
    drawing = asyncio.run(new_drawing(studio, ask(SYNC)))
    assert drawing._asked.fingerprint
    with studio.ledger.claims.attempt(drawing._asked.fingerprint) as ours:
        assert ours
        with pytest.raises(errors.TaskTimeout, match="Nothing was sent"):
            generate(SYNC, timeout=20)
        with pytest.raises(Interrupted):
            generate(SYNC, cancel_at="waiting for the same request of another run, 3 s")


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
    drawing = asyncio.run(new_drawing(studio, ask(TASK, seed=1)))
    asyncio.run(drawing.sending())
    asyncio.run(drawing.refused())  # by a limit: it would be sent again
    generate(seed=2)
    with pytest.raises(errors.BudgetReached), drawing._held:
        asyncio.run(drawing.sending())
    assert states(studio) == [DRAWN, FAILED] and studio.ledger.spent_today() == {"CNY": 0.14}


def test_after_a_damage_the_sum_of_the_day_is_not_known_and_a_budget_refuses(
    generate: Generate, sim: Simulator, studio: Studio, environ: dict[str, str]
) -> None:
    environ["MODEL_STUDIO_DAILY_BUDGET"] = "CNY 10"
    generate()
    studio.ledger.database.file.write_bytes(b"no database" * 1000)
    with pytest.raises(errors.ConfigurationError, match="damaged today"):
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


def test_without_a_ledger_pictures_still_come(
    generate: Generate, sim: Simulator, studio: Studio, tmp_path: Path, environ: dict[str, str]
) -> None:
    studio.ledger.database.folder = studio.ledger.claims._folder = tmp_path / "file" / "below"
    studio.ledger.database.file = tmp_path / "file" / "below" / "ledger.sqlite"
    (tmp_path / "file").write_text("in the way")
    result = generate()
    assert result.info["source"] == "new" and same(result, sim)
    assert any(note.startswith("Nothing is kept") for note in result.info["notes"])
    environ["MODEL_STUDIO_DAILY_BUDGET"] = "CNY 100"
    with pytest.raises(errors.ConfigurationError, match="cannot be kept"):
        generate(seed=2)
    assert len(creations(sim)) == 1


def test_nothing_secret_is_written_down_but_the_links(generate: Generate, sim: Simulator, tmp_path: Path) -> None:
    generate()
    generate(SYNC)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert not any(sim.key.encode() in file.read_bytes() for file in files)
    assert not any("boat" in file.name or "Signature" in file.name for file in files)
    assert "Signature" not in json.dumps(generate().info)
