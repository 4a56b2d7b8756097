"""Ways to end a run: a signal that ends the process at once, or late and politely; and what is counted of it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from model_studio.ledger import DRAWN, SENDING, Asked, Entry, new_entry
from model_studio.service.answers import Drawn
from rig.crash import program, story
from rig.crash.audit import Audit
from rig.crash.evidence import Evidence
from rig.crash.points import HAND_OVER, STORE, SUBMIT, Place
from rig.crash.requests import Request
from rig.crash.runs import UNCERTAIN, WAYS, Ended, Killed
from rig.crash.story import Stories
from rig.crash.victim import Kill, watch
from simulator import Simulator

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the victim forks")

_POLITE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), sys.exit(0)))
print("ready", flush=True)
time.sleep(60)
"""
_PLAIN = "import time; print('ready', flush=True); time.sleep(60)"


def _watched(code: str, kill: Kill) -> dict[str, object]:
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        process.stdout.readline()
        return watch(process.pid, kill)


@pytest.mark.parametrize("way", WAYS)
def test_each_signal_ends_a_process_that_does_not_catch_it(way: signal.Signals) -> None:
    ended = _watched(_PLAIN, Kill(after=0, way=way))
    assert (ended["status"], ended["signaled"], ended["hung"]) == (-way, True, False)


def test_a_process_may_end_late_and_politely() -> None:
    ended = _watched(_POLITE, Kill(after=0, way=signal.SIGTERM))
    assert (ended["status"], ended["signaled"], ended["hung"]) == (0, True, False)
    assert isinstance(ended["seconds"], float) and ended["seconds"] >= 0.3


def test_a_process_that_ends_by_itself_was_not_signaled() -> None:
    assert not _watched("print('ready', flush=True)", Kill(after=30, way=signal.SIGTERM))["signaled"]


def test_an_interrupt_in_the_middle_of_the_fork_is_not_lost() -> None:
    code = """
import os, signal
from pathlib import Path
from rig.crash import victim
os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGINT))
assignment = victim.Assignment("", "", {}, 0.0, victim.Kill())
_, status = os.waitpid(victim.begin(assignment, None, Path()), 0)
print(os.waitstatus_to_exitcode(status))
"""
    ended = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    assert int(ended.stdout) == -signal.SIGINT


@dataclass
class _Scripted:
    """A runner whose runs come to what was written down; `evidence`: what is found before and after each."""

    outcomes: list[Ended | Killed]
    evidence: list[Evidence]
    phases: list[str] = field(default_factory=list)
    name: str = "ComfyUI"
    apart: float = 0.0

    def attempt(self, request: Request, phase: str, doomed: bool) -> Ended | Killed:
        self.phases.append(phase)
        return self.outcomes.pop(0)


def _played(runner: _Scripted, monkeypatch: pytest.MonkeyPatch) -> Stories:
    monkeypatch.setattr(story, "look", lambda *_: runner.evidence.pop(0))
    with Simulator() as simulator:
        stories = Stories(Path(), simulator, random.Random(7))
        stories.play(runner, kills=1)
    return stories


_NOTHING = Evidence()
_RECORD: Entry = new_entry(Asked(account="", region="", n=1), SENDING, 0.0)
_SENT = Evidence((_RECORD,))
_STORED = Evidence((replace(_RECORD, state=DRAWN, drawn=Drawn(links=("link",)), files={0: "file"}),))
_DELIVERED = Ended(pictures=np.zeros((1, 4, 4, 3), np.uint8))


def test_a_drawing_that_a_polite_end_let_finish_counts_where_the_signal_came(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = _Scripted([Killed(signal.SIGTERM, phase=SUBMIT), _DELIVERED], [_NOTHING, _STORED, _STORED])
    stories = _played(runner, monkeypatch)
    tally = stories.tally
    assert (tally.finished, tally.uncertain) == (1, 0)
    assert tally.kills["ComfyUI"] == {SUBMIT: 1} and tally.ways["ComfyUI"] == {signal.SIGTERM: 1}
    assert runner.phases[1] == HAND_OVER
    assert stories.all[0].killed == ["submit by SIGTERM"] and stories.all[0].pictures is not None
    summary = program.summary(tally, Audit()).splitlines()
    assert [line.split() for line in summary if line.startswith("  by ")] == [
        ["by", "SIGTERM", "0", "1"],
        ["by", "SIGINT", "0", "0"],
        ["by", "SIGKILL", "0", "0"],
    ]
    assert any("let 1 drawings end" in line and "left 0 submissions uncertain" in line for line in summary)


@pytest.mark.parametrize(("way", "uncertain"), [(signal.SIGINT, 1), (signal.SIGKILL, 0)])
def test_only_polite_ends_are_asked_what_they_left_uncertain(
    way: signal.Signals, uncertain: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = _Scripted([Killed(way, phase=SUBMIT), _DELIVERED], [_NOTHING, _SENT, _SENT])
    tally = _played(runner, monkeypatch).tally
    assert (tally.finished, tally.uncertain) == (0, uncertain)


def test_a_picture_that_was_stored_anyway_is_no_late_end(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = _Scripted([Killed(signal.SIGTERM, phase=STORE), _DELIVERED], [_NOTHING, _STORED, _STORED])
    assert _played(runner, monkeypatch).tally.finished == 0


def test_a_user_is_warned_by_an_error_and_by_an_end_that_still_told_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = [Killed(signal.SIGTERM, phase=SUBMIT, warned=True), Ended(error=UNCERTAIN), _DELIVERED]
    stories = _played(_Scripted([*outcomes], [_NOTHING, _SENT, _SENT, _SENT]), monkeypatch)
    assert stories.all[0].warned == 2


def test_a_kill_at_a_place_counts_in_its_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(STORE, "model_studio/ledger/store.py", 1)
    runner = _Scripted([Killed(signal.SIGKILL, place, STORE), _DELIVERED], [_NOTHING, _NOTHING, _NOTHING])
    stories = _played(runner, monkeypatch)
    assert stories.tally.kills["ComfyUI"] == {STORE: 1} and stories.tally.places == {place: 1}
    assert stories.all[0].killed == ["store: model_studio/ledger/store.py:1 by SIGKILL"]
