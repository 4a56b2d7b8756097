"""The service's API for one region and one key: each call sent as often as it may be, each answer read once.

What is sent again is decided in `retries`. A creating request whose answer is lost after the connection stood (a
time-out, a broken line, a page with a status of 500 and above) may have been accepted: SubmissionUncertain.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from ..account.credentials import ApiKey
from ..account.regions import ApiHost, is_vendor_host
from ..catalog import SYNC_ONLY
from ..errors import (
    ConnectionFailed,
    GatewayAnswered,
    ModelStudioError,
    PictureExpired,
    ServiceError,
    SubmissionUncertain,
)
from ..request import ImageRequest
from ..threads import start
from ..waiting import DeadlinePassed, Interrupted, Waiting
from ..words import Text
from . import links, reading
from .answers import TaskAnswer, identifier
from .backoff import LONGEST_PAUSE_PER_MINUTE, doubled
from .clock import ServiceClock
from .exchange import Answer, Call, ExchangeFailed, NeverSent, Timeouts, TooLarge, http_date, too_slow
from .listing import PAGE_SIZE, TaskPage, read_models, read_page
from .pacer import Gate
from .peers import NotPublic
from .reading import Reading
from .retries import Resends, in_words, is_passing, may_be_done
from .tasks import is_id

T = TypeVar("T")

# Looking up the name and trying its addresses is not in a call's total. Left before that has ended, a request might
# still go out later.
GIVE_UP = 3
CANCEL_PATIENCE = 120.0  # seconds
SERVICE_SYNC_LIMIT = 300  # seconds after which the service ends a sync call itself (documentation)

UNCERTAIN_ADVICE = Text(
    "It is not sent again by itself: look at the usage page of the Model Studio console for a request of this minute. "
    "Queueing again sends a new request."
)

SYNC = Timeouts(connect=10, read=SERVICE_SYNC_LIMIT + 10, total=SERVICE_SYNC_LIMIT + 20)
SHORT = Timeouts(connect=10, read=30, total=45)
PICTURE = Timeouts(connect=10, read=30, total=300)


class Submission(Protocol):
    """A creating request as its owner keeps account of it."""

    resends: Resends

    async def sending(self) -> None:
        """The next byte may cost money. May raise, and nothing is sent."""

    async def refused(self, error: ConnectionFailed | ServiceError) -> None:
        """It certainly was not accepted."""


class Client:
    """Calls of one account in one region. The only place where the key is put into a request.

    `exchange`: blocking, run in threads. `queries`: the gate through which calls about tasks pass.
    """

    def __init__(
        self,
        host: ApiHost,
        key: ApiKey,
        exchange: Callable[[Call], Answer],
        clock: ServiceClock,
        queries: Gate | None = None,
    ) -> None:
        self.host = host
        self.key = key
        self.clock = clock
        self._exchange = exchange
        self._queries = queries

    def at(self, host: ApiHost) -> Client:
        """The same key at another host."""
        return Client(host, self.key, self._exchange, ServiceClock())

    async def create(self, request: ImageRequest, submission: Submission, waiting: Waiting) -> TaskAnswer:
        """Asks for pictures, or for a task, whose answer then has a usable id.

        Each try waits for its turn at the gate, and gets the time that the service takes for it, whoever leaves: a call
        that is left early is billed all the same. Raises ConnectionFailed, ServiceError, SubmissionUncertain,
        Interrupted, and what `submission.sending` raises.
        """
        is_async = request.endpoint.is_async
        call = self._creating(request)
        while True:
            await submission.resends.turn()
            await submission.sending()
            waiting.tell(
                Text("submitting") if is_async else Text("running"),
                about=None if is_async else request.model.typical_seconds,
            )
            answer = None
            try:
                answer = await self._send(call, waiting)
                task = self._accepted(answer)
            except (ConnectionFailed, ServiceError) as error:
                await submission.refused(error)
                await submission.resends.after(error, answer)
                continue
            submission.resends.accepted(answer)
            if is_async and not is_id(task.task_id):
                raise SubmissionUncertain(
                    Text("The service took the request but gave no task id."),
                    Text("It may have been accepted and billed. {advice}", advice=UNCERTAIN_ADVICE),
                    request_id=task.request_id or None,
                )
            return task

    async def task(self, task_id: str, waiting: Waiting) -> TaskAnswer:
        """What the service says of a task. Raises ServiceError, Interrupted, and DeadlinePassed that names the last
        trouble.
        """
        _, found = await self._query(f"/tasks/{task_id}", waiting)
        return found.task

    async def listed(self, model_id: str, page: int, waiting: Waiting) -> TaskPage:
        """A page, from 1, of the account's list of tasks of a model. Raises as `task`."""
        query = urlencode({"model_name": model_id, "page_no": page, "page_size": PAGE_SIZE})
        answer, _ = await self._query(f"/tasks/?{query}", waiting)
        return read_page(answer.json or {}, model_id, page, now=http_date(answer.headers.get("Date", "")))

    async def models(self, page: int, waiting: Waiting) -> tuple[list[str], bool]:
        """A page, from 1, of the models that the account may call (see listing.read_models). Raises as `task`."""
        query = urlencode({"page_no": page, "page_size": PAGE_SIZE})
        answer, _ = await self._query(f"/models?{query}", waiting)
        return read_models(answer.json or {}, page)

    async def time(self, waiting: Waiting) -> float | None:
        """The service's, in seconds since 1970, for which it may be asked, which is free; None: it does not tell.

        Raises ConnectionFailed, Interrupted.
        """
        if self.clock.now() is None and self.host.region not in SYNC_ONLY:  # there may be nothing to answer it
            try:
                await self.task(str(uuid.uuid4()), waiting)
            except ServiceError:  # whatever it says, it says when
                pass
            except DeadlinePassed as passed:
                raise self._unreachable(passed.trouble or Text("no answer in time")) from None
        return self.clock.now()

    async def cancel(self, task_id: str, waiting: Waiting) -> bool:
        """Cancels a task that may still be PENDING; whether that worked.

        It is free, and a task that is not canceled is billed: neither Cancel nor the deadline ends it, but an answer,
        or CANCEL_PATIENCE of trouble. An answer that says no (the task runs, or has ended) is final.
        """
        clock = waiting.clock
        end = clock.now() + CANCEL_PATIENCE
        own = Waiting(CANCEL_PATIENCE, lambda: clock.now() >= end, clock=clock, origin=waiting.origin)

        def settle(answer: Answer) -> bool | None:
            verdict = self._read(answer).verdict
            if isinstance(verdict, ServiceError):
                return None if is_passing(answer, verdict) else False
            return True if verdict == "good" else None

        try:
            return await self._repeat(self._call("POST", f"/tasks/{task_id}/cancel", SHORT), settle, own, self._queries)
        except (Interrupted, DeadlinePassed):  # the one in line at the gate, where no deadline passes
            return False

    async def picture(self, link: str, waiting: Waiting, patience: float = 0.0) -> bytes:
        """The file behind a link that `links.check_link` let pass, fetched without any key.

        `patience`: seconds for which a link that the storage says does not work is tried again.
        Raises PictureExpired, PictureRefused, PictureUnreachable, Interrupted.
        """
        host = links.host_of(link)
        # Any other host is the one that replaces the API, which may well be this machine.
        call = Call("GET", link, PICTURE, public=is_vendor_host(host), max_bytes=links.MAX_BYTES)

        until = waiting.clock.now() + patience

        def settle(answer: Answer) -> bytes | None:
            if answer.status == 200:
                return answer.content
            if is_passing(answer):
                return None
            refusal = links.refusal(host, answer)
            if isinstance(refusal, PictureExpired) and waiting.clock.now() < until:
                return None
            raise refusal

        try:
            return await self._repeat(call, settle, waiting, final=(TooLarge, NotPublic))
        except TooLarge as failure:
            raise links.too_large(host, failure.reason) from None
        except NotPublic as failure:
            raise links.not_public(host, failure.address) from None
        except DeadlinePassed as passed:
            raise links.unreachable(host, passed.trouble) from None

    async def ask_once(self, task_id: str, timeouts: Timeouts, waiting: Waiting) -> TaskAnswer:
        """What the service says of a task, asked about a single time.

        Raises ServiceError, ConnectionFailed, Interrupted.
        """
        call = self._call("GET", f"/tasks/{task_id}", timeouts, fresh=True)
        try:
            answer = await waiting.run(self._exchange, call)
        except DeadlinePassed:
            raise self._unreachable(too_slow(call).reason) from None
        except ExchangeFailed as failure:
            raise self._unreachable(failure.reason) from None
        found = self._read(answer)
        if isinstance(found.verdict, ModelStudioError):
            raise found.verdict
        if found.verdict == "open":
            raise self._unreachable(_not_the_services(answer))
        return found.task

    def _call(
        self,
        method: str,
        path: str,
        timeouts: Timeouts,
        *,
        body: Mapping[str, Any] | None = None,
        fresh: bool = False,
    ) -> Call:
        """A call with the key in it; `path` follows the base URL."""
        headers = {"Authorization": f"Bearer {self.key.value}"}
        return Call(method, self.host.base_url + path, timeouts, headers, body, self.key.value, fresh)

    def _creating(self, request: ImageRequest) -> Call:
        endpoint = request.endpoint
        if not endpoint.is_async:
            return self._call("POST", endpoint.path, SYNC, body=request.body, fresh=True)
        call = self._call("POST", endpoint.path, SHORT, body=request.body, fresh=True)
        return replace(call, headers={**call.headers, "X-DashScope-Async": "enable"})

    def _read(self, answer: Answer) -> Reading:
        read = reading.read(answer, self.host, self.key)
        if isinstance(read.verdict, ServiceError) or read.verdict == "good":  # not something on the way to it
            self.clock.hear(http_date(answer.headers.get("Date", "")))
        return read

    async def _send(self, call: Call, waiting: Waiting) -> Answer:
        """Sends a creating request once. Raises ConnectionFailed where nothing was sent, SubmissionUncertain."""
        try:
            return await waiting.outlast(start(self._exchange, call), GIVE_UP * call.timeouts.total)
        except NeverSent as failure:
            raise ConnectionFailed(
                Text("{address} could not be reached: {reason}.", address=self.host.base_url, reason=failure.reason),
                Text("Nothing was sent and nothing was billed. Check the network, proxy variables and the region."),
            ) from None
        except TimeoutError:
            raise _uncertain(too_slow(call).reason) from None
        except ExchangeFailed as failure:
            raise _uncertain(failure.reason) from None

    def _accepted(self, answer: Answer) -> TaskAnswer:
        """What a creating request made. Raises GatewayAnswered or ServiceError where it certainly was refused, and
        SubmissionUncertain.
        """
        found = self._read(answer)
        if found.verdict == "open":
            raise _uncertain(_not_the_services(answer), answer)
        if isinstance(found.verdict, GatewayAnswered):
            raise found.verdict
        if found.verdict == "good" or is_id(found.task.task_id):
            return found.task  # whatever else it says: asking about that task costs nothing
        if may_be_done(found.verdict):
            if not found.verdict.may_be_billed:
                found.verdict.advice = ""  # it could say that nothing was billed
            raise _uncertain(found.verdict.text, answer).with_ids(request_id=found.verdict.request_id)
        raise found.verdict

    async def _query(self, path: str, waiting: Waiting) -> tuple[Answer, Reading]:
        """GET of the API, until there is a good answer. Raises as `task`."""

        def settle(answer: Answer) -> tuple[Answer, Reading] | None:
            found = self._read(answer)
            if not isinstance(found.verdict, ServiceError):
                return (answer, found) if found.verdict == "good" else None
            if is_passing(answer, found.verdict):
                return None
            raise found.verdict

        return await self._repeat(self._call("GET", path, SHORT), settle, waiting, gate=self._queries)

    async def _repeat(
        self,
        call: Call,
        settle: Callable[[Answer], T | None],
        waiting: Waiting,
        gate: Gate | None = None,
        final: tuple[type[Exception], ...] = (),
    ) -> T:
        """Sends what is free until `settle` makes something of the answer or raises, or the trouble is `final`."""
        trouble = Text("no answer in time")
        tries = 0
        try:
            while True:
                tries += 1
                if gate and (left := _too_long(gate, waiting)):
                    trouble = Text("the service asks to wait {time}", time=in_words(left))
                    raise DeadlinePassed
                turn = await gate.turn(waiting) if gate else 0.0
                pause = doubled(tries)
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
                waiting.tell(Text("connection trouble, asking again"))
                await waiting.sleep(pause)
        except DeadlinePassed:
            raise DeadlinePassed(trouble) from None

    def _unreachable(self, reason: str) -> ConnectionFailed:
        return ConnectionFailed(
            Text("{address} could not be reached: {reason}.", address=self.host.base_url, reason=reason),
            Text("Check the network, proxy variables and the region."),
        )


def _too_long(gate: Gate, waiting: Waiting) -> float:
    """Seconds for which a gate pauses, where the service asks for more than is left of the run's time; else 0.

    A wait in line is not counted, and would outlive the pictures that the run is to fetch.
    """
    now = waiting.clock.now()
    left = gate.pause_left(now)
    return left if left > max(waiting.deadline - now, LONGEST_PAUSE_PER_MINUTE) else 0.0


def _not_the_services(answer: Answer) -> Text:
    return Text("a page that is not the service's came back (HTTP {status})", status=answer.status)


def _uncertain(reason: str, answer: Answer | None = None) -> SubmissionUncertain:
    return SubmissionUncertain(
        Text("The request was sent, but no usable answer came: {reason}.", reason=reason),
        Text("It may have been accepted and billed. {advice}", advice=UNCERTAIN_ADVICE),
        http_status=answer.status if answer else None,
        request_id=identifier(answer.headers.get("x-request-id")) if answer else None,
    )
