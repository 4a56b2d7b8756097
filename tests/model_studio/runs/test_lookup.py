"""A submission whose answer was lost, or whose process was killed: found in the account's list, or told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_studio import errors
from model_studio.ledger import (
    FAILED,
    SUBMITTED,
    UNCERTAIN,
    session,
)
from model_studio.studio import Result, Studio
from model_studio.waiting import Interrupted, Waiting
from simulator import Simulator
from tests.model_studio.asking import ask, become, billed, creations, owner, same, set_clock

TASK, SYNC = "wan2.2-t2i-flash", "qwen-image-2.0"
Generate = Callable[..., Result]


LOST_ANSWERS = ["http_504", "close_before_answer", "break_in_body", "not_json", "truncated_json", "wrong_shape"]


@pytest.mark.parametrize("fault", LOST_ANSWERS)
def test_a_lost_answer_is_found_in_the_list_of_tasks(generate: Generate, sim: Simulator, fault: str) -> None:
    sim.faults.add(fault, on="create", times=1)
    result = generate(n=2)
    assert result.info["source"] == "resumed" and same(result, sim)
    assert result.info["cost"]["amount"] > 0  # it is this run's, in all likelihood
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


def kill_while_sending(studio: Studio, sim: Simulator, model: str, arrives: bool, **changes: Any) -> None:
    """Leaves the ledger as a process that was killed with a request on its way; `arrives`: the service has it."""

    async def begin() -> None:
        paid = await owner(studio, ask(model, **changes))
        with paid.held:
            await paid.sending()
        if arrives:
            paid.client._exchange(paid.client._creating(paid.request))

    asyncio.run(begin())


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
    with pytest.raises(errors.SubmissionUncertain, match="its answer is not known"):
        generate(model)
    assert creations(sim) == []
    assert generate(model).info["source"] == "new"


def test_killed_before_it_could_be_told_it_is_told_by_the_next_process(
    sim: Simulator, environ: dict[str, str], tmp_path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by killing: what was marked as told a moment before it was told was sent again without a word."""
    monkeypatch.setattr(session, "WARNED_AFTER", 60)  # the process is killed before that
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
    monkeypatch.setattr(session, "WARNED_AFTER", 60)
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
    with pytest.raises(errors.SubmissionUncertain, match="belongs to another"):
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
    with pytest.raises(errors.SubmissionUncertain, match="belongs to another"):
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


def left_while_sending(studio: Studio, model: str) -> Result:
    """Another node of the graph fails while the request is under way."""

    def show(text: str, fraction: float) -> None:
        if text.startswith(("submitting", "running")):  # the next byte goes out
            waiting.leave(canceled=False)

    waiting = Waiting(30, show=show)
    return asyncio.run(studio._generate(ask(model), waiting))


def test_an_uncertain_end_that_nobody_heard_is_told_by_the_next_run(
    studio: Studio, sim: Simulator, generate: Generate
) -> None:
    sim.faults.add("http_504", on="create", times=1)
    with pytest.raises(errors.SubmissionUncertain):
        left_while_sending(studio, SYNC)
    with pytest.raises(errors.SubmissionUncertain, match="its answer is not known"):
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
    sim.faults.add("unknown", on="poll")
    with pytest.raises(errors.TaskUnknown):
        generate()
    sim.faults.clear()
    assert generate().info["source"] == "resumed"
    _, info = asyncio.run(studio._submit(ask(TASK, call_mode="async"), Waiting(30, clock=clock)))
    assert info["source"] == "resumed" and len(creations(sim)) == 1


def test_a_clock_that_goes_back_blocks_no_request(generate: Generate, sim: Simulator, studio: Studio) -> None:
    sim.faults.add("http_502", on="create", times=1)
    with pytest.raises(errors.SubmissionUncertain):
        generate(SYNC)
    become(studio, UNCERTAIN)
    set_clock(studio, -1)
    assert generate(SYNC).info["source"] == "new"


def test_a_clock_that_goes_back_between_two_processes_blocks_no_request_for_long(
    generate: Generate, sim: Simulator, studio: Studio, tmp_path: Path, environ: dict[str, str], clock: Any
) -> None:
    sim.faults.add("http_502", on="create", times=1)
    with pytest.raises(errors.SubmissionUncertain):
        generate(SYNC)
    become(studio, UNCERTAIN)
    process = Studio(tmp_path, environ=environ)
    set_clock(process, -1)
    with pytest.raises(errors.SubmissionUncertain):  # as far as it can tell, its user was not warned yet
        asyncio.run(process._generate(ask(SYNC), Waiting(300, clock=clock)))
    assert asyncio.run(process._generate(ask(SYNC), Waiting(300, clock=clock))).info["source"] == "new"


def test_runs_that_were_queued_before_the_clock_was_set_back_send_nothing(generate: Generate, sim: Simulator) -> None:
    sim.faults.add("close_before_answer", on="create")
    for _ in range(3):
        with pytest.raises(errors.SubmissionUncertain):
            generate(SYNC, queued=time.time() + 3600)  # by the clock as it was
    assert len(creations(sim)) == 1


