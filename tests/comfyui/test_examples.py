"""Every example workflow runs as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rig.comfyui import ComfyUI
from rig.workflows import to_api_prompt
from simulator import Simulator

EXAMPLES = sorted((Path(__file__).parent.parent.parent / "example_workflows").glob("*.json"))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 4


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(comfy: ComfyUI, sim: Simulator, object_info: Any, example: Path) -> None:
    workflow = json.loads(example.read_text("utf-8"))
    prompt = to_api_prompt(workflow, object_info)
    run = comfy.run(prompt, timeout=60, workflow=workflow)
    assert run.status == "success", run.error or run.refusal
    pictures = [file for node_id in run.outputs for file in run.images(node_id)]
    assert pictures and all(file.stat().st_size > 10_000 for file in pictures)
    generators = [node for node in prompt.values() if "n" in node["inputs"]]
    assert sum(bill.images for bill in sim.billed) == sum(node["inputs"]["n"] for node in generators)
