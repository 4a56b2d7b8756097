"""Sends calls to the service, and is the one place that decides what is sent again.

A request that creates pictures costs money, and the service knows no idempotency key. It is repeated only when it
certainly never arrived, or was certainly refused unpaid (429, or a JSON error whose code the documentation calls
retryable), by the service or by something in between. After a time-out, a line that breaks once the connection stands,
or a page with a status of 500 and above it may have been accepted: SubmissionUncertain.
Reading a task or a picture is free and is repeated through all of that until the deadline.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Protocol, TypeVar

from ..account.regions import is_vendor_host
from ..catalog import Endpoint
from ..errors import (
    ConnectionFailed,
    GatewayAnswered,
    ModelStudioError,
    ServiceError,
    ServiceFault,
    SubmissionUncertain,
    Throttled,
)
from ..threads import start
from ..waiting import DeadlinePassed, Waiting
from ..words import Text
from . import links
from .answers import identifier, read_task
from .api import Api
from .exchange import Answer, Call, Exchange, ExchangeFailed, NeverSent, Timeouts, TooLarge, too_slow
from .pacer import Gate
from .peers import NotPublic
from .tasks import is_id

T = TypeVar("T")

CREATE_TRIES = 4
# Looking up the name and trying its addresses is not in a call's total. Left before that has ended, a request might
# still go out later.
GIVE_UP = 3
FIRST_PAUSE = 1.0  # seconds, doubled with each try
LONGEST_PAUSE = 8.0
SERVICE_SYNC_LIMIT = 300  # seconds after which the service ends a sync call itself (documentation)

UNCERTAIN_ADVICE = Text(
    "It is not sent again by itself: look at the usage page of the Model Studio console for a request of this minute. "
    "Queueing again sends a new request."
)

SYNC = Timeouts(connect=10, read=SERVICE_SYNC_LIMIT + 10, total=SERVICE_SYNC_LIMIT + 20)
SHORT = Timeouts(connect=10, read=30, total=45)
PICTURE = Timeouts(connect=10, read=30, total=300)


class Submission(Protocol):
    """A creating request as its sender keeps account of it."""

    gate: Gate

    async def sending(self) -> None:
        """The next byte may cost money."""

    async def refused(self) -> None:
        """It certainly was not accepted."""


class Transport:
    """The retry policy over an Exchange, which is blocking and runs in threads."""

    def __init__(self, exchange: Callable[[Call], Answer] | None = None) -> None:
        self._exchange = exchange or Exchange()

    async def create(
        self,
        api: Api,
        endpoint: Endpoint,
        body: Mapping[str, Any],
        waiting: Waiting,
        submission: Submission,
        about: float | None = None,
    ) -> dict[str, Any]:
        """Asks for pictures or a task; the JSON of the answer. `about`: usual seconds of a sync call, for the display.

        Each try waits for its turn at the gate. New tries begin before the deadline only (throttled ones until the
        service has refused for as long as the run's time-out), but each gets the time that the service takes for it,
        whoever leaves: a call that is left early is billed all the same.
        Raises ConnectionFailed, ServiceError, SubmissionUncertain, Interrupted.
        """
        if endpoint.is_async:
            call = api.call(
                "POST", endpoint.path, SHORT, body=body, headers={"X-DashScope-Async": "enable"}, fresh=True
            )
        else:
            call = api.call("POST", endpoint.path, SYNC, body=body, fresh=True)
        first_refused: float | None = None
        for tries in itertools.count(1):
            turn = await submission.gate.turn(waiting)
            await submission.sending()
            waiting.tell(Text("submitting") if endpoint.is_async else Text("running"), about=about)
            outcome, answer = await self._send(api, call, waiting)
            if isinstance(outcome, dict):
                if answer:
                    submission.gate.accepted(answer, turn)
                return outcome
            await submission.refused()
            now = waiting.clock.now()
            if isinstance(outcome, Throttled) and answer:
                first_refused = first_refused or now
                pause = submission.gate.refused(answer, turn, now)
                if not outcome.retryable or now + pause >= first_refused + waiting.timeout:
                    raise outcome
                continue
            pause = _pause(tries)
            if not _may_repeat(outcome, tries) or now + pause >= waiting.deadline:
                raise outcome
            waiting.tell(Text("trying again"))
            try:
                await waiting.sleep(pause)
            except DeadlinePassed:  # this machine slept
                raise outcome from None
        raise AssertionError("unreachable")

    async def _send(
        self, api: Api, call: Call, waiting: Waiting
    ) -> tuple[dict[str, Any] | ModelStudioError, Answer | None]:
        """Sends once: the JSON, or the error of a request that was certainly not accepted; and the answer.

        Raises SubmissionUncertain.
        """
        try:
            answer = await waiting.outlast(start(self._exchange, call), GIVE_UP * call.timeouts.total)
        except NeverSent as failure:
            return ConnectionFailed(
                Text("{address} could not be reached: {reason}.", address=api.host.base_url, reason=failure.reason),
                Text("Nothing was sent and nothing was billed. Check the network, proxy variables and the region."),
            ), None
        except TimeoutError:
            raise _uncertain(too_slow(call).reason) from None
        except ExchangeFailed as failure:
            raise _uncertain(failure.reason) from None
        outcome = api.outcome(answer)
        if outcome is None:
            raise _uncertain(_not_the_services(answer), answer)
        if isinstance(outcome, ServiceError) and (body := answer.json) and is_id(read_task(body).task_id):
            return body, answer  # whatever else it says: asking about that task costs nothing
        if isinstance(outcome, ServiceError) and _is_unheard_of(outcome):
            outcome.advice = ""  # it could say that nothing was billed
            raise _uncertain(outcome.text, answer).with_ids(request_id=outcome.request_id)
        return outcome, answer

    async def ask(self, api: Api, path: str, timeouts: Timeouts, waiting: Waiting) -> dict[str, Any]:
        """GET of the API, once. Raises ServiceError, ConnectionFailed, Interrupted."""
        call = api.call("GET", path, timeouts, fresh=True)
        try:
            answer = await waiting.run(self._exchange, call)
        except DeadlinePassed:
            raise _unreachable(api, too_slow(call).reason) from None
        except ExchangeFailed as failure:
            raise _unreachable(api, failure.reason) from None
        outcome = api.outcome(answer)
        if isinstance(outcome, ModelStudioError):
            raise outcome
        if outcome is None:
            raise _unreachable(api, _not_the_services(answer))
        return outcome

    async def read(self, api: Api, path: str, waiting: Waiting) -> dict[str, Any]:
        """GET of the API. Raises ServiceError, Interrupted, and DeadlinePassed that names the last trouble."""
        body, _ = await self.read_dated(api, path, waiting)
        return body

    async def read_dated(self, api: Api, path: str, waiting: Waiting) -> tuple[dict[str, Any], float | None]:
        """`read`, and the service's clock in seconds since 1970 (None where it tells none)."""

        def settle(answer: Answer) -> tuple[dict[str, Any], float | None] | None:
            outcome = api.outcome(answer)
            if isinstance(outcome, ServiceError):
                if _is_passing(answer) or outcome.retryable:
                    return None
                raise outcome
            return (outcome, _date(answer)) if isinstance(outcome, dict) else None

        return await self._get(api.call("GET", path, SHORT), settle, waiting, gate=api.queries)

    async def picture(self, link: str, waiting: Waiting) -> bytes:
        """The file behind a link that `links.check_link` let pass, fetched without any key.

        Raises PictureExpired, PictureRefused, PictureUnreachable, Interrupted.
        """
        host = links.host_of(link)
        # Any other host is the one that replaces the API, which may well be this machine.
        call = Call("GET", link, PICTURE, public=is_vendor_host(host), max_bytes=links.MAX_BYTES)

        def settle(answer: Answer) -> bytes | None:
            if answer.status == 200:
                return answer.content
            if _is_passing(answer):
                return None
            raise links.refusal(host, answer)

        try:
            return await self._get(call, settle, waiting, final=(TooLarge, NotPublic))
        except TooLarge as failure:
            raise links.too_large(host, failure.reason) from None
        except NotPublic as failure:
            raise links.not_public(host, failure.address) from None
        except DeadlinePassed as passed:
            raise links.unreachable(host, passed.trouble) from None

    async def withdraw(self, api: Api, task_id: str, waiting: Waiting) -> bool:
        """Cancels a task that may still be PENDING; whether that worked."""
        call = api.call("POST", f"/tasks/{task_id}/cancel", SHORT)
        if api.queries:
            await api.queries.turn(waiting)
        try:
            outcome = api.outcome(await waiting.outlast(start(self._exchange, call), call.timeouts.total))
        except (ExchangeFailed, TimeoutError):
            outcome = None
        return isinstance(outcome, dict)

    async def _get(
        self,
        call: Call,
        settle: Callable[[Answer], T | None],
        waiting: Waiting,
        gate: Gate | None = None,
        final: tuple[type[Exception], ...] = (),
    ) -> T:
        """Asks again and again until `settle` makes something of the answer or raises, or the trouble is `final`."""
        trouble = Text("no answer in time")
        try:
            for tries in itertools.count(1):
                turn = await gate.turn(waiting) if gate else 0.0
                pause = _pause(tries)
                try:
                    answer = await waiting.result(start(self._exchange, call), call.timeouts.total)
                except final:
                    raise
                except TimeoutError:
                    trouble = too_slow(call).reason
                except ExchangeFailed as failure:
                    trouble = failure.reason
                else:
                    settled = settle(answer)
                    if settled is not None:
                        if gate:
                            gate.accepted(answer, turn)
                        return settled
                    trouble = Text("HTTP {status}", status=answer.status)
                    if answer.status == 429 and gate:
                        pause = gate.refused(answer, turn, waiting.clock.now())
                waiting.tell(Text("line trouble, asking again"))
                await waiting.sleep(pause)
        except DeadlinePassed:
            raise DeadlinePassed(trouble) from None
        raise AssertionError("unreachable")


def _may_repeat(error: ModelStudioError, tries: int) -> bool:
    """Whether a creating request that ended so, other than throttled, may be sent again."""
    if isinstance(error, GatewayAnswered):  # which says the same again
        return False
    safe = isinstance(error, ConnectionFailed) or (isinstance(error, ServiceError) and error.retryable)
    return safe and tries < CREATE_TRIES


def _is_unheard_of(error: ServiceError) -> bool:
    """Whether a fault has a code that is in no list: then nobody knows whether the request was done.

    Under a status of 400 to 499 it was not: the service refused it.
    """
    status = error.http_status or 0
    return isinstance(error, ServiceFault | Throttled) and not error.retryable and not 400 <= status < 500


def _is_passing(answer: Answer) -> bool:
    """Whether the same read may succeed later."""
    return answer.status == 429 or answer.status >= 500


def _pause(tries: int) -> float:
    """Seconds before the next try: doubling, with jitter."""
    doubled: float = FIRST_PAUSE * 2 ** min(tries - 1, 10)
    return min(doubled, LONGEST_PAUSE) * random.uniform(0.75, 1.0)


def _date(answer: Answer) -> float | None:
    """The Date header in seconds since 1970."""
    try:
        return parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except (ValueError, OverflowError):
        return None


def _unreachable(api: Api, reason: str) -> ConnectionFailed:
    return ConnectionFailed(
        Text("{address} could not be reached: {reason}.", address=api.host.base_url, reason=reason),
        Text("Check the network, proxy variables and the region."),
    )


def _not_the_services(answer: Answer) -> Text:
    return Text("a page that is not the service's came back (HTTP {status})", status=answer.status)


def _uncertain(reason: str, answer: Answer | None = None) -> SubmissionUncertain:
    return SubmissionUncertain(
        Text("The request was sent, but no usable answer came: {reason}.", reason=reason),
        Text("It may have been accepted and billed. {advice}", advice=UNCERTAIN_ADVICE),
        http_status=answer.status if answer else None,
        request_id=identifier(answer.headers.get("x-request-id")) if answer else None,
    )
