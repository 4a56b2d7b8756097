"""Asks about open tasks once, for the list of recent tasks: free, nothing is fetched, and no run is disturbed."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import ModelStudioError, ServiceError, TaskTimeout
from ..ledger import SUBMITTED, Entry
from ..ledger.session import LedgerSession
from ..service import tasks
from ..service.answers import TaskAnswer
from ..service.client import Client
from ..service.polling import Answer, Polling
from ..waiting import Interrupted, Waiting
from ..words import Text
from .paid_record import PaidRecord

MOST = 20  # as many questions as an account has a second
PATIENCE = 4.0  # seconds for all of them, the wait for their turn among the account's others included

UNASKED = "unasked"  # there is no key for it
UNANSWERED = "unanswered"
OTHER_KEY = Text("It was submitted with another key than the one that is used for its region now.")


@dataclass(frozen=True)
class Found:
    """What is known of a task that the ledger does not say.

    `state`: the service's word, UNASKED or UNANSWERED; empty where nothing is to be told.
    """

    entry: Entry
    state: str
    why: str = ""


class Looking:
    """One look at tasks of one region and key."""

    def __init__(self, client: Client, session: LedgerSession, waiting: Waiting) -> None:
        self._client = client
        self._session = session
        self._waiting = waiting

    async def at(self, entries: Sequence[Entry]) -> list[Found]:
        """Writes down which tasks have ended, and gives what is known of the others."""
        polling = Polling(self._client, {entry.task_id or "": 0.0 for entry in entries}, self._bounded())
        with contextlib.suppress(TaskTimeout, Interrupted):  # those that were answered count all the same
            await polling.until_known()
        found = [await self._settle(entry, polling.answers[entry.task_id or ""]) for entry in entries]
        return [each for each in found if each]

    def _bounded(self) -> Waiting:
        """Ends in time also where the wait for a turn at the limit has no deadline."""
        clock, own = self._waiting.clock, self._waiting
        end = clock.now() + PATIENCE
        return Waiting(PATIENCE, lambda: own.interrupted() or clock.now() >= end, clock=clock, origin=own.origin)

    async def _settle(self, entry: Entry, answer: Answer | None) -> Found | None:
        if answer is None:
            return Found(entry, UNANSWERED)
        if isinstance(answer, ServiceError):
            return Found(entry, UNANSWERED, answer.text)
        error = tasks.failure(answer, entry.task_id or "", self._client.host.region)
        if answer.state in tasks.FINAL - {tasks.UNKNOWN} and await self._wrote(entry, answer, error):
            return None
        has_nothing = answer.state == tasks.SUCCEEDED and not answer.drawn.links
        return Found(entry, "" if has_nothing else answer.state, error.what if error else "")

    async def _wrote(self, entry: Entry, answer: TaskAnswer, error: ModelStudioError | None) -> bool:
        """Whether the end of a task was written down, with the `error` that it tells of.

        Not while a run works at its request, which will do so; nor of a task that was taken for a lost submission's:
        whether it is, is seen by its pictures.
        """
        if entry.adopted:
            return False
        async with self._session.claim_if_free(entry.asked.fingerprint) as is_free:
            now = (await self._session.by_tasks([entry.task_id or ""])).get(entry.task_id or "")
            if not is_free or now is None or now.state != SUBMITTED:
                return False
            record = PaidRecord(now, self._session, self._client, self._waiting)
            if error:
                await record.failed(error)
            else:
                await record.drawn(answer)
            return record.entry.state != SUBMITTED
