"""The stand-in for Comfy's API, and the service behind it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from benchmarks.proxy import ComfyProxy
from benchmarks.service import MODEL, SIDE, Service

SUBMIT = "/proxy/wan/api/v1/services/aigc/text2image/image-synthesis"  # as nodes_wan.py writes it
BODY = {"model": MODEL, "input": {"prompt": "A lighthouse"}, "parameters": {"size": f"{SIDE}*{SIDE}", "n": 1}}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


@pytest.fixture
def proxy(service: Service) -> Iterator[ComfyProxy]:
    with ComfyProxy(service.url, service.key) as proxy:
        yield proxy


def test_a_task_from_submit_to_picture(service: Service, proxy: ComfyProxy) -> None:
    service.draws_in(0.2)

    submitted = _json(requests.post(proxy.url + SUBMIT, json=BODY, timeout=10))
    query = f"{proxy.url}/proxy/wan/api/v1/tasks/{submitted['output']['task_id']}"
    assert _json(requests.get(query, timeout=10))["output"]["task_status"] == "RUNNING"
    time.sleep(0.25)
    done = _json(requests.get(query, timeout=10))["output"]

    assert done["task_status"] == "SUCCEEDED"
    link = done["results"][0]["url"]
    assert link.startswith(service.url), "pictures must not pass through the proxy"
    assert len(requests.get(link, timeout=10).content) > 1_500_000


def test_refusals_are_passed_on(proxy: ComfyProxy) -> None:
    answer = requests.post(proxy.url + SUBMIT, json=BODY | {"model": "no-such-model"}, timeout=10)

    assert answer.status_code >= 400
    assert answer.json()["code"]


def test_the_task_time_changes_between_runs(service: Service, proxy: ComfyProxy) -> None:
    for seconds, state in ((60.0, "RUNNING"), (0.0, "SUCCEEDED")):
        service.draws_in(seconds)
        task_id = _json(requests.post(proxy.url + SUBMIT, json=BODY, timeout=10))["output"]["task_id"]
        answer = _json(requests.get(f"{proxy.url}/proxy/wan/api/v1/tasks/{task_id}", timeout=10))
        assert answer["output"]["task_status"] == state


def _json(answer: requests.Response) -> dict[str, Any]:
    answer.raise_for_status()
    content: dict[str, Any] = answer.json()
    return content
