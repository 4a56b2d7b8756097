"""Ledgers in folders of their own, and other processes that use them at the same time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from model_studio.ledger import Ledger
from model_studio.ledger.database import Database

ROOT = Path(__file__).parents[3]


class Process:
    """Another Python that runs `code`, which can `say(value)` and wait in `hear()`; its `args` are texts.

    `under`: a program that starts it.
    """

    PRELUDE = """
import json, sys
from pathlib import Path
args = sys.argv[1:]
def say(value):
    print(json.dumps(value), flush=True)
def hear():
    return sys.stdin.readline()
"""

    def __init__(self, code: str, *args: object, under: Sequence[str] = ()) -> None:
        self._popen = subprocess.Popen(
            [*under, sys.executable, "-c", self.PRELUDE + code, *map(str, args)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def told(self) -> Any:
        """What it says next."""
        assert self._popen.stdout is not None
        line = self._popen.stdout.readline()
        assert line, "the process ended without a word"
        return json.loads(line)

    def go_on(self) -> None:
        assert self._popen.stdin is not None
        self._popen.stdin.write("\n")
        self._popen.stdin.flush()

    def kill(self) -> None:
        """SIGKILL; where there are no signals, what comes closest."""
        self._popen.kill()
        self._popen.wait()

    def end(self) -> None:
        """Waits until it has done its work."""
        self._popen.communicate(timeout=60)
        assert self._popen.returncode == 0

    def close(self) -> None:
        self.kill()
        for pipe in (self._popen.stdin, self._popen.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def other_process() -> Iterator[Callable[..., Process]]:
    processes: list[Process] = []

    def start(code: str, *args: object, under: Sequence[str] = ()) -> Process:
        processes.append(Process(code, *args, under=under))
        return processes[-1]

    yield start
    for process in processes:
        process.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a ledger will be; not made yet."""
    return tmp_path / "user" / "pack"


@pytest.fixture
def database(folder: Path) -> Database:
    return Database(folder)


class Now:
    """The time of day, as a test sets it."""

    def __init__(self) -> None:
        self.time = 1_790_000_000.25

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def ledger(folder: Path, now: Now) -> Ledger:
    return Ledger(folder, now)
