"""How far a run got, read from what it left on the disk. Of a copy: what is broken is the next run's to mend."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from model_studio.ledger import FAILED, LOST, SENDING, SUBMITTED, UNCERTAIN, Entry, Ledger

from .points import BEFORE, DOWNLOAD, HAND_OVER, POLL, STORE, SUBMIT

FOLDER = Path("user", "__model_studio")
_ALL = 1_000_000


@dataclass(frozen=True)
class Evidence:
    """The records of one request, the oldest first, and the names of all files in the store."""

    records: tuple[Entry, ...] = ()
    files: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def phase(self) -> str:
        """What was under way, as far as it is visible from outside."""
        last = self.records[-1] if self.records else None
        if last is None or last.state in (FAILED, LOST):
            return BEFORE
        if last.state in (SENDING, UNCERTAIN):
            return SUBMIT
        if last.state == SUBMITTED:
            return POLL
        if last.is_stored:
            return HAND_OVER
        begun = [
            file for file in self.files - {file.name for file in last.files.values()} if file.startswith(last.name)
        ]
        return STORE if begun else DOWNLOAD

    @property
    def uncertain(self) -> set[str]:
        """Names of the records of which it is not known whether the service has them."""
        return {record.name for record in self.records if record.state in (SENDING, UNCERTAIN)}


def look(home: Path, prompt: str) -> Evidence:
    return Evidence(tuple(records(home).get(prompt, ())), frozenset(stored(home)))


def records(home: Path) -> Mapping[str, list[Entry]]:
    """Prompt -> its records in the ledger, the oldest first."""
    by_prompt: dict[str, list[Entry]] = {}
    with TemporaryDirectory() as copy:
        for file in (home / FOLDER).glob("ledger.sqlite*"):  # with its journal
            shutil.copy(file, copy)
        for entry in reversed(Ledger(Path(copy)).recent(_ALL)):
            by_prompt.setdefault(entry.asked.prompt, []).append(entry)
    return by_prompt


def stored(home: Path) -> set[str]:
    """Names of the finished pictures in the store."""
    return {file.name for file in (home / FOLDER / "pictures").glob("*-*-*-*") if file.suffix != ".part"}
