"""What an earlier request left, and what that allows: decided here and nowhere else.

Pure functions of the record, the trouble and the time; tests/model_studio/runs/test_leftovers.py has the cases as a
table. `consented`: whether the user was told of the request's bad end, and queued this run after that. `old`: whether
the service may have forgotten it.
"""

from __future__ import annotations

from typing import Literal

from ..errors import (
    ModelStudioError,
    NoPictures,
    PictureError,
    PictureExpired,
    PictureUnreadable,
    ServiceError,
    TaskCanceled,
    TaskUnknown,
    Throttled,
)
from ..ledger import Entry

LIFETIME = 24 * 3600.0  # seconds in which the service knows a task and keeps its pictures (specification)
# Seconds for which the service has to deny what it should still have, before that counts as lost.
PATIENCE = 180.0
BRIEF = 5.0  # the same for what is lost already or old, since one replica of the service may lag

FirstStep = Literal["send", "resume", "look up", "warn"]
Continuation = Literal["raise", "send", "replace"]


def first_step(record: Entry | None, consented: bool) -> FirstStep:
    """What to do about the newest record of a request that was not refused unpaid.

    send     send the request: there is no record, or its user knows that the earlier one got no answer
    resume   ask about its task, or fetch its pictures
    look up  look for its task in the account's list; if it is not found, as for a sync call
    warn     tell the user that it may have been billed
    """
    if record is None:
        return "send"
    if record.task_id or record.drawn.links:
        return "resume"
    return "look up" if record.asked.is_task else unanswered(consented)


def unanswered(consented: bool) -> Literal["send", "warn"]:
    return "send" if consented else "warn"


def after(record: Entry, error: ModelStudioError, consented: bool, old: bool) -> Continuation:
    """What to do when resuming a request ended with an error.

    raise    the user is told, and nothing is sent
    send     it ended unpaid and nothing is wrong with it
    replace  what was paid for is gone, and its user knows: a new request takes its place
    """
    if record.state == "failed":
        return "send" if isinstance(error, TaskCanceled | Throttled) else "raise"
    if isinstance(error, PictureUnreadable):  # its bytes are kept
        return "raise"
    if isinstance(error, TaskUnknown | NoPictures | PictureExpired):
        return "replace" if consented or old else "raise"
    blocked = old and isinstance(error, PictureError | ServiceError)
    return "replace" if blocked and consented else "raise"


def is_old(record: Entry, now: float) -> bool:
    """`now`: by the clock that dated the record."""
    return record.sent + LIFETIME <= now


def patience(record: Entry, consented: bool, old: bool) -> float:
    """Seconds for which to ask again about a task or link that the service denies."""
    return BRIEF if consented or old else max(PATIENCE - record.denied, BRIEF)


def is_lost(record: Entry, error: ModelStudioError, old: bool) -> bool:
    """Whether an error is the bad end of which the user is to be told, rather than a trouble that may pass."""
    if old:
        return isinstance(error, PictureError | ServiceError | TaskUnknown | NoPictures)
    if isinstance(error, NoPictures):  # the service's last word
        return record.state != "failed"
    return isinstance(error, TaskUnknown | PictureExpired) and record.denied >= PATIENCE
