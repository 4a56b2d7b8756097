"""Sends calls to the service, and is the one place that decides what is sent again.

A request that creates pictures costs money, and the service knows no idempotency key. It is repeated only when it
certainly never arrived, or was certainly refused unpaid (429, or a JSON error whose code the documentation calls
retryable). After a time-out, a broken line or a gateway's page it may have been accepted: SubmissionUncertain.
Reading a task or a picture is free and is repeated through all of that until the deadline.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from . import pictures, tasks
from .answers import read_task
from .api import Api
from .catalog import Endpoint
from .errors import (
    ConnectionFailed,
    ModelStudioError,
    ServiceError,
    ServiceFault,
    SubmissionUncertain,
    Throttled,
)
from .exchange import (
    Answer,
    Call,
    Exchange,
    ExchangeFailed,
    NeverSent,
    Timeouts,
    TooLarge,
    is_number,
    too_slow,
)
from .waiting import DeadlinePassed, Interrupted, Waiting, start

log = logging.getLogger(__name__)
T = TypeVar("T")

CREATE_TRIES = 4
FIRST_PAUSE = 1.0  # seconds, doubled with each try
LONGEST_PAUSE = 8.0
LONGEST_PAUSE_THROTTLED = 30.0  # some limits count per minute
LONGEST_RETRY_AFTER = 120.0
SERVICE_SYNC_LIMIT = 300  # seconds after which the service ends a sync call itself (documentation)

SYNC = Timeouts(connect=10, read=SERVICE_SYNC_LIMIT + 10, total=SERVICE_SYNC_LIMIT + 20)
SHORT = Timeouts(connect=10, read=30, total=45)
PICTURE = Timeouts(connect=10, read=30, total=300)


class Transport:
    """The retry policy over an Exchange, which is blocking and runs in threads."""

    def __init__(self, exchange: Callable[[Call], Answer] | None = None) -> None:
        self._exchange = exchange or Exchange()

    async def create(
        self, api: Api, endpoint: Endpoint, body: Mapping[str, Any], waiting: Waiting, about: float | None = None
    ) -> dict[str, Any]:
        """Asks for pictures or a task; the JSON of the answer. `about`: usual seconds of a sync call, for the display.

        New tries begin before the deadline only, but each gets the time that the service takes for it: a call that is
        left early is billed all the same. Raises ConnectionFailed, ServiceError, SubmissionUncertain, Interrupted.
        """
        if endpoint.is_async:
            call = api.call(
                "POST", endpoint.path, SHORT, body=body, headers={"X-DashScope-Async": "enable"}, fresh=True
            )
        else:
            call = api.call("POST", endpoint.path, SYNC, body=body, fresh=True)
        for tries in itertools.count(1):
            error: ModelStudioError
            answer = None
            waiting.tell("submitting" if endpoint.is_async else "running", about=about)
            try:
                answer = await self._submission(api, call, waiting)
            except NeverSent as failure:
                error = ConnectionFailed(
                    f"{api.host.base_url} could not be reached: {failure.reason}.",
                    "Nothing was sent and nothing was billed. Check the network, proxy variables and the region.",
                )
            except ExchangeFailed as failure:
                raise _uncertain(failure.reason) from None
            else:
                outcome = api.outcome(answer)
                if outcome is None:
                    raise _uncertain(f"a page that is not the service's came back (HTTP {answer.status})", answer)
                if not isinstance(outcome, ModelStudioError):
                    return outcome
                if _is_unheard_of(outcome):
                    raise _uncertain(str(outcome), answer)
                error = outcome
            pause = _pause(tries, answer)
            if not _may_repeat(error, tries) or waiting.clock.now() + pause >= waiting.deadline:
                raise error
            waiting.tell("limited by the service, waiting" if isinstance(error, Throttled) else "trying again")
            await waiting.sleep(pause)
        raise AssertionError("unreachable")

    async def read(self, api: Api, path: str, waiting: Waiting) -> dict[str, Any]:
        """GET of the API. Raises ServiceError, Interrupted, and DeadlinePassed that names the last trouble."""

        def settle(answer: Answer) -> dict[str, Any] | None:
            outcome = api.outcome(answer)
            if isinstance(outcome, ServiceError):
                if _is_passing(answer) or outcome.retryable:
                    return None
                raise outcome
            return outcome

        return await self._get(api.call("GET", path, SHORT), settle, waiting)

    async def picture(self, link: str, waiting: Waiting) -> bytes:
        """The file behind a link that `pictures.check_link` let pass, fetched without any key.

        Raises PictureExpired, PictureRefused, PictureUnreachable, Interrupted.
        """
        host = pictures.host_of(link)

        def settle(answer: Answer) -> bytes | None:
            if answer.status == 200:
                return answer.content
            if _is_passing(answer):
                return None
            raise pictures.refusal(host, answer)

        try:
            return await self._get(Call("GET", link, PICTURE, max_bytes=pictures.MAX_BYTES), settle, waiting)
        except TooLarge as failure:
            raise pictures.too_large(host, failure.reason) from None
        except DeadlinePassed as passed:
            raise pictures.unreachable(host, str(passed)) from None

    def withdraw(self, api: Api, task_id: str) -> None:
        """Cancels a task that may still be PENDING, in the background; the log tells how that went."""
        start(self._withdraw, api, task_id)

    async def _get(self, call: Call, settle: Callable[[Answer], T | None], waiting: Waiting) -> T:
        """Asks again and again until `settle` makes something of the answer, or raises."""
        trouble = "no answer in time"
        try:
            for tries in itertools.count(1):
                answer = None
                try:
                    answer = await waiting.result(start(self._exchange, call), call.timeouts.total)
                except TooLarge:
                    raise
                except TimeoutError:
                    trouble = too_slow(call).reason
                except ExchangeFailed as failure:
                    trouble = failure.reason
                else:
                    settled = settle(answer)
                    if settled is not None:
                        return settled
                    trouble = f"HTTP {answer.status}"
                waiting.tell("line trouble, asking again")
                await waiting.sleep(_pause(tries, answer))
        except DeadlinePassed:
            raise DeadlinePassed(trouble) from None
        raise AssertionError("unreachable")

    async def _submission(self, api: Api, call: Call, waiting: Waiting) -> Answer:
        """Sends once. When we leave while it is under way, the log still tells what became of it."""
        deadline = waiting.deadline
        waiting.extend(2 * call.timeouts.total)
        future = start(self._exchange, call)
        try:
            return await waiting.result(future, call.timeouts.total)
        except (Interrupted, asyncio.CancelledError, TimeoutError) as left:
            # The first node that sees Cancel ends the graph, and the others as if a sibling had failed.
            withdraw = waiting.interrupted()
            future.add_done_callback(lambda done: self._came_late(api, done, withdraw=withdraw))
            if isinstance(left, TimeoutError):
                raise too_slow(call) from None
            raise
        finally:
            waiting.deadline = deadline

    def _came_late(self, api: Api, submission: Future[Answer], *, withdraw: bool) -> None:
        """The end of a submission that nobody waits for any more. `withdraw`: the user canceled it."""
        if submission.cancelled() or isinstance(submission.exception(), NeverSent):
            return
        outcome = None if submission.exception() else api.outcome(submission.result())
        if isinstance(outcome, ServiceError):
            return
        late = read_task(outcome or {})
        if late.task_id and withdraw:
            self.withdraw(api, late.task_id)
        elif late.task_id:
            log.warning("Task %s was submitted, but nobody waited for it. %s", late.task_id, tasks.POLLER)
        else:
            log.warning("A request that was left may have been accepted and billed (request id %s).", late.request_id)

    def _withdraw(self, api: Api, task_id: str) -> None:
        try:
            outcome = api.outcome(self._exchange(api.call("POST", f"/tasks/{task_id}/cancel", SHORT)))
        except ExchangeFailed:
            outcome = None
        if isinstance(outcome, dict):
            log.info("Task %s was canceled before it ran; it is not billed.", task_id)
        else:
            log.warning("Task %s could not be canceled any more and may be billed. %s", task_id, tasks.POLLER)


def _may_repeat(error: ModelStudioError, tries: int) -> bool:
    """Whether a creating request that ended so may be sent again. Throttled ones wait as long as the run may."""
    if isinstance(error, Throttled):
        return error.retryable
    safe = isinstance(error, ConnectionFailed) or (isinstance(error, ServiceError) and error.retryable)
    return safe and tries < CREATE_TRIES


def _is_unheard_of(error: ServiceError) -> bool:
    """Whether a fault has a code that is in no list: then nobody knows whether the request was done."""
    return isinstance(error, ServiceFault) and not error.retryable


def _is_passing(answer: Answer) -> bool:
    """Whether the same read may succeed later."""
    return answer.status == 429 or answer.status >= 500


def _pause(tries: int, answer: Answer | None) -> float:
    """Seconds before the next try: what the service asks for if that is sane, else doubling, with jitter."""
    asked = answer.headers.get("Retry-After", "") if answer else ""
    if is_number(asked) and 0 < int(asked) <= LONGEST_RETRY_AFTER:
        return float(asked)
    longest = LONGEST_PAUSE_THROTTLED if answer and answer.status == 429 else LONGEST_PAUSE
    doubled: float = FIRST_PAUSE * 2 ** min(tries - 1, 10)
    return min(doubled, longest) * random.uniform(0.75, 1.0)


def _uncertain(reason: str, answer: Answer | None = None) -> SubmissionUncertain:
    return SubmissionUncertain(
        f"The request was sent, but no usable answer came: {reason}.",
        "It may have been accepted and billed, so it is not sent again by itself. Look at the usage page of the Model "
        "Studio console for a request of this minute; queueing again sends a new request.",
        http_status=answer.status if answer else None,
        request_id=answer.headers.get("x-request-id") if answer else None,
    )
