"""What the registry, pip and ComfyUI-Manager are told of the pack: true, and the same in all places."""

from __future__ import annotations

import re
from typing import Any

import pytest
import tomlkit
from PIL import Image

from rig.layout import COMFYUI_VERSION, PACK_NAME, ROOT

RAW = "https://raw.githubusercontent.com"
TEXTS = {".js", ".json", ".md", ".py", ".toml", ".yml"}


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomlkit.parse((ROOT / "pyproject.toml").read_text(encoding="utf-8")).unwrap()


@pytest.fixture(scope="module")
def repository(pyproject: dict[str, Any]) -> str:
    """Owner and name."""
    address: str = pyproject["project"]["urls"]["Repository"]
    return address.removeprefix("https://github.com/")


def test_both_lists_of_requirements_are_the_same(pyproject: dict[str, Any]) -> None:
    assert (ROOT / "requirements.txt").read_text(encoding="utf-8").split() == pyproject["project"]["dependencies"]


def test_the_oldest_comfyui_is_the_one_that_is_tested(pyproject: dict[str, Any]) -> None:
    assert pyproject["tool"]["comfy"]["requires-comfyui"] == f">={COMFYUI_VERSION}"
    assert pyproject["project"]["name"] == PACK_NAME


def test_the_repository_has_one_address(pyproject: dict[str, Any], repository: str) -> None:
    """So that a move changes one thing everywhere, or this tells where it was forgotten."""
    assert re.fullmatch(r"[\w-]+/[\w.-]+", repository)
    forms = {f"https://github.com/{repository}", f"{RAW}/{repository}"}
    found = set()
    for folder in (ROOT, ROOT / ".github", ROOT / "web", ROOT / "model_studio", ROOT / "nodes", ROOT / "locales"):
        for path in folder.glob("*") if folder == ROOT else folder.rglob("*"):
            if path.suffix in TEXTS:
                text = path.read_text(encoding="utf-8")
                found |= set(re.findall(rf"https://[\w.]*github[\w.]*/[\w-]+/{PACK_NAME}\b", text))
    assert found == forms


@pytest.mark.parametrize(("what", "shape"), [("Icon", (1, 1)), ("Banner", (21, 9))])
def test_pictures_of_the_registry(
    pyproject: dict[str, Any], repository: str, what: str, shape: tuple[int, int]
) -> None:
    path = pyproject["tool"]["comfy"][what].removeprefix(f"{RAW}/{repository}/main/")
    with Image.open(ROOT / path) as picture:
        width, height = picture.size
    assert width * shape[1] == height * shape[0]
    assert what != "Icon" or width <= 400


def test_every_version_is_in_the_changelog(pyproject: dict[str, Any]) -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
    version = pyproject["project"]["version"]
    assert headings[:2] == ["Unreleased", version]
    assert set(re.findall(r"^\[(.+?)\]: ", text, re.MULTILINE)) == set(headings)
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
