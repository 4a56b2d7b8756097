"""What the registry's own tool thinks of a pack, made to count. What it packs of ours is in tests/test_archive.py."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from rig import registry
from rig.layout import RigError

PROJECT = """
[project]
name = "pack"
version = "1.0.0"
license = { text = "MIT License" }
classifiers = ["Environment :: GPU :: NVIDIA CUDA"]

[project.urls]
Repository = "https://example.org/pack"

[tool.comfy]
PublisherId = "pack"
DisplayName = "Pack"
"""


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small pack in place of ours."""
    pack = tmp_path / "root"
    pack.mkdir()
    for name, text in {
        "pyproject.toml": PROJECT,
        "__init__.py": "",
        "tests.py": "",
        "notes.txt": "",
        ".gitignore": "notes.txt",
        ".comfyignore": "tests.py\n/.*",
    }.items():
        (pack / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(registry, "ROOT", pack)
    return pack


def test_what_git_and_the_registry_ignore_is_left_out_and_the_folder_is_left_alone(pack: Path, tmp_path: Path) -> None:
    before = sorted(pack.iterdir())
    with zipfile.ZipFile(registry.pack(tmp_path / "made")) as archive:
        assert sorted(archive.namelist()) == ["__init__.py", "pyproject.toml"]
    assert sorted(pack.iterdir()) == before


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("pyproject.toml", "GPU :: NVIDIA CUDA", "Toaster", "Invalid Environment classifier"),
        ("pyproject.toml", 'version = "1.0.0"', "", "version is empty"),
        ("__init__.py", "", "eval('1')", "Security warnings found"),
    ],
)
def test_warnings_are_errors(pack: Path, tmp_path: Path, file: str, old: str, new: str, said: str) -> None:
    text = (pack / file).read_text(encoding="utf-8")
    (pack / file).write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(RigError, match=said):
        registry.pack(tmp_path / "made")
