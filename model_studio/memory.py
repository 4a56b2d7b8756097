"""The ledger as one run uses it: in threads, and never in its way. What cannot be kept becomes a note."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ParamSpec, TypeVar

from .errors import ConfigurationError, TaskTimeout
from .ledger import SENDING, SUBMITTED, Entry, Ledger, LedgerUnavailable, Order, new_entry
from .waiting import DeadlinePassed, Waiting, start

log = logging.getLogger(__name__)
TOLD_AFTER = 1.0  # seconds after which an error has surely reached its user
CLAIM_PAUSE = 0.2  # seconds between two looks whether another run is done
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Rules:
    """What the settings say about keeping. `store_limit` in bytes, 0: no pictures; `store_days` None: for ever."""

    reuse: bool
    store_limit: int
    store_days: float | None


class Memory:
    """One run's view of the ledger. `notes`: what users should know of the ledger itself."""

    def __init__(self, ledger: Ledger, rules: Rules) -> None:
        self.ledger = ledger
        self.rules = rules
        self.notes: list[str] = []
        self._reason = ""  # why the ledger could not be used last time

    async def account(self, key: str) -> str:
        """The account's digest; an empty text where there is no ledger to compare it in."""
        return await self._try(self.ledger.account, key) or ""

    @asynccontextmanager
    async def claim(self, fingerprint: str, waiting: Waiting) -> AsyncIterator[None]:
        """Inside, this request is ours alone; another run of it, in whatever process, is waited for.

        Without reuse nobody waits. Raises TaskTimeout, Interrupted.
        """
        while True:
            with contextlib.ExitStack() as claim:
                if self._is_ours(fingerprint, claim):
                    yield
                    return
            waiting.tell("waiting for the same request of another run,")
            try:
                await waiting.sleep(CLAIM_PAUSE)
            except DeadlinePassed:
                raise TaskTimeout(
                    f"After {waiting.elapsed:.0f} s another run still works at the same request.",
                    "Nothing was sent. Run again: its pictures will be in the store, or its task is taken up.",
                ) from None

    def _is_ours(self, fingerprint: str, claim: contextlib.ExitStack) -> bool:
        if not self.rules.reuse:
            return True
        try:
            return claim.enter_context(self.ledger.claims.attempt(fingerprint))
        except (OSError, NotImplementedError) as error:
            self.note(f"Equal requests of other runs cannot be seen: {_why(error)}.")
            return True

    async def begin(
        self, order: Order, allowed: Callable[[Mapping[str, float]], None] | None, refused: Entry | None = None
    ) -> Entry:
        """The record of a request that is about to be sent; `refused`: the one it has from an earlier try.

        `allowed` gets today's sums and raises to refuse it. Raises ConfigurationError where there is something to
        refuse by, but no ledger that knows the sums.
        """
        entry = refused or new_entry(order, SENDING, self.ledger.now())
        written = await self._try(self.ledger.begin, entry, allowed or (lambda spent: None))
        if written is None and allowed is not None:
            raise ConfigurationError(
                f"MODEL_STUDIO_DAILY_BUDGET cannot be kept, since the ledger cannot be used: {self._reason}.",
                "Nothing was sent. Make the ledger's folder writable, or unset the budget.",
            )
        return written or entry

    async def update(self, entry: Entry, **values: Any) -> Entry:
        if entry.id is None:
            return replace(entry, **values)
        try:
            return await self._try(self.ledger.update, entry, **values) or replace(entry, **values)
        except sqlite3.IntegrityError:  # an absurd answer: the id of another record's task
            task_id = values.pop("task_id")
            self.note(f"The service gave task {task_id} for two requests.")
            return replace(await self.update(entry, **values), task_id=task_id)

    async def adopt(self, entry: Entry, task_id: str) -> Entry | None:
        """The record with a task that was found to be its own; None where another has it by now."""
        if entry.id is None:  # without a ledger nobody knows which tasks are others'
            return None
        try:
            return await self._try(self.ledger.update, entry, state=SUBMITTED, task_id=task_id)
        except sqlite3.IntegrityError:
            return None

    def tell(self, entry: Entry, state: str) -> None:
        """The user is about to read that a request came to a bad end, UNCERTAIN or LOST.

        Written down once that has surely happened: should this process be killed in between, the next tells it again.
        """
        if entry.id is not None:
            self.ledger.told[entry.id, state] = self.ledger.now()
            start(_mark_told, self.ledger, entry, state)

    def was_told(self, entry: Entry, state: str) -> float | None:
        """When the user was told of this bad end, as far as is known."""
        if entry.state == state:
            return entry.updated
        return None if entry.id is None else self.ledger.told.get((entry.id, state))

    async def found(self, order: Order, task_id: str) -> Entry:
        """The record of a task that was created here or elsewhere."""
        entry = new_entry(order, SUBMITTED, self.ledger.now(), task_id)
        return await self._try(self.ledger.found, entry) or entry

    async def latest(self, fingerprint: str) -> Entry | None:
        return await self._try(self.ledger.latest, fingerprint)

    async def by_task(self, task_id: str) -> Entry | None:
        return await self._try(self.ledger.by_task, task_id)

    async def rivals(self, entry: Entry, within: float) -> list[Entry]:
        return await self._try(self.ledger.rivals, entry, within) or []

    async def _try(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """The result, or None with a note."""
        try:
            result = await asyncio.wrap_future(start(function, *args, **kwargs))
        except (LedgerUnavailable, OSError) as error:
            self._reason = error.reason if isinstance(error, LedgerUnavailable) else _why(error)
            self.note(f"Nothing is kept, since the ledger cannot be used: {self._reason}.")
            return None
        for notice in self.ledger.database.take_notices():
            self.note(notice)
        return result

    def note(self, note: str) -> None:
        """Tells users something once, in the log too."""
        if note not in self.notes:
            log.warning(note)
            self.notes.append(note)


def _mark_told(ledger: Ledger, entry: Entry, state: str) -> None:
    time.sleep(TOLD_AFTER)
    with contextlib.suppress(LedgerUnavailable):  # then it is told again
        ledger.mark_told(entry, state)


def _why(error: Exception) -> str:
    """Without the paths of this machine."""
    return getattr(error, "strerror", None) or type(error).__name__


@dataclass
class Shelf:
    """The stored pictures of one record; `downloads` counts those that had to be fetched."""

    memory: Memory
    entry: Entry
    downloads: int = field(default=0)

    async def get(self, number: int) -> bytes | None:
        file = self.entry.files.get(number)
        if file is None:
            return None
        return await asyncio.wrap_future(start(self.memory.ledger.store.read, file))

    async def put(self, number: int, content: bytes) -> None:
        """Keeps a picture that came whole."""
        self.downloads += 1
        rules = self.memory.rules
        if rules.store_limit and self.entry.id is not None:
            await self.memory._try(
                self.memory.ledger.keep, self.entry, number, content, rules.store_limit, rules.store_days
            )
