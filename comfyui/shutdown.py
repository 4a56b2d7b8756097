"""SIGTERM, as service managers and containers send it, ends ComfyUI as Ctrl-C does; Python alone ends at once."""

from __future__ import annotations

import signal
import threading
from functools import cache

from server import PromptServer


@cache
def end_politely() -> None:
    """From now on, unless somebody else has a use for that signal. What is paid for then comes to its end (see Keeper).

    Called by nodes that run; signals are the main thread's.
    """
    PromptServer.instance.loop.call_soon_threadsafe(_take_sigterm)


def _take_sigterm() -> None:
    is_main = threading.current_thread() is threading.main_thread()  # not so where a program runs ComfyUI in a thread
    if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _end)


def _end(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one ends at once
    raise KeyboardInterrupt
