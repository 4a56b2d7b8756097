"""The ledger as one run uses it, in threads.

Before a request is sent, a ledger that is there but cannot be used ends the run: what was paid before is not known.
Once a request is sent, the ledger is never in its way: what cannot be written becomes a note, and stays known to this
process (see unwritten), which writes it as soon as it can.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ParamSpec, TypeVar

from ..errors import ConfigurationError, LedgerUnreadable, ModelStudioError, TaskTimeout
from ..service.answers import Drawn
from ..threads import file_work, start
from ..waiting import DeadlinePassed, Interrupted, Waiting
from ..words import Text
from . import (
    FAILED,
    LOST,
    SENDING,
    SUBMITTED,
    UNCERTAIN,
    Asked,
    Entry,
    Ledger,
    LedgerUnavailable,
    Limits,
    Reason,
    State,
    local_day,
    new_entry,
)
from .database import Cause

log = logging.getLogger(__name__)
WARNED_AFTER = 1.0  # seconds after which an error has surely reached its user
CLAIM_PAUSE = 0.2  # seconds, at first, between two looks whether another process's run is done
CLAIM_PATIENCE = 3600.0  # seconds for which another process's run is waited for; one of ours is known to end
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Rules:
    """What the settings say about keeping. `store_limit` in bytes, 0: no pictures; `store_days` None: for ever."""

    reuse: bool
    store_limit: int
    store_days: float | None


class LedgerSession:
    """One run's view of the ledger. `notes`: what users should know of the ledger itself.

    Waits before something is sent count against the run's deadline and end with Cancel; those after it do neither.
    """

    def __init__(self, ledger: Ledger, rules: Rules, waiting: Waiting) -> None:
        self.ledger = ledger
        self.rules = rules
        self.notes: list[Text] = []
        self._waiting = waiting
        self._reason = ""  # why the ledger could not be used last time
        self._cause: Cause = "absent"  # the same, as a kind
        self._without = False  # whether this run does without the ledger
        self._known = False  # whether there was a record of its request

    async def account(self, key: str) -> str:
        """The account's digest; where no ledger can be, one that this process alone knows it by.

        Raises LedgerUnreadable, Interrupted.
        """
        return await self._before_sending(self.ledger.account, key) or self.ledger.account_without_file(key)

    async def recall(self, key: str, task_ids: Sequence[str]) -> tuple[str, dict[str, Entry]]:
        """The account and the records of tasks, for a run that pays nothing; it goes on where they cannot be read.

        An empty account is one that cannot be known now; nothing new is kept under it.

        Raises DeadlinePassed, Interrupted.
        """
        wait = self._waiting.result
        try:
            account = await self._use(wait, self.ledger.account, key)
            return account, await self._use(wait, self.ledger.by_tasks, task_ids)
        except LedgerUnavailable:
            self._do_without()
            account = self.ledger.account_without_file(key) if self._cause == "absent" else ""
            return account, self.ledger.by_tasks_unwritten(task_ids)

    @asynccontextmanager
    async def claim(self, fingerprint: str) -> AsyncIterator[None]:
        """Inside, this request is ours alone; another run of it, in whatever process, is waited for, uncounted.

        Without reuse nobody waits. Raises TaskTimeout, Interrupted.
        """
        if not self.rules.reuse:
            yield
            return
        claim = contextlib.ExitStack()
        with self.ledger.claims.turn(fingerprint) as turn:
            if not turn.done():
                with self._waiting_for_another():
                    await self._waiting.result(turn)
            try:
                if not await self._is_ours(fingerprint, claim):
                    with self._waiting_for_another():
                        await self._until_ours(fingerprint, claim)
                yield
            finally:
                await asyncio.wrap_future(file_work(claim.close))

    @asynccontextmanager
    async def claim_if_free(self, fingerprint: str | None) -> AsyncIterator[bool]:
        """Whether this request is ours alone inside; False: a run works at it. Nobody is waited for.

        None: it was not asked for by us, and no run claims it.
        """
        if fingerprint is None:
            yield True
            return
        claim = contextlib.ExitStack()
        with self.ledger.claims.turn(fingerprint) as turn:
            try:
                yield turn.done() and await self._is_ours(fingerprint, claim)
            finally:
                await asyncio.wrap_future(file_work(claim.close))

    @contextlib.contextmanager
    def _waiting_for_another(self) -> Iterator[None]:
        with self._waiting.uncounted():
            self._waiting.tell(Text("waiting for the same request of another run,"))
            yield

    async def _until_ours(self, fingerprint: str, claim: contextlib.ExitStack) -> None:
        clock = self._waiting.clock
        began = clock.now()
        while (waited := clock.now() - began) < CLAIM_PATIENCE:
            await self._waiting.sleep(max(CLAIM_PAUSE, waited / 20))
            if await self._is_ours(fingerprint, claim):
                return
        raise TaskTimeout(
            Text("After {seconds:.0f} s another run still works at the same request.", seconds=self._waiting.elapsed),
            Text("Nothing was sent. Run again: its pictures will be in the store, or its task is taken up."),
        )

    async def _is_ours(self, fingerprint: str, claim: contextlib.ExitStack) -> bool:
        try:
            attempt = self.ledger.claims.attempt(fingerprint)
            return await self._waiting.outlast(file_work(claim.enter_context, attempt))
        except OSError as error:
            self.note(Text("Equal requests of other programs cannot be detected: {reason}.", reason=_why(error)))
            return True

    async def begin(
        self,
        asked: Asked,
        allowed: Callable[[Mapping[str, float]], None] | None,
        refused: Entry | None = None,
        today: float | None = None,
    ) -> Entry:
        """The record of a request that is about to be sent; `refused`: the one it has from an earlier try.

        `today`: now, by a clock that can be trusted, in seconds since 1970; None: by ours. `allowed` gets the sums of
        that day and raises to refuse it. Raises LedgerUnreadable, Interrupted, and ConfigurationError where there is
        something to refuse by, but no ledger that knows the sums.
        """
        now = self.ledger.now()
        day = local_day(now if today is None else today)
        entry = replace(refused or new_entry(asked, SENDING, now), sent=now, day=day, billed=asked.n)
        if not self._without:
            try:
                return await self._begin(entry, allowed)
            except DeadlinePassed:
                raise self._late() from None
            except LedgerUnavailable as error:
                if error.cause in ("locked", "unreadable") or (error.cause == "full" and self._known):
                    raise _unreadable(error) from None
        if allowed is not None:
            raise ConfigurationError(
                Text(
                    "MODEL_STUDIO_DAILY_BUDGET cannot be kept, since the ledger cannot be used: {reason}.",
                    reason=self._reason,
                ),
                Text("Nothing was sent. Make the ledger's folder writable, or unset the budget."),
            )
        self._note_unused()
        return self._keep(replace(entry, state=SENDING))

    async def _begin(self, entry: Entry, allowed: Callable[[Mapping[str, float]], None] | None) -> Entry:
        """The written record. Who leaves before that is known sends nothing, and leaves no record that was sent.

        Raises LedgerUnavailable, DeadlinePassed, Interrupted, and what `allowed` raises.
        """
        permit: Future[None] = Future()  # to write; pending until the ledger can be written

        def wanted() -> bool:
            return permit.running() or permit.set_running_or_notify_cancel()

        async def result_or_undo(begun: Future[Entry]) -> Entry:
            try:
                return await self._waiting.result(asyncio.shield(asyncio.wrap_future(begun)))
            except (DeadlinePassed, Interrupted):
                if permit.cancel():
                    begun.cancel()
                else:
                    await self._undo(begun)
                raise

        return await self._use(result_or_undo, self.ledger.begin, entry, allowed, wanted)

    async def _undo(self, begun: Future[Entry]) -> None:
        """Waits until the record is written, which it already is about to be, and takes it back."""
        with contextlib.suppress(LedgerUnavailable, ModelStudioError):  # not written
            entry = await self._waiting.outlast(begun)
            await self.update(entry, state=FAILED, billed=0, reason=Reason("canceled"))

    async def update(self, entry: Entry, **values: Any) -> Entry:
        changed = replace(entry, updated=self.ledger.now(), **values)
        try:
            return await self._try(self.ledger.update, entry, **values) or self._keep(changed)
        except sqlite3.IntegrityError:  # an absurd answer: the id of another record's task
            task_id = values.pop("task_id", entry.task_id)
            self.note(Text("The service gave task {task_id} for two requests.", task_id=task_id))
            return replace(await self.update(replace(entry, task_id=None), **values), task_id=task_id)

    def _keep(self, entry: Entry) -> Entry:
        """What could not be written stays known to this process."""
        if entry.asked.account:
            self.ledger.unwritten.add(entry, retry=self._cause != "absent")
        return entry

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
        if (self.seconds_since_warning(entry, state) or 0) <= 0:  # the first time counts, unless the clock was set back
            self.ledger.warned[entry.name, state] = time.monotonic()
        if entry.id is not None and entry.state != FAILED:
            start(_mark_warned, self.ledger, entry, state)

    def forget_warnings(self, entry: Entry) -> None:
        """It came to another end than its user was warned of."""
        for state in (UNCERTAIN, LOST):
            self.ledger.warned.pop((entry.name, state), None)

    def seconds_since_warning(self, entry: Entry, state: State) -> float | None:
        """For how long the user has been warned of this bad end; None: not, as far as is known.

        Below 0 where another process warned, and the clock was set back since.
        """
        if warned := self.ledger.warned.get((entry.name, state)):
            return time.monotonic() - warned
        return self.ledger.now() - entry.updated if entry.state == state else None

    async def give_back(self, entry: Entry) -> Entry:
        """The record without the task and the pictures that were found for it and are another's.

        The task is known as such from now on.
        """
        without = await self.update(
            entry, state=SENDING, task_id=None, adopted=False, drawn=Drawn(), billed=entry.asked.n
        )
        await self._try(self.ledger.forget_pictures, entry)
        await self.found(Asked(entry.asked.account, entry.asked.region), entry.task_id or "")
        return replace(without, files={})

    async def found(self, asked: Asked, task_id: str) -> Entry:
        """The record of a task that was created here or elsewhere."""
        entry = new_entry(asked, SUBMITTED, self.ledger.now(), task_id)
        known = await self._try(self.ledger.found, entry) or self.ledger.by_tasks_unwritten([task_id]).get(task_id)
        return known or self._keep(entry)

    async def latest(self, fingerprint: str, *, stored_first: bool = False) -> Entry | None:
        """The record to go on with (see Ledger.latest). Raises LedgerUnreadable, Interrupted."""
        entry = await self._before_sending(self.ledger.latest, fingerprint, stored_first=stored_first)
        if self._without:
            entry = self.ledger.latest_unwritten(fingerprint)
        self._known = self._known or entry is not None
        return entry

    async def by_task(self, task_id: str) -> Entry | None:
        return (await self.by_tasks([task_id])).get(task_id)

    async def by_tasks(self, task_ids: Sequence[str]) -> dict[str, Entry]:
        """Task id -> its record, where there is one and it can be read."""
        found = await self._try(self.ledger.by_tasks, task_ids)
        return self.ledger.by_tasks_unwritten(task_ids) if found is None else found

    async def stored(self, task_ids: Sequence[str], request_ids: Sequence[str]) -> dict[str, Entry]:
        """See Ledger.stored; nothing where there is no ledger. Raises LedgerUnreadable, Interrupted."""
        return await self._before_sending(self.ledger.stored, task_ids, request_ids) or {}

    async def unsettled(self, entry: Entry, within: float) -> list[Entry]:
        found = await self._try(self.ledger.unsettled, entry, within)
        return self.ledger.unsettled_unwritten(entry, within) if found is None else found

    async def _before_sending(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """The result; None with a note where no ledger can be. Raises LedgerUnreadable, Interrupted."""
        if self._without:
            return None
        try:
            return await self._use(self._waiting.result, function, *args, **kwargs)
        except DeadlinePassed:
            raise self._late() from None
        except LedgerUnavailable as error:
            if error.cause != "absent":
                raise _unreadable(error) from None
            self._do_without()
            return None

    async def _try(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """The result, however long it takes; None with a note where it cannot be had."""
        if self._without:
            return None
        try:
            return await self._use(self._waiting.outlast, function, *args, **kwargs)
        except LedgerUnavailable:
            self._note_unused()
            return None

    async def _use(
        self, wait: Callable[[Future[T]], Awaitable[T]], function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The result of `function` in a thread for files. Raises LedgerUnavailable, and what `wait` raises.

        Tried twice, since a damaged file is moved aside by the second; but a lock is waited for only once.
        """
        asked = time.monotonic()

        def work() -> T:
            self.ledger.database.raise_if_held_since(asked)
            return function(*args, **kwargs)

        for last in (False, True):
            try:
                result = await wait(file_work(work))
                break
            except LedgerUnavailable as error:
                self._reason, self._cause = error.reason, error.cause
                if last or error.cause == "locked":
                    raise
            except OSError as error:  # of the store
                self._reason, self._cause = _why(error), "unreadable"
                if last:
                    raise LedgerUnavailable(self._reason) from error
        for notice in self.ledger.database.take_notices():
            self.note(notice)
        return result

    def _do_without(self) -> None:
        self._without = True
        self._note_unused()

    def _note_unused(self) -> None:
        self.note(Text("Nothing is kept, since the ledger cannot be used: {reason}.", reason=self._reason))

    def _late(self) -> LedgerUnreadable:
        return _unreadable(
            LedgerUnavailable(
                Text("it did not answer within {seconds:.0f} s", seconds=self._waiting.elapsed), cause="locked"
            )
        )

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


def _unreadable(error: LedgerUnavailable) -> LedgerUnreadable:
    what = Text("The ledger of earlier requests cannot be used: {reason}.", reason=error.reason)
    if error.cause == "locked":
        return LedgerUnreadable(
            what,
            Text("Nothing was sent. Close the program that holds it, such as a backup or a viewer, and run again."),
        )
    return LedgerUnreadable(what, Text("Nothing was sent. Make its folder readable and writable, and run again."))


def _why(error: Exception) -> str:
    """Without the paths of this machine."""
    return getattr(error, "strerror", None) or type(error).__name__


@dataclass
class StoredPictures:
    """The stored pictures of one record; `downloads` counts those that had to be fetched.

    `now`: seconds since 1970 by a clock that can be trusted, so that old pictures may go; None: they stay.
    """

    session: LedgerSession
    entry: Entry
    now: float | None = None
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
            limits = Limits(rules.store_limit, rules.store_days, self.now)
            await self.session._try(self.session.ledger.keep, self.entry, number, content, limits)
