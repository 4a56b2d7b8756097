"""Conversion of saved workflows, on the shapes that the page writes."""

from __future__ import annotations

from typing import Any

import pytest

from rig.workflows import WorkflowError, next_day, to_api_prompt

OBJECT_INFO: dict[str, Any] = {
    "Generate": {
        "display_name": "Generate images",
        "input": {
            "required": {
                "prompt": ["STRING", {"multiline": True}],
                "model": ["COMBO", {"options": ["a", "b"]}],
                "seed": ["INT", {"control_after_generate": True}],
                "flag": ["BOOLEAN", {}],
            },
            "optional": {"timeout": ["INT", {"default": 300}]},
        },
    },
    "SaveImage": {
        "input": {"required": {"images": ["IMAGE"], "filename_prefix": ["STRING", {"default": "ComfyUI"}]}},
    },
    "Scale": {"input": {"required": {"image": ["IMAGE"], "method": [["nearest", "area"], {}], "by": ["FLOAT", {}]}}},
    "Show": {"input": {"required": {"source": ["*", {}]}}},
    "Sampler": {"input": {"required": {"noise_seed": ["INT", {}], "steps": ["INT", {}]}}},
    "Forced": {"input": {"required": {"text": ["STRING", {"forceInput": True}], "count": ["INT", {}]}}},
}


def node(number: int, kind: str, values: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"id": number, "type": kind, "mode": 0, "inputs": [], "widgets_values": values or []} | more


def socket(name: str, link: int | None, kind: str = "IMAGE", widget: bool = False) -> dict[str, Any]:
    return {"name": name, "type": kind, "link": link} | ({"widget": {"name": name}} if widget else {})


def convert(nodes: list[dict[str, Any]], *links: list[Any]) -> dict[str, Any]:
    return to_api_prompt({"nodes": nodes, "links": links, "version": 0.4}, OBJECT_INFO)


GENERATE = node(1, "Generate", ["a cat", "b", 7, "randomize", True, 120])


def test_an_input_that_was_appended_since_has_its_default() -> None:
    old = node(1, "Generate", ["a cat", "b", 7, "randomize", True])
    assert convert([old])["1"]["inputs"]["timeout"] == 300
    with pytest.raises(WorkflowError, match="no value for the widget flag"):
        convert([node(1, "Generate", ["a cat", "b", 7, "randomize"])])


def test_widgets_links_and_titles() -> None:
    save = node(2, "SaveImage", ["cats"], inputs=[socket("images", 5), socket("filename_prefix", None, widget=True)])
    prompt = convert([GENERATE, save | {"title": "Keep"}], [5, 1, 0, 2, 0, "IMAGE"])
    assert prompt["1"] == {
        "class_type": "Generate",
        "inputs": {"prompt": "a cat", "model": "b", "seed": 7, "flag": True, "timeout": 120},
        "_meta": {"title": "Generate images"},
    }
    assert prompt["2"]["inputs"] == {"images": ["1", 0], "filename_prefix": "cats"}
    assert prompt["2"]["_meta"] == {"title": "Keep"}


def test_a_seed_has_a_control_widget_without_asking_for_it() -> None:
    assert convert([node(1, "Sampler", [3, "fixed", 20])])["1"]["inputs"] == {"noise_seed": 3, "steps": 20}


def test_a_forced_input_has_no_widget() -> None:
    assert convert([node(1, "Forced", [4])])["1"]["inputs"] == {"count": 4}


def test_a_linked_widget_keeps_its_place_among_the_values() -> None:
    linked = GENERATE | {"inputs": [socket("prompt", 9, "STRING", widget=True)]}
    prompt = convert([linked, node(3, "Generate", GENERATE["widgets_values"])], [9, 3, 1, 1, 0, "STRING"])
    assert prompt["1"]["inputs"]["prompt"] == ["3", 1]
    assert prompt["1"]["inputs"]["model"] == "b"


def test_notes_are_left_out() -> None:
    assert list(convert([GENERATE, node(8, "Note", ["x"]), node(9, "MarkdownNote", ["y"])])) == ["1"]


def test_reroutes_are_followed() -> None:
    reroutes = [node(7, "Reroute", inputs=[socket("", 1, "*")]), node(8, "Reroute", inputs=[socket("", 2, "*")])]
    show = node(2, "Show", inputs=[socket("source", 3)])
    links = [1, 1, 2, 7, 0, "*"], [2, 7, 0, 8, 0, "*"], [3, 8, 0, 2, 0, "*"]
    prompt = convert([GENERATE, *reroutes, show], *links)
    assert prompt["2"]["inputs"] == {"source": ["1", 2]}
    assert set(prompt) == {"1", "2"}


def test_a_primitive_gives_its_value() -> None:
    linked = GENERATE | {"inputs": [socket("seed", 4, "INT", widget=True)]}
    prompt = convert([linked, node(6, "PrimitiveNode", [99, "fixed"])], [4, 6, 0, 1, 0, "INT"])
    assert prompt["1"]["inputs"]["seed"] == 99


def test_a_bypassed_node_passes_its_input_of_the_same_type() -> None:
    scale = node(4, "Scale", ["area", 2.0], mode=4, inputs=[socket("image", 1)])
    save = node(2, "SaveImage", ["x"], inputs=[socket("images", 2)])
    prompt = convert([GENERATE, scale, save], [1, 1, 0, 4, 0, "IMAGE"], [2, 4, 0, 2, 0, "IMAGE"])
    assert set(prompt) == {"1", "2"}
    assert prompt["2"]["inputs"]["images"] == ["1", 0]


def test_a_muted_node_is_left_out_with_its_links() -> None:
    save = node(2, "SaveImage", ["x"], inputs=[socket("images", 1)])
    prompt = convert([GENERATE | {"mode": 2}, save], [1, 1, 0, 2, 0, "IMAGE"])
    assert prompt == {"2": prompt["2"]}
    assert prompt["2"]["inputs"] == {"filename_prefix": "x"}


def test_the_next_day_the_muted_are_awake() -> None:
    workflow = {"nodes": [GENERATE, node(2, "ModelStudioTaskPoller", ["", "auto", 120], mode=2)], "version": 0.4}
    generate, poller = next_day(workflow, "id-1, id-2")["nodes"]
    assert (generate["mode"], poller["mode"]) == (2, 0)
    assert poller["widgets_values"] == ["id-1, id-2", "auto", 120]
    assert workflow["nodes"][1]["widgets_values"][0] == ""


@pytest.mark.parametrize(
    ("wrong", "message"),
    [(node(1, "Unknown"), "no Unknown"), (node(1, "Generate", ["a cat", "b"]), "no value for the widget seed")],
)
def test_what_does_not_fit_is_said(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(WorkflowError, match=message):
        convert([wrong])
