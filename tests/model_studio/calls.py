"""A quick call, and the beginning of a good answer, for tests of single exchanges."""

from __future__ import annotations

from typing import Any

from model_studio.service.exchange import Call, Timeouts

QUICK = Timeouts(connect=1, read=0.3, total=0.6)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def call(url: str, **changes: Any) -> Call:
    return Call(**{"method": "GET", "url": url, "timeouts": QUICK, **changes})
