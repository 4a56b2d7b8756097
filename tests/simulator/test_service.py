"""Accounts, limits, charges and times, through HTTP with a clock that is put forward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simulator import Clock, Config
from simulator.models import SYNC

Start = Callable[..., Any]
DAY = 24 * 3600


def test_any_key_of_the_account_sees_a_task_and_another_account_does_not(start: Start, another: Start) -> None:
    client = start()
    task_id = client.task("wan2.6-t2i", n=1)
    stranger = another(client.sim, "sk-simulated-other-cn-beijing")
    assert stranger.poll(task_id) == {"task_id": task_id, "task_status": "UNKNOWN"}
    assert stranger.get("/tasks/").json()["total"] == 0
    assert stranger.post(f"/tasks/{task_id}/cancel", b"").status_code == 400
    assert client.wait(task_id)["task_status"] == "SUCCEEDED"


def test_a_task_of_one_region_is_unknown_in_another(start: Start, another: Start) -> None:
    client = start()
    task_id = client.task("wan2.6-t2i", n=1)
    abroad = another(client.sim, client.sim.keys["us-east-1"], "us-east-1")
    assert abroad.poll(task_id)["task_status"] == "UNKNOWN"
    assert abroad.wait(abroad.task("wan2.6-t2i", n=1))["task_status"] == "SUCCEEDED"


def test_a_task_is_unknown_after_24_hours(start: Start) -> None:
    client = start()
    task_id = client.task("wan2.6-t2i", n=1)
    client.sim.clock.advance(DAY - 5)
    assert client.poll(task_id)["task_status"] == "SUCCEEDED"
    client.sim.clock.advance(10)
    assert client.poll(task_id) == {"task_id": task_id, "task_status": "UNKNOWN"}


def test_by_time_a_task_is_pending_then_running(start: Start) -> None:
    client = start(task_seconds=100.0, pending_seconds=40.0)
    task_id = client.task("wan2.6-t2i", n=1)
    states = []
    for _ in range(3):
        states.append(client.poll(task_id)["task_status"])
        client.sim.clock.advance(50)
    assert states == ["PENDING", "RUNNING", "SUCCEEDED"]


def test_by_reads(start: Start) -> None:
    client = start(progression="reads", pending_reads=1, running_reads=2)
    task_id = client.task("wan2.6-t2i", n=1)
    assert [client.poll(task_id)["task_status"] for _ in range(4)] == ["PENDING", "RUNNING", "RUNNING", "SUCCEEDED"]


def test_typical_seconds_of_the_model(start: Start) -> None:
    client = start(task_seconds=None)
    task_id = client.task("wan2.2-t2i-plus", n=1)
    client.sim.clock.advance(60)
    assert client.poll(task_id)["task_status"] == "RUNNING"
    client.sim.clock.advance(10)
    assert client.poll(task_id)["task_status"] == "SUCCEEDED"


def test_rates_per_model_and_account(start: Start, another: Start) -> None:
    client = start(rate_limits=True)
    calls = [client.sync("qwen-image-max") for _ in range(3)]
    assert [call.status_code for call in calls] == [200, 200, 429]
    assert calls[2].json()["code"] == "Throttling.RateQuota"
    assert calls[2].json()["message"] == "Requests rate limit exceeded, please try again later."
    assert client.sync("qwen-image-2.0-pro", size="512*512").status_code == 200
    stranger = another(client.sim, "sk-simulated-other-cn-beijing")
    assert stranger.sync("qwen-image-max").status_code == 200
    client.sim.clock.advance(59)
    assert client.sync("qwen-image-max").status_code == 429
    client.sim.clock.advance(1.5)
    assert client.sync("qwen-image-max").status_code == 200


def test_the_rate_of_wan_2_6_differs_by_region(start: Start, another: Start) -> None:
    client = start(rate_limits=True)
    abroad = another(client.sim, client.sim.keys["ap-southeast-1"], "ap-southeast-1")
    client.sim.clock._source = lambda: 1_800_000_000.0  # stands still
    assert [client.submit("wan2.6-t2i", n=1).status_code for _ in range(2)] == [200, 429]
    assert [abroad.submit("wan2.6-t2i", n=1).status_code for _ in range(6)] == [200] * 5 + [429]


def test_twenty_queries_a_second(start: Start) -> None:
    client = start(rate_limits=True)
    client.sim.clock._source = lambda: 1_800_000_000.0
    assert [client.get("/tasks/x").status_code for _ in range(21)] == [200] * 20 + [429]
    assert client.get("/tasks/").status_code == 429
    client.sim.clock.advance(1)
    assert client.get("/tasks/x").status_code == 200


def test_only_requests_that_pass_the_earlier_checks_count(start: Start) -> None:
    client = start(rate_limits=True)
    for _ in range(3):
        assert client.post(SYNC, b"{").status_code == 400
        assert client.submit("wan2.6-t2i", n=1).status_code in (200, 429)  # another model
    assert [client.sync("qwen-image-max").status_code for _ in range(3)] == [200, 200, 429]


def test_tasks_above_the_concurrency_wait_in_pending(start: Start) -> None:
    client = start(rate_limits=True, task_seconds=100.0)
    tasks = []
    for _ in range(3):
        tasks.append(client.task("wan2.2-t2i-plus", n=1))
        client.sim.clock.advance(1)
    assert [client.poll(task)["task_status"] for task in tasks] == ["RUNNING", "RUNNING", "PENDING"]
    client.sim.clock.advance(97.5)
    assert [client.poll(task)["task_status"] for task in tasks] == ["SUCCEEDED", "RUNNING", "RUNNING"]


def test_without_limits_all_run_at_once(start: Start) -> None:
    client = start(task_seconds=100.0)
    tasks = [client.task("wan2.2-t2i-plus", n=1) for _ in range(4)]
    assert {client.poll(task)["task_status"] for task in tasks} == {"RUNNING"}


def test_charges_are_per_picture_and_not_for_what_was_refused_or_canceled(start: Start) -> None:
    client = start(pending_seconds=50.0, task_seconds=100.0, sync_seconds=0.0)
    assert client.sync("qwen-image-2.0", n=2, size="512*512").status_code == 200
    assert client.sync("qwen-image-2.0", size="1*1").status_code == 400
    kept, dropped = client.task("wan2.6-t2i"), client.task("wan2.6-t2i", n=1)
    client.task("wan2.6-t2i", size="1*1")  # will be FAILED
    assert client.post(f"/tasks/{dropped}/cancel", b"").status_code == 200
    first, second = client.sim.billed
    assert (first.task_id, first.model, first.images, first.size) == (None, "qwen-image-2.0", 2, "512*512")
    assert (second.task_id, second.images, second.account, second.region) == (kept, 4, "account-1", "cn-beijing")
    assert len(first.paths) == 2 and set(first.paths) <= set(client.sim.pictures)


def test_late_checks_make_failed_tasks_and_early_checks_refuse(start: Start) -> None:
    late, early = start(), start(checks="early")
    for more in ({"size": "1*1"}, {"n": 9}, {"prompt": "a forbidden-word"}):
        output = late.wait(late.task("wan2.6-t2i", **more))
        answer = early.submit("wan2.6-t2i", **more)
        assert answer.status_code == 400
        assert output["task_status"] == "FAILED"
        assert (output["code"], output["message"]) == (answer.json()["code"], answer.json()["message"])
    assert late.sim.billed == early.sim.billed == []


def test_seeds_of_several_pictures_follow_each_other(start: Start) -> None:
    client = start()
    client.wait(client.task("wan2.2-t2i-plus", n=3, seed=7, size="512*512"))
    client.wait(client.task("wan2.2-t2i-plus", n=1, seed=8, size="512*512"))
    several, one = client.sim.billed
    pictures = [client.sim.pictures[path] for path in several.paths]
    assert len(set(pictures)) == 3
    assert client.sim.pictures[one.paths[0]] == pictures[1]


def test_without_a_seed_each_call_draws_another(start: Start) -> None:
    client = start()
    for _ in range(2):
        client.sync("qwen-image-2.0", size="512*512")
    first, second = (client.sim.pictures[charge.paths[0]] for charge in client.sim.billed)
    assert first != second


def test_reset_forgets(start: Start) -> None:
    client = start()
    task_id = client.task("wan2.6-t2i", n=1)
    client.wait(task_id)
    client.sim.faults.add("throttle")
    client.sim.reset()
    assert (client.sim.billed, client.sim.requests, client.sim.faults.active()) == ([], [], [])
    assert client.poll(task_id)["task_status"] == "UNKNOWN"


@pytest.mark.parametrize("fault", ["stuck_pending", "stuck_running"])
def test_reset_cancels_what_is_at_work(start: Start, fault: str) -> None:
    client = start()
    client.sim.faults.add(fault)
    task_id = client.task("wan2.6-t2i", n=1)
    client.sim.reset()
    assert client.poll(task_id)["task_status"] == "CANCELED"
    assert client.get("/tasks/").json()["total"] == 0


def test_the_clock() -> None:
    clock = Clock(lambda: 100.0)
    clock.advance(5)
    assert clock.now() == 105.0


@pytest.mark.parametrize("setting", ["region", "progression", "rules", "checks", "choices_style"])
def test_a_wrong_setting_is_refused(setting: str) -> None:
    wrong: dict[str, Any] = {setting: "wrong"}
    with pytest.raises(ValueError, match=f"{setting} is 'wrong'"):
        Config(**wrong)
