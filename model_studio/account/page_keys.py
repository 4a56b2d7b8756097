"""The keys that are entered on ComfyUI's page: stored, removed, described; never given back.

Each region has a file in the pack's private folder. Folder and file are for their owner's eyes only from the moment
they are made. Windows has no such rights to set: there the file is as private as the user folder that it lies in.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigurationError, InvalidRequest
from ..words import Text
from .credentials import PAGE, Place, checked, cleaned, find_place, page_file, read_key

_ENDING = 4  # characters by which people know their key
_SHORTEST = 12  # of a shorter key they would tell too much
_UNFINISHED = ".unfinished"
_changing = threading.Lock()  # no key is lost, and no draft in use is deleted, where several change keys at once


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
    with _changing:
        _keep(page_file(region, folder), key.value, os.replace)


def remove(region: str, folder: Path) -> None:
    """Forgets the key, if there is one. Raises ConfigurationError."""
    with _changing:
        _forget(page_file(region, folder))


def move(region: str, other: str, folder: Path) -> None:
    """Makes the stored key that of another region, which must have none. Raises InvalidRequest, ConfigurationError."""
    origin = page_file(region, folder)
    with _changing:
        if not os.path.isfile(origin):
            raise InvalidRequest(Text("There is no stored key for region {region}.", region=region))
        key = read_key(origin, origin.name).value
        try:
            _keep(page_file(other, folder), key, _place)
        except _Taken:
            raise InvalidRequest(
                Text("There is a stored key for region {region} already.", region=other),
                Text("Remove it first, if this one is to take its place."),
            ) from None
        if _holds(origin, key):  # another process may have stored one meanwhile
            _forget(origin)


class _Taken(Exception):
    """There is something in the place of a file."""


def _keep(file: Path, key: str, put: Callable[[str, Path], None]) -> None:
    """Raises ConfigurationError, and _Taken if `put` does."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(PermissionError):  # some file systems know no rights (exFAT)
            file.parent.chmod(0o700)
        _write(file, key, put)
    except OSError as error:
        raise ConfigurationError(
            Text("The key could not be stored in {folder} ({kind}).", folder=file.parent, kind=type(error).__name__),
            Text("ComfyUI must be able to write there. A key that was stored before is kept."),
        ) from None


def _forget(file: Path) -> None:
    try:
        for path in (file, *file.parent.glob(f".{file.name}.*{_UNFINISHED}")):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(
            Text("The key could not be removed ({kind}).", kind=type(error).__name__),
            Text("Delete the file {file} yourself.", file=file),
        ) from None


def _write(file: Path, text: str, put: Callable[[str, Path], None]) -> None:
    """Whole or not at all, and at no time for others to read. `put` brings the draft to its place."""
    descriptor, draft = tempfile.mkstemp(_UNFINISHED, f".{file.name}.", file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(descriptor)
        put(draft, file)
    finally:
        with contextlib.suppress(FileNotFoundError):  # it was moved
            os.unlink(draft)


def _place(draft: str, file: Path) -> None:
    """Only where there is nothing, unlike os.replace. Raises _Taken."""
    if os.path.lexists(file):
        raise _Taken
    try:
        os.link(draft, file)
    except FileExistsError:
        raise _Taken from None
    except OSError:  # a file system without links (exFAT)
        os.rename(draft, file)


def _holds(file: Path, key: str) -> bool:
    try:
        return read_key(file, file.name).value == key
    except ConfigurationError:
        return False


def _ending(file: Path) -> str:
    try:
        value = read_key(file, file.name).value
    except ConfigurationError:
        return ""
    return value[-_ENDING:] if len(value) >= _SHORTEST else ""
