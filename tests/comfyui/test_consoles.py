"""Consoles that cannot write every character: what Windows has outside English, and a server without a locale."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from rig.comfyui import ComfyUI
from rig.layout import PACK_NAME
from simulator import Simulator

SMALL = {"model": "wan2.2-t2i-flash", "aspect_ratio": "custom", "width": 512, "height": 512}


# What other packs put in the place of streams: one that takes over what lies behind, and one that passes on.
OTHER = """
import io, sys

encoding = sys.stdout.encoding
sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding=encoding, line_buffering=True)

class Passing:
    def __init__(self, stream):
        self.stream = stream
        self.write, self.flush, self.isatty = stream.write, stream.flush, stream.isatty

sys.stderr = Passing(sys.stderr)
"""


@pytest.mark.parametrize("encoding", ["gbk", "cp1252"])
def test_an_error_is_told_and_the_queue_goes_on(
    sim: Simulator, planted_keys: Any, new_graph: Callable[[], Any], tmp_path: Path, encoding: str
) -> None:
    env = {
        "PYTHONIOENCODING": encoding,
        "PYTHONUTF8": "0",
        "DASHSCOPE_HTTP_BASE_URL": sim.base_url,
        "DASHSCOPE_API_KEY": planted_keys["cn-beijing"],
    }
    other = tmp_path / "custom_nodes" / "other"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}")
    (other / "prestartup_script.py").write_text(OTHER if encoding == "cp1252" else "")
    args = ["--whitelist-custom-nodes", PACK_NAME, "other"]
    with ComfyUI.start(home=tmp_path, env=env, args=args) as comfy:
        requests.put(f"{comfy.url}/model_studio/language", json={"locale": "zh"}, timeout=10).raise_for_status()
        sim.faults.add("task_failed", code="InternalError.Upload", message="坏了 💥", times=1)
        failed, drawn = (draw(comfy, new_graph(), prompt) for prompt in ("船 🐈", "שלום ☁️"))
        assert failed.error and "坏了 💥" in failed.error["exception_message"]  # the page shows all of it
        assert drawn.status == "success"
        log = comfy.log_file.read_bytes()
    assert "坏了 💥".encode(encoding, "backslashreplace") in log
    assert b"UnicodeEncodeError" not in log and b"Logging error" not in log


def draw(comfy: ComfyUI, graph: Any, prompt: str) -> Any:
    graph.save(graph.add("ModelStudioWanText2Image", prompt=prompt, **SMALL))
    return comfy.run(graph, timeout=30)
