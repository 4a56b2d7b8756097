"""What the user asked for, checked before anything is sent, as the JSON that the service reads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import catalog
from .catalog import Endpoint, Model, Size
from .catalog.sizes import OneOf
from .errors import InvalidRequest

CUSTOM = "custom"
MAX_SEED = 2**31 - 1  # Qwen-Image and Wan API references
MAX_NEGATIVE_PROMPT = 500  # characters, same references
CALL_MODES = ("auto", "sync", "async")
# Linked values come unchecked.
_TYPES = {
    **dict.fromkeys(("prompt", "model", "aspect_ratio", "negative_prompt", "region", "call_mode"), str),
    **dict.fromkeys(("width", "height", "n", "seed"), int),
    **dict.fromkeys(("prompt_extend", "watermark"), bool),
}
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")


@dataclass(frozen=True)
class ImageRequest:
    """A request that passed every check: what is sent, and what the user should know about it (`notes`)."""

    model: Model
    region: str
    endpoint: Endpoint
    prompt: str
    size: Size
    n: int
    seed: int
    negative_prompt: str
    prompt_extend: bool
    watermark: bool
    notes: tuple[str, ...]

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body. n, size and seed are always in it: an absent n buys four pictures of Wan (documentation)."""
        parameters: dict[str, Any] = {"size": str(self.size), "n": self.n, "seed": self.seed}
        parameters |= {name: getattr(self, name) for name in ("prompt_extend", "watermark") if name in self.model.takes}
        negative = {"negative_prompt": self.negative_prompt} if "negative_prompt" in self.model.takes else {}
        if self.endpoint.shape == "prompt":
            # The prompt shape reads the negative prompt beside the prompt (specification, SDK).
            wanted: dict[str, Any] = {"prompt": self.prompt} | negative
        else:
            wanted = {"messages": [{"role": "user", "content": [{"text": self.prompt}]}]}
            parameters |= negative
        return {"model": self.model.ids[self.region], "input": wanted, "parameters": parameters}

    @property
    def price(self) -> tuple[float, str] | None:
        """List price of one picture as (amount, currency)."""
        return self.model.price(self.region, self.size, self.prompt_extend)


def plan(
    *,
    models: Sequence[Model] = catalog.ALL_MODELS,
    prompt: str,
    model: str,
    aspect_ratio: str,
    width: int,
    height: int,
    n: int,
    seed: int,
    negative_prompt: str,
    prompt_extend: bool,
    watermark: bool,
    region: str,
    call_mode: str,
) -> ImageRequest:
    """Checks everything and gives the request to send. Raises InvalidRequest with what would work instead.

    `models` are those to choose from; `region` is a real one (see regions.api_host); width and height in pixels count
    only for aspect_ratio `custom`.
    """
    check_types(locals())
    entry = check_model(model, models)
    check_prompt(prompt)
    check_text("negative_prompt", negative_prompt)
    check_region(entry, region)
    check_n(entry, n)
    if not 0 <= seed <= MAX_SEED:
        raise InvalidRequest(f"seed {seed} is out of range.", f"It goes from 0 to {MAX_SEED}.")
    endpoint = check_call_mode(entry, call_mode)
    size = check_size(entry, aspect_ratio, width, height)
    return ImageRequest(
        model=entry,
        region=region,
        endpoint=endpoint,
        prompt=prompt,
        size=size,
        n=n,
        seed=seed,
        negative_prompt=negative_prompt,
        prompt_extend=prompt_extend,
        watermark=watermark,
        notes=(
            *size_notes(entry, size),
            *_prompt_notes(entry, prompt, negative_prompt),
            *_unused_notes(entry, negative_prompt, watermark),
        ),
    )


def check_types(given: Mapping[str, Any]) -> None:
    for name, kind in _TYPES.items():
        if name in given and type(given[name]) is not kind:
            raise InvalidRequest(f"{name} is {given[name]!r:.80}.", f"Link or enter a value of type {kind.__name__}.")


def check_model(name: str, models: Sequence[Model]) -> Model:
    model = catalog.find(name)
    if model is None or model not in models:
        known = ", ".join(model.name for model in models)
        raise InvalidRequest(f"The model {name!r} cannot be used here.", f"Choose one of {known}.")
    return model


def check_prompt(prompt: str) -> None:
    if not prompt.strip():
        raise InvalidRequest("The prompt is empty.", "Describe the picture you want.")
    check_text("prompt", prompt)


