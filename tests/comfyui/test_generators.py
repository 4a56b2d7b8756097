"""Qwen Text2Image and Wan Text2Image in real graphs."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from model_studio.catalog import BEIJING, find
from rig.comfyui import ComfyUI
from simulator import Simulator

# Small sizes that the models take, so that drawing and saving do not fill the test's time.
SMALL = {
    "qwen-image-2.0": 512,
    "qwen-image-3.0": 512,
    "qwen-image-2.1": 512,
    "z-image": 512,
    "wan2.7": 768,
    "wan2.2": 512,
}


def small(model: str) -> dict[str, Any]:
    side = next((side for start, side in SMALL.items() if model.startswith(start)), None)
    return {"aspect_ratio": "custom", "width": side, "height": side} if side else {"aspect_ratio": "1:1"}


def served(sim: Simulator, path: str) -> Any:
    return np.asarray(Image.open(io.BytesIO(sim.pictures[path.split("?")[0]])))


def pixels(file: Any) -> Any:
    return np.asarray(Image.open(file))


def test_every_model_through_a_graph(
    comfy: ComfyUI, sim: Simulator, graph: Any, object_info: Any, new_seed: Any
) -> None:
    """All that Beijing sells in one graph; each saved PNG holds exactly the pixels that were served."""
    saves = {}
    for class_type in ("ModelStudioQwenText2Image", "ModelStudioWanText2Image"):
        for model in object_info[class_type]["input"]["required"]["model"][1]["options"]:
            if BEIJING not in find(model).ids:
                continue
            node = graph.add(
                class_type, prompt=f"a paper boat by {model}", model=model, seed=new_seed(), **small(model)
            )
            saves[model] = graph.save(node)
    run = comfy.run(graph, timeout=180)
    assert run.status == "success", run.error
    billed = {bill.model: bill for bill in sim.billed}
    assert len(billed) == len(sim.billed) == len(saves) == 24
    for model, save in saves.items():
        (file,) = run.images(save)
        bill = billed.get(model) or billed[model.replace("wan2.1", "wanx2.1")]
        assert (pixels(file) == served(sim, bill.paths[0])).all()


def test_sync_and_async_and_several_pictures(comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any) -> None:
    saves = {}
    for mode in ("sync", "async"):
        node = graph.add(
            "ModelStudioWanText2Image",
            prompt=f"{mode} boats",
            seed=new_seed(),
            call_mode=mode,
            n=3,
            aspect_ratio="16:9",
        )
        saves[mode] = graph.save(node)
        graph.show(node, 2)
    run = comfy.run(graph, timeout=60)
    assert run.status == "success", run.error
    assert sorted(seen.path.rsplit("/", 2)[1] for seen in sim.requests if "/services/" in seen.path) == [
        "image-generation",
        "multimodal-generation",
    ]
    for mode, save in saves.items():
        (bill,) = [bill for bill in sim.billed if bool(bill.task_id) == (mode == "async")]
        files = run.images(save)
        assert len(files) == 3
        for file, path in zip(files, bill.paths, strict=True):
            assert (pixels(file) == served(sim, path)).all()
            assert pixels(file).shape == (1080, 1920, 3)


def test_a_batch_flows_into_the_upscaler(comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any) -> None:
    node = graph.add(
        "ModelStudioQwenText2Image",
        prompt="boats",
        model="qwen-image-2.0",
        n=4,
        seed=new_seed(),
        **small("qwen-image-2.0"),
    )
    scaled = graph.add("ImageScaleBy", image=[node, 0], upscale_method="nearest-exact", scale_by=2.0)
    save, info, prompt = graph.save(scaled), graph.show(node, 2), graph.show(node, 1)
    run = comfy.run(graph, timeout=60)
    assert run.status == "success", run.error
    (bill,) = sim.billed
    for file, path in zip(run.images(save), bill.paths, strict=True):
        assert (pixels(file) == served(sim, path).repeat(2, axis=0).repeat(2, axis=1)).all()
    told = json.loads(run.text(info))
    assert (told["model"], told["image_count"], told["size"]) == ("qwen-image-2.0", 4, "512*512")
    assert told["cost"]["amount"] == pytest.approx(0.8) and told["cost"]["currency"] == "CNY"
    assert run.text(prompt) == "boats"


def test_other_sizes_are_neither_lost_nor_resized(comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any) -> None:
    sim.faults.add("other_size", index=1, size="640*480")
    node = graph.add(
        "ModelStudioQwenText2Image",
        prompt="boats",
        model="qwen-image-2.0",
        n=3,
        seed=new_seed(),
        **small("qwen-image-2.0"),
    )
    save, info = graph.save(node), graph.show(node, 2)
    run = comfy.run(graph, timeout=60)
    assert run.status == "success", run.error
    assert [pixels(file).shape[:2] for file in run.images(save)] == [(512, 512), (512, 512), (480, 640)]
    assert "640*480" in json.loads(run.text(info))["notes"][0]


def test_sixteen_nodes_take_the_time_of_one(comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any) -> None:
    """Nodes that stood in each other's way would need 16 × 3 s; the bound is far from that and from a busy machine.

    Of several models, since an account has so many tasks at work of each only.
    """
    nodes = []
    at_once = {"wan2.5-t2i-preview": 5, "wan2.7-image": 5, "wan2.7-image-pro": 5, "wan2.2-t2i-flash": 1}
    for number, model in enumerate(model for model, count in at_once.items() for _ in range(count)):
        node = graph.add(
            "ModelStudioWanText2Image",
            prompt=f"boat {number}",
            model=model,
            seed=new_seed(),
            **small(model),
        )
        nodes.append(node)
        # No picture is saved: encoding PNGs blocks ComfyUI's event loop, which is not what is measured.
        graph.show(graph.add("GetImageSize", image=[node, 0]), 0)
    run = comfy.run(graph, timeout=90)
    assert run.status == "success", run.error
    assert len(sim.billed) == 16
    task_seconds = sim.config.task_seconds
    assert task_seconds
    last = max(run.executed_at[node] for node in nodes) - run.started_at
    assert task_seconds < last < 8 * task_seconds


def test_the_node_shows_what_happens(comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any) -> None:
    sim.faults.add("throttle", on="poll", times=1)
    node = graph.add(
        "ModelStudioWanText2Image", prompt="boats", model="wan2.2-t2i-flash", seed=new_seed(), n=2, **small("wan2.2")
    )
    graph.show(node, 1)
    run = comfy.run(graph, timeout=60)
    texts = [text for _, node_id, text in run.told if node_id == node]
    assert "submitted 1 s" in texts
    assert "downloading 0/2" in texts and "downloading 2/2" in texts
    assert texts[-1].startswith("2 pictures 512*512, ") and "CNY 0.28 at list price" in texts[-1]
    bars = [
        content["data"]["nodes"][node]["value"]
        for _, content in run.messages
        if content["type"] == "progress_state" and node in content["data"]["nodes"]
    ]
    assert bars and all(0 <= value <= 1 for value in bars)


def test_equal_graphs_are_paid_once(comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any) -> None:
    node = graph.add(
        "ModelStudioWanText2Image", prompt="once", model="wan2.2-t2i-flash", seed=new_seed(), **small("wan2.2")
    )
    graph.save(node)
    assert comfy.run(graph).status == comfy.run(graph).status == "success"
    assert len(sim.billed) == 1
