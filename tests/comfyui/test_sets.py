"""Picture sets and palettes in a real ComfyUI: what is drawn, paid, told and refused."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rig.comfyui import ComfyUI
from rig.prompt_run import PromptRun
from simulator import Simulator

SMALL = {"aspect_ratio": "custom", "width": 768, "height": 768}
STORY = "a fox: 1. wakes 2. walks 3. sleeps"
SET, WAN, PALETTE = "ModelStudioWanImageSet", "ModelStudioWanText2Image", "ModelStudioColorPalette"


def billed(sim: Simulator) -> int:
    return sum(charge.images for charge in sim.billed)


def sent(sim: Simulator) -> dict[str, Any]:
    """The parameters of the only creating request."""
    (body,) = [seen.body for seen in sim.requests if seen.method == "POST" and "/services/" in seen.path]
    parameters: dict[str, Any] = body["parameters"]
    return parameters


@pytest.mark.parametrize("call_mode", ["auto", "sync"])
def test_a_set_comes_as_a_batch_and_what_came_is_paid(
    comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any, call_mode: str
) -> None:
    node = graph.add(SET, prompt=STORY, max_images=12, seed=new_seed(), call_mode=call_mode, **SMALL)
    save, info = graph.save(node), graph.show(node, 2)
    run = comfy.run(graph)
    assert run.status == "success", run.error or run.refusal
    pictures = [np.asarray(Image.open(path)) for path in run.images(save)]
    assert len(pictures) == 3 == billed(sim)
    told = json.loads(run.text(info))
    assert (told["image_count"], told["cost"]["amount"], told["source"]) == (3, pytest.approx(0.6), "new")
    assert "The model made a set of 3; up to 12 were asked for." in told["notes"]
    assert (sent(sim)["n"], sent(sim)["enable_sequential"]) == (12, True)
    assert re.search(r"3 pictures 768\*768, [\d.]+ s, CNY 0\.60 at list price", run.told[-1][2])


@pytest.mark.parametrize(
    ("fault", "options", "runs"),
    [
        # What a run has: pictures and billed so far.
        ("partial_success", {"failed": 1, "times": 1}, [(2, 2), (2, 2)]),
        ("close_before_answer", {"on": "create", "times": 1}, [(3, 3), (3, 3)]),
        ("throttle", {"times": 1}, [(3, 3), (3, 3)]),
        ("picture_truncated", {"times": 1}, [(3, 3), (3, 3)]),
        ("more_pictures", {"extra": 1, "times": 1}, [(4, 4), (4, 4)]),
    ],
)
def test_trouble_with_a_set(
    comfy: ComfyUI, sim: Simulator, new_graph: Any, new_seed: Any, fault: str, options: Any, runs: Any
) -> None:
    seed = new_seed()
    sim.faults.add(fault, **options)
    for pictures, paid in runs:
        graph = new_graph()
        save = graph.save(graph.add(SET, prompt=STORY, max_images=5, seed=seed, **SMALL))
        run = comfy.run(graph)
        assert run.status == "success", run.error or run.refusal
        assert (len(run.images(save)), billed(sim)) == (pictures, paid)


def refusal(run: PromptRun, node: str) -> str:
    """Of one node, before the run."""
    assert run.status == "refused"
    return " ".join(error["details"] for error in run.refusal["node_errors"][node]["errors"])


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"prompt": " "}, "The prompt is empty."),
        ({"width": 4096, "height": 4096}, "wan2.7-image cannot draw 4096*4096."),
        ({"region": "us-east-1"}, "wan2.7-image is not offered in region us-east-1."),
    ],
)
def test_a_set_that_cannot_be_is_refused_before_the_run(
    comfy: ComfyUI, sim: Simulator, graph: Any, inputs: Any, words: str
) -> None:
    node = graph.add(SET, **{"prompt": STORY, **SMALL, **inputs})
    graph.save(node)
    assert words in refusal(comfy.run(graph), node)
    assert not sim.requests


def test_a_palette_of_text_goes_with_the_request(comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any) -> None:
    colours = graph.add(PALETTE, colors="#ff0000 50%\n#00FF00 30%\n#0000FF 20%")
    palette = [colours, 0]
    inputs = {"prompt": "boats", "model": "wan2.7-image", "seed": new_seed(), "thinking": False, **SMALL}
    graph.save(graph.add(WAN, color_palette=palette, **inputs))
    assert comfy.run(graph).status == "success"
    assert sent(sim)["color_palette"] == [
        {"hex": "#FF0000", "ratio": "50.00%"},
        {"hex": "#00FF00", "ratio": "30.00%"},
        {"hex": "#0000FF", "ratio": "20.00%"},
    ]
    assert sent(sim)["thinking_mode"] is False


def test_a_palette_of_a_picture(comfy: ComfyUI, sim: Simulator, graph: Any) -> None:
    plain = [graph.add("EmptyImage", width=64, height=64, color=colour) for colour in (0xFF0000, 0x00FF00, 0x0000FF)]
    first = graph.add("ImageStitch", image1=[plain[0], 0], image2=[plain[1], 0], direction="right")
    both = graph.add("ImageStitch", image1=[first, 0], image2=[plain[2], 0], direction="right")
    shown = graph.show(graph.add(PALETTE, colors="", count=3, image=[both, 0]), 0)
    lines = comfy.run(graph).text(shown).splitlines()
    assert {line.split()[0] for line in lines} == {"#FF0000", "#00FF00", "#0000FF"}
    assert sum(float(line.split()[1].rstrip("%")) for line in lines) == pytest.approx(100)


def test_a_palette_that_is_none(comfy: ComfyUI, sim: Simulator, new_graph: Any) -> None:
    graph = new_graph()
    node = graph.add(PALETTE, colors="red, green, blue")
    graph.show(node, 0)
    assert "'red', which is not a colour" in refusal(comfy.run(graph), node)
    graph = new_graph()
    graph.show(graph.add(PALETTE, colors=""), 0)
    run = comfy.run(graph)
    assert "The palette holds 0 colours." in run.error["exception_message"]
    graph = new_graph()
    text = graph.add("PrimitiveString", value="#FF0000 90%")
    graph.save(graph.add(WAN, prompt="boats", model="wan2.7-image", color_palette=[text, 0], **SMALL))
    run = comfy.run(graph)
    assert "The palette holds 1 colours." in run.error["exception_message"]
    assert not sim.requests
