"""What the user asked for, checked before anything is sent, as the JSON that the service reads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import catalog
from .catalog import Endpoint, Model, Size
from .catalog.sizes import OneOf
from .errors import InvalidRequest
from .words import Text, join

CUSTOM = "custom"
MAX_SEED = 2**31 - 1  # Qwen-Image and Wan API references
MAX_LINKED_SEED = 2**64 - 1  # of ComfyUI's own nodes
MAX_NEGATIVE_PROMPT = 500  # characters, same references
CALL_MODES = ("auto", "sync", "async")
# Linked values come unchecked.
_TYPES = {
    **dict.fromkeys(("prompt", "model", "aspect_ratio", "negative_prompt", "region", "call_mode", "task_id"), str),
    **dict.fromkeys(("width", "height", "n", "seed"), int),
    **dict.fromkeys(("prompt_extend", "watermark"), bool),
}
# Of a list of prompts.
_LINE_END = re.compile(r"\r\n|\r|\n")
_BLANKS = " \t\u3000"
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")


@dataclass(frozen=True)
class ImageRequest:
    """A request that passed every check: what is sent, and what the user should know about it (`notes`).

    other_endpoint  for sync calls, where the call mode leaves the choice and `endpoint` makes tasks
    identity        the JSON body by which earlier runs of it are known
    """

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
    notes: tuple[Text, ...]
    other_endpoint: Endpoint | None = None
    first_endpoint: Endpoint | None = None  # that it was planned for, where it is called in another mode

    def by_sync_call(self) -> ImageRequest | None:
        """The same request for an account that may use the model by sync calls only; None where it leaves no choice."""
        if self.other_endpoint is None:
            return None
        note = Text(
            "{model} takes no tasks (async calls) with this account, so it was called in sync mode.",
            model=self.model.name,
        )
        return replace(
            self,
            endpoint=self.other_endpoint,
            other_endpoint=None,
            first_endpoint=self.endpoint,
            notes=(*self.notes, note),
        )

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body that is sent."""
        return self._body(self.endpoint)

    @property
    def identity(self) -> dict[str, Any]:
        return self._body(self.first_endpoint or self.endpoint)

    def _body(self, endpoint: Endpoint) -> dict[str, Any]:
        """n, size and seed are always in it: an absent n buys four pictures of Wan (documentation)."""
        parameters: dict[str, Any] = {"size": str(self.size), "n": self.n, "seed": self.seed}
        parameters |= {name: getattr(self, name) for name in ("prompt_extend", "watermark") if name in self.model.takes}
        negative = {"negative_prompt": self.negative_prompt} if "negative_prompt" in self.model.takes else {}
        if endpoint.shape == "prompt":
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
    if not 0 <= seed <= MAX_LINKED_SEED:
        raise InvalidRequest(Text("The seed is out of range."), Text("It goes from 0 to {most}.", most=MAX_SEED))
    endpoint = check_call_mode(entry, call_mode)
    size = check_size(entry, aspect_ratio, width, height)
    return ImageRequest(
        model=entry,
        region=region,
        endpoint=endpoint,
        prompt=prompt,
        size=size,
        n=n,
        seed=seed % (MAX_SEED + 1),
        negative_prompt=negative_prompt,
        prompt_extend=prompt_extend,
        watermark=watermark,
        notes=(
            *size_notes(entry, size),
            *_seed_notes(seed),
            *_prompt_notes(entry, prompt, negative_prompt),
            *_unused_notes(entry, negative_prompt, watermark),
        ),
        other_endpoint=entry.sync if call_mode == "auto" and endpoint.is_async else None,
    )


def check_types(given: Mapping[str, Any]) -> None:
    for name, kind in _TYPES.items():
        if name in given and type(given[name]) is not kind:
            raise InvalidRequest(
                Text("{name} is {value!r:.80}.", name=name, value=given[name]),
                Text("Link or enter a value of type {type}.", type=kind.__name__),
            )


def check_model(name: str, models: Sequence[Model]) -> Model:
    model = catalog.find(name)
    if model is None or model not in models:
        known = ", ".join(model.name for model in models)
        raise InvalidRequest(
            Text("The model {name!r} cannot be used here.", name=name), Text("Choose one of {choices}.", choices=known)
        )
    return model


def check_prompt(prompt: str) -> None:
    if not prompt.strip():
        raise InvalidRequest(Text("The prompt is empty."), Text("Describe the picture you want."))
    check_text("prompt", prompt)


