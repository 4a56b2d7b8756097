"""The original bytes of finished pictures, as files: oldest go first when the store is full, or when they are old."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
import time
from collections.abc import Collection, Iterable
from pathlib import Path

from ..kinds import kind_of

DAY = 24 * 3600.0
LEFT_SECONDS = 7 * DAY  # after which a file counts as left behind
_ENDINGS = {"JPEG": "jpg", "": "bin"}  # other kinds have their name
_HALF_WRITTEN = ".part"


class Store:
    """Files in `folder`, made at first use. Which there are is written in the ledger's table of pictures."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, content: bytes) -> str:
        """Writes a file whole or not at all; its full name. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        kind = kind_of(content)
        file = f"{name}.{_ENDINGS.get(kind, kind.lower().replace(' ', ''))}"
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
        return file

    def read(self, file: str) -> bytes | None:
        """The bytes, or None where the file is gone or cannot be read."""
        try:
            return (self.folder / file).read_bytes()
        except OSError:
            return None

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


def make_room(
    ledger: sqlite3.Connection, limit: int, days: float | None, now: float, last: int | None = None
) -> list[str]:
    """Takes pictures out of the table until they keep to `limit` bytes and `days`; the files to delete.

    All of a request go together: a part of its pictures is of little use. `last`: the request that goes last.
    """
    total = ledger.execute("SELECT coalesce(sum(bytes), 0) FROM pictures").fetchone()[0]
    oldest = ledger.execute(
        "SELECT request, sum(bytes) AS bytes, max(stored) AS stored FROM pictures GROUP BY request "
        "ORDER BY request IS ?, max(stored), request",
        (last,),
    )
    doomed = []
    for row in oldest:
        too_old = days is not None and row["stored"] < now - days * DAY
        if total <= limit and not too_old:
            break
        total -= row["bytes"]
        doomed.append((row["request"],))
    files = [
        file
        for request in doomed
        for (file,) in ledger.execute("SELECT file FROM pictures WHERE request = ?", request).fetchall()
    ]
    ledger.executemany("DELETE FROM pictures WHERE request = ?", doomed)
    return files
