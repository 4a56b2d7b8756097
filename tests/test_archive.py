"""node.zip: what the registry gives to users. It holds what runs and what its users read, and nothing else.

That it runs is in tests/comfyui/test_archive.py.
"""

from __future__ import annotations

import ast
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig import registry
from rig.layout import ROOT

# A file of another kind, or in another folder, ships only after it was put here.
SHIPS = re.compile(
    r"""
    __init__\.py | LICENSE | README(\.zh(-TW)?)?\.md | SECURITY\.md | pyproject\.toml | requirements\.txt
    | example_workflows/[^/]+\.(jpg|json) | subgraphs/[^/]+\.json
    | locales/(en|zh|zh-TW)/\w+\.json
    | (comfyui|model_studio|nodes|routes)/([a-z_]+/)*\w+\.py
    | web/\w+\.js | web/page/(\w+/)*\w+\.(js|css)
    | web/docs/(\w+|\w+/(zh|zh-TW))\.md | web/docs/images/[\w.-]+\.webp
    """,
    re.VERBOSE,
)
# Most of it are pictures: the examples' thumbnails and those of the help pages. With more than this, something got in
# that does not belong there.
MOST_BYTES = 2_000_000
# What the registry's scanner stops at, though each has honest uses.
SUSPECT_MODULES = {"ctypes", "importlib", "marshal", "pickle", "subprocess", "zipfile"}
SUSPECT_CALLS = {"__import__", "compile", "eval", "exec"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(registry.pack(tmp_path_factory.mktemp("packed"))) as archive:
        yield archive


def texts(archive: zipfile.ZipFile, suffix: str = "") -> dict[str, str]:
    names = [name for name in archive.namelist() if name.endswith(suffix) and not name.endswith((".jpg", ".webp"))]
    return {name: archive.read(name).decode("utf-8") for name in names}


def test_it_holds_what_runs_and_nothing_else(archive: zipfile.ZipFile) -> None:
    copy = Path(str(archive.filename)).parent
    files = (path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file())
    assert sorted(archive.namelist()) == sorted(name for name in files if SHIPS.fullmatch(name))


def test_it_is_small(archive: zipfile.ZipFile) -> None:
    assert Path(str(archive.filename)).stat().st_size <= MOST_BYTES


def test_no_key_and_no_path_of_this_machine_is_in_it(archive: zipfile.ZipFile) -> None:
    told = re.compile(r"sk-(?!simulated)\w{16,}|LTAI\w{12,}|/home/\w|/Users/\w|[A-Z]:\\\w")
    for name, text in texts(archive).items():
        assert not told.search(text), name
    places = [os.path.join(folder, "").encode() for folder in (ROOT, Path.home())]
    for name in archive.namelist():  # pictures too: their metadata
        assert not [place for place in places if place in archive.read(name)], name


def test_the_scanner_finds_nothing_to_stop_at(archive: zipfile.ZipFile) -> None:
    for name, text in texts(archive, ".py").items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = (
                    [node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
                )
                assert not SUSPECT_MODULES & {module.split(".")[0] for module in modules}, (name, node.lineno)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in SUSPECT_CALLS, (name, node.lineno)
