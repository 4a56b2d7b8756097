"""How far a request got, in the words of whoever asked for it."""

from __future__ import annotations

from ..ledger import DRAWN, FAILED, LOST, SENDING, SUBMITTED, UNCERTAIN, Entry, Reason
from ..runs.leftovers import LIFETIME
from ..service.advice import service_error
from ..words import Text

# Beside those of the ledger.
STORED = "stored"  # every picture is in the store
READY = "ready"  # the service has the pictures
EXPIRED = "expired"  # nobody fetched them as long as it had them
CANCELED = "canceled"
REPLACED = "replaced"

STATE_TEXTS = {
    SENDING: Text("being sent"),
    UNCERTAIN: Text("no answer, may be billed"),
    SUBMITTED: Text("under way"),
    READY: Text("ready to be fetched"),
    DRAWN: Text("finished"),
    EXPIRED: Text("expired"),
    STORED: Text("stored"),
    LOST: Text("lost"),
    FAILED: Text("failed"),
    CANCELED: Text("canceled, unpaid"),
    REPLACED: Text("replaced"),
}
_WHY = {
    UNCERTAIN: Text("It was sent, but no answer came."),
    EXPIRED: Text("It is older than 24 hours, and the service keeps tasks no longer."),
    LOST: Text("The service no longer has it."),
    CANCELED: Text("It was canceled before it ran, and is not billed."),
    REPLACED: Text("A new request took its place."),
}


def state_of(entry: Entry, now: float) -> str:
    """A key of STATE_TEXTS."""
    if entry.is_stored:
        return STORED
    if entry.state == FAILED and entry.reason:
        return {"canceled": CANCELED, "replaced": REPLACED}.get(entry.reason.kind, FAILED)
    is_new = entry.created + LIFETIME > now
    if entry.state == SUBMITTED:
        return SUBMITTED if is_new else EXPIRED
    return READY if entry.state == DRAWN and entry.task_id and is_new else entry.state


def why(entry: Entry, now: float) -> str:
    """The reason for its state; empty where there is nothing to tell."""
    state = state_of(entry, now)
    if state == FAILED and entry.reason:
        return _failure(entry.reason, entry.asked.region)
    return _WHY.get(state, "")


def _failure(reason: Reason, region: str) -> Text:
    if reason.kind == "unsent":
        return Text("The service was not reached; nothing was sent or billed.")
    error = service_error(reason.code, reason.message, region=region, http_status=reason.status)
    if not reason.code:
        return error.what
    facts = Text("({facts})", facts=Text("code {code}", code=reason.code))
    return Text("{before} {after}", before=error.what, after=facts)
