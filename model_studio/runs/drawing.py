"""One request that costs money, from the ledger's look-up to its pictures.

Runs in the background (see background): when its node is left, what was paid for is still brought here and stored.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ..errors import (
    ModelStudioError,
    NoPictures,
    PictureError,
    PictureExpired,
    PictureUnreadable,
    ServiceError,
    SubmissionUncertain,
    TaskCanceled,
    TaskUnknown,
    Throttled,
)
from ..ledger import DRAWN, FAILED, LOST, SENDING, SUBMITTED, UNCERTAIN, Asked, Entry
from ..ledger.session import LedgerSession, StoredPictures
from ..request import ImageRequest
from ..service import tasks
from ..service.answers import Drawn, TaskAnswer, read_task
from ..service.api import Api
from ..service.pacer import Gate
from ..service.polling import Polling
from ..service.transport import UNCERTAIN_ADVICE, Transport
from ..waiting import Interrupted, Waiting
from ..words import Text, money
from . import gallery, info, lookup
from .pictures import Picture

log = logging.getLogger(__name__)

KEPT_PROMPT = 100_000  # characters of a prompt that are written down; the service reads far less
LIFETIME = 24 * 3600.0  # seconds in which the service knows a task and keeps its pictures (specification)


@dataclass(frozen=True)
class Outcome:
    """What a request came to. `source`: one of info.NEW, RESUMED, STORED."""

    entry: Entry
    pictures: list[Picture]
    source: str
    notes: list[Text]
    drawing_seconds: float
    is_final: bool  # whether another run would bring no more


class Gone(Exception):
    """What an earlier run paid for cannot be had any more, and the user knows: the request may be sent anew."""


def fingerprint(api: Api, account: str, request: ImageRequest) -> str:
    """A digest of all that decides the picture: where it is asked for, by whom, and the JSON that asks for it."""
    where = api.host.base_url if api.host.replaced else api.host.region
    told = json.dumps([where, api.host.region, account, request.identity], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


class Drawing:
    """A run of one request. `allowed` raises where today's sums forbid it (see budget)."""

    def __init__(
        self,
        transport: Transport,
        api: Api,
        request: ImageRequest,
        account: str,
        session: LedgerSession,
        gate: Gate,
        allowed: Callable[[Mapping[str, float]], None] | None,
        waiting: Waiting,
        hold: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self.gate = gate
        self._hold = hold
        self._held = contextlib.ExitStack()  # open while the end of this process would lose something paid
        self._transport = transport
        self._api = api
        self._request = request
        self._session = session
        self._allowed = allowed
        self._waiting = waiting
        self._began = session.ledger.now()
        self._turn = 0.0  # when the last submission got its turn at the gate
        self._entry: Entry | None = None
        self._superseded: Entry | None = None
        self._notes: list[Text] = []
        self._fingerprint = fingerprint(api, account, request)
        self._asked = Asked(
            account=account,
            region=request.region,
            fingerprint=self._fingerprint,
            model=request.model.ids[request.region],
            prompt=request.prompt[:KEPT_PROMPT],
            size=str(request.size),
            n=request.n,
            seed=request.seed,
            is_task=request.endpoint.is_async,
            price=request.price,
        )

    async def draw(self) -> Outcome:
        """The pictures: from the store, of what an earlier run left, or drawn anew. Raises ModelStudioError."""
        async with self._session.claim(self._fingerprint, self._waiting):
            if self._session.rules.reuse and (entry := await self._earlier(stored_first=True)):
                with contextlib.suppress(Gone):
                    return await self._take_up(entry)
            with self._held:
                return await self._draw_anew()

    async def submit(self) -> tuple[Entry, str]:
        """A task, of an earlier run while its pictures can be had, or new; and its source."""
        async with self._session.claim(self._fingerprint, self._waiting):
            if self._session.rules.reuse and (entry := await self._earlier(stored_first=False)):
                fresh = entry.created + LIFETIME > self._session.ledger.now()
                lost = self._session.was_told(entry, LOST)
                if entry.task_id and (entry.is_stored or (fresh and not lost)):
                    return entry, info.RESUMED
                if entry.task_id:  # else it was a sync call, whose pictures stay what they are
                    self._supersede(entry, Text("task"))
            with self._held:
                entry = await self._submit()
            if self._waiting.interrupted() and not entry.adopted:
                await self._withdraw(entry)
            return entry, info.NEW

    @property
    def notes(self) -> list[Text]:
        return [*self._notes, *self._session.notes]

    # The two halves of a submission's account, for the transport.

    async def sending(self) -> None:
        self._turn = self._waiting.clock.now()
        self._held.enter_context(self._hold(f"{self._asked.n} × {self._asked.model}"))
        self._entry = await self._session.begin(self._asked, self._allowed, refused=self._entry)
        if self._waiting.interrupted():
            await self.refused()
            raise Interrupted
        self._waiting.stop_on_cancel_only()

    async def refused(self) -> None:
        await self._update(state=FAILED, billed=0)
        self._held.close()
        self._waiting.stop_when_left()

    async def _update(self, **values: object) -> Entry:
        assert self._entry is not None
        self._entry = await self._session.update(self._entry, **values)
        return self._entry

    async def _earlier(self, *, stored_first: bool) -> Entry | None:
        """The record to go on with; None where the request may be sent. Raises SubmissionUncertain, Interrupted."""
        entry = await self._session.latest(self._fingerprint, stored_first=stored_first)
        if entry is None or entry.state not in (SENDING, UNCERTAIN):
            return entry
        self._entry = entry
        if entry.asked.is_task and (found := await self._look_up(entry)):
            return found
        told = self._session.was_told(entry, UNCERTAIN)
        if told is None:
            raise self._uncertain(
                Text("An earlier run ended while its request was on the way, and nobody knows its answer.")
            )
        if self._is_new(told):
            raise self._uncertain(Text("Another run sent the same request at the same time, and got no usable answer."))
        self._notes.append(Text("An earlier submission of this request got no answer; it may have been billed too."))
        await self._update(state=UNCERTAIN)  # the user was told, and queued it again
        self._entry = None
        return None

    def _is_new(self, told: float) -> bool:
        """Whether something was told while this run was waiting, to the user of another one. Clocks may go back."""
        return 0 <= told - self._began <= self._waiting.elapsed + 1

    def _supersede(self, entry: Entry, what: Text) -> None:
        """A new request takes the place of this one, as soon as it is accepted."""
        self._superseded = entry
        self._notes.append(
            Text("An earlier {what} of this request can no longer be fetched, so it was sent anew.", what=what)
        )

    async def _retire(self) -> None:
        """After the new request was written down, so that nothing delays that."""
        if self._superseded:
            await self._session.update(self._superseded, state=FAILED)  # keeps what it cost
            self._superseded = None

    async def _look_up(self, entry: Entry) -> Entry | None:
        found = await lookup.adopt(self._transport, self._api, entry, self._session, self._waiting)
        if found:
            log.info("Task %s was found in the account's list; the answer to its submission was lost.", found.task_id)
            self._entry = found
        return found

    async def _take_up(self, entry: Entry) -> Outcome:
        """Raises Gone where nothing is left of it."""
        told = self._session.was_told(entry, LOST)
        told = None if told is None or self._is_new(told) else told
        self._waiting.stop_on_cancel_only()
        self._entry = entry
        log.info("Taking up request %s (%s, task %s).", entry.name, entry.state, entry.task_id or "none")
        try:
            if entry.drawn.links:
                return await self._fetch(info.RESUMED)
            if entry.task_id is None:  # lost, and without a task
                raise Gone
            answer = await self._await_task(info.RESUMED)
            return await self._finish(answer, info.RESUMED)
        except ModelStudioError as error:
            if isinstance(error, TaskCanceled | Throttled) and self._entry.state == FAILED:
                raise Gone from None  # not billed, and nothing is wrong with the request
            old = entry.created + LIFETIME <= self._session.ledger.now()
            lost = (told or old) and isinstance(error, TaskUnknown | NoPictures | PictureExpired)
            refused = old and isinstance(error, PictureError | ServiceError) and self._entry.state != FAILED
            refused = refused and not isinstance(error, PictureUnreadable)  # which is kept
            if not lost and not refused:
                raise
            self._supersede(self._entry, Text("picture") if isinstance(error, PictureError) else Text("task"))
            raise Gone from None
        except Gone:
            self._supersede(self._entry, Text("task"))
            raise
        finally:
            self._waiting.stop_when_left()

    async def _draw_anew(self) -> Outcome:
        self._entry = None
        if not self._request.endpoint.is_async:
            about = self._request.model.typical_seconds
            return await self._finish(read_task(await self._create(about)), info.NEW)
        async with self.gate.place(self._waiting):
            answer = await self._draw_by_task()
        return await self._finish(answer, info.NEW)

    async def _draw_by_task(self) -> TaskAnswer:
        while True:
            await self._submit()
            try:
                return await self._await_task(info.NEW)
            except Throttled as error:
                # The task was accepted and then refused by a limit: unpaid, like a 429.
                if not error.retryable or self._waiting.clock.now() >= self._waiting.deadline:
                    raise
                self.gate.refused(None, self._turn, self._waiting.clock.now())
                self._waiting.stop_when_left()

    async def _submit(self) -> Entry:
        self._entry = None
        submitted = read_task(await self._create())
        entry = await self._update(state=SUBMITTED, task_id=submitted.task_id, request_id=submitted.request_id)
        self._held.close()  # from now on another process can take it up
        await self._retire()
        asked = self._asked
        log.info("Submitted task %s (%s, n=%d, %s).", entry.task_id, asked.model, asked.n, asked.region)
        return entry

    async def _create(self, about: float | None = None) -> dict[str, object]:
        """The answer to the creating request. An uncertain one of a task is looked up in the account's list."""
        request = self._request
        try:
            body = await self._transport.create(
                self._api, request.endpoint, request.body, self._waiting, submission=self, about=about
            )
            if request.endpoint.is_async and not tasks.is_id(read_task(body).task_id):
                raise SubmissionUncertain(Text("The service took the request but gave no task id."))
            return body
        except SubmissionUncertain as error:
            assert self._entry is not None
            if request.endpoint.is_async and (found := await self._look_up(self._entry)):
                return {"output": {"task_id": found.task_id}, "request_id": found.request_id}
            await self._update(request_id=error.request_id)
            raise self._uncertain(error.what, error) from None

    def _uncertain(self, what: Text, known: SubmissionUncertain | None = None) -> SubmissionUncertain:
        """Says what may have been billed, once; queued again after that, the request is sent anew."""
        assert self._entry is not None
        self._tell(UNCERTAIN)
        n = self._request.n
        pictures = Text("{count} pictures", count=n) if n > 1 else Text("{count} picture", count=n)
        if self._request.price:
            amount, currency = self._request.price
            pictures = Text("{pictures}, {cost} at list price", pictures=pictures, cost=money(amount * n, currency))
        return SubmissionUncertain(
            what,
            Text("It may have been billed ({pictures}). {advice}", pictures=pictures, advice=UNCERTAIN_ADVICE),
            http_status=known.http_status if known else None,
            request_id=self._entry.request_id,
        )

    async def _await_task(self, source: str) -> TaskAnswer:
        """The last answer about the task. Left by Cancel while it may be PENDING, it is canceled at the service."""
        assert self._entry is not None and self._entry.task_id is not None
        task_id = self._entry.task_id
        polling = Polling(self._transport, self._api, [task_id], self._request.model.typical_seconds)
        first_pause = tasks.poll_delay(0) if source == info.NEW else 0
        while True:
            try:
                answer = (await polling.until_ended(self._waiting, first_pause))[task_id]
                break
            except Interrupted:
                if polling.may_be_pending and not self._entry.adopted:  # which may be another's
                    await self._withdraw(self._entry)
                self._waiting.never_stop()
                log.info("Task %s runs and is billed; its pictures will be stored.", task_id)
                first_pause = 0
        if isinstance(answer, ModelStudioError):
            raise answer.with_ids(task_id=task_id)
        if error := tasks.failure(answer, task_id, self._api.host.region):
            if isinstance(error, TaskUnknown):
                self._lost(error)
            else:
                await self._update(state=FAILED, billed=0)
            raise error
        return answer

    def _lost(self, error: ModelStudioError) -> None:
        """What was paid for is gone, or seems so; queued again, it is tried once more and then drawn anew."""
        assert self._entry is not None
        findable = self._entry.task_id or self._entry.drawn.links
        if self._entry.task_id:
            error.failed_tasks = (self._entry.task_id,)
        self._tell(LOST if findable else UNCERTAIN)
        error.advice = Text(
            "{advice} Queue again to try once more; where it is lost for good, a new request is then sent and billed.",
            advice=error.advice,
        )

    def _tell(self, state: str) -> None:
        """Where nobody is there to hear it, the next run tells it."""
        if self._entry and not self._waiting.abandoned:
            self._session.tell(self._entry, state)

    async def _withdraw(self, entry: Entry) -> None:
        """Cancels a task at the service that may not have begun. Raises Interrupted if that worked; else it goes on."""
        self._waiting.never_stop()
        if entry.task_id and await self._transport.withdraw(self._api, entry.task_id, self._waiting):
            log.info("Task %s was canceled before it ran; it is not billed.", entry.task_id)
            await self._update(state=FAILED, billed=0)
            raise Interrupted

    async def _finish(self, answer: TaskAnswer, source: str) -> Outcome:
        """Notes what was drawn, and brings it here."""
        assert self._entry is not None
        if lookup.contradicts(self._entry, answer):
            self._entry = await self._session.give_back(self._entry)
            raise self._uncertain(Text("The only task in the account's list that could be this request is another's."))
        request_id = self._entry.request_id or answer.request_id
        if answer.drawn.links:
            billed = len(answer.drawn.links)
            await self._update(
                state=DRAWN, drawn=answer.drawn, billed=billed, times=answer.times, request_id=request_id
            )
        elif answer.drawn.failures:  # which are free
            await self._update(state=FAILED, billed=0, request_id=request_id)
        else:  # nobody knows whether it is billed
            await self._update(request_id=request_id)
        await self._retire()
        return await self._fetch(source, answer.drawn)

    async def _fetch(self, source: str, drawn: Drawn | None = None) -> Outcome:
        assert self._entry is not None
        entry = self._entry
        drawing_seconds = self._waiting.elapsed
        self._waiting.never_stop()  # what is drawn is billed: it is stored, whoever waits for it
        store = StoredPictures(self._session, entry)
        try:
            got, notes, may_come = await gallery.fetch(
                self._transport, self._api.host, drawn or entry.drawn, self._waiting, store
            )
        except ModelStudioError as error:
            if isinstance(error, PictureExpired) or (isinstance(error, NoPictures) and entry.state != FAILED):
                self._lost(error)
            elif isinstance(error, NoPictures) and entry.task_id:
                error.failed_tasks = (entry.task_id,)
            error.with_ids(request_id=entry.request_id, task_id=entry.task_id)
            raise
        if self._session.was_told(entry, LOST):
            entry = await self._update(state=DRAWN)  # it could be had after all
        if source == info.RESUMED and not store.downloads and drawn is None:
            source = info.STORED
        if entry.adopted:
            notes.append(Text("The answer to the submission was lost; its task was found in the account's list."))
        kept = self._session.rules.reuse and entry.created + LIFETIME > self._session.ledger.now()
        return Outcome(entry, got, source, notes, drawing_seconds, is_final=not (may_come and kept))
