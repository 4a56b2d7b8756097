"""What `info` tells users of a run: JSON-ready, without secrets and without signed links."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from ..request import ImageRequest
from ..service.answers import Drawn
from ..waiting import Waiting
from ..words import Text
from .pictures import Picture

# Where a result came from.
NEW = "new"
RESUMED = "resumed"  # a task or finished pictures of an earlier run were taken up; nothing was sent that costs
STORED = "from store"  # no request at all


def of_request(request: ImageRequest) -> dict[str, Any]:
    return {
        "model": request.model.ids[request.region],
        "region": request.region,
        "call_mode": "async" if request.endpoint.is_async else "sync",
        "seed": request.seed,
    }


def cost(request: ImageRequest, count: int, source: str, is_sent: bool) -> dict[str, Any] | None:
    """At list price; None where none is known. What was paid for by an earlier run costs nothing now.

    `is_sent`: whether it was sent, and so paid for, by this run.
    """
    if request.price is None:
        return None
    amount, currency = request.price
    basis = (
        Text("list price ({source})", source=request.model.sources["prices"])
        if is_sent
        else Text("{source}: paid for before", source=source)
    )
    return {"amount": round(amount * count, 4) if is_sent else 0.0, "currency": currency, "basis": basis}


def surprises(request: ImageRequest, got: list[Picture]) -> list[Text]:
    """Notes on what is not as it was asked for."""
    notes = []
    if len(got) != request.n:
        notes.append(Text("{n} pictures were asked for, {count} came.", n=request.n, count=len(got)))
    other = dict.fromkeys(picture.size for picture in got if picture.size != str(request.size))
    if other:
        notes.append(
            Text("{size} was asked for; the service drew {others}.", size=request.size, others=", ".join(other))
        )
    return notes


def used_prompt(drawn: Iterable[Drawn]) -> str:
    """The prompts the service tells, one a line where they differ."""
    return "\n".join(dict.fromkeys(prompt for one in drawn for prompt in one.used_prompts))


def sizes(got: list[Picture]) -> str:
    return joined(picture.size for picture in got)


def times(waiting: Waiting, drawing_seconds: float, of_task: Mapping[str, str] | None = None) -> dict[str, Any]:
    told = {"task_utc+8": dict(of_task)} if of_task is not None else {}
    return {
        "finished_at": written(time.time()),
        "drawing_seconds": round(drawing_seconds, 1),
        "total_seconds": round(waiting.elapsed, 1),
        **told,
    }


def written(when: float) -> str:
    """Seconds since 1970 as local time with its offset from UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(when))


def joined(texts: Iterable[str | None]) -> str:
    return ", ".join(dict.fromkeys(filter(None, texts)))
