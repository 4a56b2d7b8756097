"""Draws what a request asks for: from the store, from what an earlier run left, or by sending it.

Runs in the background (see background): when its node is left, what was paid for is still brought here and stored.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ..errors import ModelStudioError, PictureError, ServiceError, SubmissionUncertain, TaskUnknown, Throttled
from ..ledger import Entry
from ..service import tasks
from ..service.answers import Drawn, TaskAnswer
from ..service.polling import Polling
from ..waiting import NOTHING_SENT, Interrupted
from ..words import Text
from . import info, leftovers, lookup
from .gallery import Fetched
from .paid_request import PAID_BEFORE, PaidRequest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drawing:
    """What a request came to. `source`: one of info.NEW, RESUMED, STORED; `is_sent`: whether this run paid for it."""

    entry: Entry
    fetched: Fetched
    source: str
    is_sent: bool
    drawing_seconds: float


async def draw(paid: PaidRequest) -> Drawing:
    """The pictures. Raises ModelStudioError, Interrupted."""
    async with paid.session.claim(paid.fingerprint):
        if paid.session.rules.reuse:
            earlier = await paid.earlier(stored_first=True)
            if earlier and (outcome := await _resume(paid, earlier)):
                return outcome
        paid.renew()
        paid.waiting.will_be(NOTHING_SENT)
        return await (_draw_by_task(paid) if paid.request.endpoint.is_async else _draw_by_sync_call(paid))


async def submit(paid: PaidRequest) -> bool:
    """Leaves `paid` with a task; whether it was sent for that, rather than taken over from an earlier run.

    Raises ModelStudioError, Interrupted.
    """
    async with paid.session.claim(paid.fingerprint):
        if paid.session.rules.reuse:
            earlier = await paid.earlier(stored_first=False)
            if earlier and await _has_usable_task(paid, earlier):
                return False
        paid.renew()
        await _submit(paid)
        if paid.waiting.interrupted() and not paid.entry.adopted:
            await _withdraw(paid)
        paid.waiting.will_be(paid.task_goes_on)
        return True


async def _resume(paid: PaidRequest, earlier: Entry) -> Drawing | None:
    """What an earlier run paid for; None where the request may be sent. Raises ModelStudioError, Interrupted."""
    await paid.take_up(earlier)
    if not await _has_answer(paid):
        return None
    consented = paid.has_consent("lost")
    log.info("Resuming request %s (%s, task %s).", paid.entry.name, paid.entry.state, paid.entry.task_id or "none")
    paid.waiting.stop_on_cancel_only()
    try:
        if paid.entry.drawn.links:
            return await _fetch(paid, paid.entry.drawn, info.STORED)
        return await _finish(paid, await _await_task(paid, 0), info.RESUMED)
    except ModelStudioError as error:
        what_next = leftovers.after(paid.entry, error, consented, paid.old)
        if what_next == "raise":
            raise
        if what_next == "replace":
            paid.supersede(Text("picture") if isinstance(error, PictureError) else Text("task"))
        return None
    finally:
        paid.waiting.stop_when_left()


async def _has_answer(paid: PaidRequest) -> bool:
    """Whether its answer is known; False: a new one may be sent. Raises SubmissionUncertain, Interrupted."""
    consented = paid.has_consent("uncertain")
    step = leftovers.first_step(paid.entry, consented)
    if step == "look up":
        step = "resume" if await lookup.adopt(paid) else leftovers.unanswered(consented)
    if step == "warn":
        raise paid.uncertain(Text("An earlier run sent this request, and its answer is not known."))
    if step == "send":
        await paid.assume_lost()
    return step == "resume"


async def _has_usable_task(paid: PaidRequest, earlier: Entry) -> bool:
    """For Submit; False: a new task may be made. Raises ModelStudioError, Interrupted."""
    await paid.take_up(earlier)
    if not await _has_answer(paid):
        return False
    task_id, had_links = paid.entry.task_id, bool(paid.entry.drawn.links)
    if task_id is None:  # a sync call, whose pictures stay what they are
        return False
    consented = paid.has_consent("lost")
    if paid.entry.is_stored or not (consented or (paid.old and not paid.entry.files)):
        return True
    try:
        answer = await _checked(paid, (await _polling(paid).until_known())[task_id])
    except TaskUnknown:
        paid.supersede(Text("task"))
        return False
    except ModelStudioError:
        if paid.entry.state != "failed":
            raise
        return False
    if answer.state == tasks.SUCCEEDED and (had_links or not answer.drawn.links):  # its pictures are what was lost
        paid.supersede(Text("picture"))
        return False
    await paid.seen(None)
    return True


async def _draw_by_sync_call(paid: PaidRequest) -> Drawing:
    with paid.held:  # until the pictures are stored
        try:
            answer = await paid.client.create(paid.request, paid, paid.waiting)
        except SubmissionUncertain as error:
            raise paid.uncertain(error.what, error) from None
        return await _finish(paid, answer, info.NEW)


async def _draw_by_task(paid: PaidRequest) -> Drawing:
    async with paid.gate.place(paid.waiting):
        while True:
            await _submit(paid)
            try:
                answer = await _await_task(paid, tasks.poll_delay(0))
                break
            except Throttled as error:  # accepted and then refused by a limit: unpaid, like a 429
                paid.let_go()
                await paid.resends.after(error)
                paid.renew()
    return await _finish(paid, answer, info.NEW)


async def _submit(paid: PaidRequest) -> None:
    """A task of its own; one whose answer was lost is looked up in the account's list."""
    with paid.held:  # until another process could go on with the task
        try:
            answer = await paid.client.create(paid.request, paid, paid.waiting)
        except SubmissionUncertain as error:
            paid.waiting.will_be(paid.is_uncertain)
            if not await lookup.adopt(paid):
                raise paid.uncertain(error.what, error) from None
        else:
            await paid.submitted(answer)
    await paid.retire()
    asked = paid.entry.asked
    log.info("Submitted task %s (%s, n=%d, %s).", paid.entry.task_id, asked.model, asked.n, asked.region)


