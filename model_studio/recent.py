"""The ledger in words: its last tasks, and what it takes of the disk."""

from __future__ import annotations

import time

from .ledger import DRAWN, FAILED, LOST, SENDING, SUBMITTED, UNCERTAIN, Entry, Ledger, LedgerUnavailable

COUNT = 10
PROMPT_LENGTH = 40  # characters
_WORDS = {
    SENDING: "being sent",
    UNCERTAIN: "uncertain",
    SUBMITTED: "under way",
    DRAWN: "finished",
    LOST: "lost",
    FAILED: "failed",
}


def tasks_text(ledger: Ledger, store_limit: int) -> str:
    """The last tasks, newest first, one a line; and where everything lies. Blocking."""
    try:
        entries = ledger.recent(COUNT, tasks_only=True)
        stored = ledger.stored_bytes()
    except LedgerUnavailable as error:
        return f"The ledger of earlier tasks cannot be read: {error.reason}."
    lines = ["The last tasks, newest first:", *map(_line, entries)] if entries else ["There are no tasks yet."]
    of_all = f" of {_size(store_limit)}" if store_limit else ", and no more are kept"
    return "\n".join([*lines, f"The ledger and its pictures ({_size(stored)}{of_all}) are in {ledger.folder}."])


def _line(entry: Entry) -> str:
    when = time.strftime("%m-%d %H:%M", time.localtime(entry.created))
    prompt = " ".join(entry.order.prompt.split())
    if len(prompt) > PROMPT_LENGTH:
        prompt = prompt[: PROMPT_LENGTH - 1] + "…"
    state = "stored" if entry.is_stored else _WORDS[entry.state]
    told = f'"{prompt}"' if prompt else "created elsewhere"
    return f"{when}  {entry.order.model or 'model not known'}  {told}  {state}  {entry.task_id}"


def _size(count: int) -> str:
    """1.5 GiB, 20 MiB, 3 KiB."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20)):
        if count >= size:
            return f"{round(count / size, 1):g} {unit}"
    return f"{count / 2**10:.0f} KiB"
