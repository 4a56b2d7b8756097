"""The fault table: its rows are played side by side, in a few ComfyUIs of their own. And a report of what was seen."""

from __future__ import annotations

import io
import json
import re
import socket
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rig.comfyui import ComfyUI
from rig.layout import rig_home
from rig.prompt_run import PromptRun
from simulator import Billed, Config, Simulator
from simulator.config import Account
from simulator.damage import damaged
from simulator.faults import KINDS, Fault
from simulator.service import Caller

from ..conftest import NODES, Graph, Shown

LANES = 3  # ComfyUIs that play rows at the same time: most of a row is waiting
KEY_FILE = "user/__model_studio/api_key_us_east_1.txt"  # of the region that has no key in the environment
LEDGER = "user/__model_studio/ledger.sqlite"
DAY = 24 * 3600.0
STRANGER = "another program"
# What only a library or an interpreter says.
FOREIGN = re.compile(
    r"Traceback|urllib3|requests\.\w+\.?[A-Z]|aiohttp|Connection(Pool)?\(|\bPIL\b|sqlite|Errno|Max retries"
)


@dataclass(frozen=True)
class Row:
    """A fault, and what it comes to when the same graph is run again and again. Times are in seconds.

    ComfyUI's cache is on. After a run that came from it the node gets another time-out, which does not change the
    request: the next run shows what a restarted ComfyUI would.

    runs      of each run: a pattern for what the user sees (see `Shown.text`), and so far in all: creating requests
              that were sent, pictures that were billed
    mode      which of NODES runs, with `inputs` besides
    faults    kinds of the simulator's and their options; cleared after the first run unless they stay
    altered   the fault leaves a picture, but another than the simulator drew
    env       one of `Lane.environments`, in which ComfyUI runs
    keys      what the key file in ComfyUI's user folder holds in each run, by names of `Lane.keys`
    beside    prompt of a task that another program of the account made just before
    ahead     how far the service's clock is ahead of this machine's
    later     how much later the second run is: for the service; `aged`: for the ledger
    denied    for how much longer than the first run the service has denied what it was asked for, before the second
    within    how long a run may take
    """

    fault: str
    runs: Sequence[tuple[str, int, int]]
    mode: str = "sync"
    inputs: Mapping[str, Any] = field(default_factory=dict)
    faults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    stays: bool = False
    altered: bool = False
    env: str = ""
    keys: Sequence[str] = ()
    beside: str = ""
    ahead: float = 0
    later: float = 0
    aged: float = 0
    denied: float = 0
    within: float = 30


def ends_well(text: str, created: int, billed: int, stored: str = "1 from store") -> list[tuple[str, int, int]]:
    """Three runs of a row: one with pictures, the next from ComfyUI's cache, and one without it from the store."""
    return [(told, created, billed) for told in (text, f"cached: {text}", stored)]


@dataclass(frozen=True)
class Seen:
    """What came of one run. `is_true`: the pictures are those that the simulator drew, unchanged and in order."""

    text: str
    created: int
    billed: int
    seconds: float
    is_ours: bool
    is_true: bool
    leaks: list[str]


