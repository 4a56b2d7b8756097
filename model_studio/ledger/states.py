"""How far a request got, and which state may follow which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

State = Literal["sending", "uncertain", "submitted", "drawn", "lost", "failed"]

SENDING: Final = "sending"  # what was here when its process ended may have arrived, or not
UNCERTAIN: Final = "uncertain"  # sent, and nobody knows what became of it; the user was warned
SUBMITTED: Final = "submitted"  # the service has a task for it, which may have ended since
DRAWN: Final = "drawn"  # there are links to pictures
LOST: Final = "lost"  # the service no longer has the task or the pictures; the user was warned
FAILED: Final = "failed"  # refused, failed, canceled: not billed; or replaced by a new request, and then it may be

ReasonKind = Literal["refused", "canceled", "unsent", "replaced"]


@dataclass(frozen=True)
class Reason:
    """Why a request is FAILED.

    refused   by the service, as it says with `code`, `message` and `status`; the latter of an answer, not of a task
    canceled  before it was sent, or before its task ran
    unsent    the service was never reached
    replaced  by a new request
    """

    kind: ReasonKind
    code: str = ""
    message: str = ""
    status: int | None = None


# A task that was found for a request and turns out to be another's is given back, which may show late: by its pictures.
# One that was given up for lost may be fetched later by its id, should the service know it again.
FOLLOWS: Mapping[State, frozenset[State]] = {
    SENDING: frozenset({SENDING, UNCERTAIN, SUBMITTED, DRAWN, LOST, FAILED}),
    UNCERTAIN: frozenset({UNCERTAIN, SENDING, SUBMITTED, DRAWN, FAILED}),
    SUBMITTED: frozenset({SUBMITTED, SENDING, UNCERTAIN, DRAWN, LOST, FAILED}),
    DRAWN: frozenset({DRAWN, SENDING, LOST, FAILED}),
    LOST: frozenset({LOST, SENDING, UNCERTAIN, SUBMITTED, DRAWN, FAILED}),
    FAILED: frozenset({FAILED, SENDING, DRAWN}),
}


def check(before: State, after: State) -> None:
    """Raises ValueError for a state that cannot follow: a mistake of this program."""
    if after not in FOLLOWS[before]:
        raise ValueError(f"A request that is {before} cannot become {after}.")
