"""Where a run comes from: the moment at which its user queued it, not the one at which ComfyUI got to it."""

from __future__ import annotations

import time
from pathlib import Path

from rig.comfyui import ComfyUI
from rig.layout import PACK_NAME

# A node that holds the queue up, and shows what a node of ours would know at that moment.
PROBE = """
import sys, time

class Probe:
    RETURN_TYPES, FUNCTION, OUTPUT_NODE, CATEGORY = (), "probe", True, "test"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"seconds": ("FLOAT", {"default": 0})}}

    def probe(self, seconds):
        (ours,) = [module for name, module in sys.modules.items() if name.endswith("PACK.nodes.comfyui")]
        time.sleep(seconds)
        origin = ours._origin()
        return {"ui": {"text": [str(origin.queued), str(time.time()), *origin.party]}}

NODE_CLASS_MAPPINGS = {"Probe": Probe}
"""


def test_a_prompt_behind_another_was_queued_before_it_began(tmp_path: Path) -> None:
    other = tmp_path / "custom_nodes" / "probe"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text(PROBE.replace("PACK", PACK_NAME))
    with ComfyUI.start(home=tmp_path, args=["--whitelist-custom-nodes", PACK_NAME, "probe"]) as comfy:
        graphs = [{"1": {"class_type": "Probe", "inputs": {"seconds": seconds}}} for seconds in (1.5, 0.0)]
        before = time.time()
        queued = [comfy.queue(graph) for graph in graphs]
        after = time.time()
        runs = [prompt.wait() for prompt in queued]
        seen = [run.outputs["1"]["text"] for run in runs]
    for run, (asked, began, *party) in zip(runs, seen, strict=True):
        assert before - 0.001 <= float(asked) <= after  # told in whole milliseconds
        assert float(began) - float(asked) > 1
        assert party == [run.prompt_id, "1"]