def prompts_in(text: str) -> list[str]:
    """One prompt per line, without the empty ones. Raises InvalidRequest where there is none."""
    lines = (line.strip(_BLANKS) for line in _LINE_END.split(text))
    prompts = [line for line in lines if line]
    if not prompts:
        raise InvalidRequest(Text("The list holds no prompt."), Text("Write one prompt per line."))
    return prompts


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
    if not 1 <= n <= model.max_n:
        raise InvalidRequest(
            Text("{model} cannot make {n} pictures in one request.", model=model.name, n=n),
            Text("Set n to 1.") if model.max_n == 1 else Text("Set n to 1 to {most}.", most=model.max_n),
        )


def check_call_mode(model: Model, call_mode: str) -> Endpoint:
    """The endpoint for a call mode. `auto` prefers tasks: a task has an id by which its pictures can be found again."""
    endpoints = {"auto": model.task or model.sync, "sync": model.sync, "async": model.task}
    if call_mode not in endpoints:
        raise InvalidRequest(
            Text("call_mode {call_mode!r} is unknown.", call_mode=call_mode),
            Text("Choose one of {choices}.", choices=", ".join(CALL_MODES)),
        )
    endpoint = endpoints[call_mode]
    if endpoint is None:
        possible = [mode for mode, found in endpoints.items() if found]
        raise InvalidRequest(
            Text("{model} cannot be called in mode {call_mode}.", model=model.name, call_mode=call_mode),
            Text("Set call_mode to {modes}.", modes=join("{before} or {after}", possible)),
        )
    return endpoint


def check_size(model: Model, aspect_ratio: str, width: int, height: int) -> Size:
    """The size in pixels. Refused is what no source (specification, documentation, live servers) says works."""
    if aspect_ratio != CUSTOM:
        if aspect_ratio not in model.ratio_sizes:
            choices = ", ".join((*catalog.ASPECT_RATIOS, CUSTOM))
            raise InvalidRequest(
                Text("aspect_ratio {aspect_ratio!r} is unknown.", aspect_ratio=aspect_ratio),
                Text("Choose one of {choices}.", choices=choices),
            )
        return model.ratio_sizes[aspect_ratio]
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
        check_call_mode(model, given["call_mode"])
    needed = {"aspect_ratio"} | ({"width", "height"} if given.get("aspect_ratio") == CUSTOM else set())
    if not needed <= given.keys():
        return None
    return check_size(model, given["aspect_ratio"], given.get("width", 0), given.get("height", 0))


def size_notes(model: Model, size: Size) -> list[Text]:
    """Where sources disagree about the size."""
    return [
        Text(
            "{size} may be refused by {model}: it takes {rule} ({source}).",
            size=size,
            model=model.name,
            rule=rule.text,
            source=rule.source,
        )
        for rule in model.size_rules
        if not rule.accepts(size)
    ]


def _seed_notes(seed: int) -> list[Text]:
    """Linked seeds go further than the service's. The same one always means the same request."""
    facts = {"seed": seed, "most": MAX_SEED, "sent": seed % (MAX_SEED + 1)}
    told = Text("The service takes seeds up to {most}: {seed} was sent as {sent}.", **facts)
    return [told] if seed > MAX_SEED else []


def _prompt_notes(model: Model, prompt: str, negative_prompt: str) -> list[Text]:
    notes = []
    limit = model.prompt_limit
    length = len(prompt) if limit.unit == "characters" else _about_tokens(prompt)
    if length > limit.length:
        facts = {"length": length, "model": model.name, "limit": limit.length}
        notes.append(
            Text(
                "The prompt has {length} characters; {model} reads about the first {limit} and drops the rest "
                "silently.",
                **facts,
            )
            if limit.unit == "characters"
            else Text(
                "The prompt has about {length} tokens; {model} reads about the first {limit} and drops the rest "
                "silently.",
                **facts,
            )
        )
    if len(negative_prompt) > MAX_NEGATIVE_PROMPT:
        notes.append(
            Text(
                "The negative prompt has {length} characters; the service reads the first {limit}.",
                length=len(negative_prompt),
                limit=MAX_NEGATIVE_PROMPT,
            )
        )
    return notes


def _unused_notes(model: Model, negative_prompt: str, watermark: bool) -> list[Text]:
    unused = {"negative_prompt": bool(negative_prompt.strip()), "watermark": watermark}
    return [
        Text("{model} takes no {name}; it was not sent.", model=model.name, name=name)
        for name, used in unused.items()
        if used and name not in model.takes
    ]


def _about_tokens(text: str) -> int:
    """A rough count: one token for each CJK character, one for each four others."""
    cjk = len(_CJK.findall(text))
    return cjk + (len(text) - cjk + 3) // 4
