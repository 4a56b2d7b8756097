"""Generate, submit and collect against a simulator over real sockets; time is driven where the schedule would wait."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from model_studio import errors, threads
from model_studio.catalog import ALL_MODELS, QWENCLOUD, SYNC_ONLY, TOKEN_PLAN_BEIJING, Model
from model_studio.ledger import SENDING, Asked, database, new_entry
from model_studio.runs.paid_request import fingerprints
from model_studio.studio import Result, Studio
from model_studio.waiting import Interrupted, Origin, Waiting
from simulator import Simulator
from tests.model_studio.asking import ask, creations, served


def generate(studio: Studio, waiting: Waiting, model: str, **changes: Any) -> Result:
    return asyncio.run(studio.generate(ask(model, **changes), waiting))


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("model", ALL_MODELS, ids=lambda model: model.name)
def test_every_model_in_every_mode(
    studio: Studio, waiting: Waiting, sim: Simulator, environ: dict[str, str], model: Model, mode: str
) -> None:
    region = next(iter(model.ids))
    if not (model.sync if mode == "sync" else model.task_in(region)):
        with pytest.raises(errors.InvalidRequest):
            ask(model.name, call_mode=mode, region=region)
        return
    environ["DASHSCOPE_HTTP_BASE_URL"] = sim.base_url_of(region)
    result = generate(studio, waiting, model.name, call_mode=mode, region=region)
    size = ask(model.name, region=region).size
    assert [picture.size for picture in result.pictures] == [str(size)]
    assert (result.pictures[0].pixels == served(sim)[0]).all()
    assert sum(bill.images for bill in sim.billed) == 1
    assert result.info["notes"] == []
    assert result.info["call_mode"] == mode and bool(result.info["task_id"]) == (mode == "async")
    assert result.info["cost"] is None if region == QWENCLOUD else result.info["cost"]["amount"] > 0


@pytest.mark.parametrize("region", SYNC_ONLY)
def test_every_model_of_the_other_shops(
    studio: Studio, waiting: Waiting, sim: Simulator, environ: dict[str, str], region: str
) -> None:
    environ |= {"DASHSCOPE_HTTP_BASE_URL": sim.base_url_of(region), "MODEL_STUDIO_PACE": "off"}
    for model in ALL_MODELS:
        if region not in model.ids:
            continue
        with pytest.raises(errors.InvalidRequest):
            ask(model.name, region=region, call_mode="async")
        result = generate(studio, waiting, model.name, region=region)
        assert (len(result.pictures), result.info["call_mode"], result.info["region"]) == (1, "sync", region)
    assert studio.ledger.spent_today() == {}


def test_plan_credits_are_no_money(studio: Studio, waiting: Waiting, sim: Simulator, environ: dict[str, str]) -> None:
    environ |= {
        "DASHSCOPE_HTTP_BASE_URL": sim.base_url_of(TOKEN_PLAN_BEIJING),
        "MODEL_STUDIO_DAILY_BUDGET": "CNY 0.01",
    }
    result = generate(studio, waiting, "qwen-image-2.0", region=TOKEN_PLAN_BEIJING)
    assert (result.info["cost"]["amount"], result.info["cost"]["currency"]) == (None, "plan credits")
    again = generate(studio, waiting, "qwen-image-2.0", region=TOKEN_PLAN_BEIJING)
    assert (again.info["source"], again.info["cost"]["amount"]) == ("from store", 0.0)


def test_what_has_no_price_is_refused_where_there_is_a_budget(
    studio: Studio, waiting: Waiting, sim: Simulator, environ: dict[str, str]
) -> None:
    environ |= {"DASHSCOPE_HTTP_BASE_URL": sim.base_url_of(QWENCLOUD), "MODEL_STUDIO_DAILY_BUDGET": "CNY 100"}
    with pytest.raises(errors.BudgetReached, match=r"no list price for qwen-image-2\.1-pro in qwencloud"):
        generate(studio, waiting, "qwen-image-2.1-pro", region=QWENCLOUD)
    assert not creations(sim)


@pytest.mark.parametrize("model", ["qwen-image-2.0", "wan2.6-t2i", "wan2.5-t2i-preview", "wan2.2-t2i-flash"])
def test_several_pictures_in_order(studio: Studio, waiting: Waiting, sim: Simulator, model: str) -> None:
    result = generate(studio, waiting, model, n=4)
    assert result.info["image_count"] == 4 == sum(bill.images for bill in sim.billed)
    assert len(result.pictures) == 4
    for picture, expected in zip(result.pictures, served(sim), strict=True):
        assert (picture.pixels == expected).all()
    assert len(creations(sim)) == 1


def test_the_rewritten_prompt_is_told(studio: Studio, waiting: Waiting) -> None:
    rewritten = generate(studio, waiting, "wan2.2-t2i-flash", prompt_extend=True).used_prompt
    assert rewritten != "a paper boat" and "a paper boat" in rewritten
    assert generate(studio, waiting, "wan2.2-t2i-flash").used_prompt == "a paper boat"
    assert generate(studio, waiting, "wan2.6-t2i", prompt_extend=True).used_prompt == "a paper boat"
    assert generate(studio, waiting, "z-image-turbo").used_prompt == "a paper boat"


def test_info_holds_what_was_promised_and_no_secret(studio: Studio, waiting: Waiting, sim: Simulator) -> None:
    result = generate(studio, waiting, "wan2.2-t2i-flash", n=2)
    info = json.loads(json.dumps(result.info))
    assert set(info) >= {
        "model",
        "region",
        "request_id",
        "task_id",
        "size",
        "seed",
        "image_count",
        "cost",
        "times",
        "notes",
    }
    assert (info["model"], info["region"], info["seed"], info["size"]) == (
        "wan2.2-t2i-flash",
        "cn-beijing",
        7,
        "512*512",
    )
    assert info["cost"] == {"amount": 0.28, "currency": "CNY", "basis": info["cost"]["basis"]}
    text = json.dumps(result.info)
    assert sim.key not in text and "Signature" not in text and "http" not in text


def test_spelling_by_region(studio: Studio, waiting: Waiting, sim: Simulator, environ: dict[str, str]) -> None:
    generate(studio, waiting, "wan2.1-t2i-turbo")
    environ["DASHSCOPE_HTTP_BASE_URL"] = sim.base_url_of("ap-southeast-1")
    generate(studio, waiting, "wanx2.1-t2i-turbo", region="ap-southeast-1")
    assert [seen.body["model"] for seen in creations(sim)] == ["wanx2.1-t2i-turbo", "wan2.1-t2i-turbo"]


def test_a_key_of_another_region_is_explained(studio: Studio, waiting: Waiting, sim: Simulator, environ: Any) -> None:
    environ["DASHSCOPE_HTTP_BASE_URL"] = sim.base_url_of("ap-southeast-1")
    with pytest.raises(errors.AuthenticationFailed, match="Keys belong to one region") as caught:
        generate(studio, waiting, "wan2.6-t2i")
    assert "came from DASHSCOPE_API_KEY_CN_BEIJING and was sent to http://127.0.0.1" in str(caught.value)


def test_the_queue_of_phases(studio: Studio, sim: Simulator, clock: Any) -> None:
    shown: list[str] = []
    waiting = Waiting(300, show=lambda text, fraction: shown.append(text), clock=clock)
    generate(studio, waiting, "wan2.6-t2i", n=2)
    for expected in ("submitting 0 s", "queued 3 s", "running 1 s of about 27 s", "downloading 0/2", "downloading 2/2"):
        assert expected in shown
    polls = [seen for seen in sim.requests if seen.method == "GET" and "/tasks/" in seen.path]
    assert len(polls) == 3
    assert clock.slept == pytest.approx(9, abs=0.1)


def test_pictures_are_fetched_without_the_key(studio: Studio, waiting: Waiting, sim: Simulator) -> None:
    generate(studio, waiting, "wan2.6-t2i")
    (download,) = [seen for seen in sim.requests if seen.path.startswith("/oss/")]
    assert "Authorization" not in download.headers


@pytest.mark.parametrize(
    ("fault", "parameters", "kind"),
    [
        ("task_failed", {"code": "InternalError.Algo"}, errors.ServiceFault),
        ("moderation_input", {}, errors.ContentRefused),
        ("moderation_output", {}, errors.ContentRefused),
        ("canceled", {}, errors.TaskCanceled),
        ("unknown", {}, errors.TaskUnknown),
        ("succeeded_without_pictures", {}, errors.NoPictures),
        ("stuck_pending", {}, errors.TaskTimeout),
        ("stuck_running", {}, errors.TaskTimeout),
        ("suspended", {}, errors.TaskTimeout),
        ("strange_state", {}, errors.TaskTimeout),
    ],
)
def test_tasks_without_pictures(
    studio: Studio, waiting: Waiting, sim: Simulator, fault: str, parameters: Any, kind: type
) -> None:
    sim.faults.add(fault, **parameters)
    with pytest.raises(kind) as caught:
        generate(studio, waiting, "wan2.6-t2i")
    assert caught.value.task_id and caught.value.task_id in str(caught.value)
    assert len(creations(sim)) == 1


def test_partial_success_returns_what_there_is_and_tells_the_rest(
    studio: Studio, waiting: Waiting, sim: Simulator
) -> None:
    sim.faults.add("partial_success", failed=1)
    result = generate(studio, waiting, "wan2.2-t2i-flash", n=4)
    assert len(result.pictures) == 3
    assert result.info["notes"][0] == "4 pictures were asked for, 3 came."
    assert "was not drawn: DataInspectionFailed" in result.info["notes"][1]
    assert result.info["cost"]["amount"] == pytest.approx(0.42)


def test_more_pictures_are_all_returned(studio: Studio, waiting: Waiting, sim: Simulator) -> None:
    sim.faults.add("more_pictures", extra=1)
    result = generate(studio, waiting, "wan2.6-t2i", n=1)
    assert len(result.pictures) == 2 and "2 came" in result.info["notes"][0]


def test_another_size_is_kept_and_told(studio: Studio, waiting: Waiting, sim: Simulator) -> None:
    sim.faults.add("other_size", index=1, size="640*480")
    result = generate(studio, waiting, "wan2.6-t2i", n=3)
    assert [picture.size for picture in result.pictures] == ["1280*1280", "640*480", "1280*1280"]
    assert result.info["size"] == "1280*1280, 640*480"
    assert "640*480" in result.info["notes"][0]


@pytest.mark.parametrize(
    "fault", ["picture_truncated", "picture_corrupt", "picture_html", "picture_500", "picture_429"]
)
def test_a_picture_damaged_once_is_fetched_again(studio: Studio, waiting: Waiting, sim: Simulator, fault: str) -> None:
    sim.faults.add(fault, times=1)
    result = generate(studio, waiting, "wan2.6-t2i")
    assert (result.pictures[0].pixels == served(sim)[0]).all() and result.info["notes"] == []


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("picture_truncated", errors.PictureBroken),
        ("picture_corrupt", errors.PictureBroken),
        ("picture_html", errors.PictureBroken),
        ("picture_header_bomb", errors.PictureRefused),
        ("picture_huge_body", errors.PictureRefused),
        ("picture_redirect", errors.PictureRefused),
        ("picture_expired", errors.PictureExpired),
        ("picture_missing", errors.PictureExpired),
        ("picture_500", errors.PictureUnreachable),
    ],
)
def test_a_picture_that_cannot_be_had(studio: Studio, waiting: Waiting, sim: Simulator, fault: str, kind: type) -> None:
    sim.faults.add(fault)
    with pytest.raises(kind) as caught:
        generate(studio, waiting, "wan2.6-t2i")
    text = str(caught.value)
    assert "127.0.0.1" in text and caught.value.request_id and caught.value.task_id
    assert "Signature" not in text and sim.key not in text
    assert len(creations(sim)) == 1


def test_one_lost_picture_of_several_is_told(studio: Studio, waiting: Waiting, sim: Simulator) -> None:
    sim.faults.add("picture_redirect", times=1)
    result = generate(studio, waiting, "wan2.6-t2i", n=3)
    assert len(result.pictures) == 2
    assert any("A picture was lost" in note for note in result.info["notes"])


@pytest.mark.parametrize(
    "fault",
    [
        *("picture_jpeg", "picture_webp", "picture_avif", "picture_trailed"),
        *("picture_16bit", "picture_grey", "picture_palette"),
    ],
)
def test_other_kinds_of_files(studio: Studio, waiting: Waiting, sim: Simulator, fault: str) -> None:
    sim.faults.add(fault)
    (picture,) = generate(studio, waiting, "wan2.6-t2i").pictures
    assert picture.pixels.shape == (1280, 1280, 3)


def test_a_stumbling_service_is_waited_for(studio: Studio, waiting: Waiting, sim: Simulator) -> None:
    for fault, place in (("throttle", "create"), ("http_502", "poll"), ("throttle", "poll"), ("break_in_body", "poll")):
        sim.faults.add(fault, on=place, times=2)
    result = generate(studio, waiting, "wan2.6-t2i")
    assert len(result.pictures) == 1 and sum(bill.images for bill in sim.billed) == 1


# Submit and collect


def submit(studio: Studio, waiting: Waiting, model: str = "wan2.6-t2i", **changes: Any) -> str:
    task_id, info = asyncio.run(studio.submit(ask(model, call_mode="async", **changes), waiting))
    assert info["task_id"] == task_id
    return task_id


def collect(studio: Studio, waiting: Waiting, *task_ids: str) -> Result:
    return asyncio.run(studio.collect(task_ids, "auto", waiting))


def test_submit_returns_at_once_and_collect_brings_the_pictures(
    studio: Studio, waiting: Waiting, sim: Simulator, clock: Any
) -> None:
    task_id = submit(studio, waiting, n=2)
    assert clock.slept == 0
    result = collect(studio, waiting, task_id)
    assert len(result.pictures) == 2 and result.info["task_id"] == task_id
    assert len(creations(sim)) == 1


def test_several_tasks_of_both_shapes_in_the_order_of_their_ids(
    studio: Studio, waiting: Waiting, sim: Simulator
) -> None:
    ids = [submit(studio, waiting, model, seed=seed) for seed, model in enumerate(("wan2.6-t2i", "wan2.2-t2i-flash"))]
    result = collect(studio, waiting, *reversed(ids))
    expected = list(reversed(served(sim)))
    assert [picture.size for picture in result.pictures] == ["512*512", "1280*1280"]
    assert all((picture.pixels == pixels).all() for picture, pixels in zip(result.pictures, expected, strict=True))


def test_failed_tasks_among_good_ones_are_told(studio: Studio, waiting: Waiting, sim: Simulator) -> None:
    sim.faults.add("task_failed", times=1)
    ids = [submit(studio, waiting), submit(studio, waiting, seed=8)]
    result = collect(studio, waiting, *ids, "no-such-task")
    assert len(result.pictures) == 1
    failed, unknown = result.info["notes"]
    assert ids[0] in failed and "InternalError.Algo" in failed
    assert "no-such-task" in unknown and "24 hours" in unknown


def test_an_id_the_service_will_not_speak_of_spoils_no_other(studio: Studio, waiting: Waiting, sim: Simulator) -> None:
    ids = [submit(studio, waiting), submit(studio, waiting, seed=8)]
    sim.faults.add("not_activated", on="poll", times=1)
    result = collect(studio, waiting, *ids)
    assert len(result.pictures) == 1
    (note,) = result.info["notes"]
    assert "AccessDenied.Unpurchased" in note and any(task_id in note for task_id in ids)


def test_unknown_task(studio: Studio, waiting: Waiting) -> None:
    with pytest.raises(errors.TaskUnknown, match="another account"):
        collect(studio, waiting, "9e2b6ef6-285d-4efa-8651-4dbda7d571fa")


def test_task_of_yesterday(studio: Studio, waiting: Waiting, sim: Simulator) -> None:
    task_id = submit(studio, waiting)
    sim.clock.advance(25 * 3600)
    with pytest.raises(errors.TaskUnknown, match="24 hours"):
        collect(studio, waiting, task_id)


def test_collect_gives_up_with_the_open_ids(studio: Studio, waiting: Waiting, sim: Simulator) -> None:
    done = submit(studio, waiting)
    sim.faults.add("stuck_running", model="wan2.2-t2i-flash")
    stuck = submit(studio, waiting, "wan2.2-t2i-flash")
    with pytest.raises(errors.TaskTimeout) as caught:
        collect(studio, waiting, done, stuck)
    assert caught.value.task_id == stuck


def test_no_key_no_request(sim: Simulator, waiting: Waiting, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    studio = Studio(tmp_path, environ={"DASHSCOPE_HTTP_BASE_URL": sim.base_url})
    with pytest.raises(errors.KeyMissing, match="DASHSCOPE_API_KEY"):
        generate(studio, waiting, "wan2.6-t2i")
    assert sim.requests == []


# Accounts that may use a model by sync calls only


def asynchronous(sim: Simulator) -> list[bool]:
    return ["X-DashScope-Async" in seen.headers for seen in creations(sim)]


def test_auto_goes_on_with_a_sync_call_and_remembers_it(studio: Studio, waiting: Waiting, sim: Simulator) -> None:
    sim.faults.add("no_tasks", times=1)
    for seed in (1, 2):
        result = generate(studio, waiting, "wan2.6-t2i", seed=seed)
        assert len(result.pictures) == 1 and result.info["call_mode"] == "sync"
        (note,) = result.info["notes"]
        assert note == "wan2.6-t2i takes no tasks (async calls) with this account, so it was called in sync mode."
    assert asynchronous(sim) == [True, False, False]
    assert sum(bill.images for bill in sim.billed) == 2
    assert generate(studio, waiting, "wan2.2-t2i-flash").info["call_mode"] == "async"  # which was never refused


@pytest.mark.parametrize("model", ["wan2.6-t2i", "qwen-image-plus"])
def test_a_picture_of_a_sync_call_is_found_after_a_restart(
    studio: Studio, waiting: Waiting, sim: Simulator, environ: dict[str, str], tmp_path: Path, model: str
) -> None:
    """Whatever the two modes send: the shapes of qwen-image-plus differ."""
    for again in (studio, Studio(tmp_path, environ=environ)):
        sim.faults.add("no_tasks", times=1)
        result = generate(again, waiting, model)
        sim.faults.clear()
    assert result.info["source"] == "from store"
    assert sum(bill.images for bill in sim.billed) == 1


@pytest.mark.parametrize("model", ["wan2.6-t2i", "qwen-image-plus"])
def test_what_was_drawn_before_the_account_lost_its_tasks_is_found(
    studio: Studio, waiting: Waiting, sim: Simulator, model: str
) -> None:
    generate(studio, waiting, model, seed=1)
    sim.faults.add("no_tasks", times=1)
    generate(studio, waiting, model, seed=2)
    assert generate(studio, waiting, model, seed=1).info["source"] == "from store"
    assert sum(bill.images for bill in sim.billed) == 2


@pytest.mark.parametrize("reuse", ["on", "off"])
@pytest.mark.parametrize("model", ["wan2.6-t2i", "qwen-image-plus"])
def test_a_refused_question_about_a_task_buys_nothing(
    studio: Studio, waiting: Waiting, sim: Simulator, environ: dict[str, str], model: str, reuse: str
) -> None:
    """The task was taken, and is paid for, whatever is said when it is asked about."""
    environ["MODEL_STUDIO_REUSE"] = reuse
    sim.faults.add("no_tasks", on="poll", times=1)
    with pytest.raises(errors.TasksRefused, match="task id"):
        generate(studio, waiting, model)
    assert len(creations(sim)) == 1


@pytest.mark.parametrize(("model", "mode"), [("wan2.6-t2i", "async"), ("wan2.2-t2i-flash", "auto")])
def test_without_another_mode_the_refusal_is_told(
    studio: Studio, waiting: Waiting, sim: Simulator, model: str, mode: str
) -> None:
    sim.faults.add("no_tasks", times=1)
    with pytest.raises(errors.TasksRefused, match="does not take tasks"):
        generate(studio, waiting, model, call_mode=mode)
    assert len(creations(sim)) == 1 and not sim.billed


def test_a_node_with_a_thousand_prompts_begins_at_once_and_ends_at_cancel(studio: Studio, sim: Simulator) -> None:
    """By the published limit of two a minute, all but two of them wait."""
    canceled, begun = threading.Event(), set(threading.enumerate())
    at_work: list[int] = []

    async def one(seed: int) -> None:
        await studio.generate(ask("qwen-image-max", seed=seed), Waiting(300, canceled.is_set, origin=Origin("node")))

    async def all_of_them() -> list[Any]:
        runs = [asyncio.ensure_future(one(seed)) for seed in range(1000)]
        while len(creations(sim)) < 2:
            at_work.append(len(set(threading.enumerate()) - begun))
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        canceled.set()
        return await asyncio.gather(*runs, return_exceptions=True)

    ends = asyncio.run(all_of_them())
    assert sum(isinstance(end, Interrupted) for end in ends) >= 998
    assert len(creations(sim)) == 2
    assert max(at_work) < 30
    assert len(studio.ledger.recent(9)) == 2  # the others were not even written down


def test_an_empty_poller_does_not_wait_for_a_locked_ledger(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(errors.InvalidRequest, match="There are no tasks yet"):
        studio.task_ids("")
    monkeypatch.setattr(threads, "PATIENCE", 0.1)
    with closing(sqlite3.connect(studio.ledger.database.file)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(errors.InvalidRequest) as refused:
            asyncio.run(studio.task_ids_soon(""))
    assert refused.value.text.endswith("gave, or link its output.")


def test_cancel_ends_an_empty_poller_while_the_ledger_is_locked(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose text came over a link, so that nothing checked it before."""
    with pytest.raises(errors.InvalidRequest):
        studio.task_ids("")
    monkeypatch.setattr(threads, "PATIENCE", 60)
    canceled = threading.Event()

    async def canceled_run() -> list[str]:
        asyncio.get_running_loop().call_later(0.2, canceled.set)
        return await studio.task_ids_of(" ", Waiting(60, canceled.is_set))

    with closing(sqlite3.connect(studio.ledger.database.file)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Interrupted):
            asyncio.run(canceled_run())