class Lane:
    """A ComfyUI with a simulator of its own, which plays one row after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.keys = {name: f"sk-planted-{name}-{uuid.uuid4().hex}" for name in ("right", "foreign", "wrong")}
        accounts = {
            self.keys["right"]: Account("account-1", "cn-beijing"),
            self.keys["foreign"]: Account("account-1", "ap-southeast-1"),
        }
        self._sim = Simulator(Config(keys=accounts, task_seconds=0.1)).start()
        self._closed = socket.socket()  # never listens, so that its port refuses whoever comes
        self._closed.bind(("127.0.0.1", 0))
        self._comfy: ComfyUI | None = None
        self._env = ""

    def stop(self) -> None:
        if self._comfy:
            self._comfy.stop()
        self._closed.close()
        self._sim.stop()

    def environments(self) -> dict[str, dict[str, str]]:
        """Ways in which a machine is connected."""

        def proxy(url: str) -> dict[str, str]:
            return {"HTTP_PROXY": url, "http_proxy": url, "NO_PROXY": "", "no_proxy": ""}

        nowhere = f"http://127.0.0.1:{self._closed.getsockname()[1]}"
        return {
            "": {},
            "closed port": {"DASHSCOPE_HTTP_BASE_URL": f"{nowhere}/api/v1"},
            "no TLS": {"DASHSCOPE_HTTP_BASE_URL": self._sim.base_url.replace("http:", "https:")},
            "no such host": {"DASHSCOPE_HTTP_BASE_URL": "http://no-such-host.invalid/api/v1"},
            "dead proxy": proxy(nowhere),
            # The simulator takes whole addresses too, as a proxy does; nothing else can know this host.
            "working proxy": {**proxy(self._sim.url), "DASHSCOPE_HTTP_BASE_URL": "http://model-studio.invalid/api/v1"},
        }

    def play(self, row: Row) -> list[Seen]:
        comfy, sim = self._comfy_in(row.env), self._sim
        graph = Graph(comfy.get("/object_info"))
        shown = graph.draw(row.mode, **row.inputs)
        self._age(DAY)  # nobody may take what is left of earlier rows for a part of this one
        sim.reset()
        for name, options in row.faults.items():
            sim.faults.add(name, **options)
        sim.clock.advance(time.time() - sim.clock.now() + row.ahead)
        if row.beside:
            self._submit_elsewhere(row.beside)
        seen = []
        for number in range(len(row.runs)):
            if row.keys:
                (comfy.home / KEY_FILE).parent.mkdir(exist_ok=True)
                (comfy.home / KEY_FILE).write_text(self.keys[row.keys[number]])
            if number == 1:
                if not row.stays:
                    sim.faults.clear()
                sim.clock.advance(row.later)
                self._age(row.aged)
                self._deny(row.denied)
            run = comfy.run(graph)
            seen.append(self._look(run, shown, row))
            if shown.node in run.cached:
                graph[shown.node]["inputs"]["timeout"] += 1
        return seen

    def _comfy_in(self, env: str) -> ComfyUI:
        """ComfyUI in an environment, started anew where it is another than the last row's."""
        if self._comfy and self._env != env:
            self._comfy.stop()
            self._comfy = None
        if self._comfy is None:
            variables = {
                "DASHSCOPE_HTTP_BASE_URL": self._sim.base_url,
                "DASHSCOPE_API_KEY_CN_BEIJING": self.keys["right"],
                "MODEL_STUDIO_PACE": "off",  # rows would wait for each other's submissions
                **self.environments()[env],
            }
            home = self._folder / (env or "usual").replace(" ", "-")
            self._comfy, self._env = ComfyUI.start(home=home, env=variables), env
        return self._comfy

    def _age(self, seconds: float) -> None:
        """Makes all that the ledger knows older, as if this machine's clock had gone on."""
        assert self._comfy
        if seconds and (self._comfy.home / LEDGER).exists():
            with closing(sqlite3.connect(self._comfy.home / LEDGER)) as ledger, ledger:
                for column in ("created", "updated", "sent"):
                    ledger.execute(f"UPDATE requests SET {column} = {column} - ?", [seconds])

    def _deny(self, seconds: float) -> None:
        """As if the service had denied for so long what it was asked for before."""
        assert self._comfy
        if seconds:
            with closing(sqlite3.connect(self._comfy.home / LEDGER)) as ledger, ledger:
                ledger.execute("UPDATE requests SET denied = denied + ? WHERE denied > 0", [seconds])

    def _submit_elsewhere(self, prompt: str) -> None:
        """Past the line, so that it is no request that the row would count."""
        _, inputs = NODES["async"]
        body = json.dumps({**inputs, "input": {"prompt": prompt}, "parameters": {"size": "512*512", "n": 1}})
        caller = Caller(self._sim.config.keys[self.keys["right"]], STRANGER, self._sim.url)
        self._sim.service.create(caller, "/services/aigc/text2image/image-synthesis", True, body.encode())

    def _look(self, run: PromptRun, shown: Shown, row: Row) -> Seen:
        assert self._comfy
        told = str([run.messages, run.outputs, run.progress_texts]) + self._comfy.log()
        secrets = {**self.keys, "signature": "Signature="}
        info = {} if run.error else shown.read(run)
        adopted = any("answer to the submission was lost" in note for note in info.get("notes", ()))
        assert not info or adopted or (info["cost"]["amount"] > 0) == (info["source"] == "new")
        files = run.images(shown.save)
        return Seen(
            text=shown.text(run),
            created=sum(seen.method == "POST" and "/services/" in seen.path for seen in self._sim.requests),
            billed=sum(charge.images for charge in self._charges()),
            seconds=run.ended_at - run.started_at,
            is_ours=not run.error or ".model_studio.errors." in run.error["exception_type"],
            is_true=len(files) == info.get("image_count", 0) and self._are_drawn(files, row),
            leaks=[name for name, secret in secrets.items() if secret in told],
        )

    def _charges(self) -> list[Billed]:
        return [charge for charge in self._sim.billed if charge.request_id != STRANGER]

    def _are_drawn(self, files: list[Path], row: Row) -> bool:
        """Whether the files show, in order, pictures of the last charge."""
        drawn = (self._drawn(path, row) for charge in self._charges()[-1:] for path in charge.paths)
        return all(any(np.array_equal(_rgb(file.read_bytes()), picture) for picture in drawn) for file in files)

    def _drawn(self, path: str, row: Row) -> Any:
        data = self._sim.pictures[path]
        if row.altered:
            (name,) = row.faults
            data = damaged(Fault(name, KINDS[name], "picture", None, None, 0, dict(KINDS[name].parameters)), data).body
        return _rgb(data)