def _polling(paid: PaidRequest) -> Polling:
    about = paid.request.model.typical_seconds
    return Polling(paid.client, {paid.entry.task_id or "": paid.patience}, paid.waiting, about)


async def _await_task(paid: PaidRequest, first_pause: float) -> TaskAnswer:
    """The last answer about the task. Left by Cancel while it may be PENDING, it is canceled at the service."""
    task_id = paid.entry.task_id or ""
    polling = _polling(paid)
    paid.waiting.will_be(paid.goes_on, canceled="")
    while True:
        try:
            answer = (await polling.until_ended(first_pause))[task_id]
            break
        except Interrupted:
            if polling.may_be_pending and not paid.entry.adopted:  # which may be another's
                await _withdraw(paid)
            paid.waiting.never_stop()
            paid.waiting.will_be(paid.goes_on)
            log.info("Task %s runs and is billed; its pictures will be stored.", task_id)
            first_pause = 0
        finally:
            if polling.has_answer(task_id):
                await paid.seen(polling.seconds_denied(task_id))
    return await _checked(paid, answer)


async def _checked(paid: PaidRequest, answer: TaskAnswer | ServiceError) -> TaskAnswer:
    """An answer about the task, unless it tells of a failure. Raises ModelStudioError."""
    task_id = paid.entry.task_id or ""
    if isinstance(answer, ServiceError):
        paid.tell_of(answer)
        raise answer.with_ids(task_id=task_id)
    if error := tasks.failure(answer, task_id, paid.client.host.region):
        if answer.state == tasks.UNKNOWN:
            paid.tell_of(error)
        else:
            await paid.failed(error)
        raise error
    return answer


async def _withdraw(paid: PaidRequest) -> None:
    """Cancels a task at the service that may not have begun. Raises Interrupted if that worked; else it goes on."""
    paid.waiting.never_stop()
    task_id = paid.entry.task_id
    if task_id and await paid.client.cancel(task_id, paid.waiting):
        log.info("Task %s was canceled before it ran; it is not billed.", task_id)
        await paid.canceled()
        paid.waiting.will_be(Text("its task was withdrawn before it was drawn, and is not billed"))
        raise Interrupted


async def _finish(paid: PaidRequest, answer: TaskAnswer, source: str) -> Drawing:
    """Writes down what was drawn, and brings it here."""
    if lookup.contradicts(paid.entry, answer):
        await paid.contradicted()
        raise paid.uncertain(lookup.ANOTHERS)
    await paid.drawn(answer)
    await paid.retire()
    return await _fetch(paid, answer.drawn, source)


async def _fetch(paid: PaidRequest, drawn: Drawn, source: str) -> Drawing:
    """The pictures behind the links. `source` STORED: RESUMED in truth, if any had to be downloaded."""
    drawing_seconds, is_sent = paid.waiting.elapsed, source == info.NEW
    paid.waiting.never_stop()  # what is drawn is billed: it is stored, whoever waits for it
    paid.waiting.will_be(PAID_BEFORE if source == info.STORED else paid.goes_on)
    try:
        fetched = await paid.fetch(drawn)
    except ModelStudioError as error:
        paid.tell_of(error)
        raise error.with_ids(request_id=paid.entry.request_id, task_id=paid.entry.task_id) from None
    if lookup.is_other_size(paid.entry, fetched.pictures):
        await paid.contradicted()
        raise paid.uncertain(lookup.ANOTHERS)
    if (source == info.STORED and fetched.downloads) or (is_sent and paid.entry.adopted):
        source = info.RESUMED
    fetched.notes.extend(lookup.notes(paid.entry))
    if is_sent:
        await paid.tell_if_stored()
    return Drawing(paid.entry, fetched, source, is_sent, drawing_seconds)
