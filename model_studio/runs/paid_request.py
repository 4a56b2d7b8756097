"""One request that costs money, from the first look into the ledger to its last state: the one owner of all of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from typing import Any

from ..account.regions import ApiHost
from ..errors import ConnectionFailed, LedgerUnreadable, ServiceError, SubmissionUncertain
from ..ledger import Asked, Entry, new_entry
from ..ledger.session import LedgerSession
from ..request import ImageRequest
from ..service.client import UNCERTAIN_ADVICE, Client
from ..service.pacer import Gate
from ..service.retries import Resends
from ..waiting import Interrupted, Waiting
from ..words import Text, money
from .paid_record import PaidRecord

KEPT_PROMPT = 100_000  # characters of a prompt that are written down; the service reads far less
PAID_BEFORE = Text("an earlier run paid for it; this one costs nothing")


@dataclass(frozen=True)
class Access:
    """By what a request is sent: the client of its region and key, the account's digest, the gate of its model.

    allowed  refuses it by today's sums (see budget); None: no budget
    hold     keeps the process from ending meanwhile (see keeper)
    """

    client: Client
    account: str
    gate: Gate
    allowed: Callable[[Mapping[str, float]], None] | None
    hold: Callable[[str], AbstractContextManager[None]]


def fingerprints(host: ApiHost, account: str, request: ImageRequest) -> list[str]:
    """A digest of all that decides the picture: where it is asked for, by whom, and the JSON that asks for it.

    The first is its own; others are those by which versions before 0.2 knew it, where the vendor's own address was set,
    or the model took more.
    """
    addresses = [host.identity, host.base_url] if host.replaced else [host.identity]
    return [_digest(address, host, account, body) for body in request.identities for address in addresses]


def _digest(where: str, host: ApiHost, account: str, body: Mapping[str, Any]) -> str:
    facts = [where, host.region, account, body]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


class PaidRequest(PaidRecord):
    """Holds the record, what is asked, the ledger's session, the gate and the budget. `notes`: what became known."""

    def __init__(self, request: ImageRequest, access: Access, session: LedgerSession, waiting: Waiting) -> None:
        self.request = request
        self.gate = access.gate
        self.resends = Resends(access.gate, waiting)
        host = access.client.host
        self._fingerprints = fingerprints(host, access.account, request)
        self.fingerprint = self._fingerprints[0]
        self.held = ExitStack()  # open while the end of this process would lose something paid
        self._hold = access.hold
        self._allowed = access.allowed
        self._asked = Asked(
            account=access.account,
            region=request.region,
            fingerprint=self.fingerprint,
            model=request.model.ids[request.region],
            prompt=request.prompt[:KEPT_PROMPT],
            size=str(request.size),
            n=request.n,
            seed=request.seed,
            is_task=request.endpoint.is_async,
            is_set=request.model.is_set,
            price=request.price,
        )
        fresh = new_entry(self._asked, "sending", session.ledger.now())
        super().__init__(fresh, session, access.client, waiting)
        self._superseded: PaidRecord | None = None
        self._notes: list[Text] = []

    @property
    def notes(self) -> list[Text]:
        return [*self._notes, *self.session.notes]

    async def earlier(self, *, stored_first: bool) -> Entry | None:
        """The record to go on with. Raises LedgerUnreadable, Interrupted."""
        for known in self._fingerprints:
            if entry := await self.session.latest(known, stored_first=stored_first):
                return entry
        return None

    async def take_up(self, entry: Entry) -> None:
        """Goes on with what an earlier run wrote down. Raises ConnectionFailed, Interrupted."""
        self.entry = entry
        self._denied_before = entry.denied
        if not entry.is_stored:
            await self.find_age()

    def renew(self) -> None:
        """The next request that is sent has a record of its own."""
        self.entry = new_entry(self._asked, "sending", self.session.ledger.now())
        self._denied_before, self.old = 0.0, False

    # Called by the client for each time that the request is sent.

    async def sending(self) -> None:
        """The next byte may cost money.

        Raises BudgetReached, ConfigurationError, LedgerUnreadable, ProcessEnding, Interrupted.
        """
        self.held.enter_context(self._hold(f"{self._asked.n} × {self._asked.model}"))
        today = await self.client.time(self.waiting) if self._allowed else None
        self.entry = await self.session.begin(self._asked, self._allowed, self.entry, today)
        if self.waiting.interrupted():
            await self.canceled()
            self.let_go()
            raise Interrupted
        self.waiting.stop_on_cancel_only()
        self.waiting.will_be(self.goes_on, canceled="" if self.request.endpoint.is_async else None)

    async def refused(self, error: ConnectionFailed | ServiceError) -> None:
        """It certainly was not accepted."""
        await self.failed(error)
        self.let_go()

    def let_go(self) -> None:
        """Nothing is at stake any more."""
        self.held.close()
        self.waiting.stop_when_left()
        self.waiting.will_be(Text("nothing was billed"))

    # What becomes of it when its node is left.

    @property
    def bill(self) -> Text:
        n = self.request.n
        if self.request.model.is_set:
            pictures = Text("up to {count} pictures", count=n)
        else:
            pictures = Text("{count} pictures", count=n) if n > 1 else Text("{count} picture", count=n)
        if not self.request.price:
            return pictures
        amount, currency = self.request.price
        return Text("{pictures}, {cost} at list price", pictures=pictures, cost=money(amount * n, currency))

    @property
    def goes_on(self) -> Text:
        if self.session.rules.store_limit:
            return Text("it goes on and is billed ({bill}); its pictures will be stored", bill=self.bill)
        return Text("it goes on and is billed ({bill})", bill=self.bill)

    @property
    def task_goes_on(self) -> Text:
        return Text("task {task_id} goes on and is billed ({bill})", task_id=self.entry.task_id, bill=self.bill)

    @property
    def is_uncertain(self) -> Text:
        return Text("no answer came, and it may be billed ({bill}); the next run looks for its task", bill=self.bill)

    async def tell_if_stored(self) -> None:
        """To whoever left it. Raises Interrupted."""
        if not self.waiting.abandoned:
            return
        with suppress(LedgerUnreadable):
            newest = await self.session.latest(self.fingerprint, stored_first=True)
            if newest and newest.is_stored and newest.name == self.entry.name:
                self.waiting.will_be(
                    Text("it was drawn and is billed ({bill}); its pictures are stored", bill=self.bill)
                )

    # What may become of an earlier one.

    async def assume_lost(self) -> None:
        """It got no answer, its user knows, and a new one is sent."""
        self._notes.append(Text("An earlier submission of this request got no answer; it may have been billed too."))
        await self.unanswered()

    def supersede(self, what: Text) -> None:
        """A new request takes the place of this one, as soon as it is accepted (see retire)."""
        self._superseded = PaidRecord(self.entry, self.session, self.client, self.waiting)
        self._notes.append(
            Text("An earlier {what} of this request can no longer be fetched, so it was sent again.", what=what)
        )

    async def retire(self) -> None:
        """After the new request was written down, so that nothing delays that."""
        if self._superseded:
            await self._superseded.superseded()
            self._superseded = None

    def uncertain(self, what: Text, known: SubmissionUncertain | None = None) -> SubmissionUncertain:
        """Says what may have been billed; after a user has read that and queued again, a new request is sent."""
        error = SubmissionUncertain(
            what,
            Text("It may have been billed ({pictures}). {advice}", pictures=self.bill, advice=UNCERTAIN_ADVICE),
            http_status=known.http_status if known else None,
            request_id=self.entry.request_id or (known.request_id if known else None),
        )
        self.warn("uncertain", error)
        return error
