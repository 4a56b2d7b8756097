"""The ledger as one run uses it: in threads, and never in its way. What cannot be kept becomes a note."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ParamSpec, TypeVar

from ..errors import ConfigurationError, TaskTimeout
from ..threads import file_work, start
from ..waiting import DeadlinePassed, Waiting
from ..words import Text
from . import FAILED, LOST, SENDING, SUBMITTED, UNCERTAIN, Asked, Entry, Ledger, LedgerUnavailable, State, new_entry

log = logging.getLogger(__name__)
TRIES = 2
WARNED_AFTER = 1.0  # seconds after which an error has surely reached its user
CLAIM_PAUSE = 0.2  # seconds between two looks whether another run is done
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Rules:
    """What the settings say about keeping. `store_limit` in bytes, 0: no pictures; `store_days` None: for ever."""

    reuse: bool
    store_limit: int
    store_days: float | None


class LedgerSession:
    """One run's view of the ledger. `notes`: what users should know of the ledger itself."""

    def __init__(self, ledger: Ledger, rules: Rules) -> None:
        self.ledger = ledger
        self.rules = rules
        self.notes: list[Text] = []
        self._reason = ""  # why the ledger could not be used last time
        self._lost_sight = False  # whether this run does without the ledger

    async def account(self, key: str) -> str:
        """The account's digest; an empty text where there is no ledger, and then nothing is written under it."""
        account = await self._try(self.ledger.account, key)
        if account is None:
            self._lost_sight = True
        return account or ""

    @asynccontextmanager
    async def claim(self, fingerprint: str, waiting: Waiting) -> AsyncIterator[None]:
        """Inside, this request is ours alone; another run of it, in whatever process, is waited for.

        Without reuse nobody waits. Raises TaskTimeout, Interrupted.
        """
        while True:
            claim = contextlib.ExitStack()
            try:
                if await self._is_ours(fingerprint, claim):
                    yield
                    return
            finally:
                await asyncio.wrap_future(file_work(claim.close))
            waiting.tell(Text("waiting for the same request of another run,"))
            try:
                await waiting.sleep(CLAIM_PAUSE)
            except DeadlinePassed:
                raise TaskTimeout(
                    Text("After {seconds:.0f} s another run still works at the same request.", seconds=waiting.elapsed),
                    Text("Nothing was sent. Run again: its pictures will be in the store, or its task is taken up."),
                ) from None

    async def _is_ours(self, fingerprint: str, claim: contextlib.ExitStack) -> bool:
        if not self.rules.reuse:
            return True
        try:
            attempt = self.ledger.claims.attempt(fingerprint)
            return await asyncio.wrap_future(file_work(claim.enter_context, attempt))
        except (OSError, NotImplementedError) as error:
            self.note(Text("Equal requests of other runs cannot be seen: {reason}.", reason=_why(error)))
            return True

    async def begin(
        self, asked: Asked, allowed: Callable[[Mapping[str, float]], None] | None, refused: Entry | None = None
    ) -> Entry:
        """The record of a request that is about to be sent; `refused`: the one it has from an earlier try.

        `allowed` gets today's sums and raises to refuse it. Raises ConfigurationError where there is something to
        refuse by, but no ledger that knows the sums.
        """
        entry = refused or new_entry(asked, SENDING, self.ledger.now())
        entry = replace(entry, sent=self.ledger.now(), billed=asked.n)
        written = await self._try(self.ledger.begin, entry, allowed)
        if written is None and allowed is not None:
            raise ConfigurationError(
                Text(
                    "MODEL_STUDIO_DAILY_BUDGET cannot be kept, since the ledger cannot be used: {reason}.",
                    reason=self._reason,
                ),
                Text("Nothing was sent. Make the ledger's folder writable, or unset the budget."),
            )
        return written or replace(entry, state=SENDING)

    async def update(self, entry: Entry, **values: Any) -> Entry:
        for state in (UNCERTAIN, LOST):
            self.ledger.warned.pop((entry.name, state), None)  # it came to another end
        if entry.id is None:
            return replace(entry, **values)
        try:
            return await self._try(self.ledger.update, entry, **values) or replace(entry, **values)
        except sqlite3.IntegrityError:  # an absurd answer: the id of another record's task
            task_id = values.pop("task_id", entry.task_id)
            self.note(Text("The service gave task {task_id} for two requests.", task_id=task_id))
            return replace(await self.update(replace(entry, task_id=None), **values), task_id=task_id)

    async def adopt(self, entry: Entry, task_id: str) -> Entry | None:
        """The record with a task that was found to be its own; None where another has it by now."""
        if entry.id is None or self._reason:  # without a ledger nobody knows which tasks are others'
            return None
        try:
            return await self._try(self.ledger.update, entry, state=SUBMITTED, task_id=task_id, adopted=True)
        except sqlite3.IntegrityError:
            return None

    def warn(self, entry: Entry, state: State) -> None:
        """The user is about to read that a request came to a bad end, UNCERTAIN or LOST.

        Written down once that has surely happened: should this process be killed in between, the next warns again. A
        record that failed, such as one that a new request took the place of, stays what it is.
        """
        self.ledger.warned[entry.name, state] = self.ledger.now()
        if entry.id is not None and entry.state != FAILED:
            start(_mark_warned, self.ledger, entry, state)

    def warned_at(self, entry: Entry, state: State) -> float | None:
        """When the user was warned of this bad end, in seconds since 1970; None: not, as far as is known."""
        if entry.state == state:
            return entry.updated
        return self.ledger.warned.get((entry.name, state))

    async def give_back(self, entry: Entry) -> Entry:
        """The record without a task that was found for it and is another's; that is known as such from now on."""
        assert entry.task_id is not None
        without = await self.update(entry, state=SENDING, task_id=None, adopted=False)
        await self.found(Asked(entry.asked.account, entry.asked.region), entry.task_id)
        return without

    async def found(self, asked: Asked, task_id: str) -> Entry:
        """The record of a task that was created here or elsewhere."""
        entry = new_entry(asked, SUBMITTED, self.ledger.now(), task_id)
        return await self._try(self.ledger.found, entry) or entry

    async def latest(self, fingerprint: str, *, stored_first: bool = False) -> Entry | None:
        return await self._try(self.ledger.latest, fingerprint, stored_first=stored_first)

    async def by_task(self, task_id: str) -> Entry | None:
        return await self._try(self.ledger.by_task, task_id)

    async def by_tasks(self, task_ids: Sequence[str]) -> dict[str, Entry]:
        """Task id -> its record, where there is one. Where they cannot be read, this run does without the ledger."""
        entries = await self._try(self.ledger.by_tasks, task_ids)
        if entries is None:
            self._lost_sight = True
        return entries or {}

    async def unsettled(self, entry: Entry, within: float) -> list[Entry]:
        return await self._try(self.ledger.unsettled, entry, within) or []

    async def _try(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """The result, or None with a note. Tried twice: a damaged file is moved aside by the second, a lock is over."""
        for _ in range(TRIES):
            if self._lost_sight:
                return None
            try:
                result = await asyncio.wrap_future(file_work(function, *args, **kwargs))
            except (LedgerUnavailable, OSError) as error:
                self._reason = error.reason if isinstance(error, LedgerUnavailable) else _why(error)
            else:
                for notice in self.ledger.database.take_notices():
                    self.note(notice)
                return result
        self.note(Text("Nothing is kept, since the ledger cannot be used: {reason}.", reason=self._reason))
        return None

    def note(self, note: Text) -> None:
        """Tells users something once, in the log too."""
        if note not in self.notes:
            log.warning(note)
            self.notes.append(note)


def _mark_warned(ledger: Ledger, entry: Entry, state: State) -> None:
    time.sleep(WARNED_AFTER)
    with contextlib.suppress(LedgerUnavailable):  # then it warns again
        if (entry.name, state) in ledger.warned:  # it may have come to a good end since
            ledger.mark_warned(entry, state)


def _why(error: Exception) -> str:
    """Without the paths of this machine."""
    return getattr(error, "strerror", None) or type(error).__name__


@dataclass
class StoredPictures:
    """The stored pictures of one record; `downloads` counts those that had to be fetched."""

    session: LedgerSession
    entry: Entry
    downloads: int = field(default=0)

    async def get(self, number: int) -> bytes | None:
        file = self.entry.files.get(number)
        if file is None:
            return None
        return await asyncio.wrap_future(file_work(self.session.ledger.store.read, file))

    async def put(self, number: int, content: bytes) -> None:
        """Keeps a picture that came whole."""
        self.downloads += 1
        rules = self.session.rules
        if rules.store_limit and self.entry.id is not None:
            await self.session._try(
                self.session.ledger.keep, self.entry, number, content, rules.store_limit, rules.store_days
            )
