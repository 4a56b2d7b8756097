"""Finds out what became of a submission that was sent but never answered, in the account's list of tasks.

The list tells model and time of each task, and nothing of what was asked for. What is adopted from it may be another
machine's; whatever contradicts that it is ours ends it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ..errors import ServiceError
from ..ledger import Entry
from ..service.answers import TaskAnswer
from ..service.tasks import is_id
from ..waiting import DeadlinePassed
from ..words import Text
from .paid_request import PaidRequest
from .pictures import Picture

log = logging.getLogger(__name__)

# The list may lag behind: seconds before each look.
PAUSES = (1, 2, 4)
PATIENCE = 60  # seconds for all looks
# Seconds around the time of sending in which the service may have made the task: ours is known by its own clock, but a
# submission may have waited in its connection for as long as its time-out.
BEFORE, AFTER = 10, 60
MAX_PAGES = 5

ANOTHERS = Text("The only task in the account's list that could be this request belongs to another one.")


async def adopt(paid: PaidRequest) -> bool:
    """Whether `paid` goes on with a task of the list, since nothing else can be it. Raises Interrupted.

    It must be of the model and the time, and of no other record. While another submission of the model that was sent
    at that time is without its task too, nobody could tell the two apart, unless both ask for the same.
    """
    try:
        with paid.waiting.limited(PATIENCE):
            for pause in PAUSES:
                paid.waiting.tell(Text("looking for the task in the account's list"))
                await paid.waiting.sleep(pause)
                if task_id := await _find(paid):
                    log.info("Task %s in the account's list fits a submission whose answer was lost.", task_id)
                    return await paid.adopted(task_id)
    except (ServiceError, DeadlinePassed):
        pass
    return False


async def _find(paid: PaidRequest) -> str | None:
    possible = await _candidates(paid)
    unsettled = await paid.session.unsettled(paid.entry, within=BEFORE + AFTER)
    equal = [other for other in unsettled if other.asked.fingerprint == paid.fingerprint]
    most = len(equal) if paid.session.rules.reuse else 1  # without reuse each wants a task of its own
    unambiguous = len(equal) == len(unsettled) <= most and 1 <= len(possible) <= most
    return possible[0] if unambiguous else None


def contradicts(record: Entry, answer: TaskAnswer) -> bool:
    """Whether an adopted task turns out to be another's: by the number or the size of its pictures, or by the prompt.

    The prompt shape repeats the prompt, cut off at the service's limit; the messages shape does not.
    """
    if not record.adopted or not (answer.drawn.links or answer.drawn.failures):
        return False
    ours = _plain(record.asked.prompt)
    count = len(answer.drawn.links) + len(answer.drawn.failures)
    fits = count <= record.asked.n if record.asked.is_set else count == record.asked.n
    return (
        not fits
        or answer.size not in ("", record.asked.size)
        or not all(ours.startswith(_plain(prompt)) for prompt in answer.drawn.asked_prompts)
    )


def is_other_size(record: Entry, pictures: Sequence[Picture]) -> bool:
    """Whether the pictures of an adopted task are of another size than was asked for."""
    return record.adopted and any(picture.size != record.asked.size for picture in pictures)


def notes(record: Entry) -> list[Text]:
    """What every answer about an adopted task says: an equal prompt may have been sent with another seed."""
    if not record.adopted:
        return []
    return [
        Text(
            "The answer to the submission was lost. A task that fits (model, time, size, number of pictures, and the "
            "prompt where the service repeats it) was found in the account's list. It may be another program's: if the "
            "picture does not fit, change the seed to send a new request."
        )
    ]


async def _candidates(paid: PaidRequest) -> list[str]:
    """Ids of tasks that no record has, of the model, made about when the submission was sent."""
    ours = paid.session.ledger.now()
    asked, elapsed = paid.entry.asked, ours - paid.entry.sent
    ids: list[str] = []
    for number in range(1, MAX_PAGES + 1):
        page = await paid.client.listed(asked.model or "", number, paid.waiting)
        # The service's clock, and ours only for the seconds that have passed: neither needs to be right.
        sent = (page.now or ours) - elapsed
        made_then = [task.task_id for task in page.tasks if sent - BEFORE <= task.made <= sent + AFTER]
        known = await paid.session.by_tasks(made_then)
        ids += [task_id for task_id in made_then if is_id(task_id) and task_id not in known]
        if page.is_last:
            break
    return ids


def _plain(prompt: str) -> str:
    return " ".join(prompt.split())
