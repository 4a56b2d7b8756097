"""What `rig test` runs, in which asked, and what it says of it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from rig import checks, cli, environment
from rig.checks import Step


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_STUDIO_RIG_HOME", str(tmp_path))
    monkeypatch.setattr(checks, "venv_python", lambda: sys.executable)
    monkeypatch.setattr(environment, "set_up", lambda: None)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """The steps that are run, in their order; all succeed."""
    steps: list[Step] = []

    def run(step: Step, mark: str = "") -> bool:
        steps.append(step)
        return True

    monkeypatch.setattr(Step, "run", run)
    return steps


def rig_test(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["rig", "test", *arguments])
    return cli.main()


def test_what_is_slow_comes_last(monkeypatch: pytest.MonkeyPatch, ran: list[Step]) -> None:
    assert rig_test(monkeypatch) == 0
    names = [step.name for step in ran]
    slow = ["pytest", "pytest browser", "pytest comfyui", "pytest faults"]
    assert names[0] == "ruff check" and sorted(names[-4:]) == slow
    assert names.index("pytest") < names.index("pytest comfyui")
    assert names.index("pytest faults") < names.index("pytest browser")


def test_fast_leaves_out_what_is_slow(monkeypatch: pytest.MonkeyPatch, ran: list[Step]) -> None:
    assert rig_test(monkeypatch, "--fast") == 0
    assert ran[-1] == Step("pytest", "pytest", ("--ignore=tests/comfyui", "--ignore=tests/browser"))
    assert ran[0].name == "ruff check"


def test_arguments_run_just_those_tests(monkeypatch: pytest.MonkeyPatch, ran: list[Step]) -> None:
    assert rig_test(monkeypatch, "tests/model_studio", "-k", "retry") == 0
    assert ran == [Step("pytest", "pytest", ("tests/model_studio", "-k", "retry"))]


def test_fast_takes_no_other_arguments(monkeypatch: pytest.MonkeyPatch, ran: list[Step]) -> None:
    with pytest.raises(SystemExit):
        rig_test(monkeypatch, "--fast", "-x")
    assert not ran


def test_side_by_side_each_line_says_whose_it_is(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    both = [[Step("good", "platform", ())], [Step("bad", "json.tool", ("--no-such",))]]
    assert checks.run_side_by_side(both) == [("good", True), ("bad", False)]
    out = capfdbinary.readouterr().out
    assert re.search(rb"^good \| \w+", out, re.MULTILINE)
    assert re.search(rb"^bad \| .*--no-such", out, re.MULTILINE)


def test_the_verdict_names_what_failed_after_all_was_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Step, "run", lambda step, mark="": step.name not in ("mypy", "pytest comfyui"))
    assert rig_test(monkeypatch) == 1
    assert "FAILED: mypy, pytest comfyui (" in capsys.readouterr().err
