"""Every example workflow runs as it is, buys what its notes say, and nothing more when it runs again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rig.comfyui import ComfyUI
from rig.layout import ROOT
from rig.prompt_run import PromptRun
from rig.workflows import next_day, to_api_prompt
from simulator import Simulator

EXAMPLES = sorted((ROOT / "example_workflows").glob("*.json"))
(TONIGHT,) = (example for example in EXAMPLES if example.stem.startswith("Submit tonight"))


@pytest.fixture(scope="module")
def forgetful(
    running_simulator: Simulator, planted_keys: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ComfyUI]:
    """A ComfyUI that remembers no results, so that a second run is answered by the ledger, as after a restart."""
    env = {
        "DASHSCOPE_HTTP_BASE_URL": running_simulator.base_url,
        "DASHSCOPE_API_KEY_CN_BEIJING": planted_keys["cn-beijing"],
    }
    home = tmp_path_factory.mktemp("examples")
    with ComfyUI.start(home=home, env=env, args=["--cache-none"]) as comfy:
        yield comfy


@pytest.fixture(scope="module")
def object_info(forgetful: ComfyUI) -> Any:
    return forgetful.get("/object_info")


def read(example: Path) -> dict[str, Any]:
    workflow: dict[str, Any] = json.loads(example.read_text("utf-8"))
    return workflow


def promised(workflow: dict[str, Any]) -> int:
    """Pictures that a run buys, as the first note says."""
    (count,) = re.findall(r"\*\*(\d+) pictures?\*\*", workflow["nodes"][0]["widgets_values"][0])
    return int(count)


def pictures(run: PromptRun) -> list[Path]:
    return [file for node_id in run.outputs for file in run.images(node_id)]


def billed(sim: Simulator) -> int:
    return sum(bill.images for bill in sim.billed)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_and_a_second_run_is_free(
    forgetful: ComfyUI, sim: Simulator, object_info: Any, example: Path
) -> None:
    workflow = read(example)
    prompt = to_api_prompt(workflow, object_info)
    saves = sum(node["class_type"] == "SaveImage" for node in prompt.values())
    for _ in range(2):
        run = forgetful.run(prompt, timeout=120, workflow=workflow)
        assert run.status == "success", run.error or run.refusal
        assert len(pictures(run)) >= saves
        assert all(file.stat().st_size > 10_000 for file in pictures(run))
        assert billed(sim) == promised(workflow)
    created = [seen for seen in sim.requests if seen.method == "POST" and "/services/" in seen.path]
    assert len(created) <= promised(workflow)


def test_tasks_of_tonight_are_collected_tomorrow(forgetful: ComfyUI, sim: Simulator, object_info: Any) -> None:
    """In each state that people leave the graph in, nothing is bought twice."""
    workflow = read(TONIGHT)
    prompt = to_api_prompt(workflow, object_info)
    (shown,) = (node_id for node_id, node in prompt.items() if node["class_type"] == "PreviewAny")
    for node in prompt.values():
        if "seed" in node["inputs"]:
            node["inputs"]["seed"] += 1000  # tasks of no other test
    ids = forgetful.run(prompt).text(shown)
    assert len(ids.split(", ")) == promised(workflow) == billed(sim)

    refused = forgetful.run(to_api_prompt(next_day(workflow, ""), object_info))
    assert refused.status == "refused"
    assert all(task_id in str(refused.refusal) for task_id in ids.split(", "))

    tomorrow = to_api_prompt(next_day(workflow, ids), object_info)
    assert not any("seed" in node["inputs"] for node in tomorrow.values())
    assert len(pictures(forgetful.run(tomorrow))) == promised(workflow)

    both = forgetful.run({**prompt, **tomorrow})
    assert len(pictures(both)) == promised(workflow)
    assert both.text(shown) == ids
    assert billed(sim) == promised(workflow)