def test_a_spent_budget_refuses_beforehand_but_not_what_is_paid_for(
    studio: Studio, waiting: Waiting, environ: dict[str, str]
) -> None:
    request = ask("wan2.2-t2i-flash")
    generate(studio, waiting, "wan2.2-t2i-flash")
    environ["MODEL_STUDIO_DAILY_BUDGET"] = "CNY 0.2"
    studio.check_budget(request, request)
    other = ask("wan2.2-t2i-flash", seed=8)
    for whole in (other, None):
        with pytest.raises(errors.BudgetReached, match=r"with the CNY 0\.14 of today it would exceed"):
            studio.check_budget(other, whole)
    environ["MODEL_STUDIO_REUSE"] = "off"
    with pytest.raises(errors.BudgetReached):
        studio.check_budget(request, request)
    environ["MODEL_STUDIO_DAILY_BUDGET"] = "CNY 0.3"
    studio.check_budget(other, other)


def test_a_budget_is_told_beforehand_where_there_is_no_ledger_and_none_is_made(
    studio: Studio, environ: dict[str, str]
) -> None:
    request = ask("wan2.2-t2i-flash")
    environ["MODEL_STUDIO_DAILY_BUDGET"] = "CNY 0.2"
    studio.check_budget(request, request)
    environ["MODEL_STUDIO_DAILY_BUDGET"] = "CNY 0.1"
    for whole in (request, None):
        with pytest.raises(errors.BudgetReached, match=r"with the CNY 0\.00 of today"):
            studio.check_budget(request, whole)
    assert not list(studio.ledger.folder.glob("ledger*"))


