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


def test_a_prompt_of_before_has_none_of_the_newer_inputs_and_sends_what_it_sent(
    comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any
) -> None:
    prompts = "# 1\n---\na {red|blue} \\{boat"
    listed = graph.add("ModelStudioPromptList", prompts=prompts)
    assert list(graph[listed]["inputs"]) == ["prompts"]
    node = graph.add("ModelStudioWanText2Image", prompt=[listed, 0], seed=new_seed(), model="wan2.7-image")
    graph.save(node)
    run = comfy.run(graph, timeout=60)
    assert run.status == "success", run.error
    assert sorted(prompts_sent(sim)) == sorted(prompts.split("\n"))


def test_blocks_and_wildcards_are_sent_and_saved_under_names_that_follow_them(
    comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any
) -> None:
    listed = graph.add(
        "ModelStudioPromptList",
        prompts="# boats\na {paper|glass} boat\nat dawn\n\n\u7d05\u8272\u7684\u8239\n---\na bee / ../%date%",
        split="blocks",
        wildcards=True,
        seed=3,
    )
    # n: two pictures of a prompt are one batch, and take one name.
    node = graph.add("ModelStudioWanText2Image", prompt=[listed, 0], seed=new_seed(), model="wan2.2-t2i-flash", n=2)
    save = graph.add("SaveImage", images=[node, 0], filename_prefix=[listed, 1])
    run = comfy.run(graph, timeout=60)
    assert run.status == "success", run.error
    first, *others = sorted(prompts_sent(sim))
    assert first == "a bee / ../%date%"
    assert others[0] in ("a glass boat\nat dawn", "a paper boat\nat dawn") and others[1:] == [
        "\u7d05\u8272\u7684\u8239"
    ]
    names = [file.name for file in run.images(save)]
    boat = "-".join(["01", *others[0].split()])
    bases = [boat, "02-\u7d05\u8272\u7684\u8239", "03-a-bee-date"]
    assert names == [f"{base}_{number:05}_.png" for base in bases for number in (1, 2)]
    made = [Image.open(file).convert("RGB").tobytes() for file in run.images(save)]
    assert len(set(made)) == 6


def test_a_brace_without_its_other_is_refused_before_anything_runs(comfy: ComfyUI, sim: Simulator, graph: Any) -> None:
    listed = graph.add("ModelStudioPromptList", prompts="a {red|blue boat", wildcards=True)
    graph.save(graph.add("ModelStudioWanText2Image", prompt=[listed, 0]))
    run = comfy.run(graph)
    assert run.status == "refused"
    assert "Braces do not fit together in the prompt 'a {red|blue boat'." in str(run.refusal)
    assert not sim.requests


@pytest.mark.parametrize("wrong", [{"split": "words"}, {"split": 3}, {"seed": "x"}])
def test_values_that_no_widget_holds_are_refused(comfy: ComfyUI, sim: Simulator, graph: Any, wrong: Any) -> None:
    listed = graph.add("ModelStudioPromptList", prompts="a boat", **wrong)
    graph.save(graph.add("ModelStudioWanText2Image", prompt=[listed, 0]))
    assert comfy.run(graph).status == "refused"
    assert not sim.requests


def prompts_sent(sim: Simulator) -> list[str]:
    return [text_in(seen.body["input"]) for seen in sim.requests if seen.method == "POST"]


def text_in(given: Any) -> str:
    text: str = given["prompt"] if "prompt" in given else given["messages"][0]["content"][0]["text"]
    return text
