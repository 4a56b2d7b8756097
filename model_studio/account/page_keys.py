"""The keys that are entered on ComfyUI's page: stored, removed, described; never given back.

Each region has a file in the pack's private folder. Folder and file are for their owner's eyes only from the moment
they are made. Windows has no such rights to set: there the file is as private as the user folder that it lies in.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigurationError, InvalidRequest
from ..words import Text
from .credentials import PAGE, Place, checked, cleaned, find_place, page_file, read_key

_ENDING = 4  # characters by which people know their key
_SHORTEST = 12  # of a shorter key they would tell too much
_UNFINISHED = ".unfinished"


@dataclass(frozen=True)
class KeyState:
    """What there is for a region.

    place    where a run would take the key from; None: nowhere
    stored   whether a key was entered on the page
    ending   the last characters of that one; empty where it is short, or cannot be a key
    """

    place: Place | None
    stored: bool
    ending: str

    @property
    def overruled(self) -> bool:
        """Whether the stored key is not used, because another place comes first."""
        return self.stored and self.place is not None and self.place.kind != PAGE


def state(region: str, environ: Mapping[str, str], folder: Path) -> KeyState:
    file = page_file(region, folder)
    stored = os.path.isfile(file)
    return KeyState(find_place(region, environ, folder), stored, _ending(file) if stored else "")


def store(region: str, text: str, folder: Path) -> None:
    """Keeps a key, in place of an earlier one. Raises InvalidRequest, ConfigurationError; neither repeats the key."""
    value = cleaned(text)
    if not value:
        raise InvalidRequest(Text("There is no key to store."), Text("Paste your key from the Model Studio console."))
    key = checked(value, Text("the field"))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(PermissionError):  # some file systems know no rights (exFAT)
            folder.chmod(0o700)
        _write(page_file(region, folder), key.value)
    except OSError as error:
        raise ConfigurationError(
            Text("The key could not be stored in {folder} ({kind}).", folder=folder, kind=type(error).__name__),
            Text("ComfyUI must be able to write there. A key that was stored before is kept."),
        ) from None


def remove(region: str, folder: Path) -> None:
    """Forgets the key, if there is one. Raises ConfigurationError."""
    file = page_file(region, folder)
    try:
        for path in (file, *folder.glob(f".{file.name}.*{_UNFINISHED}")):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(
            Text("The key could not be removed ({kind}).", kind=type(error).__name__),
            Text("Delete the file {file} yourself.", file=file),
        ) from None


def move(region: str, other: str, folder: Path) -> None:
    """Makes the stored key that of another region, which must have none. Raises InvalidRequest, ConfigurationError."""
    if not os.path.isfile(page_file(region, folder)):
        raise InvalidRequest(Text("There is no stored key for region {region}.", region=region))
    if os.path.isfile(page_file(other, folder)):
        raise InvalidRequest(
            Text("There is a stored key for region {region} already.", region=other),
            Text("Remove it first, if this one is to take its place."),
        )
    store(other, read_key(page_file(region, folder), page_file(region, folder).name).value, folder)
    remove(region, folder)


def _write(file: Path, text: str) -> None:
    """Whole or not at all, and at no time for others to read. A link in the file's place is replaced, not followed."""
    descriptor, draft = tempfile.mkstemp(_UNFINISHED, f".{file.name}.", file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(descriptor)
        os.replace(draft, file)
    except BaseException:
        os.unlink(draft)
        raise


def _ending(file: Path) -> str:
    try:
        value = read_key(file, file.name).value
    except ConfigurationError:
        return ""
    return value[-_ENDING:] if len(value) >= _SHORTEST else ""
