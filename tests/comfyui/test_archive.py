"""What the registry gives out, unpacked into a real ComfyUI. What is in it is in tests/test_archive.py."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from rig import registry
from rig.comfyui import ComfyUI

SNAPSHOT = Path(__file__).parent / "object_info.json"


def files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix != ".pyc" and path.is_file()
    }


def test_an_unpacked_archive_has_all_nodes_scripts_texts_and_examples(tmp_path: Path) -> None:
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(registry.pack(tmp_path / "packed")) as archive:
        archive.extractall(unpacked)
    before = files(unpacked)
    with ComfyUI.start(home=tmp_path / "home", pack=unpacked) as comfy:
        nodes: dict[str, Any] = {
            name: node for name, node in comfy.get("/object_info").items() if node["category"] == "Model Studio"
        }
        extensions = comfy.get("/extensions")
        languages = comfy.get("/i18n")
        examples = comfy.get("/workflow_templates")["model-studio-text2image"]
    assert set(nodes) == set(json.loads(SNAPSHOT.read_text("utf-8")))
    for name in before:
        if name.startswith("web/") and name.endswith(".js"):
            assert f"/extensions/model-studio-text2image/{name.removeprefix('web/')}" in extensions
    assert all("modelStudio" in languages[language] for language in ("en", "zh", "zh-TW"))
    assert {f"example_workflows/{name}.json" for name in examples} <= before and examples
    assert files(unpacked) == before  # its own folder is replaced by an update: nothing is kept there
