"""`python -m benchmarks.answers`: how soon ComfyUI answers while many nodes draw, with previews and without."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import struct
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests
from websockets.sync.client import connect

from rig.comfyui import ComfyUI

from .graphs import OURS, Graph, graph
from .service import Service

PATH = "/queue"  # what a page asks for often, and costs ComfyUI next to nothing
PAUSE = 0.01  # seconds between an answer and the next question
TASK_SECONDS = 2.0
PICTURES = 4  # of each node
PREVIEW = 4  # of ComfyUI's binary messages


@dataclass
class Measured:
    """Seconds of answers, seconds of runs, and how many previews came."""

    answers: list[float] = field(default_factory=list)
    runs: list[float] = field(default_factory=list)
    previews: int = 0

    def percentile(self, percent: int) -> float:
        return statistics.quantiles(self.answers, n=100, method="inclusive")[percent - 1]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers", description=__doc__)
    parser.add_argument("--nodes", type=int, default=16, help="nodes that draw four pictures each")
    parser.add_argument("--repeat", type=int, default=4, help="runs with and as many without previews")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="answers-", ignore_cleanup_errors=True) as home, Service() as service:
        env = {
            "DASHSCOPE_HTTP_BASE_URL": service.base_url,
            "DASHSCOPE_API_KEY": service.key,
            "MODEL_STUDIO_PACE": "off",
        }
        service.draws_in(TASK_SECONDS)
        with ComfyUI.start(home=Path(home), env=env) as comfy:
            print(table(measure(comfy, options.nodes, options.repeat)))
    return 0


def measure(comfy: ComfyUI, nodes: int, repeat: int) -> dict[str, Measured]:
    """Runs without and with previews in turn, the first one changing; and ComfyUI that has nothing to do."""
    measured = {kind: Measured() for kind in ("idle", "off", "on")}
    run(comfy, drawing(nodes), previews=True)  # to warm up
    with asking(comfy, measured["idle"]):
        time.sleep(3)
    for number in range(repeat):
        for kind in ("off", "on") if number % 2 == 0 else ("on", "off"):
            one = measured[kind]
            with asking(comfy, one):
                seconds, previews = run(comfy, drawing(nodes), previews=kind == "on")
            one.runs.append(seconds)
            one.previews += previews
            print(f"previews {kind}: {seconds:.2f} s, {previews} previews", file=sys.stderr, flush=True)
    return measured


def drawing(nodes: int) -> Graph:
    prompt, generators = graph(OURS, nodes)
    for name in generators:
        prompt[name]["inputs"]["n"] = PICTURES
    return prompt


def run(comfy: ComfyUI, prompt: Graph, previews: bool) -> tuple[float, int]:
    """Seconds of a run, and how many previews came; pages that do not say that they know previews get none."""
    client, came = uuid.uuid4().hex, 0
    url = f"{comfy.url.replace('http', 'ws', 1)}/ws?clientId={client}"
    with connect(url, proxy=None, max_size=None) as socket:
        socket.send(json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": previews}}))
        started = time.monotonic()
        comfy.post("/prompt", {"prompt": prompt, "client_id": client}).raise_for_status()
        while True:
            message = socket.recv(timeout=120)
            if isinstance(message, bytes):
                came += struct.unpack_from(">I", message)[0] == PREVIEW
                continue
            said = json.loads(message)
            if said["type"] == "execution_error":
                raise SystemExit(said["data"]["exception_message"])
            if said["type"] == "executing" and said["data"]["node"] is None:
                return time.monotonic() - started, came


@contextmanager
def asking(comfy: ComfyUI, measured: Measured) -> Iterator[None]:
    """Meanwhile ComfyUI is asked again and again, one question after the other."""
    done = threading.Event()

    def ask() -> None:
        with requests.Session() as session:
            session.trust_env = False
            session.get(comfy.url + PATH, timeout=30)  # connects
            while not done.wait(PAUSE):
                started = time.perf_counter()
                session.get(comfy.url + PATH, timeout=30).raise_for_status()
                measured.answers.append(time.perf_counter() - started)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def table(measured: dict[str, Measured]) -> str:
    off, on = measured["off"], measured["on"]
    lines = [f"{os.cpu_count()} processors", "| previews | answers | p50 ms | p99 ms | run s | previews |"]
    lines.append("|---|--:|--:|--:|--:|--:|")
    for kind, one in measured.items():
        numbers = [f"{one.percentile(percent) * 1000:.1f}" for percent in (50, 99)]
        seconds = f"{statistics.median(one.runs):.2f}" if one.runs else ""
        lines.append("| " + " | ".join([kind, f"{len(one.answers)}", *numbers, seconds, f"{one.previews}"]) + " |")
    ratios = [f"{_ratio(on.percentile(percent), off.percentile(percent))}" for percent in (50, 99)]
    lines.append(
        "| on / off | | " + " | ".join([*ratios, _ratio(*map(statistics.median, (on.runs, off.runs)))]) + " | |"
    )
    return "\n".join(lines)


def _ratio(one: float, other: float) -> str:
    return f"{one / other:.2f}"


if __name__ == "__main__":
    sys.exit(main())