def test_an_older_task_of_someone_else_is_not_taken(generate: Generate, sim: Simulator, studio: Studio) -> None:
    kill_while_sending(studio, sim, TASK, arrives=True, seed=1)
    (entry,) = studio.ledger.recent(1)
    studio.ledger.update(entry, state=FAILED)  # that task is now nobody's
    sim.clock.advance(600)
    sim.faults.add("http_502", on="create", times=1)
    with pytest.raises(errors.SubmissionUncertain):
        generate(seed=2)


# A task of another machine, which the service does not tell apart from ours

WAN26 = "wan2.6-t2i"


@pytest.fixture
def other_machine(environ: dict[str, str], tmp_path: Path) -> Studio:
    return Studio(tmp_path / "other", environ=environ)


def draw_elsewhere(machine: Studio, clock: Any, **changes: Any) -> Result:
    return asyncio.run(machine._generate(ask(WAN26, prompt="a CAT on a sofa", **changes), Waiting(300, clock=clock)))


def test_what_cannot_be_proven_to_be_ours_says_so_in_every_answer(
    generate: Generate, other_machine: Studio, sim: Simulator, clock: Any
) -> None:
    draw_elsewhere(other_machine, clock)
    sim.faults.add("reset_on_connect", on="create", times=1)
    first = generate(WAN26, prompt="a DOG in the snow")
    again = generate(WAN26, prompt="a DOG in the snow")
    for result in (first, again):
        assert any("It may be another program's" in note for note in result.info["notes"])
    assert (first.info["source"], again.info["source"]) == ("resumed", "from store")
    assert first.info["cost"]["amount"] > 0 == again.info["cost"]["amount"]


def test_a_submission_that_adopts_says_so_too(
    other_machine: Studio, studio: Studio, sim: Simulator, clock: Any
) -> None:
    draw_elsewhere(other_machine, clock)
    sim.faults.add("reset_on_connect", on="create", times=1)
    request = ask(WAN26, prompt="a DOG", call_mode="async")
    for paid in (True, False):
        _, info = asyncio.run(studio._submit(request, Waiting(300, clock=clock)))
        assert info["source"] == "resumed" and (info["cost"]["amount"] > 0) == paid
        assert any("It may be another program's" in note for note in info["notes"])


@pytest.mark.parametrize("change", [{"n": 2}, {"aspect_ratio": "16:9"}])
def test_a_task_of_another_count_or_size_is_not_taken(
    generate: Generate, other_machine: Studio, sim: Simulator, clock: Any, change: dict[str, Any]
) -> None:
    draw_elsewhere(other_machine, clock)
    sim.faults.add("reset_on_connect", on="create", times=1)
    with pytest.raises(errors.SubmissionUncertain, match="belongs to another"):
        generate(WAN26, prompt="a DOG", **change)
    result = generate(WAN26, prompt="a DOG", **change)
    assert result.info["source"] == "new" and result.info["image_count"] == change.get("n", 1)


def test_pictures_of_another_size_are_not_kept(
    generate: Generate, other_machine: Studio, studio: Studio, sim: Simulator, clock: Any
) -> None:
    """The answer about the task may tell no size, or a wrong one; the picture does."""
    sim.faults.add("other_size", times=1, size="960*960")
    draw_elsewhere(other_machine, clock)
    sim.faults.add("reset_on_connect", on="create", times=1)
    with pytest.raises(errors.SubmissionUncertain, match="belongs to another"):
        generate(WAN26, prompt="a DOG")
    assert [entry.files for entry in studio.ledger.recent(10)] == [{}, {}]
    assert generate(WAN26, prompt="a DOG").info["source"] == "new"


def test_a_task_poller_drops_them_too(other_machine: Studio, studio: Studio, sim: Simulator, clock: Any) -> None:
    sim.faults.add("other_size", times=1, size="960*960")
    draw_elsewhere(other_machine, clock)
    sim.faults.add("reset_on_connect", on="create", times=1)
    request = ask(WAN26, prompt="a DOG", call_mode="async")
    task_id, _ = asyncio.run(studio._submit(request, Waiting(300, clock=clock)))
    with pytest.raises(errors.TaskUnknown, match="belongs to another"):
        asyncio.run(studio._collect([task_id], "auto", Waiting(300, clock=clock)))
    with pytest.raises(errors.SubmissionUncertain):
        asyncio.run(studio._submit(request, Waiting(300, clock=clock)))
    assert asyncio.run(studio._submit(request, Waiting(300, clock=clock)))[0] != task_id


@pytest.mark.parametrize("region", ["qwencloud", "token-plan-cn-beijing"])
def test_where_nothing_answers_about_tasks_an_old_call_is_told_and_sent_anew(
    generate: Generate, sim: Simulator, studio: Studio, environ: dict[str, str], region: str
) -> None:
    """A host without tasks may answer with a page of its gateway."""
    environ["DASHSCOPE_HTTP_BASE_URL"] = sim.base_url_of(region)
    asked = {"model": "qwen-image-2.1-turbo" if region == "qwencloud" else SYNC, "region": region}
    sim.faults.add("close_before_answer", on="create", times=1)
    with pytest.raises(errors.SubmissionUncertain):
        generate(**asked)
    become(studio, UNCERTAIN)
    sim.faults.add("firewall", on="poll", http=404)
    set_clock(studio, 30)
    assert generate(**asked).info["source"] == "new"
    assert billed(sim) == 2
