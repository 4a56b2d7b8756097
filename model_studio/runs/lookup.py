"""Finds out what became of a submission that was sent but never answered, in the account's list of tasks."""

from __future__ import annotations

from ..errors import ServiceError
from ..ledger import Entry
from ..ledger.session import LedgerSession
from ..service.answers import TaskAnswer
from ..service.client import Client
from ..waiting import DeadlinePassed, Waiting
from ..words import Text

# The list may lag behind: seconds before each look.
PAUSES = (1, 2, 4)
PATIENCE = 60
# Seconds around the time of sending in which the service may have made the task: ours is known by its own clock, but a
# submission may have waited in its connection for as long as its time-out.
BEFORE, AFTER = 10, 60
MAX_PAGES = 5


async def adopt(client: Client, entry: Entry, session: LedgerSession, waiting: Waiting) -> Entry | None:
    """The record with the task of its submission, if nothing else can be it; else None. Raises Interrupted.

    It must be of the model and the time, and of no other record. While another submission of the model that was sent
    at that time is without its task too, nobody could tell the two apart, unless both ask for the same.
    """
    waiting.extend(PATIENCE)
    for pause in PAUSES:
        waiting.tell(Text("looking for the task in the account's list"))
        try:
            await waiting.sleep(pause)
            possible = await _candidates(client, entry, session, waiting)
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


async def _candidates(client: Client, entry: Entry, session: LedgerSession, waiting: Waiting) -> list[str]:
    """Ids of tasks that no record has, of the model, made about when the submission was sent."""
    ids: list[str] = []
    for number in range(1, MAX_PAGES + 1):
        page = await client.listed(entry.asked.model or "", number, waiting)
        # The service's clock, and ours only for the seconds that have passed: neither needs to be right.
        sent = (page.now or session.ledger.now()) - (session.ledger.now() - entry.sent)
        for task in page.tasks:
            if sent - BEFORE <= task.made <= sent + AFTER and await session.by_task(task.task_id) is None:
                ids.append(task.task_id)
        if page.is_last:
            break
    return ids
