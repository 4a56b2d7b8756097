r"""Words chosen by a seed: `a {red|blue|{dark|light} green} boat`; a backslash before { | } # \ takes it as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from ..errors import InvalidRequest
from ..words import Text

_PART = re.compile(r"\\[{|}#\\]|[{|}]|[^{|}\\]+|\\")
MAX_DEPTH = 50  # braces inside braces


@dataclass
class _Choice:
    """What may stand in a pair of braces: options, each a row of texts and choices. `number`: of its first brace."""

    number: int
    options: list[list[str | _Choice]] = field(default_factory=lambda: [[]])


def chosen(text: str, seed: str) -> str:
    """The text with one option for each pair of braces, always the same for the same text and seed.

    An option may be empty, and hold braces itself. Raises InvalidRequest where a brace has no other: it is a slip, and
    what would be drawn of it is paid for.
    """
    return "".join(_spoken(_parsed(text), f"{seed} {text}"))


def _parsed(text: str) -> list[str | _Choice]:
    whole = _Choice(0)
    open_choices = [whole]
    number = 0
    for part in _PART.findall(text):
        choice = open_choices[-1]
        if part == "{":
            number += 1
            inner = _Choice(number)
            choice.options[-1].append(inner)
            open_choices.append(inner)
        elif part == "|" and choice is not whole:
            choice.options.append([])
        elif part == "}":
            open_choices.pop()
        else:
            choice.options[-1].append(part[1:] if len(part) == 2 and part[0] == "\\" else part)
        if not 0 < len(open_choices) <= MAX_DEPTH:
            break
    if len(open_choices) != 1:
        raise InvalidRequest(
            Text("Braces do not fit together in the prompt {prompt!r:.80}.", prompt=text),
            Text("Close each with its other, or put a backslash before one that is meant as text."),
        )
    return whole.options[0]


def _spoken(row: list[str | _Choice], seed: str) -> Iterator[str]:
    for part in row:
        if isinstance(part, str):
            yield part
        else:
            # No generator of Python's, which may change between versions: a prompt that changes is paid for again.
            digest = sha256(f"{part.number} {seed}".encode("utf-8", "surrogatepass")).digest()
            yield from _spoken(part.options[int.from_bytes(digest[:8], "big") % len(part.options)], seed)
