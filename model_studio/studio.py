"""The API for a caller: generate pictures, submit a task, collect the pictures of tasks, look into the ledger.

Asynchronous; whatever blocks runs in threads, and what costs money in the background, so that it outlives the caller. A
Studio may be shared by all runs of a process.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from .account import settings
from .account.credentials import ApiKey, find_key
from .account.regions import ApiHost, api_host
from .errors import ConfigurationError, InvalidRequest, ModelStudioError, TasksRefused
from .ledger import Entry, Ledger, LedgerUnavailable
from .ledger.session import LedgerSession, Rules
from .page import overview, recent
from .request import ImageRequest
from .runs import budget, drawing, info, leftovers, looking, lookup, originals
from .runs.background import Background
from .runs.budget import Priced
from .runs.collecting import Collecting
from .runs.drawing import Drawing
from .runs.looking import Found, Looking
from .runs.paid_request import Access, PaidRequest, fingerprints
from .runs.pictures import Picture
from .service import key_check, tasks
from .service.client import Client
from .service.clock import ServiceClock
from .service.exchange import Answer, Call, Exchange
from .service.key_check import KeyCheck
from .service.pacer import Pacer
from .threads import PATIENCE, file_work, glance, in_time, start
from .waiting import Waiting
from .words import Text

T = TypeVar("T")
MODELS_TIMEOUT = 60  # seconds
MOST_PAGES = 40  # of the list of models


@dataclass(frozen=True)
class Result:
    """Pictures in the service's order, the prompt it really used, and `info` for the user (JSON-ready, no secrets).

    is_final      whether another run would bring no more
    failed_tasks  ids of tasks from which no pictures will come (see ModelStudioError)
    """

    pictures: list[Picture]
    used_prompt: str
    info: dict[str, Any]
    is_final: bool
    failed_tasks: tuple[str, ...] = ()


class Studio:
    """Model Studio as this machine's environment describes it, read again for each request.

    `folder`: this pack's private folder, for the ledger and as the last place where a key is looked for; made when the
    first request is written down.
    """

    def __init__(
        self,
        folder: Path,
        exchange: Callable[[Call], Answer] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._exchange = exchange or Exchange()
        self._environ = os.environ if environ is None else environ
        self._background = Background()
        self._pacer = Pacer()
        self._sync_only: set[tuple[str, str, str]] = set()  # account, region, model id
        self._clocks: dict[str, ServiceClock] = {}  # by the API's address
        self.ledger = Ledger(folder)
        self._untidy = True  # as earlier processes left the folder

    def region(self, region: str) -> str:
        """The real region behind a node's `region`. Blocking. Raises InvalidRequest, ConfigurationError."""
        return api_host(region, self._environ, self._folder).region

    # What refuses a run, for a node that is not run yet (see page.quote.Account).

    def need_key(self, region: str) -> None:
        """Blocking. Raises ConfigurationError."""
        find_key(region, self._environ, self._folder)

    def check_budget(self, priced: Priced, whole: ImageRequest | None) -> None:
        """Blocking. Raises BudgetReached, but not for what an earlier run has paid for, and not where the sums cannot
        be known now.
        """
        if allowed := budget.guard(settings.daily_budget(self._environ), priced):
            glance(self._check_sums, allowed, whole)

    def _check_sums(self, allowed: Callable[[Mapping[str, float]], None], whole: ImageRequest | None) -> None:
        ledger = self.ledger.as_it_is()
        try:
            spent = None if whole and self._is_paid(whole, ledger) else ledger.spent_today()
        except LedgerUnavailable as error:
            spent = {} if error.cause == "absent" else None
        if spent is not None:
            allowed(spent)

    def _is_paid(self, request: ImageRequest, ledger: Ledger) -> bool:
        if not settings.reuse(self._environ):
            return False
        host, key = self._account(request.region)
        asked = fingerprints(host, ledger.account(key.value), request)
        return any(ledger.latest(known, stored_first=True) for known in asked)

    def check_task_ids(self, text: str) -> None:
        """Raises InvalidRequest."""
        if not tasks.parse_ids(text):
            raise _no_task_id()

    def task_ids(self, text: str) -> list[str]:
        """The ids in a text (see tasks.parse_ids). Blocking: where there is none, the error names the last tasks.

        Raises InvalidRequest.
        """
        if ids := tasks.parse_ids(text):
            return ids
        raise InvalidRequest(
            Text("There is not a task id."),
            Text(
                "Paste the id that Submit Text2Image Task gave, or link its output. {tasks}",
                tasks=recent.tasks_text(self.ledger, settings.store_limit(self._environ)),
            ),
        )

    async def task_ids_soon(self, text: str) -> list[str]:
        """The same, without the last tasks should the ledger not answer in time."""
        if ids := tasks.parse_ids(text):
            return ids
        await in_time(self.task_ids, text)
        raise _no_task_id()

    async def task_ids_of(self, text: str, waiting: Waiting) -> list[str]:
        """The same for a run, whose user may cancel it. Raises InvalidRequest, Interrupted."""
        return tasks.parse_ids(text) or await self._background.attend(lambda own: self.task_ids_soon(text), waiting)

    async def region_of(self, region: str, waiting: Waiting) -> str:
        """`region` for a run, whose user may cancel it. Raises InvalidRequest, ConfigurationError, Interrupted."""
        return await self._background.attend(lambda own: own.outlast(start(self.region, region)), waiting)

    async def generate(self, request: ImageRequest, waiting: Waiting) -> Result:
        """Draws what was asked for, or finds it in the ledger, and brings it here.

        Raises ModelStudioError, Interrupted.
        """
        return await self._background.attend(lambda own: self._generate(request, own), waiting)

    async def submit(self, request: ImageRequest, waiting: Waiting) -> tuple[str, dict[str, Any]]:
        """Creates a task, or finds it in the ledger; its id and `info`. Raises ModelStudioError, Interrupted."""
        return await self._background.attend(lambda own: self._submit(request, own), waiting)

    async def collect(self, task_ids: Sequence[str], region: str, waiting: Waiting) -> Result:
        """Waits for tasks, whoever submitted them, and brings their pictures, in the order of the ids.

        Pictures of tasks that ended well are returned even where others failed; the notes tell of those.
        Raises the error of the first task if none ended well, TaskTimeout while one still goes on.
        """
        return await self._background.attend(lambda own: self._collect(task_ids, region, own), waiting)

    async def originals(self, source: str, waiting: Waiting, notes: list[Text]) -> AsyncIterator[bytes]:
        """The stored files of the pictures that `source` names (see runs.originals); `notes` takes what is missing.

        Raises ModelStudioError, Interrupted.
        """
        session = self._session(waiting)
        async for content in originals.originals(originals.named(source), session, notes):
            yield content
        notes += session.notes

    async def models(self, region: str) -> list[str]:
        """Ids of all models that the key of a region may call, for free. Raises ModelStudioError, DeadlinePassed."""
        return await self._background.attend(lambda own: self._models(region, own), Waiting(MODELS_TIMEOUT))

    async def _models(self, region: str, waiting: Waiting) -> list[str]:
        client = await self._client(region)
        names: list[str] = []
        for page in range(1, MOST_PAGES + 1):
            found, is_last = await client.models(page, waiting)
            names += found
            if is_last:
                break
        return names

    async def check_key(self, region: str) -> KeyCheck:
        """Asks the service about the key that a run would use, once, which is free. Raises ConfigurationError."""
        return await self._check_key(region, key_check.check)

    async def check_key_elsewhere(self, region: str) -> dict[str, KeyCheck]:
        """Asks the other regions about it, whose hosts get the key so. Raises ConfigurationError."""
        return await self._check_key(region, key_check.check_elsewhere)

    async def _check_key(self, region: str, check: Callable[[Client, Waiting], Awaitable[T]]) -> T:
        async def work(own: Waiting) -> T:
            return await check(await self._client(region), own)

        return await self._background.attend(work, Waiting(key_check.TIMEOUTS.total))

    async def records(self, limit: int, before: int | None = None, search: str = "") -> dict[str, Any]:
        """A page of the ledger (see overview.page). Raises ConfigurationError, LedgerUnavailable."""
        heard = [now for clock in self._clocks.values() if (now := clock.now()) is not None]
        terms = overview.Terms(
            budgets=settings.daily_budget(self._environ),
            reuse=settings.reuse(self._environ),
            today=heard[0] if heard else None,
        )
        return await asyncio.wrap_future(file_work(overview.page, self.ledger, terms, limit, before, search))

    async def look(self) -> list[dict[str, Any]]:
        """Asks the service what became of the newest open tasks, once, which is free; it takes a few seconds at most.

        The ends of tasks are written down; of the others, what the ledger does not say (see overview.found). Raises
        LedgerUnavailable.
        """
        work = self._background.attend(self._look, Waiting(looking.PATIENCE))
        patience = looking.PATIENCE + PATIENCE
        try:
            return overview.found(await asyncio.wait_for(work, patience))
        except asyncio.TimeoutError:
            reason = Text("it did not answer within {seconds:.0f} s", seconds=patience)
            raise LedgerUnavailable(reason, cause="locked") from None

    async def thumbnail(self, entry_id: int, number: int) -> bytes | None:
        """A stored picture as a small JPEG, None where there is none. Raises LedgerUnavailable."""
        return await asyncio.wrap_future(file_work(overview.thumbnail, self.ledger, entry_id, number))

    async def _generate(self, request: ImageRequest, waiting: Waiting) -> Result:
        async with self._pacer.requests(waiting.party).one(waiting):
            paid, drawn = await self._draw(request, waiting)
        entry, got = drawn.entry, drawn.fetched.pictures
        bill = info.Bill(entry.billed, entry.asked.price)
        facts = {
            **info.of_request(paid.request),
            "request_id": entry.request_id,
            "task_id": entry.task_id,
            "size": info.sizes(got),
            "image_count": len(got),
            "source": drawn.source,
            "cost": info.cost(paid.request, bill, drawn.source, drawn.is_sent),
            "times": info.times(waiting, drawn.drawing_seconds, entry.times),
            "notes": [
                *paid.request.notes,
                *info.surprises(paid.request, got),
                *info.differences(paid.request, bill, len(entry.drawn.links)),
                *drawn.fetched.notes,
                *paid.notes,
            ],
        }
        prompt = info.used_prompt([entry.drawn]) or request.prompt
        return Result(got, prompt, facts, is_final=paid.is_final(drawn.fetched))

    async def _submit(self, request: ImageRequest, waiting: Waiting) -> tuple[str, dict[str, Any]]:
        async with self._pacer.requests(waiting.party).one(waiting):
            paid = await self._paid(request, waiting)
            with _notes_on_errors(paid.session):
                is_sent = await drawing.submit(paid)
        entry = paid.entry
        source = info.NEW if is_sent and not entry.adopted else info.RESUMED
        facts = {
            **info.of_request(request),
            "request_id": entry.request_id,
            "task_id": entry.task_id,
            "size": str(request.size),
            "image_count": request.n,
            "source": source,
            "cost": info.cost(request, info.Bill(request.n, request.price), source, is_sent),
            "times": {"submitted_at": info.written(entry.sent)},
            "notes": [*request.notes, *lookup.notes(entry), *paid.notes],
        }
        return entry.task_id or "", facts

    async def _collect(self, task_ids: Sequence[str], region: str, waiting: Waiting) -> Result:
        async with self._pacer.requests(waiting.party).one(waiting):
            client = await self._client(region)
            session = self._session(waiting)
            with _notes_on_errors(session):
                found = await Collecting(client, session, waiting).collect(task_ids)
        facts = {
            "model": info.joined(entry.asked.model for entry in found.entries) or None,
            "region": client.host.region,
            "request_id": info.joined(entry.request_id for entry in found.entries),
            "task_id": ", ".join(task_ids),
            "size": info.sizes(found.pictures),
            "seed": None,
            "image_count": len(found.pictures),
            "source": found.source,
            "cost": None,
            "times": info.times(waiting, found.drawing_seconds),
            "notes": [*(error.text for error in found.errors), *found.notes, *session.notes],
        }
        prompt = info.used_prompt(entry.drawn for entry in found.entries)
        return Result(found.pictures, prompt, facts, found.is_final, tuple(found.failed_tasks))

    async def _look(self, waiting: Waiting) -> list[Found]:
        since = self.ledger.now() - leftovers.LIFETIME
        entries = await asyncio.wrap_future(file_work(self.ledger.open_tasks, looking.MOST, since))
        regions = {entry.asked.region for entry in entries}
        looks = [
            self._look_at(region, [entry for entry in entries if entry.asked.region == region], waiting)
            for region in regions
        ]
        return [found for look in await asyncio.gather(*looks) for found in look]

    async def _look_at(self, region: str, entries: Sequence[Entry], waiting: Waiting) -> list[Found]:
        """Of one region, whose key must be the one that the tasks were made with."""
        try:
            client = await self._client(region)
        except ConfigurationError as error:
            return [Found(entry, looking.UNASKED, error.text) for entry in entries]
        account = await asyncio.wrap_future(file_work(self.ledger.account, client.key.value))
        ours = [entry for entry in entries if entry.asked.account == account]
        found = await Looking(client, self._session(waiting), waiting).at(ours)
        return found + [Found(entry, looking.UNASKED, looking.OTHER_KEY) for entry in entries if entry not in ours]

    async def _draw(self, request: ImageRequest, waiting: Waiting) -> tuple[PaidRequest, Drawing]:
        """The request as it was sent in the end, and what came of it."""
        paid = await self._paid(request, waiting)
        access = (_digest(paid.client.key), request.region, request.model.ids[request.region])
        if access in self._sync_only and (by_sync_call := request.by_sync_call()):
            paid = await self._paid(by_sync_call, waiting)
        try:
            with _notes_on_errors(paid.session):
                return paid, await drawing.draw(paid)
        except TasksRefused as refusal:
            # With a task's id it is an answer about that task, which there is.
            if paid.request.other_endpoint is None or refusal.task_id is not None:
                raise
        self._sync_only.add(access)
        return await self._draw(request, waiting)

    async def _paid(self, request: ImageRequest, waiting: Waiting) -> PaidRequest:
        client = await self._client(request.region)
        session = self._session(waiting)
        pace = settings.pace(self._environ)
        gate = self._pacer.submits(
            _digest(client.key),
            request.region,
            request.model.ids[request.region],
            pace.limit(request.model, request.region),
            fixed=pace.is_own(request.model),
        )
        allowed = budget.guard(settings.daily_budget(self._environ), request)
        account = await session.account(client.key.value)
        return PaidRequest(request, Access(client, account, gate, allowed, self._background.hold), session, waiting)

    def _session(self, waiting: Waiting) -> LedgerSession:
        environ = self._environ
        rules = Rules(settings.reuse(environ), settings.store_limit(environ), settings.store_days(environ))
        if self._untidy:
            self._untidy = False
            file_work(_tidy, self.ledger, rules.store_limit)
        return LedgerSession(self.ledger, rules, waiting)

    async def _client(self, region: str) -> Client:
        host, key = await asyncio.wrap_future(start(self._account, region))
        queries = self._pacer.queries(_digest(key), settings.pace(self._environ).limits_queries)
        clock = self._clocks.setdefault(host.base_url, ServiceClock(lambda: self.ledger.now()))
        return Client(host, key, self._exchange, clock, queries)

    def _account(self, region: str) -> tuple[ApiHost, ApiKey]:
        host = api_host(region, self._environ, self._folder)
        return host, find_key(host.region, self._environ, self._folder)


def _no_task_id() -> InvalidRequest:
    return InvalidRequest(
        Text("There is not a task id."), Text("Paste the id that Submit Text2Image Task gave, or link its output.")
    )


@contextlib.contextmanager
def _notes_on_errors(session: LedgerSession) -> Iterator[None]:
    try:
        yield
    except ModelStudioError as error:
        error.notes = tuple(session.notes)
        raise


def _tidy(ledger: Ledger, limit: int) -> None:
    with contextlib.suppress(LedgerUnavailable):  # whoever writes next is told
        ledger.tidy(limit)


def _digest(key: ApiKey) -> str:
    """Tells accounts apart within this process; so that tables hold no keys."""
    return hashlib.sha256(key.value.encode()).hexdigest()
