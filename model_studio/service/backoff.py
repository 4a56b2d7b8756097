"""How long to pause before something is sent again: as the service asks, else doubling with each try."""

from __future__ import annotations

import random
import time

from .exchange import Answer, http_date, is_number

FIRST_PAUSE = 1.0  # seconds, doubled with each try
LONGEST_PAUSE = 8.0
LONGEST_PAUSE_PER_MINUTE = 30.0  # where the limit is one of minutes
LONGEST_RETRY_AFTER = 24 * 3600.0


def doubled(tries: int, longest: float = LONGEST_PAUSE) -> float:
    """Seconds before the next try after so many (1: the first) in a row, with jitter."""
    pause: float = FIRST_PAUSE * 2 ** min(max(tries - 1, 0), 10)
    return min(pause, longest) * random.uniform(0.75, 1.0)


def retry_after(answer: Answer) -> float:
    """Seconds the service asks to wait, at most a day; 0 where it asks for nothing or nothing sane.

    Seconds or a date (RFC 9110), which counts by the service's own clock where the answer tells it.
    """
    asked = answer.headers.get("Retry-After", "")
    if is_number(asked):
        return min(float(asked), LONGEST_RETRY_AFTER)
    until = http_date(asked)
    if until is None:
        return 0.0
    now = http_date(answer.headers.get("Date", ""))
    return min(max(until - (time.time() if now is None else now), 0.0), LONGEST_RETRY_AFTER)
