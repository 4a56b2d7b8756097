"""The pack in two folders, as after an update by hand: one copy's nodes run, the page asks the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from rig.comfyui import ComfyUI
from rig.layout import PACK_NAME, ROOT
from rig.pack import put_pack
from simulator import Simulator

COPY = f"{PACK_NAME}-main"


def test_the_page_reaches_the_nodes_and_the_log_names_both_folders(
    sim: Simulator, planted_keys: dict[str, str], new_graph: Callable[[], Any], tmp_path: Path
) -> None:
    put_pack(ROOT, tmp_path / "custom_nodes" / COPY)
    env = {"DASHSCOPE_HTTP_BASE_URL": sim.base_url, "DASHSCOPE_API_KEY": planted_keys["cn-beijing"]}
    args = ["--whitelist-custom-nodes", PACK_NAME, COPY]
    with ComfyUI.start(home=tmp_path, env=env, args=args) as comfy:
        (line,) = (line for line in comfy.log().splitlines() if "is installed twice" in line)
        folders = line.partition(" in ")[2].partition(". ")[0].split(" and ")
        assert {Path(folder).name for folder in folders} == {PACK_NAME, COPY}
        for locale, says in (("zh-TW", "提示詞是空的。"), ("en", "The prompt is empty.")):
            put = requests.put(f"{comfy.url}/model_studio/language", json={"locale": locale}, timeout=10)
            put.raise_for_status()
            run = comfy.run(draw(new_graph(), " "))
            assert run.refusal and says in str(run.refusal)
        assert comfy.run(draw(new_graph(), "boats")).status == "success"
        assert comfy.get("/model_studio/records")["records"][0]["prompt"] == "boats"


def draw(graph: Any, prompt: str) -> Any:
    graph.save(graph.add("ModelStudioWanText2Image", prompt=prompt, model="wan2.2-t2i-flash"))
    return graph
