"""How long to pause before something is sent again: as the service asks, else doubling with each try."""

from __future__ import annotations

import random

from .exchange import Answer, is_number

FIRST_PAUSE = 1.0  # seconds, doubled with each try
LONGEST_PAUSE = 8.0
LONGEST_PAUSE_PER_MINUTE = 30.0  # where the limit is one of minutes
LONGEST_RETRY_AFTER = 120


def doubled(tries: int, longest: float = LONGEST_PAUSE) -> float:
    """Seconds before the next try after so many (1: the first) in a row, with jitter."""
    pause: float = FIRST_PAUSE * 2 ** min(max(tries - 1, 0), 10)
    return min(pause, longest) * random.uniform(0.75, 1.0)


def retry_after(answer: Answer) -> float:
    """Seconds the service asks to wait, 0 where it asks for nothing or nothing sane."""
    asked = answer.headers.get("Retry-After", "")
    return float(asked) if is_number(asked) and int(asked) <= LONGEST_RETRY_AFTER else 0.0
