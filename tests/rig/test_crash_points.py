"""The names by which the crash program knows a run's phases fit the pack's code, and it says so if they do not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rig.crash import points, program
from rig.crash.bare import check_phases
from rig.crash.points import BEFORE, BEGINS, HAND_OVER, PHASES, POLL, STORES, SUBMIT, missing
from rig.crash.requests import KINDS
from rig.layout import ROOT, RigError

_NODE = ("nodes/comfyui.py", "finish")


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A copy of the files that are named, to be changed."""
    for name, _ in BEGINS.keys() | STORES:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, file)
    return tmp_path


def test_each_function_is_defined_once_in_the_file_named() -> None:
    assert missing(ROOT) == []


def test_each_phase_has_its_functions() -> None:
    assert {*BEGINS.values(), points.STORE} == set(PHASES)


@pytest.mark.parametrize(("name", "function"), sorted(BEGINS.keys() | STORES))
def test_a_function_that_was_renamed_is_missing(pack: Path, name: str, function: str) -> None:
    file = pack / name
    code = file.read_text(encoding="utf-8")
    file.write_text(code.replace(f"def {function}(", f"def {function}_renamed("), encoding="utf-8")
    assert missing(pack) == [f"{name}: {function}"]


def test_a_function_that_is_there_twice_is_missing(pack: Path) -> None:
    name, function = _NODE
    file = pack / name
    file.write_text(file.read_text(encoding="utf-8") + f"\nclass Other:\n    def {function}(self): ...\n", "utf-8")
    assert missing(pack) == [f"{name}: {function}"]


def test_a_file_that_was_moved_is_missing(pack: Path) -> None:
    (pack / "nodes").rename(pack / "knots")
    assert missing(pack) == ["nodes/comfyui.py: finish", "nodes/comfyui.py: image_output"]


def test_with_a_function_missing_the_program_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(points.BEGINS, ("model_studio/studio.py", "renamed"), SUBMIT)
    with pytest.raises(RigError, match=r"rig/crash/points\.py:\nmodel_studio/studio\.py: renamed"):
        program.run(tmp_path, kills=1, comfyui_kills=0, seed=7)
    assert not [*tmp_path.iterdir()]


def test_a_whole_run_that_does_not_enter_a_phase_ends_the_program() -> None:
    task, *_ = [kind for kind in KINDS if kind.call_mode == "async"]
    check_phases(task, task.node, PHASES)
    with pytest.raises(RigError, match=rf"never entered: {SUBMIT}, {POLL}\."):
        check_phases(task, task.node, set(PHASES) - {SUBMIT, POLL})


def test_what_a_whole_run_enters_depends_on_its_node() -> None:
    sync, *_ = [kind for kind in KINDS if kind.call_mode == "sync"]
    check_phases(sync, sync.node, set(PHASES) - {POLL})
    parted, *_ = [kind for kind in KINDS if kind.poller]
    assert parted.poller
    check_phases(parted, parted.node, {BEFORE, SUBMIT, HAND_OVER})
    check_phases(parted, parted.poller, set(PHASES) - {BEFORE, SUBMIT})
    with pytest.raises(RigError, match=rf"{parted.poller} .* never entered: {POLL}\."):
        check_phases(parted, parted.poller, set(PHASES) - {POLL})
