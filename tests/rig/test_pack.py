"""The pack's folder in another place."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig.pack import put_pack


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    pack = tmp_path / "pack"
    for name in ("__init__.py", "nodes/qwen.py", "tests/test_x.py", ".rig/venv/big", "nodes/__pycache__/qwen.pyc"):
        path = pack / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")
    return pack


def test_the_place_shows_the_pack_and_can_be_put_again(pack: Path, tmp_path: Path) -> None:
    place = tmp_path / "custom_nodes" / "pack"
    put_pack(pack, place)
    put_pack(pack, place)
    assert (place / "nodes" / "qwen.py").exists()
    assert (pack / "tests" / "test_x.py").exists()


def test_where_links_are_not_allowed_what_is_shipped_is_copied(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("a required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    place = tmp_path / "custom_nodes" / "pack"
    put_pack(pack, place)
    put_pack(pack, place)
    files = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    assert files == {"__init__.py", "nodes/qwen.py"}