def test_nothing_is_refused_beforehand_by_a_ledger_that_is_gone(
    studio: Studio, waiting: Waiting, environ: dict[str, str]
) -> None:
    """What it knew of today is not known any more; and it may have known that the request is paid for."""
    generate(studio, waiting, "wan2.2-t2i-flash")
    studio.ledger.database.file.unlink()
    environ["MODEL_STUDIO_DAILY_BUDGET"] = "CNY 0.1"
    request = ask("wan2.2-t2i-flash")
    for each in (studio, Studio(studio.ledger.folder, environ=environ)):
        each.check_budget(request, request)
    assert not studio.ledger.database.file.exists()


def test_a_ledger_that_another_program_holds_keeps_no_quote_waiting(
    studio: Studio, waiting: Waiting, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are; and nothing is left that goes on waiting."""
    monkeypatch.setattr(threads, "PATIENCE", 0.3)
    monkeypatch.setattr(database, "GLANCE_SECONDS", 0.2)
    generate(studio, waiting, "wan2.2-t2i-flash")
    environ["MODEL_STUDIO_DAILY_BUDGET"] = "CNY 0.2"
    other = ask("wan2.2-t2i-flash", seed=8)
    with closing(sqlite3.connect(studio.ledger.database.file)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        quotes = [threads.start(studio.check_budget, other, other) for _ in range(20)]
        for quote in quotes:
            quote.result(20)
        assert time.monotonic() - began < 10
        assert threads._glances._threads <= threads.GLANCE_THREADS
    with pytest.raises(errors.BudgetReached):
        studio.check_budget(other, other)


def test_what_was_paid_for_under_the_address_of_before_is_not_refused_beforehand(
    studio: Studio, environ: dict[str, str]
) -> None:
    environ["DASHSCOPE_HTTP_BASE_URL"] = "https://dashscope.aliyuncs.com/api/v1"
    environ["MODEL_STUDIO_DAILY_BUDGET"] = "CNY 0.2"
    request = ask("wan2.2-t2i-flash")
    host, key = studio._account("cn-beijing")
    account = studio.ledger.account(key.value)
    now, former = fingerprints(host, account, request)
    asked = Asked(account, "cn-beijing", former, request.model.name, n=1, price=request.price)
    studio.ledger.begin(new_entry(asked, SENDING, studio.ledger.now()))
    studio.check_budget(request, request)
    assert now != former and not studio.ledger.latest(now)
    other = ask("wan2.2-t2i-flash", seed=8)
    with pytest.raises(errors.BudgetReached):
        studio.check_budget(other, other)
