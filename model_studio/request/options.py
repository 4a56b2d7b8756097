"""Inputs that only newer models read. Their defaults are the service's own and are not sent.

So a request that uses none of them stays what it was before there were any, and is found in the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..catalog import Model
from ..errors import InvalidRequest
from ..words import Text
from . import palette

AUTO = "auto"
RESOLUTIONS = (AUTO, "1K", "2K", "4K")
EXTEND_MODES = ("direct", "agent")
NAMES = ("resolution", "prompt_extend_mode", "thinking", "color_palette")


@dataclass(frozen=True)
class Options:
    """As a node has them; `color_palette` is the text of a palette, empty for none."""

    resolution: str = AUTO
    prompt_extend_mode: str = EXTEND_MODES[0]
    thinking: bool = True
    color_palette: str = ""

    def used(self) -> list[str]:
        """Those that are not as they are by default."""
        return [name for name in NAMES if getattr(self, name) != getattr(Options, name)]


def applies(model: Model, name: str, prompt_extend: bool) -> bool:
    """Whether the model reads it. How a prompt is rewritten counts only where it is (API reference)."""
    if name == "resolution":
        return bool(model.tiers)
    of_rewriting = name != "color_palette" and "prompt_extend" in model.takes
    return name in model.takes and (prompt_extend or not of_rewriting)


def on_wire(model: Model, options: Options, prompt_extend: bool) -> dict[str, Any]:
    """The parameters that are sent for them. Raises InvalidRequest."""
    check(options)
    values: dict[str, Any] = {"prompt_extend_mode": options.prompt_extend_mode, "thinking": options.thinking}
    if options.color_palette:
        values["color_palette"] = palette.on_wire(palette.parse(options.color_palette))
    sent = [name for name in options.used() if name in values and applies(model, name, prompt_extend)]
    return {model.wire[name]: values[name] for name in sent}


def check(options: Options) -> None:
    choices: Mapping[str, tuple[str, ...]] = {"resolution": RESOLUTIONS, "prompt_extend_mode": EXTEND_MODES}
    for name, known in choices.items():
        if getattr(options, name) not in known:
            raise InvalidRequest(
                Text("{name} {value!r:.80} is unknown.", name=name, value=getattr(options, name)),
                Text("Choose one of {choices}.", choices=", ".join(known)),
            )


def notes(model: Model, options: Options, prompt_extend: bool) -> list[Text]:
    """On those that are not sent."""
    return [_note(model, name) for name in options.used() if not applies(model, name, prompt_extend)]


def _note(model: Model, name: str) -> Text:
    if name == "resolution":
        return Text("{model} has no resolutions to choose from; it draws its own sizes.", model=model.name)
    if name in model.takes:
        return Text("{name} was not sent: it is read together with prompt_extend only.", name=name)
    return Text("{model} takes no {name}; it was not sent.", model=model.name, name=name)
