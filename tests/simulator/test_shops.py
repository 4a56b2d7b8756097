"""The Token Plan and QwenCloud: hosts of their own, keys of their own, pictures by the synchronous endpoint only."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.models import PLANS, QWENCLOUD, REGIONS, WITHOUT_TASKS
from tests.simulator.conftest import Client

SOLD = dict.fromkeys(PLANS, "wan2.7-image") | {QWENCLOUD: "qwen-image-2.1-turbo"}


def at(shared: Any, region: str) -> Client:
    return Client(shared.sim, shared.sim.keys[region], region)


@pytest.mark.parametrize(("region", "model"), SOLD.items())
def test_pictures_come_by_sync_calls_alone(shared: Any, region: str, model: str) -> None:
    client = at(shared, region)
    assert client.sync(model, n=1, size="768*768").status_code == 200
    assert client.sync("wan2.6-t2i", n=1).json()["message"] == "Model not exist."
    if region in PLANS:
        assert client.submit(model, n=1, size="768*768").json()["message"] == "url error, please check url!"


@pytest.mark.parametrize("region", SOLD)
def test_tasks_are_known_where_they_were_seen(shared: Any, region: str) -> None:
    answer = at(shared, region).get("/tasks/some-task")
    assert answer.status_code == (404 if region in WITHOUT_TASKS else 200)


@pytest.mark.parametrize("region", REGIONS)
def test_keys_work_at_home_alone(shared: Any, region: str) -> None:
    key = shared.sim.keys[region]
    assert key.startswith("sk-sp-") == (region in PLANS)
    for other in set(REGIONS) - {region}:
        assert Client(shared.sim, key, other).get("/tasks/x").json()["code"] == "InvalidApiKey"


def test_the_list_of_models_comes_page_by_page(start: Any) -> None:
    client = start(new_models=("qwen-image-9",), gone_models=("wan2.6-t2i",))
    first = client.get("/models", page_no=1, page_size=5).json()["output"]
    assert (len(first["models"]), first["page_no"], first["page_size"]) == (5, 1, 5)
    names = {row["model"] for row in client.get("/models", page_size=200).json()["output"]["models"]}
    assert len(names) == first["total"]
    assert {"qwen-image-9", "qwen-image-2.0", "qwen-plus"} <= names and "wan2.6-t2i" not in names
    assert client.get("/models", model="qwen-plus").json()["output"]["total"] == 1
