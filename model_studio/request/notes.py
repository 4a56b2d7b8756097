"""What a user should know of a request that is sent all the same."""

from __future__ import annotations

import re

from ..catalog import Model, Size
from ..words import Text
from .checks import MAX_SEED

MAX_NEGATIVE_PROMPT = 500  # characters; Qwen-Image and Wan API references
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")


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


def seed_notes(seed: int) -> list[Text]:
    """Linked seeds go further than the service's. The same one always means the same request."""
    facts = {"seed": seed, "most": MAX_SEED, "sent": seed % (MAX_SEED + 1)}
    told = Text("The service takes seeds up to {most}: {seed} was sent as {sent}.", **facts)
    return [told] if seed > MAX_SEED else []


def prompt_notes(model: Model, prompt: str, negative_prompt: str) -> list[Text]:
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


def unused_notes(model: Model, negative_prompt: str, watermark: bool) -> list[Text]:
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
