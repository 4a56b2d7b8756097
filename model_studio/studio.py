"""The API for a caller: generate pictures, submit a task, collect the pictures of tasks, look into the ledger.

Asynchronous; whatever blocks runs in threads, and what costs money in the background, so that it outlives the caller. A
Studio may be shared by all runs of a process.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .account import settings
from .account.credentials import find_key
from .account.regions import api_host
from .errors import InvalidRequest, TasksRefused
from .ledger import Ledger, LedgerUnavailable
from .ledger.session import LedgerSession, Rules
from .page import overview, recent
from .request import ImageRequest
from .runs import budget, info
from .runs.background import Background
from .runs.collecting import collect
from .runs.drawing import Drawing, Outcome
from .runs.pictures import Picture
from .service import key_check, tasks
from .service.api import Api
from .service.key_check import KeyCheck
from .service.pacer import Pacer
from .service.transport import Transport
from .threads import file_work, in_time
from .waiting import Waiting
from .words import Text


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
    """Model Studio as this machine's environment describes it, read anew for each request.

    `folder`: this pack's private folder, for the ledger and as the last place where a key is looked for; made when the
    first request is written down.
    """

    def __init__(
        self, folder: Path, transport: Transport | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        self._folder = folder
        self._transport = transport or Transport()
        self._environ = os.environ if environ is None else environ
        self._background = Background()
        self._pacer = Pacer()
        self._sync_only: set[tuple[str, str, str]] = set()  # account, region, model id
        self.ledger = Ledger(folder)
        self._untidy = True  # as earlier processes left the folder

    def region(self, region: str) -> str:
        """The real region behind a node's `region`. Blocking. Raises InvalidRequest, ConfigurationError."""
        return api_host(region, self._environ, self._folder).region

    def task_ids(self, text: str) -> list[str]:
        """The ids in a text (see tasks.parse_ids). Blocking: where there is none, the error names the last tasks.

        Raises InvalidRequest.
        """
        if ids := tasks.parse_ids(text):
            return ids
        raise InvalidRequest(
            Text("There is no task id."),
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
        raise InvalidRequest(
            Text("There is no task id."), Text("Paste the id that Submit Text2Image Task gave, or link its output.")
        )

    async def task_ids_of(self, text: str, waiting: Waiting) -> list[str]:
        """The same for a run, whose user may cancel it. Raises InvalidRequest, Interrupted."""
        return tasks.parse_ids(text) or await self._background.attend(lambda own: self.task_ids_soon(text), waiting)

    async def region_of(self, region: str, waiting: Waiting) -> str:
        """`region` for a run, whose user may cancel it. Raises InvalidRequest, ConfigurationError, Interrupted."""
        return await self._background.attend(lambda own: own.outlast(file_work(self.region, region)), waiting)

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

    async def check_key(self, region: str) -> KeyCheck:
        """Asks the service about the key that a run would use, once, which is free. Raises ConfigurationError."""

        async def check(own: Waiting) -> KeyCheck:
            return await key_check.check(self._transport, await self._api(region), own)

        return await self._background.attend(check, Waiting(key_check.TIMEOUTS.total))

    async def records(self, limit: int, before: int | None = None, search: str = "") -> dict[str, Any]:
        """A page of the ledger (see overview.page). Raises ConfigurationError, LedgerUnavailable."""
        budgets, reuse = settings.daily_budget(self._environ), settings.reuse(self._environ)
        return await asyncio.wrap_future(file_work(overview.page, self.ledger, budgets, reuse, limit, before, search))

    async def thumbnail(self, entry_id: int, number: int) -> bytes | None:
        """A stored picture as a small JPEG, None where there is none. Raises LedgerUnavailable."""
        return await asyncio.wrap_future(file_work(overview.thumbnail, self.ledger, entry_id, number))

    async def _generate(self, request: ImageRequest, waiting: Waiting) -> Result:
        async with self._pacer.requests(waiting.party).one(waiting):
            request, outcome, drawing = await self._draw(request, waiting)
        entry, got = outcome.entry, outcome.pictures
        told = {
            **info.of_request(request),
            "request_id": entry.request_id,
            "task_id": entry.task_id,
            "size": info.sizes(got),
            "image_count": len(got),
            "source": outcome.source,
            "cost": info.cost(request, entry.billed, outcome.source),
            "times": info.times(waiting, outcome.drawing_seconds, entry.times),
            "notes": [*request.notes, *info.surprises(request, got), *outcome.notes, *drawing.notes],
        }
        return Result(got, info.used_prompt([entry.drawn]) or request.prompt, told, outcome.is_final)

    async def _submit(self, request: ImageRequest, waiting: Waiting) -> tuple[str, dict[str, Any]]:
        async with self._pacer.requests(waiting.party).one(waiting):
            drawing = await self._drawing(await self._api(request.region), request, waiting)
            entry, source = await drawing.submit()
        assert entry.task_id is not None
        told = {
            **info.of_request(request),
            "request_id": entry.request_id,
            "task_id": entry.task_id,
            "size": str(request.size),
            "image_count": request.n,
            "source": source,
            "cost": info.cost(request, request.n, source),
            "times": {"submitted_at": info.written(entry.sent)},
            "notes": [*request.notes, *drawing.notes],
        }
        return entry.task_id, told

    async def _collect(self, task_ids: Sequence[str], region: str, waiting: Waiting) -> Result:
        async with self._pacer.requests(waiting.party).one(waiting):
            api = await self._api(region)
            session = self._session()
            found = await collect(self._transport, api, task_ids, session, waiting)
        told = {
            "model": info.joined(entry.asked.model for entry in found.entries) or None,
            "region": api.host.region,
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
        used_prompt = info.used_prompt(entry.drawn for entry in found.entries)
        return Result(found.pictures, used_prompt, told, found.is_final, tuple(found.failed_tasks))

    async def _draw(self, request: ImageRequest, waiting: Waiting) -> tuple[ImageRequest, Outcome, Drawing]:
        """The request as it was sent in the end, and what came of it."""
        api = await self._api(request.region)
        access = (_digest(api), request.region, request.model.ids[request.region])
        if access in self._sync_only and request.other_endpoint:
            request = request.by_sync_call()
        drawing = await self._drawing(api, request, waiting)
        try:
            return request, await drawing.draw(), drawing
        except TasksRefused as refusal:
            # With a task's id it is an answer about that task, which there is.
            if request.other_endpoint is None or refusal.task_id is not None:
                raise
        self._sync_only.add(access)
        return await self._draw(request, waiting)

    async def _drawing(self, api: Api, request: ImageRequest, waiting: Waiting) -> Drawing:
        session = self._session()
        pace = settings.pace(self._environ)
        gate = self._pacer.submits(
            _digest(api),
            request.region,
            request.model.ids[request.region],
            pace.limit(request.model, request.region),
            fixed=pace.is_own(request.model),
        )
        allowed = budget.guard(settings.daily_budget(self._environ), request)
        account = await session.account(api.key.value)
        return Drawing(self._transport, api, request, account, session, gate, allowed, waiting, self._background.hold)

    def _session(self) -> LedgerSession:
        environ = self._environ
        rules = Rules(settings.reuse(environ), settings.store_limit(environ), settings.store_days(environ))
        if self._untidy:
            self._untidy = False
            file_work(_tidy, self.ledger, rules)
        return LedgerSession(self.ledger, rules)

    async def _api(self, region: str) -> Api:
        api = await asyncio.wrap_future(file_work(self._access, region))
        return replace(api, queries=self._pacer.queries(_digest(api), settings.pace(self._environ).limits_queries))

    def _access(self, region: str) -> Api:
        host = api_host(region, self._environ, self._folder)
        return Api(host, find_key(host.region, self._environ, self._folder))


def _tidy(ledger: Ledger, rules: Rules) -> None:
    with contextlib.suppress(LedgerUnavailable):  # whoever writes next is told
        ledger.tidy(rules.store_limit, rules.store_days)


def _digest(api: Api) -> str:
    """Tells accounts apart within this process; keys do not lie about in tables."""
    return hashlib.sha256(api.key.value.encode()).hexdigest()
