"""The subgraph blueprints, as files; that the page lists and runs them is in tests/browser/test_blueprints.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rig.blueprints import BLUEPRINTS
from rig.layout import COMFYUI_VERSION, PACK_NAME, ROOT

FOLDER = ROOT / "subgraphs"


@pytest.fixture(params=sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def file(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def workflow(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text("ascii"))  # ComfyUI 0.3.75 reads it in any encoding
    return content


@pytest.fixture
def subgraph(workflow: dict[str, Any]) -> dict[str, Any]:
    (subgraph,) = workflow["definitions"]["subgraphs"]
    return dict(subgraph)


def test_they_are_those_that_the_program_makes() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(BLUEPRINTS)


def test_the_workflow_is_one_node_that_stands_for_the_subgraph(
    file: Path, workflow: dict[str, Any], subgraph: dict[str, Any]
) -> None:
    """The page refuses others."""
    (node,) = workflow["nodes"]
    assert node["type"] == subgraph["id"]
    assert node["title"] == subgraph["name"] == file.stem
    assert not node["properties"], "newer pages complain of what they cannot take over"


def test_a_second_run_buys_nothing(file: Path, subgraph: dict[str, Any]) -> None:
    draw, upscale = subgraph["nodes"]
    assert draw["type"] == BLUEPRINTS[file.stem][0]
    assert draw["widgets_values"][7] == "fixed"
    assert upscale["widgets_values"] == ["lanczos", 2]


def test_nodes_say_which_pack_they_are_of(subgraph: dict[str, Any]) -> None:
    draw, upscale = subgraph["nodes"]
    assert draw["properties"]["cnr_id"] == PACK_NAME
    assert (upscale["properties"]["cnr_id"], upscale["properties"]["ver"]) == ("comfy-core", COMFYUI_VERSION)
