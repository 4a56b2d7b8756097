"""Every request that can cost money: what was asked, how far it got, what came of it, what it cost."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_args

from ..service.answers import Drawn
from ..words import Text
from .claims import Claims
from .database import Database, LedgerUnavailable, ReadOnly
from .states import DRAWN, FAILED, FOLLOWS, LOST, SENDING, SUBMITTED, UNCERTAIN, Reason, ReasonKind, State, check
from .store import Limits, Store, StoredFile, age_out, make_room, stored_bytes
from .unwritten import Unwritten


@dataclass(frozen=True)
class Asked:
    """What a new record holds. `price`: list price of one picture as (amount, currency); None: not known.

    `is_set`: `n` is the most pictures of a set.
    """

    account: str
    region: str
    fingerprint: str | None = None  # None: not asked for by us
    model: str | None = None
    prompt: str = ""
    size: str | None = None
    n: int = 0
    seed: int | None = None
    is_task: bool = True
    price: tuple[float, str] | None = None
    is_set: bool = False


@dataclass(frozen=True)
class Entry:
    """A record. Times are seconds since 1970; `files`: place among the links -> file in the store.

    `id` is None where the ledger could not be written: it is then known to this process only. `denied`: seconds for
    which the service denied a task or picture that it should still have. `day`: the local one, YYYY-MM-DD, to
    which its cost counts.
    """

    id: int | None
    name: str
    asked: Asked
    state: State
    created: float
    updated: float
    sent: float
    day: str
    billed: int
    adopted: bool = False  # whether its task was found in the account's list, by model and time
    task_id: str | None = None
    request_id: str | None = None
    denied: float = 0.0
    reason: Reason | None = None  # of one that failed
    drawn: Drawn = field(default_factory=Drawn)
    times: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[int, StoredFile] = field(default_factory=dict)

    @property
    def is_stored(self) -> bool:
        """Whether every picture that was drawn is in the store."""
        finished = self.state in (DRAWN, LOST) and bool(self.drawn.links)
        return finished and len(self.files) == len(self.drawn.links)


def new_entry(asked: Asked, state: State, now: float, task_id: str | None = None) -> Entry:
    """Not written yet. Its name says when it was made, and nothing about the request."""
    name = time.strftime("%Y%m%d-%H%M%S-", time.localtime(now)) + uuid.uuid4().hex[:12]
    return Entry(None, name, asked, state, now, now, now, local_day(now), billed=asked.n, task_id=task_id)


class Ledger:
    """The records in `folder`, with the store of pictures and the claims beside them.

    Blocking; safe to use from threads and processes at once. All methods raise LedgerUnavailable. What waits in
    `unwritten` is found by its request, its task and the look for submissions without one.
    """

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self.claims = Claims(folder / "claims")
        self.store = Store(folder / "pictures")
        self.database = Database(folder)
        self.now = now
        self.unwritten = Unwritten(self._catch_up)
        # (name, bad end) of which this process warned -> when, by the monotonic clock.
        self.warned: dict[tuple[str, State], float] = {}

    def as_it_is(self) -> Ledger:
        """The same ledger for a quick look: nothing is made on the disk, and a lock is waited for a moment only."""
        view = copy.copy(self)
        view.database = ReadOnly(self.database)
        return view

    def account(self, key: str) -> str:
        """A digest by which an account is known here; without the ledger's salt it cannot be tried out on keys."""
        with self.database.transaction(write=False) as ledger:
            (self.database.salt,) = ledger.execute("SELECT salt FROM secrets").fetchone()
        return _account(self.database.salt, key)

    def account_without_file(self, key: str) -> str:
        """The digest of the file that is made should there be a place for it while this process lives."""
        return _account(self.database.new_salt, key)

    def begin(
        self,
        entry: Entry,
        allowed: Callable[[Mapping[str, float]], None] | None = None,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Entry:
        """Writes a request that is about to be sent, for the first time or after it was refused.

        `allowed` gets the sums of its day and of this machine's own, by currency the larger of both: either clock may
        be wrong. It may raise; then nothing is written. Raises CancelledError if it is no longer `wanted` once it can
        be written.
        """
        check(entry.state, SENDING)
        with self._writing(entry.name) as ledger:
            if not wanted():
                raise CancelledError
            if allowed:
                allowed(_largest([_spent(ledger, day, but=entry.name) for day in {entry.day, local_day(self.now())}]))
            return _write(ledger, replace(entry, state=SENDING, reason=None, updated=self.now()))

    def found(self, entry: Entry) -> Entry:
        """The record of a task that the service knows: the one there is, or `entry` for a task created elsewhere."""
        task_id = entry.task_id or ""
        if self.by_tasks_unwritten([task_id]) and (known := self.by_task(task_id)):
            return known
        with self.database.transaction() as ledger:
            return _one(ledger, "task_id = ?", entry.task_id) or _write(ledger, entry)

    def update(self, entry: Entry, **values: Any) -> Entry:
        """Writes a record with new values, anew should the file have been replaced meanwhile.

        Raises sqlite3.IntegrityError for a task_id that another record has.
        """
        check(entry.state, values.get("state", entry.state))
        with self._writing(entry.name) as ledger:
            base = self._newest(ledger, entry)
            if values.get("state", base.state) not in FOLLOWS[base.state]:
                del values["state"]  # another run has got further with it
            return _write(ledger, replace(base, updated=self.now(), **values))

    def _newest(self, ledger: sqlite3.Connection, entry: Entry) -> Entry:
        """A run's copy of a record, or what another run has made of it since: what is not to change stays as it is."""
        now = _one(ledger, "name = ?", entry.name)
        waits = any(waiting.name == entry.name for waiting in self.unwritten.entries())
        return now if now and now.updated != entry.updated and not waits else entry

    def mark_warned(self, entry: Entry, state: State) -> None:
        """Gives the record this state, unless it has got another one since."""
        check(entry.state, state)
        with self.database.transaction() as ledger:
            ledger.execute(
                "UPDATE requests SET state = ?, updated = ? WHERE name = ? AND state = ?",
                (state, self.now(), entry.name, entry.state),
            )

    def latest(self, fingerprint: str, *, stored_first: bool = False) -> Entry | None:
        """The last record of a request that may have cost something; `stored_first`: whose pictures are all here."""

        def read() -> list[Entry]:
            with self.database.transaction(write=False) as ledger:
                return _all(ledger, "fingerprint = ? AND state != ? ORDER BY id DESC LIMIT 20", fingerprint, FAILED)

        return self._latest(read, fingerprint, stored_first)

    def latest_unwritten(self, fingerprint: str) -> Entry | None:
        """The same without the file. Raises nothing."""
        return self._latest(list, fingerprint, stored_first=False)

    def by_task(self, task_id: str) -> Entry | None:
        return self.by_tasks([task_id]).get(task_id)

    def by_tasks(self, task_ids: Sequence[str]) -> dict[str, Entry]:
        """Task id -> its record, where there is one; all in one transaction."""

        def read() -> list[Entry]:
            with self.database.transaction(write=False) as ledger:
                return [
                    entry
                    for start in range(0, len(task_ids), _MOST_VALUES)
                    for entry in _with_tasks(ledger, task_ids[start : start + _MOST_VALUES])
                ]

        return self._by_tasks(read, task_ids)

    def stored(self, task_ids: Sequence[str], request_ids: Sequence[str]) -> dict[str, Entry]:
        """Id -> the newest record of that task or request of which there are pictures in the store."""
        with self.database.transaction(write=False) as ledger:
            return {
                known: entry
                for column, ids in (("task_id", task_ids), ("request_id", request_ids))
                for known in ids
                # There is no index of request ids; of pictures there are no more than the store holds.
                if (entry := _one(ledger, f"{column} = ? AND id IN (SELECT request FROM pictures)", known))
            }

    def by_tasks_unwritten(self, task_ids: Sequence[str]) -> dict[str, Entry]:
        """The same without the file. Raises nothing."""
        return self._by_tasks(list, task_ids)

    def recent(
        self, count: int, *, tasks_only: bool = False, before: int | None = None, search: str = ""
    ) -> list[Entry]:
        """The last records, newest first.

        `tasks_only`: those with a task id; `before`: older than the one of this id; `search`: a part of the prompt, the
        model or the task id, without regard to the case of ASCII letters.
        """
        conditions, values = ["1"], list[Any]()
        if tasks_only:
            conditions.append("task_id IS NOT NULL")
        if before is not None:
            conditions.append("id < ?")
            values.append(before)
        if search:
            conditions.append(f"({' OR '.join(f'instr(lower({column}), lower(?))' for column in _SEARCHED)})")
            values += [search] * len(_SEARCHED)
        with self.database.transaction(write=False) as ledger:
            return _all(ledger, f"{' AND '.join(conditions)} ORDER BY id DESC LIMIT ?", *values, count)

    def open_tasks(self, count: int, since: float) -> list[Entry]:
        """The last tasks, newest first, of which no end is known; created after this moment."""
        with self.database.transaction(write=False) as ledger:
            return _all(
                ledger,
                "state = ? AND task_id IS NOT NULL AND created > ? ORDER BY id DESC LIMIT ?",
                *(SUBMITTED, since, count),
            )

    def unsettled(self, entry: Entry, within: float) -> list[Entry]:
        """Submissions of the account and model, sent within so many seconds of this one, whose task is not known."""
        asked = entry.asked

        def read() -> list[Entry]:
            with self.database.transaction(write=False) as ledger:
                return _all(
                    ledger,
                    "account = ? AND region = ? AND model = ? AND is_task AND state IN (?, ?) AND abs(sent - ?) <= ?",
                    *(asked.account, asked.region, asked.model, SENDING, UNCERTAIN, entry.sent, within),
                )

        return self._unsettled(read, entry, within)

    def unsettled_unwritten(self, entry: Entry, within: float) -> list[Entry]:
        """The same without the file. Raises nothing."""
        return self._unsettled(list, entry, within)

    def spent_today(self, now: float | None = None) -> dict[str, float] | None:
        """Currency -> sum at list price of what was sent today (local time) and may be billed; None: not known.

        `now`: in seconds since 1970, where a better clock than this machine's is known.
        """
        with self.database.transaction(write=False) as ledger:
            return _spent(ledger, local_day(self.now() if now is None else now))

    def keep(self, entry: Entry, number: int, content: bytes, limits: Limits) -> None:
        """Stores a picture; others go that are too old, or the oldest for want of room. Raises OSError too.

        They stay where all pictures of this request could not have room, and then a picture of it is stored only where
        there is room left.
        """
        if len(content) > limits.bytes:
            return
        # Nothing ages unless this machine's clock says so too: a gateway's answer may tell an absurd time.
        ages = limits if limits.now is None else replace(limits, now=min(limits.now, self.now()))
        file = self.store.write(f"{entry.name}-{number}", content)
        with self.database.transaction() as ledger:
            known = _one(ledger, "name = ?", entry.name) or _write(ledger, entry)
            place = (known.id, number)
            ledger.execute("DELETE FROM pictures WHERE request = ? AND number = ?", place)
            doomed = age_out(ledger, ages, but=known.id)
            to_come = set(range(len(entry.drawn.links))) - {*known.files, number}
            whole = stored_bytes(ledger, known.id) + len(content) * (1 + len(to_come))
            fits = min(whole, stored_bytes(ledger) + len(content)) <= limits.bytes
            if fits:
                stored = self.now() if limits.now is None else limits.now
                ledger.execute("INSERT INTO pictures VALUES (?, ?, ?, ?, ?)", (*place, file.name, len(content), stored))
                ledger.execute("INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)", (*place, file.name, file.digest))
                doomed += make_room(ledger, limits.bytes, but=known.id)
        old = known.files.get(number)
        if old and old.name != file.name:
            doomed.append(old.name)
        self.store.delete(doomed if fits else [*doomed, file.name])

    def forget_pictures(self, entry: Entry) -> None:
        """Takes a request's pictures out of the store: they turned out not to be its own."""
        with self.database.transaction() as ledger:
            files = [file for (file,) in ledger.execute("SELECT file FROM pictures WHERE request = ?", (entry.id,))]
            ledger.execute("DELETE FROM pictures WHERE request = ?", (entry.id,))
        self.store.delete(files)

    def picture(self, entry_id: int, number: int) -> bytes | None:
        """The stored bytes of a picture; None where there are none."""
        place = (entry_id, number)
        with self.database.transaction(write=False) as ledger:
            row = ledger.execute(f"{_FILES} AND number = ?", place).fetchone()
        return self.store.read(StoredFile(row["file"], row["digest"])) if row else None

    def stored_bytes(self) -> int:
        with self.database.transaction(write=False) as ledger:
            return stored_bytes(ledger)

    def tidy(self, limit: int) -> None:
        """Keeps the store to `limit` bytes, and sweeps up what processes left behind that were killed."""
        with self.database.transaction() as ledger:
            doomed = make_room(ledger, limit)
            known = {file for (file,) in ledger.execute("SELECT file FROM pictures")}
        self.store.delete(doomed)
        self.store.sweep(known)
        self.claims.sweep()

    @contextmanager
    def _writing(self, name: str) -> Iterator[sqlite3.Connection]:
        """A transaction that writes the newest record of this name, rather than one that waits to be written."""
        with self.unwritten.replacing(name) as about_to_commit, self.database.transaction() as ledger:
            yield ledger
            about_to_commit()

    def _catch_up(self, entry: Entry, is_current: Callable[[], bool]) -> None:
        """Writes a record that could not be written before."""
        with self.database.transaction() as ledger:
            if not is_current():
                return
            try:
                _write(ledger, entry)
            except sqlite3.IntegrityError:  # another record has got its task meanwhile
                _write(ledger, replace(entry, task_id=None))

    def _latest(self, read: Callable[[], list[Entry]], fingerprint: str, stored_first: bool) -> Entry | None:
        entries = [
            entry
            for entry in self.unwritten.over(read)
            if entry.asked.fingerprint == fingerprint and entry.state != FAILED
        ]
        stored = [entry for entry in entries if stored_first and entry.is_stored]
        return next(iter(stored or entries), None)

    def _by_tasks(self, read: Callable[[], list[Entry]], task_ids: Sequence[str]) -> dict[str, Entry]:
        wanted = set(task_ids)
        return {entry.task_id: entry for entry in self.unwritten.over(read) if entry.task_id in wanted}

    def _unsettled(self, read: Callable[[], list[Entry]], entry: Entry, within: float) -> list[Entry]:
        return [other for other in self.unwritten.over(read) if _may_be_mistaken(other, entry, within)]


def _account(salt: str, key: str) -> str:
    return hmac.new(salt.encode(), key.encode(), hashlib.sha256).hexdigest()[:32]


def _may_be_mistaken(other: Entry, entry: Entry, within: float) -> bool:
    """See Ledger.unsettled, whose condition this is."""
    asked, others = entry.asked, other.asked
    return (
        (others.account, others.region, others.model) == (asked.account, asked.region, asked.model)
        and others.is_task
        and other.state in (SENDING, UNCERTAIN)
        and abs(other.sent - entry.sent) <= within
    )


def local_day(when: float) -> str:
    """The local day, since that is what users call a day."""
    return time.strftime("%Y-%m-%d", time.localtime(when))


def _one(ledger: sqlite3.Connection, condition: str, *values: Any) -> Entry | None:
    return next(iter(_all(ledger, f"{condition} ORDER BY id DESC LIMIT 1", *values)), None)


def _all(ledger: sqlite3.Connection, condition: str, *values: Any) -> list[Entry]:
    rows = ledger.execute(f"SELECT * FROM requests WHERE {condition}", values).fetchall()
    return [_entry(row, ledger) for row in rows]


def _with_tasks(ledger: sqlite3.Connection, task_ids: Sequence[str]) -> list[Entry]:
    return _all(ledger, f"task_id IN ({', '.join('?' * len(task_ids))})", *task_ids)


# The pictures of a request. A digest is of another file where a process of the version before has stored one since.
_FILES = "SELECT number, file, digest FROM pictures LEFT JOIN digests USING (request, number, file) WHERE request = ?"
_MOST_VALUES = 500  # of one statement; SQLite before 3.32 takes 999
_ASKED = ("account", "region", "fingerprint", "model", "prompt", "size", "n", "seed", "is_task", "is_set")
_SEARCHED = ("prompt", "model", "task_id")  # by instr, not LIKE: nothing needs escaping, and no text is too long
_PLAIN = ("name", "state", "created", "updated", "sent", "day", "billed", "adopted", "task_id", "request_id", "denied")


def _write(ledger: sqlite3.Connection, entry: Entry) -> Entry:
    """Inserts or replaces the record of that name, whole; with the id it has now."""
    amount, currency = entry.asked.price or (None, None)
    values = {
        **{name: getattr(entry.asked, name) for name in _ASKED},
        **{name: getattr(entry, name) for name in _PLAIN},
        "drawn": _json(entry.drawn),
        "times": _json(entry.times),
        "reason": _json(entry.reason) if entry.reason else None,
        "price": amount,
        "currency": currency,
    }
    names, slots = ", ".join(values), ", ".join(f":{name}" for name in values)
    new = ", ".join(f"{name} = :{name}" for name in values)
    ledger.execute(f"INSERT INTO requests ({names}) VALUES ({slots}) ON CONFLICT (name) DO UPDATE SET {new}", values)
    (number,) = ledger.execute("SELECT id FROM requests WHERE name = ?", (entry.name,)).fetchone()
    return replace(entry, id=number)


def _entry(row: sqlite3.Row, ledger: sqlite3.Connection) -> Entry:
    files = ledger.execute(_FILES, (row["id"],)).fetchall()
    price = None if row["currency"] is None else (row["price"], row["currency"])
    asked = {name: row[name] for name in _ASKED} | {name: bool(row[name]) for name in ("is_task", "is_set")}
    plain = {name: row[name] for name in _PLAIN} | {"adopted": bool(row["adopted"])}
    return Entry(
        id=row["id"],
        **plain,
        asked=Asked(**asked, price=price),
        drawn=_drawn(_read(row["drawn"])),
        times=_read(row["times"]),
        reason=_reason(_read(row["reason"])),
        files={number: StoredFile(file, digest) for number, file, digest in files},
    )


def _spent(ledger: sqlite3.Connection, day: str, but: str = "") -> dict[str, float] | None:
    """Sums of a day by currency, None where a damaged file took them with it; `but`: without this name's record."""
    (unknown_day,) = ledger.execute("SELECT unknown_day FROM secrets").fetchone()
    if unknown_day == day:
        return None
    rows = ledger.execute(
        "SELECT currency, sum(price * billed) FROM requests WHERE day = ? AND name != ? AND currency IS NOT NULL "
        "GROUP BY currency",
        (day, but),
    )
    return {currency: round(amount, 6) for currency, amount in rows}


def _largest(sums: Sequence[Mapping[str, float] | None]) -> dict[str, float]:
    """By currency. Raises LedgerUnavailable if one of them is not known."""
    largest: dict[str, float] = {}
    for spent in sums:
        if spent is None:
            raise LedgerUnavailable(
                Text("it was damaged or deleted today, so the sum of today is not known"), cause="sum unknown"
            )
        largest |= {currency: max(amount, largest.get(currency, 0)) for currency, amount in spent.items()}
    return largest


def _drawn(columns: Mapping[str, Any]) -> Drawn:
    known = {field.name for field in fields(Drawn)}
    lists = {name: value for name, value in columns.items() if name in known and isinstance(value, list)}
    texts: dict[str, Any] = {name: tuple(map(str, value)) for name, value in lists.items()}
    counts: dict[str, Any] = {
        name: value for name in ("more", "counted") if isinstance(value := columns.get(name), int)
    }
    return Drawn(**texts, **counts, tier=str(columns.get("tier", "")))


def _reason(columns: Mapping[str, Any]) -> Reason | None:
    kind: ReasonKind | None = next((kind for kind in get_args(ReasonKind) if kind == columns.get("kind")), None)
    status = columns.get("status")
    if kind is None:
        return None
    said = {name: str(columns.get(name, "")) for name in ("code", "message")}
    return Reason(kind, **said, status=status if isinstance(status, int) else None)


def _read(text: str | None) -> dict[str, Any]:
    """The JSON object in a column; an empty one where it is damaged."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _json(value: Any) -> str:
    return json.dumps(asdict(value) if isinstance(value, Drawn | Reason) else dict(value), ensure_ascii=False)
