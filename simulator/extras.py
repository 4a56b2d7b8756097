"""Parameters that only newer models read: picture sets, colours, the prompt agent. Which model reads which is data.

What they allow is of the API documentation; the words of a refusal were never recorded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

SET_MOST = 12  # pictures of a set (wan2.7-image; API documentation)
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_SHARE = re.compile(r"(\d{1,3}\.\d{2})%")
_SCENE = re.compile(r"(?:^|[\s。；！？])\d{1,2}[.)、．：:]")

Parameters = Mapping[str, Any]


def refusal(names: frozenset[str], parameters: Parameters) -> str | None:
    """Why the service refuses what was given of these parameters; None: it does not."""
    given = {name: parameters[name] for name in sorted(names) if parameters.get(name) is not None}
    return next((why for name, value in given.items() if (why := _CHECKS[name](value, parameters))), None)


def is_set(names: frozenset[str], parameters: Parameters) -> bool:
    return "enable_sequential" in names and parameters.get("enable_sequential") is True


def scenes(prompt: str, most: int) -> int:
    """How many pictures of a set are drawn: the model decides. Here by the numbers before the scenes of the prompt."""
    return min(len(_SCENE.findall(prompt)) or most, most)


def _flag(name: str) -> Callable[[Any, Parameters], str | None]:
    return lambda value, parameters: None if isinstance(value, bool) else f"{name} must be a boolean"


def _thinking_mode(value: Any, parameters: Parameters) -> str | None:
    if parameters.get("enable_sequential"):
        return "thinking_mode is not supported when enable_sequential is true"
    return _flag("thinking_mode")(value, parameters)


def _palette(value: Any, parameters: Parameters) -> str | None:
    if parameters.get("enable_sequential"):
        return "color_palette is not supported when enable_sequential is true"
    if not isinstance(value, list) or not 3 <= len(value) <= 10:
        return "color_palette must hold 3 to 10 colors"
    colours = [item if isinstance(item, dict) else {} for item in value]
    if not all(_COLOUR.fullmatch(str(colour.get("hex"))) for colour in colours):
        return "color_palette: hex must look like #RRGGBB"
    shares = [_SHARE.fullmatch(str(colour.get("ratio"))) for colour in colours]
    hundredths = [int(share[1].replace(".", "")) for share in shares if share]
    return (
        None
        if len(hundredths) == len(shares) and sum(hundredths) == 10000
        else "color_palette: ratio must sum to 100.00%"
    )


def _mode(value: Any, parameters: Parameters) -> str | None:
    if value not in ("direct", "agent"):
        return "prompt_extend_mode must be direct or agent"
    return _with_rewriting("prompt_extend_mode", parameters)


def _enable_thinking(value: Any, parameters: Parameters) -> str | None:
    return _flag("enable_thinking")(value, parameters) or _with_rewriting("enable_thinking", parameters)


def _with_rewriting(name: str, parameters: Parameters) -> str | None:
    return f"{name} needs prompt_extend" if parameters.get("prompt_extend") is False else None


_CHECKS: Mapping[str, Callable[[Any, Parameters], str | None]] = {
    "enable_sequential": _flag("enable_sequential"),
    "thinking_mode": _thinking_mode,
    "color_palette": _palette,
    "prompt_extend_mode": _mode,
    "enable_thinking": _enable_thinking,
}
OF_WAN_2_7 = frozenset({"enable_sequential", "thinking_mode", "color_palette"})
OF_QWEN_3 = frozenset({"prompt_extend_mode", "enable_thinking"})
