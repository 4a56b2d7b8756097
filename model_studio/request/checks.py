"""What refuses a request before anything is sent: each check raises InvalidRequest with what would work instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import catalog
from ..catalog import Endpoint, Model, Size
from ..catalog.sizes import OneOf
from ..errors import InvalidRequest
from ..words import Text, join
from .options import AUTO

CUSTOM = "custom"
MAX_SEED = 2**31 - 1  # Qwen-Image and Wan API references
MAX_LINKED_SEED = 2**64 - 1  # of ComfyUI's own nodes
CALL_MODES = ("auto", "sync", "async")
# Linked values come unchecked.
_TYPES = {
    **dict.fromkeys(("prompt", "model", "aspect_ratio", "negative_prompt", "region", "call_mode", "task_id"), str),
    **dict.fromkeys(("resolution", "prompt_extend_mode", "color_palette", "prompts", "split"), str),
    **dict.fromkeys(("width", "height", "n", "max_images", "seed"), int),
    **dict.fromkeys(("prompt_extend", "watermark", "thinking", "wildcards"), bool),
}


def check_types(given: Mapping[str, Any]) -> None:
    for name, kind in _TYPES.items():
        if name in given and type(given[name]) is not kind:
            raise InvalidRequest(
                Text("{name} is {value!r:.80}.", name=name, value=given[name]),
                Text("Link or enter a value of type {type}.", type=kind.__name__),
            )


def check_model(name: str, models: Sequence[Model]) -> Model:
    model = catalog.find(name, models)
    if model is None:
        known = ", ".join(model.name for model in models)
        raise InvalidRequest(
            Text("The model {name!r} cannot be used here.", name=name), Text("Choose one of {choices}.", choices=known)
        )
    return model


def check_prompt(prompt: str) -> None:
    if not prompt.strip():
        raise InvalidRequest(Text("The prompt is empty."), Text("Describe the picture you want."))
    check_text("prompt", prompt)


def check_text(name: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            Text(
                "The {name} holds half of a character (U+{code:04X}, number {number}).",
                name=name,
                code=ord(value[error.start]),
                number=error.start + 1,
            ),
            Text("Delete it, or enter it again; it is often an emoji that was cut in two."),
        ) from None


def check_region(model: Model, region: str) -> None:
    if region not in model.ids:
        raise InvalidRequest(
            Text("{model} is not offered in region {region}.", model=model.name, region=region),
            Text("It is in {regions}; or choose another model.", regions=join("{before} and {after}", model.ids)),
        )


def check_n(model: Model, n: int) -> None:
    name = "max_images" if model.is_set else "n"
    if not 1 <= n <= model.max_n:
        raise InvalidRequest(
            Text("{model} cannot make {n} pictures in one request.", model=model.name, n=n),
            Text("Set n to 1.")
            if model.max_n == 1
            else Text("Set {name} to 1 to {most}.", name=name, most=model.max_n),
        )


def check_call_mode(model: Model, call_mode: str, region: str | None = None) -> Endpoint:
    """The endpoint for a call mode. `auto` prefers tasks: a task has an id by which its pictures can be found again.

    `region` None: not known yet.
    """
    task = model.task_in(region)
    endpoints = {"auto": task or model.sync, "sync": model.sync, "async": task}
    if call_mode not in endpoints:
        raise InvalidRequest(
            Text("call_mode {call_mode!r} is unknown.", call_mode=call_mode),
            Text("Choose one of {choices}.", choices=", ".join(CALL_MODES)),
        )
    endpoint = endpoints[call_mode]
    if endpoint is None:
        possible = [mode for mode, found in endpoints.items() if found]
        if not possible or (model.task and not task):
            raise InvalidRequest(
                Text("{region} takes no tasks (async calls).", region=region),
                Text("Use a generator with call_mode sync or auto, or choose another region."),
            )
        raise InvalidRequest(
            Text("{model} cannot be called in mode {call_mode}.", model=model.name, call_mode=call_mode),
            Text("Set call_mode to {modes}.", modes=join("{before} or {after}", possible)),
        )
    return endpoint


def check_size(model: Model, aspect_ratio: str, width: int, height: int, resolution: str = AUTO) -> Size:
    """The size in pixels. Refused is what no source (specification, documentation, live servers) says works."""
    if aspect_ratio != CUSTOM:
        if model.tiers and resolution not in (AUTO, *model.tiers):
            raise InvalidRequest(
                Text("{model} cannot draw in {resolution}.", model=model.name, resolution=resolution),
                Text("Set resolution to {choices}.", choices=", ".join((AUTO, *model.tiers))),
            )
        sizes = model.tiers.get(resolution, model.ratio_sizes)
        if aspect_ratio not in sizes:
            choices = ", ".join((*catalog.ASPECT_RATIOS, CUSTOM))
            raise InvalidRequest(
                Text("aspect_ratio {aspect_ratio!r} is unknown.", aspect_ratio=aspect_ratio),
                Text("Choose one of {choices}.", choices=choices),
            )
        return sizes[aspect_ratio]
    size = Size(width, height)
    if min(width, height) < 1 or not any(rule.accepts(size) for rule in model.size_rules):
        rule = model.size_rules[-1]
        recommended = ", ".join(map(str, model.ratio_sizes.values()))
        raise InvalidRequest(
            Text("{model} cannot draw {size}.", model=model.name, size=size),
            Text("It takes {rule}.", rule=rule.text)
            if isinstance(rule, OneOf)
            else Text("It takes {rule}. Recommended: {sizes}.", rule=rule.text, sizes=recommended),
        )
    return size


def check_known(model: Model, region: str | None, given: Mapping[str, Any]) -> Size | None:
    """Checks those inputs of a request that are known already; its size, where that is. Raises InvalidRequest."""
    if region is not None:
        check_region(model, region)
    if "n" in given:
        check_n(model, given["n"])
    if "call_mode" in given:
        check_call_mode(model, given["call_mode"], region)
    by_hand = given.get("aspect_ratio") == CUSTOM
    needed = {"aspect_ratio"} | ({"width", "height"} if by_hand else {"resolution"} if model.tiers else set())
    if not needed <= given.keys():
        return None
    sides = given.get("width", 0), given.get("height", 0)
    return check_size(model, given["aspect_ratio"], *sides, given.get("resolution", AUTO))
