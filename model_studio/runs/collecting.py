"""Tasks, whoever created them, to pictures: of the store where they were fetched before, else of the service."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..errors import (
    ModelStudioError,
    NoPictures,
    PictureExpired,
    PictureUnreadable,
    ServiceError,
    TaskError,
    TaskTimeout,
    TaskUnknown,
)
from ..ledger import DRAWN, FAILED, LOST, Asked, Entry
from ..ledger.session import LedgerSession, StoredPictures
from ..service import tasks
from ..service.answers import TaskAnswer
from ..service.api import Api
from ..service.polling import Polling
from ..service.transport import Transport
from ..waiting import DeadlinePassed, Waiting
from ..words import Text
from . import gallery, info, lookup
from .drawing import LIFETIME
from .pictures import Picture


@dataclass
class Collection:
    """What came of some tasks: records and pictures of those that ended well, the errors of the others."""

    entries: list[Entry] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    notes: list[Text] = field(default_factory=list)
    errors: list[ModelStudioError] = field(default_factory=list)
    source: str = info.STORED
    drawing_seconds: float = 0.0
    failed_tasks: list[str] = field(default_factory=list)  # see ModelStudioError
    is_final: bool = True  # whether another run would bring no more


async def collect(
    transport: Transport, api: Api, task_ids: Sequence[str], session: LedgerSession, waiting: Waiting
) -> Collection:
    """Waits for the tasks and brings their pictures, in the order of the ids.

    Raises the error of the first task if none ended well, TaskTimeout while one still goes on, Interrupted.
    """
    account, known = await _recall(api, task_ids, session, waiting)
    stored = [task_id for task_id in task_ids if session.rules.reuse and task_id in known and known[task_id].is_stored]
    asked = [task_id for task_id in task_ids if task_id not in stored]
    collection = Collection()
    polling = Polling(transport, api, asked)
    late: TaskTimeout | None = None
    if asked:
        try:
            await polling.until_ended(waiting)
        except TaskTimeout as error:
            late = error  # what has ended is fetched and stored all the same
    answers = polling.ended
    collection.drawing_seconds = waiting.elapsed
    waiting.never_stop()  # what is drawn is billed: it is stored, whoever waits for it
    lost: dict[str, ModelStudioError] = {}  # task id -> the error that tells of it
    for task_id in (*stored, *answers) if late else task_ids:
        try:
            if task_id in answers:
                entry = await _settle(answers[task_id], task_id, api, account, session)
            else:
                entry = known[task_id]
            store = StoredPictures(session, entry)
            got, notes, may_come = await gallery.fetch(transport, api.host, entry.drawn, waiting, store)
        except ModelStudioError as error:
            collection.errors.append(error.with_ids(task_id=task_id))
            if isinstance(error, NoPictures) and entry.state == FAILED:  # none was drawn, which is free
                error.failed_tasks = (task_id,)
            collection.failed_tasks += error.failed_tasks
            collection.is_final &= _is_final(error)
            if isinstance(error, TaskUnknown | PictureExpired | NoPictures):
                lost[task_id] = error
            continue
        if store.downloads or task_id in answers:
            collection.source = info.RESUMED
        collection.entries.append(entry)
        collection.pictures += got
        collection.notes += notes
        collection.is_final &= not (may_come and entry.created + LIFETIME > session.ledger.now())
    if late:
        late.failed_tasks = tuple(collection.failed_tasks)
        raise late
    heard = collection.errors if collection.pictures else collection.errors[:1]
    if told := [task_id for task_id, error in lost.items() if error in heard]:
        for entry in (await session.by_tasks(told)).values():
            if _is_ours(entry, api, account) and not waiting.abandoned:
                session.tell(entry, LOST)
                if session.rules.reuse and entry.task_id:  # else nothing keeps a task that is known again from the next
                    collection.failed_tasks.append(entry.task_id)
    if not collection.pictures:
        collection.errors[0].failed_tasks = tuple(collection.failed_tasks)
        raise collection.errors[0]
    return collection


async def _recall(
    api: Api, task_ids: Sequence[str], session: LedgerSession, waiting: Waiting
) -> tuple[str, dict[str, Entry]]:
    """The account, and the records that there are of the tasks.

    Another process may hold the ledger for long. Raises TaskTimeout, Interrupted.
    """

    async def read() -> tuple[str, dict[str, Entry]]:
        return await session.account(api.key.value), await session.by_tasks(task_ids)

    try:
        return await waiting.result(asyncio.ensure_future(read()))
    except DeadlinePassed:
        raise tasks.timeout(dict.fromkeys(task_ids, ""), waiting.elapsed, "") from None


async def _settle(
    answer: TaskAnswer | ServiceError, task_id: str, api: Api, account: str, session: LedgerSession
) -> Entry:
    """Writes down what the service says of a task. Raises the error for which there are no pictures."""
    if isinstance(answer, ServiceError):
        raise answer
    error = tasks.failure(answer, task_id, api.host.region)
    if isinstance(error, TaskUnknown):
        raise error
    if answer.other_work and not answer.drawn.links:
        raise TaskError(
            Text("The task made {work}; this node fetches pictures only.", work=answer.other_work),
            Text(
                "Fetch it with the program that submitted it: the answer about the task holds a link that works for 24 "
                "hours."
            ),
        )
    entry = await session.found(Asked(account, api.host.region), task_id)
    if lookup.contradicts(entry, answer):
        await session.give_back(entry)
        anothers = TaskUnknown(
            Text("The task that was found in the account's list after its answer was lost is another's."),
            Text("The request may have been billed all the same. Queue the node that submitted it again."),
        )
        anothers.failed_tasks = (task_id,)
        raise anothers
    if error:
        await session.update(entry, state=FAILED, billed=0)
        raise error
    if not answer.drawn.links and not answer.drawn.failures:
        return entry  # nobody knows whether it is billed
    return await session.update(
        entry,
        state=DRAWN if answer.drawn.links else FAILED,
        drawn=answer.drawn,
        times=answer.times,
        billed=len(answer.drawn.links) if entry.asked.fingerprint else 0,
        request_id=entry.request_id or answer.request_id,
    )


def _is_final(error: ModelStudioError) -> bool:
    """Whether the task would come to the same end in another run."""
    is_other_work = isinstance(error, TaskError) and not isinstance(error, TaskUnknown)
    return is_other_work or bool(error.failed_tasks) or isinstance(error, PictureUnreadable)


def _is_ours(entry: Entry, api: Api, account: str) -> bool:
    """Whether the service was asked where the task is: elsewhere it is unknown, and still not lost."""
    return (entry.asked.region, entry.asked.account) == (api.host.region, account)
