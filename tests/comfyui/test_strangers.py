"""A workflow from a stranger: it may spend what its owner allows, and nothing else is in its reach."""

from __future__ import annotations

import sqlite3
import urllib.parse
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import requests

from rig.comfyui import ComfyUI
from simulator import Simulator

SMALL = {"model": "qwen-image-2.0", "aspect_ratio": "custom", "width": 512, "height": 512}


@pytest.fixture
def evil() -> Iterator[tuple[str, list[str]]]:
    """Where a stranger would like requests to go, and what came there."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(f"{self.requestline}\n{self.headers}")
            self.send_error(404)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            """Keeps the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/api/v1", seen
    server.shutdown()
    server.server_close()


def test_inputs_that_the_node_does_not_have_change_nothing(
    comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any, evil: Any
) -> None:
    url, seen = evil
    names = ["base_url", "base_http_api_url", "api_key", "url", "host", "endpoint", "timeout_connect", "folder", "pace"]
    names += ["DASHSCOPE_HTTP_BASE_URL", "DASHSCOPE_API_KEY", "MODEL_STUDIO_DAILY_BUDGET", "MODEL_STUDIO_REUSE"]
    node = graph.add("ModelStudioQwenText2Image", prompt="boats", seed=new_seed(), **SMALL, **dict.fromkeys(names, url))
    save = graph.save(node)
    run = comfy.run(graph)
    assert run.status == "success", run.error or run.refusal
    assert len(run.images(save)) == 1 and len(sim.billed) == 1
    assert seen == []


@pytest.mark.parametrize("name", ["region", "model", "aspect_ratio", "call_mode", "n", "seed"])
@pytest.mark.parametrize("linked", [False, True])
def test_values_that_are_not_in_the_lists_send_nothing(
    comfy: ComfyUI, sim: Simulator, graph: Any, evil: Any, name: str, linked: bool
) -> None:
    url, seen = evil
    value = [graph.add("PrimitiveString", value=url), 0] if linked else url
    graph.save(graph.add("ModelStudioQwenText2Image", **{"prompt": "boats", **SMALL, name: value}))
    run = comfy.run(graph)
    assert run.status in ("refused", "error")
    assert not any("/services/" in asked.path for asked in sim.requests) and seen == []


NASTY = [
    "boats'); DROP TABLE requests; --",
    '"><img src=x onerror=alert(1)><script>alert(1)</script>',
    "../../../../etc/passwd",
    "%s %(x)s {0} {self} ${jndi:ldap://x} \\N{BULLET}",
    "line one\r\nX-Injected: yes\r\n\r\n\x00\x07\x1b[31m",
    "中文提示詞" * 2000,
]


@pytest.mark.parametrize("prompt", NASTY, ids=range(len(NASTY)))
def test_prompts_are_data(comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any, prompt: str) -> None:
    save = graph.save(graph.add("ModelStudioQwenText2Image", prompt=prompt, seed=new_seed(), **SMALL))
    run = comfy.run(graph)
    assert run.status == "success", run.error
    assert len(run.images(save)) == 1 and len(sim.billed) == 1
    (sent,) = [asked for asked in sim.requests if "/services/" in asked.path]
    assert sent.body["input"]["messages"][0]["content"][0]["text"] == prompt
    assert "X-Injected" not in sent.headers
    folder = comfy.home / "user" / "__model_studio"
    with sqlite3.connect(folder / "ledger.sqlite") as ledger:
        (written,) = ledger.execute("SELECT prompt FROM requests ORDER BY id DESC LIMIT 1").fetchone()
    assert written == prompt
    names = [file.name for file in folder.rglob("*")]
    assert all(name.isascii() and not set(name) & set("<>&;'\"%$ /\\") for name in names)


def test_the_ledger_is_reachable_over_no_address(comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any) -> None:
    secret = f"planted-{uuid.uuid4().hex}"
    graph.save(graph.add("ModelStudioQwenText2Image", prompt=secret, seed=new_seed(), **SMALL))
    assert comfy.run(graph).status == "success"
    folder = comfy.home / "user" / "__model_studio"
    assert secret.encode() in (folder / "ledger.sqlite").read_bytes()
    pictures = [file.name for file in (folder / "pictures").iterdir()]
    for name in ("ledger.sqlite", f"pictures/{pictures[-1]}", "api_key.txt"):
        for path in _addresses(f"__model_studio/{name}"):
            answer = requests.get(comfy.url + path, headers={"comfy-user": "__model_studio"}, timeout=10)
            assert answer.status_code >= 400, path
            assert secret.encode() not in answer.content
    listing = requests.get(f"{comfy.url}/userdata?dir=../__model_studio&recurse=true", timeout=10)
    assert listing.status_code >= 400 or "ledger" not in listing.text


def _addresses(path: str) -> list[str]:
    """Ways in which ComfyUI gives out files, and ways around them."""
    quoted = urllib.parse.quote(path, safe="")
    folder, _, name = path.rpartition("/")
    ways = [f"/userdata/{quoted}", f"/userdata/..%2F{quoted}", f"/api/userdata/..%2F{quoted}", f"/user/{path}"]
    ways += [f"/extensions/model-studio-text2image/../../user/{path}", f"/{path}", f"/userdata/..%5C{quoted}"]
    for kind in ("output", "input", "temp"):
        ways.append(f"/view?filename={name}&subfolder=../user/{folder}&type={kind}")
        ways.append(f"/view?filename=../user/{path}&type={kind}")
    return ways
