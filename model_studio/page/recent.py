"""The ledger in words: its last tasks, and what it takes of the disk."""

from __future__ import annotations

import time

from ..ledger import Entry, Ledger, LedgerUnavailable
from ..words import Text, join
from .states import STATE_TEXTS, state_of, why

COUNT = 10
PROMPT_LENGTH = 40  # characters


def tasks_text(ledger: Ledger, store_limit: int) -> str:
    """The last tasks, newest first, one a line; and where everything lies. Blocking."""
    try:
        entries = ledger.recent(COUNT, tasks_only=True)
        stored = ledger.stored_bytes()
    except LedgerUnavailable as error:
        return Text("The ledger of earlier tasks cannot be read: {reason}.", reason=error.reason)
    head = Text("The last tasks, newest first:") if entries else Text("There are no tasks yet.")
    where = {"stored": _size(stored), "limit": _size(store_limit), "folder": ledger.folder}
    foot = (
        Text("The ledger and its pictures ({stored} of {limit}) are in {folder}.", **where)
        if store_limit
        else Text("The ledger and its pictures ({stored}, and no more are kept) are in {folder}.", **where)
    )
    return join("{before}\n{after}", [head, *(_line(entry, ledger.now()) for entry in entries), foot])


def _line(entry: Entry, now: float) -> Text:
    when = time.strftime("%m-%d %H:%M", time.localtime(entry.created))
    prompt = in_short(entry.asked.prompt, PROMPT_LENGTH)
    return Text(
        "{when}  {model}  {prompt}  {state}  {task_id}",
        when=when,
        model=entry.asked.model or Text("model not known"),
        prompt=f'"{prompt}"' if prompt else Text("created elsewhere"),
        state=_state(entry, now),
        task_id=entry.task_id,
    )


def _state(entry: Entry, now: float) -> Text:
    state, reason = STATE_TEXTS[state_of(entry, now)], why(entry, now)
    return Text("{state}: {reason}", state=state, reason=reason) if entry.reason and reason else state


def in_short(text: str, length: int) -> str:
    """The text in one line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _size(count: int) -> str:
    """1.5 GiB, 20 MiB, 3 KiB."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20)):
        if count >= size:
            return f"{round(count / size, 1):g} {unit}"
    return f"{count / 2**10:.0f} KiB"
