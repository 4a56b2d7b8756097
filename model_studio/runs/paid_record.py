"""A record of a request that may cost money, and the only code that changes its state.

Which state may follow which is declared in ledger/states.py.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from .. import catalog
from ..errors import (
    ModelStudioError,
    NoPictures,
    PictureError,
    PictureExpired,
    ServiceError,
    TaskCanceled,
    TaskUnknown,
)
from ..ledger import Entry, Reason, State
from ..ledger.session import LedgerSession, StoredPictures
from ..service.answers import Drawn, TaskAnswer
from ..service.client import Client
from ..waiting import Waiting
from ..words import Text
from . import gallery, leftovers
from .gallery import Fetched

BadEnd = Literal["uncertain", "lost"]

LONGEST_MESSAGE = 500  # characters of the service's that are kept
_OF_PICTURE = re.compile(r"(?:(\S+): )?(.*)")  # see answers.Drawn


class PaidRecord:
    """`entry`: the record as it is now; `session`: the ledger it is written to; `client`: asks the service about it;
    `waiting`: the run that has it; `old`: whether the service may have forgotten it.
    """

    def __init__(self, entry: Entry, session: LedgerSession, client: Client, waiting: Waiting) -> None:
        self.entry = entry
        self._denied_before = entry.denied
        self.session = session
        self.client = client
        self.waiting = waiting
        self.old = False

    @property
    def now(self) -> float:
        """Seconds since 1970, by the service's clock where that is known: ours may be set at any time."""
        heard = self.client.clock.now()
        return self.session.ledger.now() if heard is None else heard

    async def find_age(self) -> None:
        """Old is what this machine's clock and the service's say to be so. Raises ConnectionFailed, Interrupted."""
        self.old = leftovers.is_old(self.entry, self.session.ledger.now())
        if self.old:
            now = await self.client.time(self.waiting)
            self.old = now is not None and leftovers.is_old(self.entry, now)

    async def submitted(self, answer: TaskAnswer) -> None:
        """The service made a task of it."""
        await self._become("submitted", task_id=answer.task_id, request_id=answer.request_id, sent=self.now)

    async def adopted(self, task_id: str) -> bool:
        """Whether this task of the account's list is now its own; False: another record has it."""
        entry = await self.session.adopt(self.entry, task_id)
        self.entry = entry or self.entry
        return entry is not None

    async def drawn(self, answer: TaskAnswer) -> None:
        """The service is done. Failed pictures are free; with neither pictures nor failures nobody knows the bill."""
        request_id = self.entry.request_id or answer.request_id
        if answer.drawn.links:
            values = {
                "drawn": answer.drawn,
                "times": answer.times,
                "request_id": request_id,
                **self._bill(answer.drawn),
            }
            if self.entry.state == "sending":  # a sync call
                values["sent"] = self.now
            await self._become("drawn", **values)
        elif answer.drawn.failures:
            reason = _reason_of_picture(answer.drawn.failures[0])
            await self._become("failed", billed=0, request_id=request_id, reason=reason)
        else:
            await self._note(request_id=request_id)

    def _bill(self, drawn: Drawn) -> dict[str, Any]:
        """What the service says it bills, rather than what was planned: how many pictures, and at which price."""
        asked = self.entry.asked
        if not asked.fingerprint:
            return {"billed": 0}
        model = catalog.find(asked.model or "")
        price = (model and model.price_of_tier(asked.region, drawn.tier)) or asked.price
        return {"billed": drawn.counted or len(drawn.links), "asked": replace(asked, price=price)}

    async def failed(self, error: ModelStudioError) -> None:
        """Refused, failed or canceled: not billed."""
        await self._become("failed", billed=0, reason=_reason(error))

    async def canceled(self) -> None:
        """By its user, before it was sent or its task ran: not billed."""
        await self._become("failed", billed=0, reason=Reason("canceled"))

    async def superseded(self) -> None:
        """A new request took its place; what it cost stays."""
        await self._become("failed", reason=Reason("replaced"))

    async def unanswered(self) -> None:
        """It was sent, nobody knows what became of it, and its user knows that."""
        await self._become("uncertain")

    async def seen(self, seconds_denied: float | None) -> None:
        """For how long the service denied its task or picture in this run; None: it knows it."""
        if seconds_denied is not None:
            await self._note(denied=self._denied_before + seconds_denied)
        elif self.entry.denied or self.session.seconds_since_warning(self.entry, "lost") is not None:
            self.session.forget_warnings(self.entry)
            found: State = "drawn" if self.entry.drawn.links else "submitted"
            await self._become(found if self.entry.state == "lost" else self.entry.state, denied=0.0)

    async def contradicted(self) -> None:
        """The task that was found for it is somebody else's, and is known as such from now on."""
        self.entry = await self.session.give_back(self.entry)

    async def fetch(self, drawn: Drawn) -> Fetched:
        """Its pictures. Raises as `gallery.fetch`."""
        if self.entry.is_stored:  # then nothing is asked of the service, unless files are damaged
            with contextlib.suppress(PictureExpired):
                return await self._fetch(drawn, 0.0)
            await self.find_age()
        # The deadline is put off for downloads; what is denied is not waited for any longer than the time-out.
        return await self._fetch(drawn, min(self.patience, self.waiting.timeout))

    async def _fetch(self, drawn: Drawn, patience: float) -> Fetched:
        began = self.waiting.clock.now()
        store = StoredPictures(self.session, self.entry, self.client.clock.now())
        errors: list[PictureError] = []
        try:
            fetched = await gallery.fetch(self.client, drawn, self.waiting, store, patience)
            errors = fetched.errors
            return fetched
        except PictureError as error:
            errors = [error]
            raise
        finally:
            if any(isinstance(error, PictureExpired) for error in errors):
                await self.seen(min(self.waiting.clock.now() - began, patience))
            elif not errors:
                await self.seen(None)

    @property
    def patience(self) -> float:
        """Seconds for which to ask again, should the service deny its task or picture."""
        return leftovers.patience(self.entry, self.has_consent("lost"), self.old)

    def is_final(self, fetched: Fetched) -> bool:
        """Whether another run would bring no more than this."""
        kept = self.session.rules.reuse and not self.old
        return not (fetched.may_come and kept)

    def has_consent(self, bad_end: BadEnd) -> bool:
        """Whether the user was told of this end before they queued this run."""
        warned, queued = self.session.seconds_since_warning(self.entry, bad_end), self.waiting.origin.seconds_ago
        return warned is not None and 0 <= queued < warned  # below 0: the clock was set back meanwhile

    def warn(self, bad_end: BadEnd, error: ModelStudioError) -> None:
        """The user is about to read of this end in an error. Where nobody is there to do so, the next run tells it."""
        if not self.waiting.abandoned:
            self.session.warn(self.entry, bad_end)
            error.undelivered = partial(self.session.forget_warnings, self.entry)

    def tell_of(self, error: ModelStudioError) -> None:
        """Adds to an error what becomes of the request."""
        lost = leftovers.is_lost(self.entry, error, self.old)
        if self.entry.task_id and (lost or (isinstance(error, NoPictures) and self.entry.state == "failed")):
            error.failed_tasks = (self.entry.task_id,)
        if lost:
            self.warn("lost" if self.entry.task_id or self.entry.drawn.links else "uncertain", error)
        if lost and self.entry.asked.fingerprint:
            error.advice = (
                Text("{advice} Queued again unchanged, a new request is sent and billed.", advice=error.advice)
                if isinstance(error, NoPictures)
                else Text(
                    "{advice} Queue again to try once more; if it is lost for good, a new request is then sent and "
                    "billed.",
                    advice=error.advice,
                )
            )
        elif isinstance(error, TaskUnknown | PictureExpired) and self.entry.asked.fingerprint:
            error.advice = Text(
                "{advice} It was made less than 24 hours ago, so the service should still have it. Run again: it is "
                "asked for again, which costs nothing; a new request is sent only after {minutes:.0f} minutes without "
                "it.",
                advice=error.advice,
                minutes=leftovers.PATIENCE / 60,
            )

    async def _note(self, **values: object) -> None:
        """Changes no state."""
        self.entry = await self.session.update(self.entry, **values)

    async def _become(self, state: State, **values: object) -> None:
        if state != self.entry.state:
            self.session.forget_warnings(self.entry)
        self.entry = await self.session.update(self.entry, state=state, **values)


def _reason(error: ModelStudioError) -> Reason:
    if isinstance(error, TaskCanceled):
        return Reason("canceled")
    if isinstance(error, ServiceError):
        return Reason("refused", error.code or "", error.message[:LONGEST_MESSAGE], error.http_status)
    return Reason("unsent")


def _reason_of_picture(failure: str) -> Reason:
    code, message = _OF_PICTURE.fullmatch(failure).groups("")  # type: ignore[union-attr]  # it fits any line
    return Reason("refused", code, message[:LONGEST_MESSAGE])
