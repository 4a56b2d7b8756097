"""A small client of the simulator for its own tests, over plain `requests`."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests
from PIL import Image

from simulator import Config, Simulator
from simulator.models import ASYNC_PROMPT, MODELS, SYNC


class Client:
    """Calls one simulator with one key. `region` None: the default base, else the region's own path."""

    def __init__(self, sim: Simulator, key: str | None = None, region: str | None = None) -> None:
        self.sim = sim
        self.base = sim.base_url_of(region) if region else sim.base_url
        self.session = requests.Session()
        self.session.trust_env = False
        self.headers = {"Authorization": f"Bearer {key or sim.key}"}

    def post(self, endpoint: str, body: Any, **headers: str) -> requests.Response:
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, bytes):
            return self.session.post(self.base + endpoint, data=body, headers=sent, timeout=10)
        return self.session.post(self.base + endpoint, json=body, headers=sent, timeout=10)

    def sync(self, model: str, prompt: str = "a boat", **parameters: Any) -> requests.Response:
        return self.post(SYNC, body_of(model, SYNC, prompt, parameters))

    def submit(self, model: str, prompt: str = "a boat", **parameters: Any) -> requests.Response:
        endpoint = next(endpoint for endpoint in MODELS[model].endpoints if endpoint != SYNC)
        return self.post(endpoint, body_of(model, endpoint, prompt, parameters), X_DashScope_Async="enable")

    def task(self, model: str, prompt: str = "a boat", **parameters: Any) -> str:
        answer = self.submit(model, prompt, **parameters)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["output"]["task_id"])

    def get(self, path: str, **query: Any) -> requests.Response:
        return self.session.get(self.base + path, params=query, headers=self.headers, timeout=10)

    def poll(self, task_id: str) -> dict[str, Any]:
        answer = self.get(f"/tasks/{task_id}")
        assert answer.status_code == 200, answer.text
        output = answer.json()["output"]
        assert isinstance(output, dict)
        return output

    def wait(self, task_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + 10
        while (output := self.poll(task_id))["task_status"] in ("PENDING", "RUNNING"):
            assert time.monotonic() < deadline, output
            time.sleep(0.02)
        return output

    def download(self, url: str, **headers: str) -> requests.Response:
        return self.session.get(url, headers=headers, timeout=10, allow_redirects=False)

    def image(self, url: str) -> Image.Image:
        answer = self.download(url)
        assert answer.status_code == 200, answer.text
        image = Image.open(io.BytesIO(answer.content))
        image.load()
        return image


def body_of(model: str, endpoint: str, prompt: str, parameters: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {"messages": [{"role": "user", "content": [{"text": prompt}]}]}
    if endpoint == ASYNC_PROMPT:
        given = {"prompt": prompt}
    return {"model": model, "input": given, "parameters": parameters}


def image_urls(output: dict[str, Any]) -> list[str]:
    """Links of `choices` or of `results`."""
    if "results" in output:
        return [result["url"] for result in output["results"] if "url" in result]
    contents = [choice["message"]["content"] for choice in output["choices"]]
    return [item["image"] for content in contents for item in content if "image" in item]


@pytest.fixture
def start() -> Iterator[Callable[..., Client]]:
    """`start(task_seconds=0.1)` runs a simulator for the test and gives a client of it."""
    with ExitStack() as stack:

        def begin(**settings: Any) -> Client:
            settings = {"task_seconds": 0.05} | settings
            client = Client(stack.enter_context(Simulator(Config(**settings))))
            stack.callback(client.session.close)
            return client

        yield begin


@pytest.fixture
def another() -> Iterator[Callable[..., Client]]:
    """`another(sim, key, region)`: one more client of a running simulator."""
    with ExitStack() as stack:

        def begin(sim: Simulator, key: str | None = None, region: str | None = None) -> Client:
            client = Client(sim, key, region)
            stack.callback(client.session.close)
            return client

        yield begin


@pytest.fixture(scope="module")
def shared() -> Iterator[Client]:
    """One simulator for all tests of a file that leave nothing behind in it."""
    with Simulator(Config(task_seconds=0.05)) as sim:
        client = Client(sim)
        yield client
        client.session.close()


@pytest.fixture
def urls() -> Callable[[dict[str, Any]], list[str]]:
    return image_urls
