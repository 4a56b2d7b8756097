"""Nothing paid is lost, nothing is paid twice: what a second run makes of the first, whatever became of that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from model_studio import errors
from model_studio.ledger import (
    DRAWN,
    FAILED,
    LOST,
    SUBMITTED,
)
from model_studio.runs import pictures
from model_studio.studio import Result, Studio
from model_studio.waiting import Interrupted, Waiting
from simulator import Simulator
from tests.model_studio.asking import ask, become, billed, creations, same, states

TASK, SYNC = "wan2.2-t2i-flash", "qwen-image-2.0"
Generate = Callable[..., Result]


def is_free(result: Result) -> bool:
    return bool(result.info["cost"]["amount"] == 0)


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
    sim.faults.add("picture_redirect", times=1)
    first = generate(n=3)
    assert len(first.pictures) == 2 and not first.is_final
    again = generate(n=3)
    assert again.info["source"] == "resumed" and same(again, sim) and again.is_final


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
    sim.faults.add("unknown", on="poll")
    with pytest.raises(errors.TaskUnknown, match="Queue again to try once more"):
        generate()
    sim.faults.clear()
    sim.faults.add("unknown", on="poll", times=9)  # more often than the next run asks about the first task
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
    sim.faults.add("picture_expired")
    with pytest.raises(errors.PictureExpired):
        generate()
    sim.faults.clear()
    assert generate().info["source"] == "resumed"  # before it could be written down as lost
    end = time.monotonic() + 20
    while states(studio) != [DRAWN]:
        assert time.monotonic() < end
        time.sleep(0.02)
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


def test_an_old_task_about_which_the_service_refuses_to_answer_blocks_no_request(
    generate: Generate, sim: Simulator, studio: Studio
) -> None:
    sim.faults.add("stuck_running", on="poll")
    with pytest.raises(errors.TaskTimeout):
        generate()
    days_later(studio, sim, 2)
    sim.faults.clear()
    sim.faults.add("arrears", on="poll", code="AccessDenied", times=2)
    with pytest.raises(errors.AccessDenied, match="Queue again to try once more"):
        generate()
    assert generate().info["source"] == "new"


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