def _rgb(data: bytes) -> Any:
    """As people see it who see it on white."""
    image = Image.open(io.BytesIO(data))
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="session")
def report() -> Iterator[Callable[..., None]]:
    """Takes what was seen of a fault; all of this session's is in the file in the end."""
    lines: list[str] = []

    def add(fault: str, *runs: tuple[str, int]) -> None:
        """`runs`: what the user saw and what was billed so far in all."""
        cells = [fault, runs[0][0], str(runs[0][1]), " → ".join(text for text, _ in runs[1:]), str(runs[-1][1])]
        lines.append("| " + " | ".join(_plain(cell) for cell in cells) + " |")

    yield add
    if lines:
        file = rig_home() / "reports" / "faults.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        header = "| fault | user sees | billed after run 1 | second run | billed in all |\n|---|---|---|---|---|\n"
        file.write_text("# What was seen of each fault\n\n" + header + "\n".join(lines) + "\n", encoding="utf-8")


def _plain(text: str) -> str:
    """For a cell of a table, without what differs each time."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "…", re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:…", text))
    return " ".join(text.split()).replace("|", "\\|")


@pytest.fixture(scope="session")
def playing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[list[Seen]]]]:
    """Begins to play all rows that this session tests; fault -> what is seen.

    Rows with an environment are played in a thread of their own, one after the other, since it needs its own ComfyUI.
    """
    calls = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    rows = [Row(**params["row"]) for params in calls if "row" in params]
    assert len({row.fault for row in rows}) == len(rows)
    own, folder = threading.local(), tmp_path_factory.mktemp("lanes")
    with ExitStack() as lanes, ExitStack() as pools:

        def play(row: Row) -> list[Seen]:
            if not hasattr(own, "lane"):
                own.lane = Lane(folder / threading.current_thread().name)
                lanes.callback(own.lane.stop)
            return own.lane.play(row)

        usual, special = ThreadPoolExecutor(LANES, "usual"), ThreadPoolExecutor(1, "special")
        for pool in (usual, special):
            pools.callback(pool.shutdown, cancel_futures=True)
        yield {row.fault: (special if row.env else usual).submit(play, row) for row in rows}


@pytest.fixture
def check(playing: Mapping[str, Future[list[Seen]]], report: Callable[..., None]) -> Callable[..., None]:
    """Holds what is seen of a row against what the row says."""

    def check(row: Mapping[str, Any]) -> None:
        runs = playing[row["fault"]].result()
        report(row["fault"], *((seen.text, seen.billed) for seen in runs))
        for seen in runs:
            assert seen.seconds < Row(**row).within
            assert seen.is_ours and not FOREIGN.search(seen.text)
            assert seen.is_true
            assert not seen.leaks
        assert [(seen.created, seen.billed) for seen in runs] == [tuple(run[1:]) for run in row["runs"]], runs
        for seen, (pattern, *_) in zip(runs, row["runs"], strict=True):
            assert re.fullmatch(pattern, seen.text, re.DOTALL)

    return check
