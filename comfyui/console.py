"""Where ComfyUI prints: streams that take every character, whatever their encoding."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import Any

import app.logger

_RAISING = ("strict", "surrogateescape")
_INTERCEPTORS = ("stdout_interceptor", "stderr_interceptor")  # behind what other packs put in sys.stdout and stderr


def take_every_character() -> None:
    """From now on a character that a stream cannot write is written as \\u8239 instead of raising.

    Python does so on stderr; ComfyUI's own streams do not. Printing an error then fails with UnicodeEncodeError, and so
    does logging's report of that, which prints the error again: this ends ComfyUI's only worker.
    """
    for stream in _streams():
        with contextlib.suppress(ValueError):  # another pack detached or closed it: nothing is written there any more
            if getattr(stream, "errors", None) in _RAISING and hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")


def _streams() -> list[Any]:
    handlers = logging.getLogger().handlers
    return [
        *(sys.stdout, sys.stderr),
        *(getattr(app.logger, name, None) for name in _INTERCEPTORS),
        *(getattr(handler, "stream", None) for handler in handlers),
    ]
