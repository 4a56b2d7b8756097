"""Finds the API key of a region, in the order of the vendor's SDK (common/api_key.py), at the time of the request."""

from __future__ import annotations

import codecs
import os
import re
import string
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..catalog import QWENCLOUD, TOKEN_PLANS
from ..errors import ConfigurationError, KeyMissing
from ..words import Text, join

OWN_KEYS = (*TOKEN_PLANS, QWENCLOUD)
# Kinds of places.
VARIABLE, NAMED_FILE, FILE, PAGE = "variable", "named_file", "file", "page"
_GENERAL, _FILE_PATH = "DASHSCOPE_API_KEY", "DASHSCOPE_API_KEY_FILE_PATH"

_KEY_CHARACTERS = frozenset(string.ascii_letters + string.digits + string.punctuation)
_ASSIGNMENT = re.compile(r"[A-Z_]+=")
# Kinds of invisible characters: control (some terminals paste a Ctrl-V too), format (of no width), blanks.
_UNSEEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # files of Windows' Notepad and PowerShell


@dataclass(frozen=True)
class ApiKey:
    """A key, and where it was found. The value is kept out of repr, so out of logs and error reports."""

    value: str = field(repr=False)
    source: str


@dataclass(frozen=True)
class Place:
    """Where a key was put.

    kind   VARIABLE: into the environment; NAMED_FILE: a file that the variable `name` names; FILE: one that lies where
           keys are looked for; PAGE: such a file too, the one that ComfyUI's page writes
    """

    kind: str
    name: str
    path: Path | None = None
    value: str = field(default="", repr=False)

    @property
    def source(self) -> str:
        """The place in a sentence."""
        return Text("the file of DASHSCOPE_API_KEY_FILE_PATH") if self.kind == NAMED_FILE else self.name

    def key(self) -> ApiKey:
        """What lies there. Raises ConfigurationError where it cannot be read or cannot be a key."""
        return checked(self.value, self.source) if self.path is None else read_key(self.path, self.source)


def find_key(region: str, environ: Mapping[str, str], folder: Path | None = None) -> ApiKey:
    """The key for `region`. Raises KeyMissing where there is none, ConfigurationError where it cannot be used."""
    if place := find_place(region, environ, folder):
        return place.key()
    if region in OWN_KEYS:
        raise KeyMissing(
            Text("There is no API key for region {region}.", region=region),
            Text(
                "Its keys are of a kind of their own. Enter one in ComfyUI's Settings > Model Studio, or set the "
                "environment variable {variable} and restart ComfyUI.",
                variable=key_variable(region),
            ),
        )
    files = ["~/.dashscope/api_key", *([str(folder / "api_key.txt")] if folder else [])]
    raise KeyMissing(
        Text("There is no API key for region {region}.", region=region),
        Text(
            "Enter it in ComfyUI's Settings > Model Studio, or set the environment variable {variable} or "
            "DASHSCOPE_API_KEY to your key from the Model Studio console and restart ComfyUI, or put the key into the "
            "file {files}.",
            variable=key_variable(region),
            files=join("{before} or {after}", files),
        ),
    )


def find_place(region: str, environ: Mapping[str, str], folder: Path | None = None) -> Place | None:
    """Where the key for `region` is taken from; `folder` is this pack's private folder (ComfyUI's system user folder).

    Order: the region's own variable, DASHSCOPE_API_KEY, the file named by DASHSCOPE_API_KEY_FILE_PATH,
    ~/.dashscope/api_key, then in `folder` api_key_<region>.txt and api_key.txt. Of OWN_KEYS only the region's own
    variable and file count: a key of another kind would not work there, and is not sent there.
    """
    if region in OWN_KEYS:
        return _own_place(region, environ, folder)
    for name in (key_variable(region), _GENERAL):
        if value := cleaned(environ.get(name, "")):
            return Place(VARIABLE, name, value=value)
    if named := cleaned(environ.get(_FILE_PATH, "")):
        return Place(NAMED_FILE, _FILE_PATH, Path(named))
    places = [Place(FILE, "~/.dashscope/api_key", Path(os.path.expanduser("~")) / ".dashscope" / "api_key")]
    if folder is not None:
        for kind, path in ((PAGE, page_file(region, folder)), (FILE, folder / "api_key.txt")):
            places.append(Place(kind, f"{folder.name}/{path.name}", path))
    return next((place for place in places if place.path and os.path.isfile(place.path)), None)


def _own_place(region: str, environ: Mapping[str, str], folder: Path | None) -> Place | None:
    if value := cleaned(environ.get(key_variable(region), "")):
        return Place(VARIABLE, key_variable(region), value=value)
    path = folder and page_file(region, folder)
    return Place(PAGE, f"{path.parent.name}/{path.name}", path) if path and os.path.isfile(path) else None


def page_file(region: str, folder: Path) -> Path:
    """Where ComfyUI's page puts the key of a region; it may be written by hand too."""
    return folder / f"api_key_{region.replace('-', '_')}.txt"


def key_variable(region: str) -> str:
    """The environment variable with the key of one region."""
    return f"{_GENERAL}_{region.upper().replace('-', '_')}"


def cleaned(text: str) -> str:
    """A key without what pasting adds before and behind it."""
    return text.strip("".join(character for character in set(text) if unicodedata.category(character) in _UNSEEN))


def checked(value: str, source: str) -> ApiKey:
    """Refuses what no HTTP header can carry. No test by prefix or length: kinds of keys differ (documentation)."""
    if value[0] in "\"'" or _ASSIGNMENT.match(value):
        raise ConfigurationError(
            Text("What {source} holds is more than the API key.", source=source),
            Text("It must hold the bare key: no quotes, no NAME= before it."),
        )
    if not _KEY_CHARACTERS.issuperset(value):
        raise ConfigurationError(
            Text(
                "What {source} holds cannot be an API key: it has blanks, line ends or characters outside ASCII.",
                source=source,
            ),
            Text("Copy the key again from the Model Studio console, and nothing else."),
        )
    return ApiKey(value, source)


def read_key(path: Path, source: str) -> ApiKey:
    """The key in a file. Raises ConfigurationError."""
    try:
        content = path.read_bytes()
        value = cleaned(content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            Text("The API key could not be read from {source} ({kind}).", source=source, kind=type(error).__name__),
            Text("It must be a readable plain text file (UTF-8) that holds nothing but the key."),
        ) from None
    if not value:
        raise ConfigurationError(
            Text("The key file {source} is empty.", source=source), Text("Put the key into it, or delete it.")
        )
    return checked(value, source)
