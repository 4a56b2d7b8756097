"""Finds out what became of a submission that was sent but never answered, in the account's list of tasks."""

from __future__ import annotations

from typing import Any

from ..errors import ServiceError
from ..ledger import Entry
from ..ledger.session import LedgerSession
from ..service.answers import TaskAnswer, text
from ..service.api import Api
from ..service.tasks import is_id
from ..service.transport import Transport
from ..waiting import DeadlinePassed, Waiting
from ..words import Text

# The list may lag behind: seconds before each look.
PAUSES = (1, 2, 4)
PATIENCE = 60
# Seconds around the time of sending in which the service may have made the task: ours is known by its own clock, but a
# submission may have waited in its connection for as long as its time-out.
BEFORE, AFTER = 10, 60
MAX_PAGES = 5
PAGE_SIZE = 50


async def adopt(transport: Transport, api: Api, entry: Entry, session: LedgerSession, waiting: Waiting) -> Entry | None:
    """The record with the task of its submission, if nothing else can be it; else None. Raises Interrupted.

    It must be of the model and the time, and of no other record. While another submission of the model that was sent
    at that time is without its task too, nobody could tell the two apart, unless both ask for the same.
    """
    waiting.extend(PATIENCE)
    for pause in PAUSES:
        waiting.tell(Text("looking for the task in the account's list"))
        try:
            await waiting.sleep(pause)
            possible = await _candidates(transport, api, entry, session, waiting)
        except (ServiceError, DeadlinePassed):
            return None
        unsettled = await session.unsettled(entry, within=BEFORE + AFTER)
        equal = [other for other in unsettled if other.asked.fingerprint == entry.asked.fingerprint]
        most = len(equal) if session.rules.reuse else 1  # without reuse each wants a task of its own
        if len(equal) == len(unsettled) <= most and 1 <= len(possible) <= most:
            return await session.adopt(entry, possible[0])
    return None


def contradicts(entry: Entry, answer: TaskAnswer) -> bool:
    """Whether a task that was found turns out to be another's: by more pictures than asked for, or by the prompt.

    The prompt shape repeats it, cut off at the service's limit; the messages shape does not.
    """
    ours = " ".join(entry.asked.prompt.split())
    told = (" ".join(prompt.split()) for prompt in answer.drawn.asked_prompts)
    return entry.adopted and (
        len(answer.drawn.links) > entry.asked.n or not all(ours.startswith(prompt) for prompt in told)
    )


async def _candidates(
    transport: Transport, api: Api, entry: Entry, session: LedgerSession, waiting: Waiting
) -> list[str]:
    """Ids of tasks that no record has, of the model, made about when the submission was sent."""
    ids: list[str] = []
    for page in range(1, MAX_PAGES + 1):
        query = f"/tasks/?model_name={entry.asked.model}&page_no={page}&page_size={PAGE_SIZE}"
        body, service_now = await transport.read_dated(api, query, waiting)
        # The service's clock, and ours only for the seconds that have passed: neither needs to be right.
        sent = (service_now or session.ledger.now()) - (session.ledger.now() - entry.sent)
        rows = [row for row in _rows(body) if row.get("model_name") == entry.asked.model]
        for row in rows:
            made = row.get("gmt_create")
            if isinstance(made, int | float) and (sent - BEFORE) * 1000 <= made <= (sent + AFTER) * 1000:
                task_id = text(row.get("task_id"))
                if is_id(task_id) and await session.by_task(task_id) is None:
                    ids.append(task_id)
        if not rows or page >= _number(body.get("total_page")):
            break
    return ids


def _rows(body: dict[str, Any]) -> list[dict[str, Any]]:
    rows = body.get("data")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
