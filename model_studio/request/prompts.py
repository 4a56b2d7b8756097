"""Several prompts in one text."""

from __future__ import annotations

import re

from ..errors import InvalidRequest
from ..words import Text

_LINE_END = re.compile(r"\r\n|\r|\n")
_BLANKS = " \t\u3000"


def prompts_in(text: str) -> list[str]:
    """One prompt per line, without the empty ones. Raises InvalidRequest where there is none."""
    lines = (line.strip(_BLANKS) for line in _LINE_END.split(text))
    prompts = [line for line in lines if line]
    if not prompts:
        raise InvalidRequest(Text("The list holds no prompt."), Text("Write one prompt per line."))
    return prompts
