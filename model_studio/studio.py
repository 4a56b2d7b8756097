"""The API for a caller: generate pictures, submit a task, collect the pictures of tasks.

Asynchronous; whatever blocks runs in threads. A Studio may be shared by all runs of a process.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import gallery, tasks
from .answers import Drawn, TaskAnswer, read_task
from .api import Api
from .credentials import find_key
from .errors import ModelStudioError, ServiceError, UnexpectedAnswer
from .pictures import Picture
from .polling import Polling
from .regions import api_host
from .request import ImageRequest
from .transport import Transport
from .waiting import Waiting

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """Pictures in the service's order, the prompt it really used, and `info` for the user (JSON-ready, no secrets)."""

    pictures: list[Picture]
    used_prompt: str
    info: dict[str, Any]


class Studio:
    """Model Studio as this machine's environment describes it, read anew for each request.

    `key_folder`: this pack's private folder, the last place where a key is looked for.
    """

    def __init__(
        self,
        transport: Transport | None = None,
        environ: Mapping[str, str] | None = None,
        key_folder: Path | None = None,
    ) -> None:
        self._transport = transport or Transport()
        self._environ = os.environ if environ is None else environ
        self._key_folder = key_folder

    def region(self, region: str) -> str:
        """The real region behind a node's `region`. Raises InvalidRequest, ConfigurationError."""
        return api_host(region, self._environ).region

    async def generate(self, request: ImageRequest, waiting: Waiting) -> Result:
        """Draws what was asked for and brings it here. Raises ModelStudioError, Interrupted."""
        api = self._api(request.region)
        draw = self._draw_by_task if request.endpoint.is_async else self._draw_at_once
        answer = await draw(api, request, waiting)
        drawing_seconds = waiting.elapsed
        try:
            got, notes = await gallery.fetch(self._transport, api.host, answer.drawn, waiting)
        except ModelStudioError as error:
            error.with_ids(request_id=answer.request_id, task_id=answer.task_id)
            raise
        except BaseException:
            log.warning(
                "Pictures were drawn and are billed, but not fetched (request %s, task %s). %s",
                answer.request_id,
                answer.task_id or "none",
                tasks.POLLER if answer.task_id else "",
            )
            raise
        info = {
            **_request_info(request),
            "request_id": answer.request_id,
            "task_id": answer.task_id or None,
            "size": _sizes(got),
            "image_count": len(got),
            "cost": _cost(request, len(answer.drawn.links)),
            "times": {**_times(waiting, drawing_seconds), "task_utc+8": answer.times},
            "notes": [*request.notes, *_surprises(request, got), *notes],
        }
        return Result(got, _used_prompt([answer.drawn]) or request.prompt, info)

    async def submit(self, request: ImageRequest, waiting: Waiting) -> tuple[str, dict[str, Any]]:
        """Creates a task and returns its id and `info` at once. Raises ModelStudioError, Interrupted."""
        submitted = await self._submit(self._api(request.region), request, waiting)
        info = {
            **_request_info(request),
            "request_id": submitted.request_id,
            "task_id": submitted.task_id,
            "size": str(request.size),
            "image_count": request.n,
            "cost": _cost(request, request.n),
            "times": {"submitted_at": _now()},
            "notes": list(request.notes),
        }
        return submitted.task_id, info

    async def collect(self, task_ids: Sequence[str], region: str, waiting: Waiting) -> Result:
        """Waits for tasks, whoever submitted them, and brings their pictures, in the order of the ids.

        Pictures of tasks that ended well are returned even where others failed; the notes tell of those.
        Raises the error of the first task if none ended well, TaskTimeout while one still goes on.
        """
        api = self._api(region)
        answers = await Polling(self._transport, api, task_ids).until_ended(waiting)
        drawing_seconds = waiting.elapsed
        drawn: list[Drawn] = []
        got: list[Picture] = []
        notes: list[str] = []
        errors: list[ModelStudioError] = []
        for task_id, answer in answers.items():
            try:
                done = _ended_well(answer, task_id, api.host.region)
                of_task, of_notes = await gallery.fetch(self._transport, api.host, done.drawn, waiting)
            except ModelStudioError as error:
                errors.append(error.with_ids(request_id=answer.request_id, task_id=task_id))
            else:
                drawn.append(done.drawn)
                got += of_task
                notes += of_notes
        if not got:
            raise errors[0]
        info = {
            "model": None,
            "region": api.host.region,
            "request_id": ", ".join(answer.request_id or "" for answer in answers.values()),
            "task_id": ", ".join(answers),
            "size": _sizes(got),
            "seed": None,
            "image_count": len(got),
            "cost": None,
            "times": _times(waiting, drawing_seconds),
            "notes": [*map(str, errors), *notes],
        }
        return Result(got, _used_prompt(drawn), info)

    def _api(self, region: str) -> Api:
        host = api_host(region, self._environ)
        return Api(host, find_key(host.region, self._environ, self._key_folder))

    async def _draw_at_once(self, api: Api, request: ImageRequest, waiting: Waiting) -> TaskAnswer:
        about = request.model.typical_seconds
        return read_task(await self._transport.create(api, request.endpoint, request.body, waiting, about))

    async def _draw_by_task(self, api: Api, request: ImageRequest, waiting: Waiting) -> TaskAnswer:
        """A task, waited for. Left by Cancel while it may be PENDING it is canceled; else the log tells its id.

        The first node that sees Cancel ends the graph, and the others as if a sibling had failed (CancelledError).
        """
        submitted = await self._submit(api, request, waiting)
        task_id = submitted.task_id
        polling = Polling(self._transport, api, [task_id], request.model.typical_seconds)
        try:
            answer = (await polling.until_ended(waiting, tasks.poll_delay(0)))[task_id]
        except ModelStudioError:
            raise
        except BaseException:
            if waiting.interrupted() and polling.may_be_pending:
                self._transport.withdraw(api, task_id)
            else:
                log.warning("Task %s goes on at the service. %s", task_id, tasks.POLLER)
            raise
        return replace(_ended_well(answer, task_id, api.host.region), request_id=submitted.request_id)

    async def _submit(self, api: Api, request: ImageRequest, waiting: Waiting) -> TaskAnswer:
        submitted = read_task(await self._transport.create(api, request.endpoint, request.body, waiting))
        if not tasks.is_id(submitted.task_id):
            raise UnexpectedAnswer(
                "The service took the request but gave no task id.",
                "It may be billed. Please report this with the request id.",
                request_id=submitted.request_id or None,
            )
        log.info("Submitted task %s (%s, n=%d, %s).", submitted.task_id, request.model.name, request.n, request.region)
        return submitted