def prompts_in(text: str) -> list[str]:
    """One prompt per line, without the empty ones. Raises InvalidRequest where there is none."""
    prompts = [line.strip() for line in text.splitlines() if line.strip()]
    if not prompts:
        raise InvalidRequest("The list holds no prompt.", "Write one prompt per line.")
    return prompts


def check_text(name: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            f"The {name} holds half of a character (U+{ord(value[error.start]):04X}, number {error.start + 1}).",
            "Delete it, or enter it anew; it is often an emoji that was cut in two.",
        ) from None


def check_region(model: Model, region: str) -> None:
    if region not in model.ids:
        raise InvalidRequest(
            f"{model.name} is not offered in region {region}.",
            f"It is in {' and '.join(model.ids)}; or choose another model.",
        )


def check_n(model: Model, n: int) -> None:
    if not 1 <= n <= model.max_n:
        allowed = "1" if model.max_n == 1 else f"1 to {model.max_n}"
        raise InvalidRequest(f"{model.name} cannot make {n} pictures in one request.", f"Set n to {allowed}.")


def check_call_mode(model: Model, call_mode: str) -> Endpoint:
    """The endpoint for a call mode. `auto` prefers tasks: a task has an id by which its pictures can be found again."""
    endpoints = {"auto": model.task or model.sync, "sync": model.sync, "async": model.task}
    if call_mode not in endpoints:
        raise InvalidRequest(f"call_mode {call_mode!r} is unknown.", f"Choose one of {', '.join(CALL_MODES)}.")
    endpoint = endpoints[call_mode]
    if endpoint is None:
        possible = [mode for mode, found in endpoints.items() if found]
        raise InvalidRequest(
            f"{model.name} cannot be called in mode {call_mode}.", f"Set call_mode to {' or '.join(possible)}."
        )
    return endpoint


def check_size(model: Model, aspect_ratio: str, width: int, height: int) -> Size:
    """The size in pixels. Refused is what no source (specification, documentation, live servers) says works."""
    if aspect_ratio != CUSTOM:
        if aspect_ratio not in model.ratio_sizes:
            choices = ", ".join((*catalog.ASPECT_RATIOS, CUSTOM))
            raise InvalidRequest(f"aspect_ratio {aspect_ratio!r} is unknown.", f"Choose one of {choices}.")
        return model.ratio_sizes[aspect_ratio]
    size = Size(width, height)
    if min(width, height) < 1 or not any(rule.accepts(size) for rule in model.size_rules):
        rule = model.size_rules[-1]
        recommended = f" Recommended: {', '.join(map(str, model.ratio_sizes.values()))}."
        raise InvalidRequest(
            f"{model.name} cannot draw {size}.", f"It takes {rule}." + ("" if isinstance(rule, OneOf) else recommended)
        )
    return size


def size_notes(model: Model, size: Size) -> list[str]:
    """Where sources disagree about the size."""
    return [
        f"{size} may be refused by {model.name}: it takes {rule} ({rule.source})."
        for rule in model.size_rules
        if not rule.accepts(size)
    ]


def _prompt_notes(model: Model, prompt: str, negative_prompt: str) -> list[str]:
    notes = []
    limit = model.prompt_limit
    length = len(prompt) if limit.unit == "characters" else _about_tokens(prompt)
    if length > limit.length:
        about = "" if limit.unit == "characters" else "about "
        notes.append(
            f"The prompt has {about}{length} {limit.unit}; {model.name} reads about the first {limit.length} "
            "and drops the rest without a word."
        )
    if len(negative_prompt) > MAX_NEGATIVE_PROMPT:
        notes.append(
            f"The negative prompt has {len(negative_prompt)} characters; the service reads the first "
            f"{MAX_NEGATIVE_PROMPT}."
        )
    return notes


def _unused_notes(model: Model, negative_prompt: str, watermark: bool) -> list[str]:
    unused = {"negative_prompt": bool(negative_prompt.strip()), "watermark": watermark}
    return [
        f"{model.name} takes no {name}; it was not sent."
        for name, used in unused.items()
        if used and name not in model.takes
    ]


def _about_tokens(text: str) -> int:
    """A rough count: one token for each CJK character, one for each four others."""
    cjk = len(_CJK.findall(text))
    return cjk + (len(text) - cjk + 3) // 4
