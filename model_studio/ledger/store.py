"""The original bytes of finished pictures, as files: oldest go first when the store is full, or when they are old."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import tempfile
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..kinds import ending_of, kind_of

DAY = 24 * 3600.0
LEFT_SECONDS = 7 * DAY  # after which a file counts as left behind
_HALF_WRITTEN = ".part"


class StoredFile(NamedTuple):
    """A file's name in the store, and the SHA-256 of what was written; None: an older version wrote it."""

    name: str
    digest: str | None = None


@dataclass(frozen=True)
class Limits:
    """What the store may hold: `bytes`, and pictures of the last `days` (None: of all).

    `now`: seconds since 1970 by a clock that can be trusted; without it nothing is too old.
    """

    bytes: int
    days: float | None = None
    now: float | None = None


class Store:
    """Files in `folder`, made at first use. Which there are is written in the ledger's table of pictures."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, content: bytes) -> StoredFile:
        """Writes a file whole or not at all. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = f"{name}.{ending_of(kind_of(content))}"
        handle, half = tempfile.mkstemp(_HALF_WRITTEN, dir=self.folder)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            os.replace(half, self.folder / file)
        except BaseException:
            Path(half).unlink(missing_ok=True)
            raise
        return StoredFile(file, _digest(content))

    def read(self, file: StoredFile) -> bytes | None:
        """The bytes, or None where the file is gone, cannot be read, or is no longer the one that was written."""
        try:
            content = (self.folder / file.name).read_bytes()
        except OSError:
            return None
        return content if file.digest in (None, _digest(content)) else None

    def delete(self, files: Iterable[str]) -> None:
        for file in files:
            with contextlib.suppress(OSError):
                (self.folder / file).unlink()

    def sweep(self, known: Collection[str]) -> None:
        """Deletes what killed processes left a week ago or longer: half written, or not `known` to the table."""
        for file in self.folder.glob("*"):
            with contextlib.suppress(OSError):
                if file.name not in known and file.stat().st_mtime < time.time() - LEFT_SECONDS:
                    file.unlink()


def age_out(ledger: sqlite3.Connection, limits: Limits, but: int | None) -> list[str]:
    """Takes pictures out of the table that are too old; the files to delete. `but`: the request that stays."""
    if limits.days is None or limits.now is None:
        return []
    old = ledger.execute(
        "SELECT request FROM pictures WHERE request IS NOT ? GROUP BY request HAVING max(stored) < ?",
        (but, limits.now - limits.days * DAY),
    )
    return _take_out(ledger, [request for (request,) in old])


def make_room(ledger: sqlite3.Connection, limit: int, but: int | None = None) -> list[str]:
    """Takes the oldest pictures out of the table until it keeps to `limit` bytes; the files to delete.

    All of a request go together: a part of its pictures is of little use. `but`: the request that stays.
    """
    total = stored_bytes(ledger)
    oldest = ledger.execute(
        "SELECT request, sum(bytes) AS bytes FROM pictures WHERE request IS NOT ? GROUP BY request "
        "ORDER BY max(stored), request",
        (but,),
    )
    doomed = []
    for row in oldest:
        if total <= limit:
            break
        total -= row["bytes"]
        doomed.append(row["request"])
    return _take_out(ledger, doomed)


def stored_bytes(ledger: sqlite3.Connection, request: int | None = None) -> int:
    """Of all pictures, or of one request's."""
    condition, values = ("1", ()) if request is None else ("request = ?", (request,))
    (total,) = ledger.execute(f"SELECT coalesce(sum(bytes), 0) FROM pictures WHERE {condition}", values).fetchone()
    return int(total)


def _take_out(ledger: sqlite3.Connection, requests: Iterable[int]) -> list[str]:
    files = list[str]()
    for request in requests:
        files += [file for (file,) in ledger.execute("SELECT file FROM pictures WHERE request = ?", (request,))]
        ledger.execute("DELETE FROM pictures WHERE request = ?", (request,))
    return files


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
