"""What is sent again and what is not: the promise about money, case by case."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from typing import Any

import pytest

from model_studio import errors
from model_studio.account.credentials import ApiKey
from model_studio.account.regions import ApiHost
from model_studio.catalog.model import ASYNC_MESSAGES, SYNC_MESSAGES
from model_studio.service import transport
from model_studio.service.api import Api
from model_studio.service.exchange import LineBroken, NeverSent, Timeouts, TooLarge
from model_studio.service.pacer import Pacer
from model_studio.service.transport import CREATE_TRIES, Transport
from model_studio.waiting import DeadlinePassed, Interrupted, Waiting

DONE = {"output": {"task_id": "t-1", "task_status": "PENDING"}, "request_id": "r-1"}
LINK = "https://dashscope-result-sh.oss-cn-shanghai.aliyuncs.com/a.png?Expires=1&Signature=secret%2B"


def error(code: str, message: str = "no") -> dict[str, str]:
    return {"code": code, "message": message, "request_id": "r-1"}


class Account:
    """Keeps account of a submission as its sender does."""

    def __init__(self) -> None:
        self.gate = Pacer().submits("account", "cn-beijing", "m", None)
        self.told: list[str] = []

    async def sending(self) -> None:
        self.told.append("sending")

    async def refused(self) -> None:
        self.told.append("refused")


def create(
    api: Api, waiting: Waiting, exchange: Any, endpoint: Any = ASYNC_MESSAGES, account: Account | None = None
) -> dict[str, Any]:
    transport = Transport(exchange)
    return asyncio.run(transport.create(api, endpoint, {"model": "m"}, waiting, account or Account()))


def read(api: Api, waiting: Waiting, exchange: Any) -> dict[str, Any]:
    return asyncio.run(Transport(exchange).read(api, "/tasks/t-1", waiting))


# Creating costs money


def test_a_creating_call(api: Api, waiting: Waiting, script: Any, answer: Any) -> None:
    exchange = script(answer(200, DONE), answer(200, DONE))
    assert create(api, waiting, exchange) == DONE
    assert create(api, waiting, exchange, SYNC_MESSAGES) == DONE
    task, sync = exchange.calls
    assert (task.method, task.url) == ("POST", api.host.base_url + ASYNC_MESSAGES.path)
    assert task.headers == {"Authorization": f"Bearer {api.key.value}", "X-DashScope-Async": "enable"}
    assert sync.headers == {"Authorization": f"Bearer {api.key.value}"}
    assert sync.timeouts.read > 300 > task.timeouts.read
    assert task.fresh and sync.fresh


@pytest.mark.parametrize("endpoint", [SYNC_MESSAGES, ASYNC_MESSAGES])
@pytest.mark.parametrize(
    "refusal",
    [
        NeverSent("refused"),
        (429, "Throttling"),
        (429, "Throttling.RateQuota"),
        (500, "InternalError.Algo"),
        (503, "ModelUnavailable"),
    ],
)
def test_sent_again_when_surely_unpaid(
    api: Api, waiting: Waiting, script: Any, answer: Any, refusal: Any, endpoint: Any
) -> None:
    step = refusal if isinstance(refusal, Exception) else answer(refusal[0], error(refusal[1]))
    exchange = script(step, answer(200, DONE))
    account = Account()
    assert create(api, waiting, exchange, endpoint, account) == DONE
    assert len(exchange.calls) == 2
    assert account.told == ["sending", "refused", "sending"]


@pytest.mark.parametrize("endpoint", [SYNC_MESSAGES, ASYNC_MESSAGES])
@pytest.mark.parametrize(
    "outcome",
    [
        LineBroken("no answer within 30 s"),
        (502, b"<html>Bad Gateway</html>"),
        (504, b""),
        (200, b"<html>Log in to the hotel's network</html>"),
        (503, b"<html>no server is available</html>"),
        (500, {"code": "InternalError.Algo.BrandNew", "message": "The request was not billed."}),
        (500, {"message": "no code"}),
        (500, {"code": "Brand.New", "message": "nobody knows"}),
        (504, {"code": "InternalError.BrandNew", "message": "nobody knows"}),
        (200, b'{"output": '),
    ],
)
def test_never_sent_again_when_uncertain(
    api: Api, waiting: Waiting, script: Any, answer: Any, outcome: Any, endpoint: Any
) -> None:
    exchange = script(outcome if isinstance(outcome, Exception) else answer(*outcome))
    account = Account()
    with pytest.raises(errors.SubmissionUncertain, match="may have been accepted and billed"):
        create(api, waiting, exchange, endpoint, account)
    assert len(exchange.calls) == 1
    assert account.told == ["sending"]


def test_what_is_uncertain_is_told_in_one_way(api: Api, waiting: Waiting, script: Any, answer: Any) -> None:
    exchange = script(answer(500, error("InternalError.Algo.BrandNew", "broken")))
    with pytest.raises(errors.SubmissionUncertain) as caught:
        create(api, waiting, exchange)
    text = str(caught.value)
    assert "InternalError.Algo.BrandNew" in text and "broken" in text and "not billed" not in text
    assert caught.value.request_id == "r-1"


@pytest.mark.parametrize("endpoint", [SYNC_MESSAGES, ASYNC_MESSAGES])
@pytest.mark.parametrize("body", [b"<html>Request blocked</html>", b"", b'"no"', b"[]", b"\xff"])
@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 403, 404, 405, 407, 408, 411, 413, 418, 451, 499])
def test_what_a_gateway_refuses_is_unpaid(
    api: Api, waiting: Waiting, script: Any, answer: Any, status: int, body: bytes, endpoint: Any
) -> None:
    exchange = script(answer(status, body))
    account = Account()
    with pytest.raises(errors.GatewayAnswered, match=r"a gateway .* nothing was billed") as caught:
        create(api, waiting, exchange, endpoint, account)
    assert caught.value.http_status == status
    assert account.told == ["sending", "refused"] and len(exchange.calls) == 1


@pytest.mark.parametrize("endpoint", [SYNC_MESSAGES, ASYNC_MESSAGES])
@pytest.mark.parametrize("body", [b"<html>429 Too Many Requests</html>", b"", {"message": "slow down"}])
def test_429_is_a_limit_whoever_tells_it(
    api: Api, waiting: Waiting, script: Any, answer: Any, body: Any, endpoint: Any
) -> None:
    exchange = script(*[answer(429, body)] * 6, answer(200, DONE))
    assert create(api, waiting, exchange, endpoint) == DONE
    assert len(exchange.calls) == 7


def test_503_of_a_full_service_is_a_limit(api: Api, waiting: Waiting, script: Any, answer: Any) -> None:
    full = answer(503, error("ServiceUnavailable", "throttled due to system capacity limits"))
    assert create(api, waiting, script(*[full] * 6, answer(200, DONE))) == DONE


@pytest.mark.parametrize("code", ["InternalError.Algo.InvalidParameter", "InternalError.BrandNew", "Brand.New", ""])
@pytest.mark.parametrize("status", [400, 403, 404, 408, 422])
def test_the_services_own_refusal_is_never_uncertain(
    api: Api, waiting: Waiting, script: Any, answer: Any, status: int, code: str
) -> None:
    account = Account()
    with pytest.raises(errors.ServiceError) as caught:
        create(api, waiting, script(answer(status, error(code))), account=account)
    assert account.told == ["sending", "refused"]
    assert "may have been billed" not in str(caught.value)


@pytest.mark.parametrize("status", [302, 400, 403, 404, 429, 500])
@pytest.mark.parametrize("code", ["", "InvalidParameter", "Throttling", "InternalError"])
def test_a_task_counts_whatever_else_is_said(
    api: Api, waiting: Waiting, script: Any, answer: Any, status: int, code: str
) -> None:
    exchange = script(answer(status, {**DONE, "code": code, "message": "no"}))
    assert create(api, waiting, exchange)["output"] == DONE["output"]
    assert len(exchange.calls) == 1


@pytest.mark.parametrize("status", [302, 403, 429, 500])
def test_a_picture_counts_under_any_status(api: Api, waiting: Waiting, script: Any, answer: Any, status: int) -> None:
    drawn = {"output": {"choices": [{"message": {"content": [{"image": LINK}]}}]}, "request_id": "r-1"}
    assert create(api, waiting, script(answer(status, drawn)), SYNC_MESSAGES)["output"] == drawn["output"]


@pytest.mark.parametrize(("status", "code"), [(500, "Throttling.BrandNew"), (503, "ServiceUnavailable.BrandNew")])
def test_a_limit_that_nobody_knows_is_uncertain(
    api: Api, waiting: Waiting, script: Any, answer: Any, status: int, code: str
) -> None:
    with pytest.raises(errors.SubmissionUncertain):
        create(api, waiting, script(answer(status, error(code))))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "InvalidParameter", errors.ParameterRefused),
        (400, "InternalError.Algo.InvalidParameter", errors.ParameterRefused),
        (400, "DataInspectionFailed", errors.ContentRefused),
        (400, "Arrearage", errors.BillingProblem),
        (401, "InvalidApiKey", errors.AuthenticationFailed),
        (403, "AccessDenied", errors.AccessDenied),
        (408, "RequestTimeOut.BrandNew", errors.ServiceFault),
        (403, "AllocationQuota.FreeTierOnly", errors.BillingProblem),
        (429, "PrepaidBillOverdue", errors.BillingProblem),
        (200, "InvalidParameter", errors.ParameterRefused),
    ],
)
def test_refusals_are_final(
    api: Api, waiting: Waiting, script: Any, answer: Any, status: int, code: str, kind: type
) -> None:
    exchange = script(answer(status, error(code)))
    account = Account()
    with pytest.raises(kind) as caught:
        create(api, waiting, exchange, account=account)
    assert len(exchange.calls) == 1
    assert account.told == ["sending", "refused"]
    assert (caught.value.code, caught.value.http_status, caught.value.request_id) == (code, status, "r-1")


def test_openai_like_envelope(api: Api, waiting: Waiting, script: Any, answer: Any) -> None:
    body = {"error": {"code": "InvalidApiKey", "message": "Incorrect key"}, "request_id": "r-1"}
    with pytest.raises(errors.AuthenticationFailed):
        create(api, waiting, script(answer(401, body)))


def test_a_dead_line_is_given_up_after_a_few_tries(api: Api, waiting: Waiting, script: Any, clock: Any) -> None:
    exchange = script(*[NeverSent("the connection was refused")] * 10)
    with pytest.raises(errors.ConnectionFailed, match="nothing was billed"):
        create(api, waiting, exchange)
    assert len(exchange.calls) == CREATE_TRIES
    assert clock.slept < 10


def test_throttling_is_waited_out_as_long_as_the_time_out(
    api: Api, waiting: Waiting, script: Any, answer: Any, clock: Any
) -> None:
    exchange = script(*[answer(429, error("Throttling.RateQuota"))] * 80)
    with pytest.raises(errors.Throttled):
        create(api, waiting, exchange)
    assert 270 <= clock.slept <= 301
    assert 30 <= len(exchange.calls) <= 60  # pauses grow to eight seconds
    assert waiting.deadline - clock.now() == pytest.approx(300, abs=1)  # and leave the time-out as it was


class Held:
    """An exchange whose first call stays under way until `release`; the calls after it answer at once."""

    def __init__(self, first: Any, *later: Any) -> None:
        self.calls: list[Any] = []
        self.release = threading.Event()
        self._steps = [first, *later]

    def __call__(self, call: Any) -> Any:
        self.calls.append(call)
        step = self._steps.pop(0)
        if len(self.calls) == 1:
            assert self.release.wait(5)
        return step


@pytest.mark.parametrize("endpoint", [SYNC_MESSAGES, ASYNC_MESSAGES])
def test_a_call_under_way_outlives_cancel(api: Api, answer: Any, endpoint: Any) -> None:
    """Left early it would be billed and lost; whoever sent it decides what to do with it."""
    exchange = Held(answer(200, DONE))
    waiting = Waiting(300, lambda: bool(exchange.calls))
    threading.Timer(0.3, exchange.release.set).start()
    assert create(api, waiting, exchange, endpoint) == DONE


def test_a_call_that_takes_too_long_is_uncertain(
    api: Api, waiting: Waiting, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "SHORT", Timeouts(connect=1, read=1, total=0.1))
    exchange = Held(answer(200, DONE))
    with pytest.raises(errors.SubmissionUncertain, match="not complete"):
        create(api, waiting, exchange)
    exchange.release.set()
    assert len(exchange.calls) == 1


def test_nothing_is_sent_once_it_is_canceled(api: Api, answer: Any) -> None:
    """The first try is free to end; a second one would be a new request."""
    exchange = Held(answer(500, error("InternalError")))
    exchange.release.set()
    account = Account()
    with pytest.raises(Interrupted):
        create(api, Waiting(300, lambda: bool(exchange.calls)), exchange, account=account)
    assert account.told == ["sending", "refused"]


@pytest.mark.parametrize("endpoint", [SYNC_MESSAGES, ASYNC_MESSAGES])
def test_a_call_under_way_outlives_the_users_deadline(api: Api, answer: Any, endpoint: Any) -> None:
    """Left early it would be billed and lost; the deadline then counts again."""
    exchange = Held(answer(200, DONE))
    waiting = Waiting(0.05)
    threading.Timer(0.3, exchange.release.set).start()
    assert create(api, waiting, exchange, endpoint) == DONE
    assert waiting.elapsed > 0.25 and waiting.deadline == pytest.approx(waiting.started + 0.05)


def test_no_try_begins_after_the_deadline(api: Api, script: Any, answer: Any, clock: Any) -> None:
    """It would be paid for and then left."""
    waiting = Waiting(20, clock=clock)
    exchange = script(*[answer(500, error("RequestTimeOut"))] * 9)

    def slow(call: Any) -> Any:
        clock.time += 19.5
        return exchange(call)

    with pytest.raises(errors.ServiceFault):
        create(api, waiting, slow)
    assert len(exchange.calls) == 1


@pytest.mark.parametrize("body", [DONE, {"output": {"choices": [{"message": {"content": [{"image": LINK}]}}]}}])
def test_what_was_paid_counts_more_than_a_code_beside_it(
    api: Api, waiting: Waiting, script: Any, answer: Any, body: Any
) -> None:
    exchange = script(answer(200, {"code": "InternalError", "message": "", "request_id": "r-1", **body}))
    assert create(api, waiting, exchange)["output"] == body["output"]
    assert len(exchange.calls) == 1


def test_the_phase_is_shown_again_after_a_pause(api: Api, script: Any, answer: Any, clock: Any) -> None:
    shown: list[str] = []
    waiting = Waiting(300, show=lambda text, fraction: shown.append(text), clock=clock)
    create(api, waiting, script(answer(429, error("Throttling"), Retry_After="3"), answer(200, DONE)), SYNC_MESSAGES)
    assert shown[0] == "running 0 s" and "waiting for the rate limit, 3 s" in shown
    assert shown[-1].startswith("running")


# Reading is free


@pytest.mark.parametrize(
    "trouble",
    [
        NeverSent("refused"),
        LineBroken("reset"),
        TooLarge("more than 16 MiB"),
        (429, {"code": "Throttling", "message": ""}),
        (500, {"code": "InternalError", "message": ""}),
        (502, b"<html>"),
        (403, b"<html>a firewall's page"),
        (302, b""),
        (503, {"message": "no code"}),
        (200, b"<html>"),
        (200, {"code": "Throttling", "message": ""}),
    ],
)
def test_reads_are_repeated(api: Api, waiting: Waiting, script: Any, answer: Any, trouble: Any) -> None:
    step = trouble if isinstance(trouble, Exception) else answer(*trouble)
    exchange = script(step, step, answer(200, DONE))
    assert read(api, waiting, exchange) == DONE
    assert len(exchange.calls) == 3
    assert exchange.calls[0].headers == {"Authorization": f"Bearer {api.key.value}"}  # the async header gets 403 here


def test_reads_stop_at_the_deadline_with_the_last_trouble(
    api: Api, waiting: Waiting, script: Any, answer: Any, clock: Any
) -> None:
    exchange = script(*[answer(502, b"<html>")] * 200)
    with pytest.raises(DeadlinePassed, match="HTTP 502"):
        read(api, waiting, exchange)
    assert clock.slept == pytest.approx(300, abs=1)
    assert len(exchange.calls) < 80


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_refused_reads_are_not_repeated(api: Api, waiting: Waiting, script: Any, answer: Any, status: int) -> None:
    exchange = script(answer(status, error("InvalidApiKey")))
    with pytest.raises(errors.AuthenticationFailed):
        read(api, waiting, exchange)


def test_byte_by_byte_answers_end_with_the_total_time_out(raw_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(connection: socket.socket) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10:
            connection.sendall(bytes([byte]))
            time.sleep(0.02)

    monkeypatch.setattr(transport, "SHORT", Timeouts(connect=1, read=1, total=0.2))
    api = Api(ApiHost("cn-beijing", raw_server(drip).url, replaced=True), ApiKey("k", "a test"))
    began = time.monotonic()
    with pytest.raises(DeadlinePassed, match="not complete"):
        asyncio.run(Transport().read(api, "/tasks/t-1", Waiting(0.5)))
    assert time.monotonic() - began < 2


# Pictures


def picture(waiting: Waiting, exchange: Any) -> bytes:
    return asyncio.run(Transport(exchange).picture(LINK, waiting))


def test_a_picture_is_fetched_without_a_key(waiting: Waiting, script: Any, answer: Any) -> None:
    exchange = script(answer(200, b"bytes"))
    assert picture(waiting, exchange) == b"bytes"
    (call,) = exchange.calls
    assert (call.method, call.url, dict(call.headers)) == ("GET", LINK, {})


@pytest.mark.parametrize("trouble", [NeverSent("x"), LineBroken("x"), (429, b""), (500, b""), (503, b"<xml/>")])
def test_picture_reads_are_repeated(waiting: Waiting, script: Any, answer: Any, trouble: Any) -> None:
    step = trouble if isinstance(trouble, Exception) else answer(*trouble)
    assert picture(waiting, script(step, step, answer(200, b"bytes"))) == b"bytes"


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (403, b"<Error><Message>Request has expired.</Message></Error>", errors.PictureExpired, "has expired"),
        (403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>", errors.PictureExpired, "does not work"),
        (404, b"<Error><Code>NoSuchKey</Code></Error>", errors.PictureExpired, "does not work"),
        (302, b"", errors.PictureRefused, "redirect"),
        (400, b"", errors.PictureRefused, "refused"),
    ],
)
def test_picture_refusals(
    waiting: Waiting, script: Any, answer: Any, status: int, body: bytes, kind: type, says: str
) -> None:
    with pytest.raises(kind) as caught:
        picture(waiting, script(answer(status, body)))
    text = str(caught.value)
    assert says in text and "oss-cn-shanghai.aliyuncs.com" in text and "secret" not in text


@pytest.mark.parametrize("status", [403, 404])
def test_a_filters_page_does_not_end_a_link(waiting: Waiting, script: Any, answer: Any, status: int) -> None:
    """The picture is there, and must not count as lost."""
    with pytest.raises(errors.PictureUnreachable, match=f"a gateway on the way .*HTTP {status}.*kept for 24 hours"):
        picture(waiting, script(answer(status, b"<html>Blocked by your company</html>")))


def test_a_picture_that_never_comes(waiting: Waiting, script: Any) -> None:
    with pytest.raises(errors.PictureUnreachable) as caught:
        picture(waiting, script(*[LineBroken("the connection broke")] * 200))
    assert "the connection broke" in str(caught.value) and "secret" not in str(caught.value)


def test_recorded_errors_are_understood(api: Api, waiting: Waiting, script: Any, answer: Any, recordings: Any) -> None:
    for name, kind in (
        ("error-key", errors.AuthenticationFailed),
        ("error-parameter", errors.ParameterRefused),
        ("cancel-too-late", errors.ParameterRefused),
    ):
        recorded = json.loads((recordings / f"{name}.json").read_text("utf-8"))["response"]
        with pytest.raises(kind) as caught:
            create(api, waiting, script(answer(recorded["status"], recorded["body"])))
        assert caught.value.request_id == recorded["body"]["request_id"]
