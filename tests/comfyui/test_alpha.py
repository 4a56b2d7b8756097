"""Transparent pictures: what the service drew comes back to the pixel by ComfyUI's own nodes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rig.comfyui import ComfyUI
from simulator import Simulator

SMALL = {"aspect_ratio": "custom", "width": 512, "height": 512}
STICKER = {"model": "qwen-image-2.1-pro", "prompt": "A fox sticker on a transparent background", **SMALL}
NOTE = "A picture has transparent parts, which are in mask: Join Image with Alpha puts images and mask together."


def joined(graph: Any, node: str) -> str:
    """The node that saves what a node of ours drew, its alpha too."""
    join = graph.add("JoinImageWithAlpha", image=[node, 0], alpha=[node, 3])
    return str(graph.save(join))


def opened(path: Any) -> Any:
    return np.asarray(Image.open(path))


def drawn(sim: Simulator) -> list[Any]:
    """The pictures that were billed, as the service's files have them."""
    return [opened(io.BytesIO(sim.pictures[path])) for charge in sim.billed for path in charge.paths]


def test_the_pixels_come_back(comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any) -> None:
    node = graph.add("ModelStudioQwenText2Image", seed=new_seed(), n=2, **STICKER)
    save, info = joined(graph, node), graph.show(node, 2)
    run = comfy.run(graph)
    saved = [opened(path) for path in run.images(save)]
    assert [picture.shape for picture in saved] == [(512, 512, 4)] * 2
    assert all((one == other).all() for one, other in zip(saved, drawn(sim), strict=True))
    assert len(np.unique(saved[0][:, :, 3])) > 20  # also what is half transparent
    assert NOTE in run.text(info)
    assert NOTE in run.told[-1][2]


def test_of_a_task_too(comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any) -> None:
    sim.faults.add("picture_alpha")
    inputs = {"prompt": "boats", "model": "wan2.2-t2i-flash", "seed": new_seed(), **SMALL}
    submission = graph.add("ModelStudioSubmitText2Image", **inputs)
    save = joined(graph, graph.add("ModelStudioTaskPoller", task_id=[submission, 0]))
    (path,) = comfy.run(graph).images(save)
    assert opened(path).shape == (512, 512, 4)


@pytest.mark.parametrize("model", ["qwen-image-2.1-pro", "z-image-turbo"])
def test_opaque_pictures_have_a_mask_of_zeros(
    comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any, model: str
) -> None:
    inputs = {**STICKER, "prompt": "a fox", "model": model, "width": 1024, "height": 1024}
    node = graph.add("ModelStudioQwenText2Image", seed=new_seed(), **inputs)
    mask = graph.add("MaskToImage", mask=[node, 3])
    save, info = graph.save(mask), graph.show(node, 2)
    run = comfy.run(graph)
    (path,) = run.images(save)
    assert not opened(path).any() and opened(path).shape == drawn(sim)[0].shape
    assert NOTE not in run.text(info)
