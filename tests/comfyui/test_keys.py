"""The key stays on the server: a planted one is looked for wherever something could have put it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from rig.comfyui import ComfyUI
from simulator import Simulator

SMALL = {"model": "wan2.2-t2i-flash", "aspect_ratio": "custom", "width": 512, "height": 512}


@pytest.fixture(scope="module")
def sim(running_simulator: Simulator) -> Simulator:
    """Not reset between the tests: they look at the same runs."""
    running_simulator.reset()
    return running_simulator


@pytest.fixture(scope="module")
def everything_tried(comfy: ComfyUI, sim: Simulator, new_graph: Any, new_seed: Any) -> list[Any]:
    """Runs that end well and badly: whatever might tell the key."""
    runs = []
    faults: list[tuple[str, dict[str, Any]]] = [
        ("", {}),
        ("task_failed", {}),
        ("http_502", {"on": "create"}),
        ("picture_expired", {}),
        ("ok_with_code", {"on": "create"}),
    ]
    for fault, options in faults:
        sim.faults.clear()
        if fault:
            sim.faults.add(fault, **options)
        graph = new_graph()
        node = graph.add("ModelStudioWanText2Image", prompt="boats", seed=new_seed(), timeout=10, **SMALL)
        graph.save(node)
        graph.add("PreviewImage", images=[node, 0])
        graph.show(node, 2)
        runs.append(comfy.run(graph, workflow={"nodes": [], "links": [], "version": 0.4}))
    assert [run.status for run in runs] == ["success", "error", "error", "error", "error"]
    return runs


def test_a_planted_key_is_found_nowhere(
    comfy: ComfyUI, sim: Simulator, planted_keys: dict[str, str], everything_tried: list[Any], root: Path
) -> None:
    secrets = [key.encode() for key in planted_keys.values()]
    assert any(key.decode() in str(seen.headers) for seen in sim.requests for key in secrets)  # it was really used
    for run in everything_tried:
        told = str([run.messages, run.error, run.outputs, run.progress_texts, comfy.history(run.prompt_id)]).encode()
        assert not any(secret in told for secret in secrets)
    files = [path for path in comfy.home.rglob("*") if path.is_file() and "custom_nodes" not in path.parts]
    assert any(path.suffix == ".png" for path in files) and comfy.log_file in files
    ours = [path for path in root.rglob("*") if path.is_file() and not {".git", ".rig"} & set(path.parts)]
    for path in files + ours:
        content = path.read_bytes()
        assert not any(secret in content for secret in secrets), path
    for route in ("/object_info", "/history", "/queue", "/settings", "/system_stats"):
        assert not any(secret.decode() in str(comfy.get(route)) for secret in secrets), route


def test_signed_links_are_told_to_nobody(comfy: ComfyUI, sim: Simulator, everything_tried: list[Any]) -> None:
    """Whoever has such a link has the picture."""
    told = str([[run.messages, run.error, run.outputs] for run in everything_tried]) + comfy.log()
    assert "Signature=" not in told and "OSSAccessKeyId" not in told


def test_the_key_goes_to_no_other_host_than_the_api(sim: Simulator, everything_tried: list[Any]) -> None:
    downloads = [seen for seen in sim.requests if seen.path.startswith("/oss/")]
    assert downloads and all("Authorization" not in seen.headers for seen in downloads)


def test_the_private_folder_is_not_served(comfy: ComfyUI) -> None:
    folder = comfy.home / "user" / "__model_studio"
    folder.mkdir(exist_ok=True)
    (folder / "api_key.txt").write_text("sk-in-the-private-folder")
    for path in (
        "/userdata/__model_studio%2Fapi_key.txt",
        "/userdata/..%2F__model_studio%2Fapi_key.txt",
        "/api/userdata/..%2F__model_studio%2Fapi_key.txt",
        "/view?filename=api_key.txt&type=input&subfolder=../user/__model_studio",
        "/userdata?dir=../__model_studio&recurse=true",
        "/extensions/model-studio-text2image/../../user/__model_studio/api_key.txt",
    ):
        answer = requests.get(comfy.url + path, headers={"comfy-user": "__model_studio"}, timeout=10)
        assert "sk-in-the-private-folder" not in answer.text and answer.status_code >= 400, path
    (folder / "api_key.txt").unlink()