def _ended_well(answer: TaskAnswer | ServiceError, task_id: str, region: str) -> TaskAnswer:
    """The answer, or the error for which there are no pictures."""
    if isinstance(answer, ServiceError):
        raise answer.with_ids(task_id=task_id)
    if error := tasks.failure(answer, task_id, region):
        raise error
    return answer


def _request_info(request: ImageRequest) -> dict[str, Any]:
    return {
        "model": request.model.ids[request.region],
        "region": request.region,
        "call_mode": "async" if request.endpoint.is_async else "sync",
        "seed": request.seed,
    }


def _surprises(request: ImageRequest, got: list[Picture]) -> list[str]:
    """Notes on what is not as it was asked for."""
    notes = []
    if len(got) != request.n:
        notes.append(f"{request.n} pictures were asked for, {len(got)} came.")
    other = dict.fromkeys(picture.size for picture in got if picture.size != str(request.size))
    if other:
        notes.append(f"{request.size} was asked for; the service drew {', '.join(other)}.")
    return notes


def _used_prompt(drawn: list[Drawn]) -> str:
    """The prompts the service tells, one a line where they differ."""
    return "\n".join(dict.fromkeys(prompt for one in drawn for prompt in one.used_prompts))


def _cost(request: ImageRequest, count: int) -> dict[str, Any] | None:
    if request.price is None:
        return None
    amount, currency = request.price
    basis = request.model.sources["prices"]
    return {"amount": round(amount * count, 4), "currency": currency, "basis": f"list price ({basis})"}


def _sizes(got: list[Picture]) -> str:
    return ", ".join(dict.fromkeys(picture.size for picture in got))


def _times(waiting: Waiting, drawing_seconds: float) -> dict[str, Any]:
    return {
        "finished_at": _now(),
        "drawing_seconds": round(drawing_seconds, 1),
        "total_seconds": round(waiting.elapsed, 1),
    }


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
