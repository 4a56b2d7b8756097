"""When setup has work to do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rig import environment, frontend, layout
from rig.processes import free_port


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A rig folder in which everything seems to be installed."""
    monkeypatch.setenv("MODEL_STUDIO_RIG_HOME", str(tmp_path))
    monkeypatch.delenv("COMFYUI_PATH", raising=False)
    for path in (layout.venv_python(), layout.comfyui_tree() / "main.py"):
        path.parent.mkdir(parents=True)
        path.write_text("", encoding="utf-8")
    (tmp_path / f"frontend-{frontend.VERSION}").mkdir()
    return tmp_path


def test_ready_only_with_the_stamp_of_these_requirements(home: Path) -> None:
    stamp = home / "stamp"
    assert not environment.is_ready(stamp)
    environment.write_atomically(stamp, environment.fingerprint())
    assert environment.is_ready(stamp)
    environment.write_atomically(stamp, "of older requirements")
    assert not environment.is_ready(stamp)


def test_not_ready_when_something_was_removed(home: Path) -> None:
    environment.write_atomically(home / "stamp", environment.fingerprint())
    for path in (layout.venv_python(), layout.comfyui_tree() / "main.py", home / f"frontend-{frontend.VERSION}"):
        aside = path.rename(home / "aside")
        assert not environment.is_ready(home / "stamp")
        aside.rename(path)
    assert environment.is_ready(home / "stamp")


def test_comfyui_path_without_comfyui_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path))
    with pytest.raises(layout.RigError, match=r"no main\.py"):
        environment.fetch_comfyui()


def test_the_fingerprint_does_not_depend_on_line_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    monkeypatch.setattr(environment, "_DECIDING", (file,))
    file.write_bytes(b"numpy\npillow\n")
    unix = environment.fingerprint()
    file.write_bytes(b"numpy\r\npillow\r\n")
    assert environment.fingerprint() == unix
    file.write_bytes(b"numpy\n")
    assert environment.fingerprint() != unix


def test_setup_goes_on_without_typescript(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(layout, "venv_python", lambda: Path(sys.executable))
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{free_port()}/")
    monkeypatch.setenv("NPM_CONFIG_FETCH_RETRY_MINTIMEOUT", "10")
    environment.fetch_typescript()
    assert "there is no TypeScript now" in capsys.readouterr().out


@pytest.mark.parametrize("page", ["README.md", "README.zh.md", "README.zh-TW.md", "CONTRIBUTING.md"])
def test_every_page_tells_the_size_that_setup_tells(page: str) -> None:
    assert environment.SIZE in (layout.ROOT / page).read_text("utf-8")
