"""Which browser the tests drive."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rig import browser
from rig.layout import ROOT


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH of a machine without browsers."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(browser.VARIABLE, raising=False)
    monkeypatch.setattr(browser, "_PLACES", (str(tmp_path / "usual place.exe"),))
    return tmp_path


def program(path: Path) -> str:
    path.write_text("", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def name(command: str) -> str:
    return f"{command}.exe" if os.name == "nt" else command


def test_commands_come_before_usual_places(path: Path) -> None:
    assert browser.find_browser() is None
    place = program(path / "usual place.exe")
    assert browser.find_browser() == place
    chrome = program(path / name("google-chrome"))
    assert Path(str(browser.find_browser())) == Path(chrome)
    chromium = program(path / name("chromium"))
    assert Path(str(browser.find_browser())) == Path(chromium)


def test_the_variable_wins_and_a_wrong_one_is_not_passed_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(path / name("chromium"))
    own = program(path / name("own"))
    monkeypatch.setenv(browser.VARIABLE, own)
    assert Path(str(browser.find_browser())) == Path(own)
    monkeypatch.setenv(browser.VARIABLE, str(path / "gone"))
    assert browser.find_browser() is None


def test_the_module_tells_a_script(tmp_path: Path) -> None:
    env = {**os.environ, browser.VARIABLE: str(tmp_path / "gone")}
    run = subprocess.run([sys.executable, "-m", "rig.browser"], cwd=ROOT, env=env, capture_output=True, text=True)
    assert (run.returncode, run.stdout.strip()) == (1, browser.HELP)
