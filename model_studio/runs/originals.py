"""The service's own bytes of pictures that earlier runs paid for, out of the store; nothing is asked of the service."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from ..errors import InvalidRequest, PictureNotStored
from ..ledger import Entry
from ..ledger.session import LedgerSession, StoredPictures
from ..service import tasks
from ..words import Text

_REQUEST_ID = re.compile(r"[!-~]{1,200}")  # whatever a service may call one; it only ever is a value of a query


@dataclass(frozen=True)
class Named:
    """Of whose pictures the originals are wanted: tasks, or else requests without one (sync calls)."""

    task_ids: list[str]
    request_ids: list[str]


def named(source: str) -> Named:
    """What a generator's or poller's `info` names, or a text with task ids (see tasks.parse_ids).

    Nothing else of an `info` is read: it is text that anybody may have written. Raises InvalidRequest where it names
    nothing.
    """
    info = _object(source)
    task_ids = tasks.parse_ids(_text(info, "task_id") if info else source)
    request_ids = [] if task_ids else _text(info or {}, "request_id").split(", ")
    known = [request_id for request_id in request_ids if _REQUEST_ID.fullmatch(request_id)]
    if not task_ids and not known:
        raise InvalidRequest(
            Text("There is neither an info nor a task id."),
            Text("Link the info of the node that made the pictures, or enter the id of a task."),
        )
    return Named(task_ids, known)


async def originals(source: Named, session: LedgerSession, notes: list[Text]) -> AsyncIterator[bytes]:
    """Each original that is there, in the order of the ids and then the service's; `notes` tells of the others.

    Raises PictureNotStored after the last where there was none, LedgerUnreadable, Interrupted.
    """
    entries = await session.stored(source.task_ids, source.request_ids)
    missing = list[Text]()
    count = 0
    for known in (*source.task_ids, *source.request_ids):
        entry = entries.get(known)
        if entry is None or not entry.files:
            missing.append(Text("No original of {id} is in the store.", id=known))
            continue
        for number in _numbers(entry):
            content = await StoredPictures(session, entry).get(number)
            if content is None:
                lost = Text("Original {number} of {id} is not in the store, or damaged.", number=number + 1, id=known)
                missing.append(lost)
            else:
                count += 1
                yield content
    if not count:
        raise PictureNotStored(missing[0], _advice(session.rules.store_limit))
    notes += missing


def _numbers(entry: Entry) -> list[int]:
    return sorted({*range(len(entry.drawn.links)), *entry.files})


def _advice(store_limit: int) -> Text:
    if not store_limit:
        return Text("The store is switched off: set MODEL_STUDIO_STORE_LIMIT, and fetch the task again.")
    return Text(
        "It keeps what MODEL_STUDIO_STORE_LIMIT and MODEL_STUDIO_STORE_DAYS allow. For 24 hours Task Poller fetches a "
        "task again, free of charge; link its info. After that only a new, paid request draws anew."
    )


def _object(source: str) -> dict[str, object] | None:
    try:
        value = json.loads(source)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _text(info: dict[str, object], name: str) -> str:
    value = info.get(name)
    return value if isinstance(value, str) else ""
