"""The language in which users read: that of ComfyUI's page, where locales/<language>/messages.json has the words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import folder_paths
from server import PromptServer

from ..model_studio.errors import ModelStudioError

_LOCALES = Path(__file__).parent.parent / "locales"
_TRADITIONAL = ("zh-TW", "zh-HK", "zh-Hant")
# What a page told last, such as "zh-TW". At the server, since this pack may be installed twice: the page then tells
# one copy, and the other draws.
_REPORTED = "model_studio_language"


def set_language(locale: str) -> None:
    """From now on users read in this language, in English where there are no words for it."""
    setattr(PromptServer.instance, _REPORTED, locale)


def translations() -> Mapping[str, str]:
    """Translations of the English templates into the user's language; none for English."""
    server = getattr(PromptServer, "instance", None)
    locale = getattr(server, _REPORTED, "") or _in_settings()
    if locale.startswith(_TRADITIONAL):
        return _messages("zh-TW")
    return _messages("zh") if locale.startswith("zh") else {}


@contextmanager
def in_users_language() -> Iterator[None]:
    """Errors that come out of here speak the user's language."""
    try:
        yield
    except ModelStudioError as error:
        error.translations = translations()
        raise


def _in_settings() -> str:
    """The language that the user chose, as ComfyUI keeps it: for programs that queue prompts without any page."""
    file = Path(folder_paths.get_user_directory()) / "default" / "comfy.settings.json"
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["Comfy.Locale"])
    except (OSError, ValueError, LookupError, TypeError):  # none chosen, or no file of ComfyUI's making
        return ""


@cache
def _messages(language: str) -> Mapping[str, str]:
    messages: dict[str, str] = json.loads((_LOCALES / language / "messages.json").read_text(encoding="utf-8"))
    return messages
