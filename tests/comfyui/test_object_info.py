"""Node ids, inputs, their order and outputs are a public promise: saved workflows depend on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SNAPSHOT = Path(__file__).parent / "object_info.json"
NODES = (
    "ModelStudioQwenText2Image",
    "ModelStudioWanText2Image",
    "ModelStudioSubmitText2Image",
    "ModelStudioTaskPoller",
    "ModelStudioPromptList",
    "ModelStudioWanImageSet",
    "ModelStudioColorPalette",
    "ModelStudioSaveOriginal",
)
# What every ComfyUI since 0.3.75 says of a node; newer ones say more.
KEYS = (
    *("name", "display_name", "category", "description", "input", "input_order", "output", "output_is_list"),
    *("output_name", "output_tooltips", "output_node", "deprecated", "experimental", "api_node"),
)


@pytest.fixture
def ours(object_info: Any) -> dict[str, Any]:
    return {node_id: {key: object_info[node_id][key] for key in KEYS} for node_id in NODES}


def prune(actual: Any, expected: Any) -> Any:
    """`actual` without the keys that `expected` does not have: newer versions of ComfyUI say more of each input."""
    if isinstance(actual, dict) and isinstance(expected, dict):
        return {key: prune(value, expected[key]) for key, value in actual.items() if key in expected}
    if isinstance(actual, list) and isinstance(expected, list) and len(actual) == len(expected):
        return [prune(*pair) for pair in zip(actual, expected, strict=True)]
    return actual


def test_the_public_surface_is_frozen(ours: dict[str, Any]) -> None:
    """Where a change is meant (something appended, a text), replace the snapshot with what this prints."""
    expected = json.loads(SNAPSHOT.read_text("utf-8"))
    print(json.dumps(ours, ensure_ascii=False, indent=1))
    assert prune(ours, expected) == expected


def test_inputs_are_those_of_the_contract(ours: dict[str, Any]) -> None:
    pictures = ["prompt", "model", "aspect_ratio", "width", "height", "n", "seed"]
    pictures += ["negative_prompt", "prompt_extend", "watermark", "region"]
    of_sets = [name for name in pictures if name not in ("negative_prompt", "prompt_extend")]
    of_sets[of_sets.index("n")] = "max_images"
    orders = {node_id: node["input_order"]["required"] for node_id, node in ours.items()}
    assert orders == {
        "ModelStudioQwenText2Image": [*pictures, "call_mode", "timeout"],
        "ModelStudioWanText2Image": [*pictures, "call_mode", "timeout"],
        "ModelStudioSubmitText2Image": pictures,
        "ModelStudioTaskPoller": ["task_id", "region", "timeout"],
        "ModelStudioPromptList": ["prompts"],
        "ModelStudioWanImageSet": [*of_sets, "call_mode", "timeout"],
        "ModelStudioColorPalette": ["colors", "count"],
        "ModelStudioSaveOriginal": ["source", "filename_prefix", "workflow_metadata"],
    }


def test_what_only_newer_models_take_is_optional(ours: dict[str, Any]) -> None:
    """Prompts in API format of before have none of it."""
    orders = {node_id: node["input_order"].get("optional", []) for node_id, node in ours.items()}
    assert {node_id: order for node_id, order in orders.items() if order} == {
        "ModelStudioQwenText2Image": ["resolution", "prompt_extend_mode", "thinking"],
        "ModelStudioWanText2Image": ["resolution", "thinking", "color_palette"],
        "ModelStudioSubmitText2Image": ["resolution", "thinking", "color_palette"],
        "ModelStudioPromptList": ["split", "wildcards", "seed"],
        "ModelStudioColorPalette": ["image"],
    }
    assert all(
        options["advanced"]
        for node_id, node in ours.items()
        for _, options in node["input"].get("optional", {}).values()
        if node_id not in ("ModelStudioPromptList", "ModelStudioColorPalette")
    )


def test_every_input_has_a_tooltip(ours: dict[str, Any]) -> None:
    for node in ours.values():
        assert node["description"]
        inputs = node["input"]["required"] | node["input"].get("optional", {})
        for _, options in inputs.values():
            assert len(options["tooltip"]) > 10


def test_no_node_asks_for_a_comfy_account(ours: dict[str, Any]) -> None:
    for node in ours.values():
        assert node["api_node"] is False
        assert node["category"] == "Model Studio"


def test_newer_pages_find_nodes_by_the_names_of_models_and_service(object_info: Any) -> None:
    aliases = {node_id: object_info[node_id].get("search_aliases") for node_id in NODES}
    if not any(aliases.values()):
        pytest.skip("ComfyUI before 0.11 has no search_aliases")
    assert {"qwen", "千問", "千问", "z-image"} <= set(aliases["ModelStudioQwenText2Image"])
    assert {"wan", "wanx", "萬相", "万相"} <= set(aliases["ModelStudioWanText2Image"])
    service = {"dashscope", "百鍊", "百炼", "tongyi", "alibaba", "aliyun"}
    assert all(service <= set(words) for words in aliases.values())
