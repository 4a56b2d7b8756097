"""Tasks, whoever created them, to pictures: of the store where they were fetched before, else of the service."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..errors import ModelStudioError, PictureUnreadable, ServiceError, TaskError, TaskTimeout, TaskUnknown
from ..ledger import Asked, Entry
from ..ledger.session import LedgerSession
from ..service import tasks
from ..service.client import Client
from ..service.polling import Answer, Polling
from ..waiting import DeadlinePassed, Waiting
from ..words import Text
from . import info, lookup
from .paid_record import PaidRecord
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

    def add(self, part: Collection) -> None:
        """What came of another task."""
        self.entries += part.entries
        self.pictures += part.pictures
        self.notes += part.notes
        self.errors += part.errors
        self.is_final &= part.is_final
        if part.source == info.RESUMED:
            self.source = info.RESUMED


class Collecting:
    """One Task Poller's run. What the ledger knows of the tasks is read once, however many there are."""

    def __init__(self, client: Client, session: LedgerSession, waiting: Waiting) -> None:
        self._client = client
        self._session = session
        self._waiting = waiting
        self._polling = Polling(client, {}, waiting)
        # What is drawn is billed: it is stored, whoever waits for it; and shown, while other tasks go on.
        self._aside = waiting.aside(quiet=lambda: bool(self._polling.open))
        self._parts: dict[str, asyncio.Task[Collection]] = {}
        self._account = ""
        self._known: dict[str, PaidRecord] = {}

    async def collect(self, task_ids: Sequence[str]) -> Collection:
        """Waits for the tasks and brings their pictures, in the order of the ids.

        Raises the error of the first task if none ended well, TaskTimeout while one still goes on, Interrupted.
        """
        self._waiting.will_be(Text("the tasks go on; fetching costs nothing"))
        await self._recall(task_ids)
        self._waiting.expect(len(task_ids))
        stored = [task_id for task_id in task_ids if self._is_stored(task_id)]
        patience = {task_id: self._patience(task_id) for task_id in task_ids if task_id not in stored}
        self._polling = Polling(self._client, patience, self._waiting)
        self._polling.when_ended = self._begin
        for task_id in stored:
            self._begin(task_id, None)
        late: TaskTimeout | None = None
        try:
            if patience:
                await self._polling.until_ended()
        except TaskTimeout as error:
            late = error  # what has ended is fetched and stored all the same
        finally:
            collection = Collection(drawing_seconds=self._waiting.elapsed)
            self._waiting.never_stop()
            await asyncio.gather(*self._parts.values(), return_exceptions=True)  # each to its end, whatever fails
        for task_id in self._polling.open:
            if task_id in self._known and self._polling.has_answer(task_id):
                await self._known[task_id].seen(self._polling.seconds_denied(task_id))
        for task_id in task_ids:
            if task_id in self._parts:
                collection.add(self._parts[task_id].result())
        if not late:
            self._tell_of(collection)
        collection.failed_tasks = [task_id for error in collection.errors for task_id in error.failed_tasks]
        if late or not collection.pictures:
            raised = late or collection.errors[0]
            raised.failed_tasks = tuple(collection.failed_tasks)
            raise raised
        reuse = self._session.rules.reuse
        collection.is_final &= not reuse or all(_is_final(error) for error in collection.errors)
        return collection

    def _begin(self, task_id: str, answer: Answer | None) -> None:
        """`answer`: None for a task whose pictures are in the store."""
        self._parts[task_id] = asyncio.create_task(self._part(task_id, answer))

    async def _part(self, task_id: str, answer: Answer | None) -> Collection:
        """Pictures of a task that has ended, or its error."""
        part = Collection()
        try:
            if answer is not None:
                if task_id in self._known:
                    await self._known[task_id].seen(self._polling.seconds_denied(task_id))
                await self._settle(answer, task_id)
            record = self._known[task_id]
            fetched = await record.fetch(record.entry.drawn)
            if lookup.is_other_size(record.entry, fetched.pictures):
                raise await _contradicted(record)
        except ModelStudioError as error:
            part.errors.append(error.with_ids(task_id=task_id))
            return part
        if fetched.downloads or answer is not None:
            part.source = info.RESUMED
        fetched.notes.extend(lookup.notes(record.entry))
        part.entries.append(record.entry)
        part.pictures += fetched.pictures
        part.notes += fetched.notes
        part.is_final = record.is_final(fetched)
        return part

    async def _recall(self, task_ids: Sequence[str]) -> None:
        """Reads the account's digest, and the records that there are of the tasks. Raises TaskTimeout, Interrupted."""
        try:
            self._account, records = await self._session.recall(self._client.key.value, task_ids)
        except DeadlinePassed:
            raise tasks.timeout(dict.fromkeys(task_ids, ""), self._waiting.elapsed, "") from None
        self._known = {task_id: self._record(entry, self._waiting) for task_id, entry in records.items()}
        for task_id, record in self._known.items():
            if not self._is_stored(task_id):
                await record.find_age()
            record.waiting = self._aside

    def _record(self, entry: Entry, waiting: Waiting) -> PaidRecord:
        return PaidRecord(entry, self._session, self._client, waiting)

    def _is_stored(self, task_id: str) -> bool:
        return self._session.rules.reuse and task_id in self._known and self._known[task_id].entry.is_stored

    def _is_ours(self, task_id: str) -> bool:
        """Whether the service was asked where the task is: elsewhere it is unknown, and still not lost."""
        record = self._known.get(task_id)
        here = (self._client.host.region, self._account)
        return record is not None and (record.entry.asked.region, record.entry.asked.account) == here

    def _patience(self, task_id: str) -> float:
        return self._known[task_id].patience if self._is_ours(task_id) else 0.0

    async def _settle(self, answer: Answer, task_id: str) -> None:
        """Writes down what the service says of a task. Raises the error for which there are no pictures."""
        if isinstance(answer, ServiceError):
            raise answer
        error = tasks.failure(answer, task_id, self._client.host.region)
        if isinstance(error, TaskUnknown) and task_id in self._known and self._known[task_id].entry.drawn.links:
            return  # its links may still work, and some pictures may be in the store
        if isinstance(error, TaskUnknown):
            raise error
        if answer.other_work and not answer.drawn.links:
            raise TaskError(
                Text("The task made {work}; this node fetches pictures only.", work=answer.other_work),
                Text(
                    "Fetch it with the program that submitted it: the answer about the task holds a link that works "
                    "for 24 hours."
                ),
            )
        asked = Asked(self._account, self._client.host.region)
        record = self._record(await self._session.found(asked, task_id), self._aside)
        self._known[task_id] = record
        if lookup.contradicts(record.entry, answer):
            raise await _contradicted(record)
        if error:
            await record.failed(error)
            raise error
        await record.drawn(answer)

    def _tell_of(self, collection: Collection) -> None:
        """Adds to the errors that a user will read what becomes of the requests."""
        for error in collection.errors if collection.pictures else collection.errors[:1]:
            if error.task_id and self._is_ours(error.task_id):
                self._known[error.task_id].tell_of(error)


async def _contradicted(record: PaidRecord) -> TaskUnknown:
    """The error for an adopted task that turns out to be another's."""
    error = TaskUnknown(
        Text("The task that was found in the account's list after its answer was lost belongs to another request."),
        Text("The request may have been billed all the same. Queue the node that submitted it again."),
    )
    error.failed_tasks = (record.entry.task_id or "",)
    await record.contradicted()
    return error


def _is_final(error: ModelStudioError) -> bool:
    """Whether the task would come to the same end in another run."""
    is_other_work = isinstance(error, TaskError) and not isinstance(error, TaskUnknown)
    return is_other_work or bool(error.failed_tasks) or isinstance(error, PictureUnreadable)
