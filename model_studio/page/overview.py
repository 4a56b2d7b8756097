"""The ledger as the page's panel lists it: JSON-ready, without keys, signed links and paths of this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..errors import PictureError
from ..ledger import DRAWN, FAILED, SUBMITTED, Entry, Ledger
from ..runs import looking
from ..runs.leftovers import LIFETIME
from ..runs.looking import Found
from ..runs.pictures import decode, image_of, jpeg
from ..service import tasks
from .recent import in_short
from .states import CANCELED, READY, state_of, why

PROMPT_LENGTH = 300  # characters
THUMBNAIL_SIDE = 192  # pixels at most

# The page's words for what is found of a task and not written down; any other is under way.
_FOUND = {
    tasks.PENDING: "pending",
    tasks.RUNNING: "running",
    tasks.SUCCEEDED: READY,
    tasks.FAILED: FAILED,
    tasks.CANCELED: CANCELED,
    tasks.UNKNOWN: "unknown",
    looking.UNASKED: "unasked",
    looking.UNANSWERED: "unanswered",
}

# How a record's pictures can be fetched again free of charge.
POLLER = "poller"  # by a Task Poller with its task id
NODE = "node"  # by running its node again


@dataclass(frozen=True)
class Terms:
    """What the settings say. `reuse`: whether pictures of the store are used again; `today`: a moment of it, in seconds
    since 1970 (None: by this machine's clock).
    """

    budgets: Mapping[str, Decimal]
    reuse: bool
    today: float | None = None


def page(ledger: Ledger, terms: Terms, limit: int, before: int | None, search: str) -> dict[str, Any]:
    """The last `limit` records (see Ledger.recent) and whether there are older ones; today's sums and budgets.

    Blocking. Raises LedgerUnavailable.
    """
    entries = ledger.recent(limit + 1, before=before, search=search)
    return {
        "records": [shown(entry, terms.reuse, ledger.now()) for entry in entries[:limit]],
        "more": len(entries) > limit,
        "spent": ledger.spent_today(terms.today),
        "budget": {currency: float(amount) for currency, amount in terms.budgets.items()} or None,
    }


def shown(entry: Entry, reuse: bool, now: float) -> dict[str, Any]:
    """A record; `reuse`: whether pictures of the store are used again. `why` may be a Text."""
    asked = entry.asked
    return {
        "id": entry.id,
        "when": entry.created,
        "model": asked.model,
        "region": asked.region,
        "prompt": in_short(asked.prompt, PROMPT_LENGTH),
        "size": asked.size,
        "n": len(entry.drawn.links) or asked.n if asked.is_set else asked.n,
        "seed": asked.seed,
        "state": state_of(entry, now),
        "why": why(entry, now),
        "cost": _cost(entry),
        "task_id": entry.task_id,
        "pictures": len(entry.drawn.links),
        "thumbnails": sorted(entry.files),
        "again": _again(entry, reuse, now),
    }


def found(looked: Sequence[Found]) -> list[dict[str, Any]]:
    """What the service says of open tasks beyond the ledger: with the words of `shown`, or the service's."""
    return [{"id": each.entry.id, "state": _FOUND.get(each.state, SUBMITTED), "why": each.why} for each in looked]


def thumbnail(ledger: Ledger, entry_id: int, number: int) -> bytes | None:
    """A stored picture as a small JPEG; None where there is none that can be opened. Blocking."""
    content = ledger.picture(entry_id, number)
    if content is None:
        return None
    try:
        pixels = decode(content, "the store").shown
    except PictureError:
        return None
    image = image_of(pixels)
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return jpeg(image)


def _cost(entry: Entry) -> dict[str, Any] | None:
    """At list price; None where nothing is billed or no price is known."""
    if entry.asked.price is None or not entry.billed:
        return None
    amount, currency = entry.asked.price
    return {"amount": round(amount * entry.billed, 4), "currency": currency}


def _again(entry: Entry, reuse: bool, now: float) -> str | None:
    from_store = entry.is_stored and reuse
    if entry.task_id is None:
        return NODE if from_store and entry.asked.fingerprint else None
    at_service = entry.state in (SUBMITTED, DRAWN) and entry.created + LIFETIME > now
    return POLLER if from_store or at_service else None
