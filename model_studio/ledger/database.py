"""One SQLite file for several threads and processes.

Each transaction has a connection of its own: nothing is shared between threads, and no handle keeps a damaged file from
being moved. SQLite's own rollback journal, not its write-ahead log: user folders lie on network drives too, where the
latter does not work (SQLite's documentation).
"""

from __future__ import annotations

import contextlib
import errno
import logging
import secrets
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

from filelock import Timeout

from ..words import Text
from .locks import file_lock

log = logging.getLogger(__name__)

DAMAGED = "damaged-"  # how the names of folders begin in which damaged files lie; date and time follow
BUSY_SECONDS = 20.0  # for another process's transaction, which takes milliseconds
GLANCE_SECONDS = 0.5  # the same, for who only wants a quick look

# Number i brings a file of version i to version i + 1 (PRAGMA user_version). Only ever appended to.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE secrets (
        salt TEXT NOT NULL,
        unknown_day TEXT              -- the local day whose sum a damaged or deleted file took with it
    );
    CREATE TABLE requests (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,    -- of its files too; says nothing about the request
        fingerprint TEXT,             -- NULL: a task that was created elsewhere
        account TEXT NOT NULL,        -- salted digest of the key
        region TEXT NOT NULL,
        model TEXT,                   -- id on the wire
        prompt TEXT NOT NULL,
        size TEXT,
        n INTEGER,
        seed INTEGER,
        is_task INTEGER NOT NULL,
        state TEXT NOT NULL,
        created REAL NOT NULL,        -- seconds since 1970
        updated REAL NOT NULL,
        sent REAL NOT NULL,           -- when it was last on its way
        day TEXT NOT NULL,            -- the local day it was created, for the daily sum
        task_id TEXT UNIQUE,
        adopted INTEGER NOT NULL,     -- whether the task was found in the account's list
        request_id TEXT,
        drawn TEXT,                   -- JSON: links, used prompts, failures
        times TEXT,                   -- JSON: as the service tells them
        price REAL,                   -- of one picture; NULL: not known
        currency TEXT,
        billed INTEGER NOT NULL       -- pictures that are, or may be, paid for
    );
    CREATE INDEX requests_fingerprint ON requests (fingerprint, id);
    CREATE INDEX requests_day ON requests (day);
    CREATE TABLE pictures (
        request INTEGER NOT NULL REFERENCES requests (id),
        number INTEGER NOT NULL,      -- place among the links
        file TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        stored REAL NOT NULL,
        PRIMARY KEY (request, number)
    );
    CREATE INDEX pictures_stored ON pictures (stored);
    """,
    """
    -- Seconds for which the service denied what it should still have.
    ALTER TABLE requests ADD COLUMN denied REAL NOT NULL DEFAULT 0;
    -- Beside the table of pictures: a process of the version before may be at work, and inserts whole rows there.
    CREATE TABLE digests (
        request INTEGER NOT NULL,
        number INTEGER NOT NULL,
        file TEXT NOT NULL,
        digest TEXT NOT NULL,         -- SHA-256 of the file, in hexadecimal
        PRIMARY KEY (request, number)
    );
    """,
    """
    ALTER TABLE requests ADD COLUMN reason TEXT;  -- JSON: why it failed; NULL: not known
    """,
    """
    ALTER TABLE requests ADD COLUMN is_set INTEGER NOT NULL DEFAULT 0;  -- whether n is the most of a set of pictures
    """,
)


Cause = Literal[
    "absent",  # there is none, and none can be made here
    "full",  # it can be read as it is, but not written: the disk is full or read-only
    "locked",  # another program held it for as long as we wait
    "unreadable",  # it is there, and cannot be read or written
    "sum unknown",  # only the sum of today is not known
]


class LedgerUnavailable(Exception):
    """The ledger cannot be read or written now. `reason`: why, in words without paths."""

    def __init__(self, reason: str, *, cause: Cause = "unreadable") -> None:
        super().__init__(reason)
        self.reason = reason
        self.cause = cause


class Database:
    """The file `ledger.sqlite` in `folder`, both made at first use and for their owner's eyes only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "ledger.sqlite"
        self._begun = folder / "ledger.begun"  # lies beside the file as soon as that has its tables
        self._lock = threading.Lock()
        self._checked = False
        self._held_at = -1.0  # when a wait for another program's lock last ended in vain, by the monotonic clock
        self.salt = ""  # as last read; a new file gets it too, so that accounts and fingerprints stay the same
        self.new_salt = secrets.token_hex(16)  # of a file that is made here while none was read
        self._notices: list[Text] = []

    def take_notices(self) -> list[Text]:
        """What users should know since the last call, such as a damaged file."""
        notices, self._notices = self._notices, []
        return notices

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[sqlite3.Connection]:
        """A connection in a transaction that is committed at the end, or rolled back. Raises LedgerUnavailable.

        Those that only read need neither room on the disk nor their turn among the writers.
        """
        try:
            self._prepare()
            with closing(self._connect()) as connection:
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                try:
                    yield connection
                except BaseException:
                    connection.rollback()
                    raise
                connection.execute("COMMIT")
        except sqlite3.IntegrityError:
            raise
        except _TROUBLE as error:
            self._checked = False  # the next one looks whether the file is damaged
            raise self._unavailable(error) from error

    def raise_if_held_since(self, moment: float) -> None:
        """Raises LedgerUnavailable if a wait for a lock has ended in vain since then (by the monotonic clock).

        So those who come while one waits share its result, however many they are, rather than wait one after another.
        """
        if self._held_at >= moment:
            raise LedgerUnavailable(_reason(Timeout("")), cause="locked")

    def _unavailable(self, error: Exception) -> LedgerUnavailable:
        if _is_held(error):
            self._held_at = time.monotonic()
            return LedgerUnavailable(_reason(error), cause="locked")
        if not self._is_there():
            return self._gone() if self.salt else LedgerUnavailable(_reason(error), cause="absent")
        full = _is_full(error) and self._is_sound()
        return LedgerUnavailable(_reason(error), cause="full" if full else "unreadable")

    @staticmethod
    def _gone() -> LedgerUnavailable:
        """What was read here before is not there: a network drive dropped, somebody cleaned up. It may come back."""
        return LedgerUnavailable(Text("its file is gone; put it back, or restart ComfyUI to begin a new one"))

    def _is_there(self) -> bool:
        """Whether there is, or may be, something in the file."""
        try:
            found = self.file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return found.st_size > 0 or not stat.S_ISREG(found.st_mode)

    def _had_one(self) -> bool:
        """Whether there was a file once, as `ledger.begun` or locks of requests tell."""
        return self._begun.exists() or any(self.folder.glob("claims/*.lock"))

    def _connect(self, patience: float | None = None) -> sqlite3.Connection:
        # isolation_level None: transactions begin and end where this module says so.
        timeout = BUSY_SECONDS if patience is None else patience
        connection = sqlite3.connect(self.file, timeout=timeout, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.text_factory = lambda text: text.decode("utf-8", "replace")  # a damaged row is read all the same
        return connection

    def _prepare(self) -> None:
        """Makes, migrates or replaces the file; once, and again after trouble."""
        came = time.monotonic()
        with self._lock:
            self.raise_if_held_since(came)
            if self._checked and self.file.exists():
                return
            try:
                self._make()
            except _TROUBLE as error:
                if _is_held(error):
                    self._held_at = time.monotonic()  # before those who wait for us try it themselves
                    raise
                if not self._is_sound():
                    raise
            self._checked = True

    def _make(self) -> None:
        if self.salt and not self._is_there() and not self._begun.exists():
            raise self._gone()  # and nothing is made in its place, such as below the mount point of a drive
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with file_lock(self.folder / "ledger.lock", BUSY_SECONDS):
            was_there = self._is_there()
            if self.salt and not self.file.exists():
                raise self._gone()
            self.file.touch(mode=0o600)
            damage = self._damage()
            if damage:
                self._move_aside(damage)
                self.file.touch(mode=0o600)
            elif self.salt and not was_there:
                raise self._gone()
            self._migrate(was_deleted=self._had_one() and not was_there)
            self._begun.touch(mode=0o600)

    def _is_sound(self) -> bool:
        """Whether there is a file that can be read as it is, such as on a disk that cannot be written."""
        try:
            if not self._is_there() or self._damage():
                return False
            with closing(self._connect()) as connection:
                (version,) = connection.execute("PRAGMA user_version").fetchone()
        except _TROUBLE:
            return False
        return bool(version == len(MIGRATIONS))

    def _damage(self) -> str:
        """What is wrong with the file so that it can never be used; empty where nothing is."""
        try:
            with closing(self._connect()) as connection:
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                if version == 0:
                    if not tables and any(self.folder.glob("pictures/*")):
                        return "it is empty, and there are pictures"
                    return "it is another application's" if tables else ""
                if version > len(MIGRATIONS):
                    return ""
                (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
                if verdict != "ok":
                    return "integrity_check failed"
                salt = connection.execute("SELECT salt, (SELECT max(id) FROM requests) FROM secrets").fetchone()
                return "" if salt else "its salt is missing"
        except sqlite3.OperationalError as error:
            if str(error).startswith(("no such", "unsupported file format", "malformed")):
                return str(error)
            raise
        except (sqlite3.DatabaseError, UnicodeError) as error:
            return f"{type(error).__name__}"

    def _migrate(self, *, was_deleted: bool) -> None:
        """`was_deleted`: there was a file before (see _had_one)."""
        with closing(self._connect()) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > len(MIGRATIONS):
                raise LedgerUnavailable(Text("it was made by a newer version of this node pack"))
            for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
                connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number};")
                if number == 1:
                    # Told by the folder, since this process may not be the one that moved the damaged file there.
                    damaged_today = any(self.folder.glob(DAMAGED + time.strftime("%Y%m%d-*")))
                    day = time.strftime("%Y-%m-%d") if damaged_today or was_deleted else None
                    connection.execute("INSERT INTO secrets VALUES (?, ?)", (self.salt or self.new_salt, day))
                connection.execute("COMMIT")

    def _move_aside(self, damage: str) -> None:
        """With its pictures, whose names only this file knows."""
        aside = self.folder / (DAMAGED + time.strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(2))
        with contextlib.suppress(sqlite3.Error, UnicodeError), closing(self._connect()) as connection:
            (self.salt,) = connection.execute("SELECT salt FROM secrets").fetchone() or (self.salt,)
        aside.mkdir(mode=0o700)
        self.file.replace(aside / self.file.name)
        log.warning("The ledger was damaged (%s) and moved aside to %s.", damage, aside)
        self._notices.append(
            Text(
                "The ledger was damaged and moved aside to the folder {folder}, with its pictures; a new one was "
                "begun. Earlier requests are no longer known: if they are queued again, they are sent and billed "
                "again.",
                folder=aside.name,
            )
        )
        for name in (*(f"{self.file.name}{rest}" for rest in ("-journal", "-wal", "-shm")), "pictures"):
            with contextlib.suppress(OSError):  # not there, or open in another process on Windows
                (self.folder / name).replace(aside / name)


class ReadOnly(Database):
    """The file as it is. Where there has never been one it is "absent"."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.folder)
        self.salt = database.salt

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        if not self._is_there():
            raise self._gone() if self.salt or self._had_one() else LedgerUnavailable("", cause="absent")
        try:
            with closing(self._connect(GLANCE_SECONDS)) as connection:
                connection.execute("PRAGMA query_only = ON")
                connection.execute("BEGIN")
                yield connection
        except _TROUBLE as error:
            raise LedgerUnavailable(_reason(error)) from error


_TROUBLE = (sqlite3.Error, OSError, UnicodeError)
_FULL = ("full", "readonly", "unable to open")  # by SQLite; the last where its journal cannot be made
_FULL_NUMBERS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


def _is_held(error: Exception) -> bool:
    return isinstance(error, Timeout) or (isinstance(error, sqlite3.OperationalError) and "locked" in str(error))


def _is_full(error: Exception) -> bool:
    """Whether nothing can be written, for want of room or rights."""
    if isinstance(error, sqlite3.OperationalError):
        return any(words in str(error) for words in _FULL)
    return isinstance(error, OSError) and error.errno in _FULL_NUMBERS


def _reason(error: Exception) -> str:
    text = str(error)
    if _is_held(error):
        return Text("another process holds it")
    if isinstance(error, sqlite3.OperationalError | OSError) and ("full" in text or "No space" in text):
        return Text("the disk is full")
    if isinstance(error, sqlite3.OperationalError):
        return text
    return getattr(error, "strerror", None) or Text("it is damaged")
