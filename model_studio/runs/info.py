"""What `info` tells users of a run: JSON-ready, without secrets and without signed links."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..request import ImageRequest
from ..service.answers import Drawn
from ..waiting import Waiting
from ..words import Text, money
from .pictures import Picture

# Where a result came from.
NEW = "new"
CREDITS = "plan credits"  # in place of a currency
RESUMED = "resumed"  # a task or finished pictures of an earlier run were taken up; nothing was sent that costs
STORED = "from store"  # no request at all


@dataclass(frozen=True)
class Bill:
    """How many pictures were billed, or will be, and the list price of one (amount, currency)."""

    count: int
    price: tuple[float, str] | None


def of_request(request: ImageRequest) -> dict[str, Any]:
    return {
        "model": request.model.ids[request.region],
        "region": request.region,
        "call_mode": "async" if request.endpoint.is_async else "sync",
        "seed": request.seed,
    }


def cost(request: ImageRequest, bill: Bill, source: str, is_sent: bool) -> dict[str, Any] | None:
    """At list price; None where none is known. What was paid for by an earlier run costs nothing now.

    `is_sent`: whether it was sent, and so paid for, by this run.
    """
    if request.in_credits:
        credits = Text("credits of the Token Plan; how many is not published here")
        return {"amount": None if is_sent else 0.0, "currency": CREDITS, "basis": credits}
    if bill.price is None:
        return None
    amount, currency = bill.price
    basis = (
        Text("list price ({source})", source=request.model.sources["prices"])
        if is_sent
        else Text("{source}: paid for before", source=source)
    )
    return {"amount": round(amount * bill.count, 4) if is_sent else 0.0, "currency": currency, "basis": basis}


def differences(request: ImageRequest, bill: Bill, came: int) -> list[Text]:
    """Notes on a bill that is not as it was planned, or does not fit what came."""
    notes = []
    if bill.count != came:
        notes.append(Text("Pictures that came: {count}; pictures billed: {billed}.", billed=bill.count, count=came))
    if bill.price and request.price and bill.price != request.price:
        facts = {"billed": money(*bill.price), "planned": money(*request.price)}
        notes.append(Text("The service billed {billed} a picture; {planned} was expected.", **facts))
    return notes


def surprises(request: ImageRequest, got: list[Picture]) -> list[Text]:
    """Notes on what is not as it was asked for."""
    notes = []
    if request.model.is_set and len(got) < request.n:
        notes.append(Text("The model made a set of {count}; up to {n} were asked for.", n=request.n, count=len(got)))
    elif len(got) != request.n:
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
