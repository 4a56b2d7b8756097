"""Finds the API key of a region, in the order of the vendor's SDK (common/api_key.py), at the time of the request."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .errors import ConfigurationError, KeyMissing
from .regions import key_variable
from .words import Text, join

_KEY_CHARACTERS = frozenset(string.ascii_letters + string.digits + string.punctuation)
_ASSIGNMENT = re.compile(r"[A-Z_]+=")
# Pasting into some terminals leaves a Ctrl-V (0x16) before the key.
_PASTED = string.whitespace + "\x16\ufeff"


@dataclass(frozen=True)
class ApiKey:
    """A key, and where it was found. The value is kept out of repr, so out of logs and error reports."""

    value: str = field(repr=False)
    source: str


def find_key(region: str, environ: Mapping[str, str], folder: Path | None = None) -> ApiKey:
    """The key for `region`; `folder` is this pack's private folder (ComfyUI's system user folder).

    Order: the region's own variable, DASHSCOPE_API_KEY, the file named by DASHSCOPE_API_KEY_FILE_PATH,
    ~/.dashscope/api_key, then in `folder` api_key_<region>.txt and api_key.txt.
    Raises KeyMissing where there is none, ConfigurationError where one cannot be read or cannot be a key.
    """
    for name in (key_variable(region), "DASHSCOPE_API_KEY"):
        if value := environ.get(name, "").strip(_PASTED):
            return _checked(value, name)
    if named := environ.get("DASHSCOPE_API_KEY_FILE_PATH", "").strip():
        return _from_file(Path(named), Text("the file of DASHSCOPE_API_KEY_FILE_PATH"))
    places = [(Path(os.path.expanduser("~")) / ".dashscope" / "api_key", "~/.dashscope/api_key")]
    if folder is not None:
        names = (f"api_key_{region.replace('-', '_')}.txt", "api_key.txt")
        places += [(folder / name, f"{folder.name}/{name}") for name in names]
    for path, source in places:
        if path.is_file():
            return _from_file(path, source)
    files = ["~/.dashscope/api_key", *([str(folder / "api_key.txt")] if folder else [])]
    raise KeyMissing(
        Text("There is no API key for region {region}.", region=region),
        Text(
            "Set the environment variable {variable} or DASHSCOPE_API_KEY to your key from the Model Studio console "
            "and restart ComfyUI, or put the key into the file {files}.",
            variable=key_variable(region),
            files=join("{before} or {after}", files),
        ),
    )


def _from_file(path: Path, source: str) -> ApiKey:
    try:
        value = path.read_text(encoding="utf-8-sig").strip(_PASTED)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            Text("The API key could not be read from {source} ({kind}).", source=source, kind=type(error).__name__),
            Text("It must be a readable plain text file (UTF-8) that holds nothing but the key."),
        ) from None
    if not value:
        raise ConfigurationError(
            Text("The key file {source} is empty.", source=source), Text("Put the key into it, or delete it.")
        )
    return _checked(value, source)


def _checked(value: str, source: str) -> ApiKey:
    """Refuses what no HTTP header can carry. No test by prefix or length: kinds of keys differ (documentation)."""
    if value[0] in "\"'" or _ASSIGNMENT.match(value):
        raise ConfigurationError(
            Text("What {source} holds is more than the API key.", source=source),
            Text("It holds the bare key: no quotes, no NAME= before it."),
        )
    if not _KEY_CHARACTERS.issuperset(value):
        raise ConfigurationError(
            Text(
                "What {source} holds cannot be an API key: it has blanks, line ends or characters outside ASCII.",
                source=source,
            ),
            Text("Copy the key again from the Model Studio console; the file or variable holds nothing else."),
        )
    return ApiKey(value, source)
