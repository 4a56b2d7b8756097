"""Several prompts in one text: lines or blocks, comments, words chosen by a seed; and file names that follow them."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from ..errors import InvalidRequest
from ..words import Text
from .wildcards import chosen

LINES, BLOCKS = "lines", "blocks"
SPLITS = (LINES, BLOCKS)
MAX_NAME = 60  # characters of a file name; four bytes each at most, and file systems take 255

_LINE_END = re.compile(r"\r\n|\r|\n")
_BLANKS = " \t\u3000"
_RULE = "---"  # the line between two blocks
_COMMENT = "#"


def prompts_in(prompts: str, split: str = LINES, wildcards: bool = False, seed: int = 0) -> list[str]:
    """The prompts of a text, one per line or per block, without the empty ones.

    Blocks are separated by empty lines or lines `---`. `wildcards`: lines that begin with `#` are left out, and of
    `{a|b}` the seed chooses one (see wildcards); without it, all of that is text like any other, as it was before there
    were any. Raises InvalidRequest where there is no prompt, or a brace has no other.
    """
    if split not in SPLITS:
        raise InvalidRequest(
            Text("{name} is {value!r:.80}.", name="split", value=split),
            Text("Choose one of {choices}.", choices=", ".join(SPLITS)),
        )
    lines = [line.strip(_BLANKS) for line in _LINE_END.split(prompts)]
    if wildcards:
        lines = [line for line in lines if not line.startswith(_COMMENT)]
    items = [item for item in (lines if split == LINES else _blocks(lines)) if item]
    found = list(filter(None, _each_chosen(items, seed) if wildcards else items))
    if not found:
        advice = Text("Write one prompt per line.") if split == LINES else Text("Write one prompt per block.")
        raise InvalidRequest(Text("The list holds no prompt."), advice)
    return found


def file_names(prompts: Sequence[str]) -> list[str]:
    """For each prompt a part of a file name, as "01-a-red-boat": its number and its first words.

    Letters, marks and digits of any script stay, and hyphens for all else: no path, no token of SaveImage such as
    %date%, no name that an operating system keeps for itself.
    """
    digits = max(2, len(str(len(prompts))))
    return [_file_name(f"{number:0{digits}}", prompt) for number, prompt in enumerate(prompts, 1)]


def _blocks(lines: Sequence[str]) -> list[str]:
    blocks = [list[str]()]
    for line in lines:
        if line in ("", _RULE):
            blocks.append([])
        else:
            blocks[-1].append(line)
    return ["\n".join(block) for block in blocks]


def _each_chosen(items: Sequence[str], seed: int) -> list[str]:
    """Equal texts choose each for itself. Another text between them changes none, so that only it is bought anew."""
    seen = Counter[str]()
    prompts = []
    for item in items:
        prompts.append(chosen(item, f"{seed} {seen[item]}").strip(_BLANKS + "\n"))
        seen[item] += 1
    return prompts


def _file_name(number: str, prompt: str) -> str:
    kept = (char if unicodedata.category(char)[0] in "LMN" else " " for char in unicodedata.normalize("NFC", prompt))
    name = number
    for word in "".join(kept).split():
        if len(name) + 1 + len(word) > MAX_NAME:
            # A script without blanks is one long word; of others, a word is whole or left out.
            return f"{name}-{word}"[:MAX_NAME] if name == number else name
        name += f"-{word}"
    return name
