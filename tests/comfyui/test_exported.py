"""Graphs that were exported as Python code, which calls nodes itself: no queue, no page, at times no server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from rig.comfyui import server_environment
from rig.layout import PACK_NAME, ROOT, comfyui_tree
from rig.pack import put_pack
from simulator import Simulator

# As such programs write it: an id for each node, and a seed of 64 bits. It prints what came, one JSON array a line.
PROGRAM = """
import asyncio, json, os, sys
sys.path.insert(0, os.getcwd())
import comfy.options
comfy.options.enable_args_parsing()
import utils.extra_config, server, nodes

inputs = json.loads(os.environ["INPUTS"])
loop = asyncio.new_event_loop()
loop.run_until_complete(nodes.init_external_custom_nodes())

def call(name, **inputs):
    node = nodes.NODE_CLASS_MAPPINGS["ModelStudio" + name]()
    try:
        result = loop.run_until_complete(getattr(node, node.FUNCTION)(unique_id=4177, **inputs)).result
    except Exception as error:
        told = [type(error).__name__, str(error)]
    else:
        told = [list(result[0][0].shape) if name != "SubmitText2Image" else "", *result[1:3]]
        return result
    finally:
        print("told", json.dumps(told))

call("WanText2Image", call_mode="auto", timeout=60, **inputs)
server.PromptServer(loop)  # which some make, and some do not
task_id, _ = call("SubmitText2Image", **{**inputs, "seed": 8})
call("TaskPoller", task_id=task_id, region="auto", timeout=60)
call("WanText2Image", call_mode="auto", timeout=60, **{**inputs, "seed": -1})
"""
INPUTS = {
    "prompt": "boats",
    "model": "wan2.2-t2i-flash",
    "aspect_ratio": "custom",
    "width": 512,
    "height": 512,
    "n": 1,
    "seed": 2**64 - 1,
    "negative_prompt": "",
    "prompt_extend": False,
    "watermark": False,
    "region": "auto",
}


def test_nodes_that_python_code_calls(sim: Simulator, planted_keys: dict[str, str], tmp_path: Path) -> None:
    put_pack(ROOT, tmp_path / "custom_nodes" / PACK_NAME)
    env = {
        "DASHSCOPE_HTTP_BASE_URL": sim.base_url,
        "DASHSCOPE_API_KEY": planted_keys["cn-beijing"],
        "INPUTS": json.dumps(INPUTS),
    }
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, "--cpu", "--base-directory", str(tmp_path)],
        cwd=comfyui_tree(),
        env=server_environment(tmp_path, env),
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert run.returncode == 0, run.stderr
    drawn, submitted, fetched, refused = (
        json.loads(line.removeprefix("told ")) for line in run.stdout.splitlines() if line.startswith("told ")
    )
    shape, prompt, info = drawn
    assert (shape, prompt) == ([1, 512, 512, 3], "boats")
    note = f"The service takes seeds up to 2147483647: {2**64 - 1} was sent as 2147483647."
    assert json.loads(info)["notes"] == [note]
    assert json.loads(submitted[1])["source"] == "new"
    assert fetched[0] == [1, 512, 512, 3]
    assert refused == ["InvalidRequest", "The seed is out of range. It goes from 0 to 2147483647."]
