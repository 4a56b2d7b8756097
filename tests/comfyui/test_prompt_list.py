"""Prompt List in a real graph: several prompts through one node."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rig.comfyui import ComfyUI
from simulator import Simulator

PROMPTS = "a paper boat\n\n  a glass bird \na clay bee\n"


def test_each_line_is_a_request_and_all_run_at_once(comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any) -> None:
    prompts = graph.add("ModelStudioPromptList", prompts=PROMPTS)
    inputs = {"model": "wan2.7-image", "aspect_ratio": "custom", "width": 768, "height": 768, "seed": new_seed()}
    node = graph.add("ModelStudioWanText2Image", prompt=[prompts, 0], **inputs)
    save = graph.save(node)
    sent = graph.show(node, 1)
    run = comfy.run(graph, timeout=60)
    assert run.status == "success", run.error
    assert [bill.images for bill in sim.billed] == [1, 1, 1]
    assert [seen.method for seen in sim.requests[:3]] == ["POST"] * 3  # none waited for another
    assert len(run.images(save)) == 3
    assert len({np.asarray(Image.open(file)).tobytes() for file in run.images(save)}) == 3
    assert run.text(sent).split() == ["a", "paper", "boat", "a", "glass", "bird", "a", "clay", "bee"]
    assert re.fullmatch(r"3 pictures 768\*768, [\d.]+ s, CNY 0.60 at list price", run.told[-1][2])


@pytest.mark.parametrize("prompts", ["", "  \n\n\t"])
def test_a_list_without_prompts_is_refused_before_anything_runs(
    comfy: ComfyUI, sim: Simulator, graph: Any, prompts: str
) -> None:
    listed = graph.add("ModelStudioPromptList", prompts=prompts)
    graph.save(graph.add("ModelStudioWanText2Image", prompt=[listed, 0]))
    run = comfy.run(graph)
    assert run.status == "refused"
    assert "Write one prompt per line." in str(run.refusal)
    assert not sim.requests
