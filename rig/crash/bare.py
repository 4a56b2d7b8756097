"""Runs of single nodes in the victim's children, ended where it is wanted."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

import numpy as np

from ..comfyui import server_environment
from ..layout import PACK_NAME, ROOT, RigError
from ..pack import put_pack
from .points import BEFORE, PHASES, Place
from .requests import Kind, Request
from .runs import WAYS, Ended, Killed
from .victim import LONGEST_RUN, PICTURES, PLACES, RESULT, Assignment, Kill

AT_RANDOM_TIMES = 0.2  # share of the kills that come from outside, by any signal, wherever the run is


@dataclass
class Profile:
    """What runs pass that begin in the same way, how often at most, and how many seconds they take."""

    passed: dict[Place, int] = field(default_factory=dict)
    seconds: float = 0.0

    def learn(self, passed: Mapping[Place, int], seconds: float) -> None:
        self.seconds = max(self.seconds, seconds)
        for place, times in passed.items():
            self.passed[place] = max(self.passed.get(place, 0), times)

    def kill(self, dice: random.Random, so_far: Counter[str]) -> Kill:
        """None at all as long as nothing is known. Of a phase with the fewest kills so far any line is as likely."""
        if not self.passed:
            return Kill()
        if dice.random() < AT_RANDOM_TIMES:
            return Kill(after=dice.uniform(0, self.seconds), way=dice.choice(WAYS))
        phase = min(sorted({place.phase for place in self.passed}), key=lambda phase: (so_far[phase], dice.random()))
        place = dice.choice(sorted(place for place in self.passed if place.phase == phase))
        # Not every run passes it as often: the first kill of a phase does not depend on that.
        return Kill(place, dice.randint(1, self.passed[place]) if so_far[phase] else 1)


def check_phases(kind: Kind, node: str, passed: Iterable[str]) -> None:
    """Raises RigError if a whole run did not enter a phase that it has: the functions that begin it are others now."""
    if never := kind.phases(node) - {*passed}:
        names = ", ".join(phase for phase in PHASES if phase in never)
        raise RigError(f"A whole run of {node} ({kind.name}) never entered: {names}. Adapt rig/crash/points.py.")


class Bare:
    """The victim and its runs. A context manager."""

    name = "bare"
    # For submissions closer together it cannot be told to which one a task in the account's list belongs.
    apart = 80.0

    def __init__(self, home: Path, env: Mapping[str, str], dice: random.Random) -> None:
        self._dice = dice
        self._profiles: defaultdict[tuple[str, str, str], Profile] = defaultdict(Profile)
        self._kills: Counter[str] = Counter()  # by phase, where they were at a certain place
        self._log = home / "victim.log"
        self._process = _start(home, env, self._log)
        with ExitStack() as on_failure:
            on_failure.callback(self.stop)
            if self._read() != "ready\n":
                raise self._trouble("did not start")
            on_failure.pop_all()

    def attempt(self, request: Request, phase: str, doomed: bool) -> Ended | Killed:
        kind = request.kind
        victim = self._dice.choice([node for node in (kind.node, kind.poller) if node]) if doomed else ""
        ended = self._run(request, phase, kind.node, request.inputs, victim)
        if isinstance(ended, Killed) or ended.error or kind.poller is None:
            return ended
        return self._run(request, phase, kind.poller, request.polling(ended.task_id), victim)

    def _run(self, request: Request, phase: str, node: str, inputs: Mapping[str, Any], victim: str) -> Ended | Killed:
        profile = self._profiles[request.kind.name, node, phase]
        kill = profile.kill(self._dice, self._kills) if node == victim else Kill()
        with TemporaryDirectory() as folder:
            self._send(Assignment(folder, node, dict(inputs), request.ahead, kill))
            answer = json.loads(self._read() or "{}")
            if answer.get("hung"):
                raise self._trouble(f"was still at {request.prompt} after {LONGEST_RUN:.0f} s")
            # Killed after the hand-over, it has warned its user all the same.
            handed_over = Path(folder, RESULT).exists()
            if not handed_over and (answer.get("signaled") or answer.get("status") == -signal.SIGKILL):
                ended_in = kill.place.phase if kill.place else None
                self._kills[ended_in or ""] += 1
                return Killed(signal.Signals(kill.way), kill.place, ended_in)
            if not handed_over:
                raise self._trouble(f"failed at {request.prompt}: {answer}")
            result = json.loads(Path(folder, RESULT).read_text(encoding="utf-8"))
            if Path(folder, PLACES).exists():
                places = json.loads(Path(folder, PLACES).read_text(encoding="utf-8"))
                profile.learn({Place(*place): times for *place, times in places}, answer["seconds"])
                if phase == BEFORE and "error" not in result:
                    check_phases(request.kind, node, {place for place, *_ in places})
            pictures = Path(folder, PICTURES)
            return Ended(**result, pictures=np.load(pictures) if pictures.exists() else None)

    def _send(self, assignment: Assignment) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(asdict(assignment)) + "\n")
        self._process.stdin.flush()

    def _read(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()

    def _trouble(self, what: str) -> RigError:
        tail = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:]
        return RigError("\n".join([f"The victim {what}. End of {self._log}:", *tail]))

    def stop(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> Bare:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _start(home: Path, env: Mapping[str, str], log_file: Path) -> subprocess.Popen[str]:
    pack = home / "custom_nodes" / PACK_NAME
    put_pack(ROOT, pack)
    (home / "person").mkdir(exist_ok=True)
    # A process with several threads cannot be forked safely.
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with log_file.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "rig.crash.victim", str(home), str(pack)],
            cwd=ROOT,
            env=server_environment(home / "person", {**env, **one_thread}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
