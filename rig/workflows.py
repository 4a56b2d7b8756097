"""Turns a workflow as the page saves it (UI format 0.4) into the prompt that the page would send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ONLY_ON_THE_PAGE = ("Note", "MarkdownNote", "Reroute", "PrimitiveNode")
_WIDGET_TYPES = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
_MUTED, _BYPASSED = 2, 4
_SEEDS = ("seed", "noise_seed")  # these have a control_after_generate widget without asking for it


class WorkflowError(ValueError):
    """The workflow does not fit the nodes that ComfyUI has."""


def to_api_prompt(workflow: Mapping[str, Any], object_info: Mapping[str, Any]) -> dict[str, Any]:
    """The prompt for POST /prompt; `object_info` is the answer to GET /object_info."""
    graph = _Graph(workflow)
    active = [node for node in workflow["nodes"] if _is_active(node)]
    sent = {str(node["id"]) for node in active}
    prompt = {}
    for node in active:
        if node["type"] not in object_info:
            raise WorkflowError(f"node {node['id']}: ComfyUI has no {node['type']}")
        inputs = widget_values(node, object_info[node["type"]])
        for given in node.get("inputs", []):
            if given.get("link") is None:
                continue
            source = graph.source(given["link"])
            if isinstance(source, _Constant):
                inputs[given["name"]] = source.value
            elif source and source[0] in sent:
                inputs[given["name"]] = source
            elif source:  # a muted node: the page sends no value at all
                inputs.pop(given["name"], None)
        title = node.get("title") or object_info[node["type"]].get("display_name") or node["type"]
        prompt[str(node["id"])] = {"class_type": node["type"], "inputs": inputs, "_meta": {"title": title}}
    return prompt


def next_day(workflow: Mapping[str, Any], task_ids: str) -> dict[str, Any]:
    """The example that submits, as people run it the next day.

    What was muted is awake, all else is muted, and the ids are in the Task Poller.
    """
    nodes = [{**node, "mode": 0 if node["mode"] == _MUTED else _MUTED} for node in workflow["nodes"]]
    for node in nodes:
        if node["type"] == "ModelStudioTaskPoller":
            node["widgets_values"] = [task_ids, *node["widgets_values"][1:]]
    return {**workflow, "nodes": nodes}


def widget_values(node: Mapping[str, Any], info: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a node's widgets by input name, out of the positional `widgets_values`.

    Inputs that were appended since it was saved are optional, and the page gives them their defaults.
    """
    values = list(node.get("widgets_values") or [])
    optional = info["input"].get("optional", {})
    named = {}
    for name, spec in _widgets(info):
        if not values and name in optional:
            named[name] = _options(spec).get("default")
            continue
        if not values:
            raise WorkflowError(f"node {node['id']} ({node['type']}): no value for the widget {name}")
        named[name] = values.pop(0)
        if _has_control(name, spec) and values:
            values.pop(0)  # "fixed", "randomize", …: for the page only
    return named


def _widgets(info: Mapping[str, Any]) -> list[tuple[str, list[Any]]]:
    """Inputs that are widgets on the page, in its order."""
    inputs = {**info["input"].get("required", {}), **info["input"].get("optional", {})}
    return [(name, spec) for name, spec in inputs.items() if _is_widget(spec)]


def _is_widget(spec: list[Any]) -> bool:
    """Whether the page draws a widget: a list of choices (V1) or a type with a widget, unless it forces a socket."""
    return (isinstance(spec[0], list) or spec[0] in _WIDGET_TYPES) and not _options(spec).get("forceInput")


def _has_control(name: str, spec: list[Any]) -> bool:
    return bool(_options(spec).get("control_after_generate", spec[0] == "INT" and name in _SEEDS))


def _options(spec: list[Any]) -> dict[str, Any]:
    return spec[1] if len(spec) > 1 else {}


def _is_active(node: Mapping[str, Any]) -> bool:
    return node["type"] not in _ONLY_ON_THE_PAGE and node.get("mode", 0) not in (_MUTED, _BYPASSED)


class _Constant:
    """What a PrimitiveNode gives."""

    def __init__(self, value: Any) -> None:
        self.value = value


class _Graph:
    """Follows links back to a node that is sent."""

    def __init__(self, workflow: Mapping[str, Any]) -> None:
        self._nodes = {node["id"]: node for node in workflow["nodes"]}
        self._links = {link[0]: link for link in workflow["links"]}

    def source(self, link_id: int) -> list[Any] | _Constant | None:
        """[node id, output slot] or a constant; None where the way ends."""
        _, node_id, slot, _, _, link_type = self._links[link_id]
        node = self._nodes[node_id]
        if node["type"] == "PrimitiveNode":
            return _Constant(node["widgets_values"][0])
        if node["type"] == "Reroute":
            return self._through(node["inputs"][:1])
        if node.get("mode") == _BYPASSED:
            inputs = node.get("inputs", [])
            same_slot = inputs[slot : slot + 1]
            return self._through([given for given in (*same_slot, *inputs) if given["type"] == link_type][:1])
        return [str(node_id), slot]

    def _through(self, inputs: list[Mapping[str, Any]]) -> list[Any] | _Constant | None:
        return self.source(inputs[0]["link"]) if inputs and inputs[0].get("link") is not None else None
