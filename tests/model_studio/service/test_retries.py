"""What is sent again and what is not: the promise about money, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from model_studio import errors
from model_studio.service.exchange import LineBroken, NeverSent
from model_studio.service.retries import CREATE_TRIES
from model_studio.waiting import Waiting
from tests.model_studio.submitting import DONE, Account, create, error


@pytest.mark.parametrize("mode", ["sync", "async"])
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
    client_at: Any, waiting: Waiting, script: Any, answer: Any, refusal: Any, mode: str
) -> None:
    step = refusal if isinstance(refusal, Exception) else answer(refusal[0], error(refusal[1]))
    exchange = script(step, answer(200, DONE))
    account = Account(waiting)
    assert create(client_at, waiting, exchange, mode, account).task_id == "t-1"
    assert len(exchange.calls) == 2
    assert account.told == ["sending", "refused", "sending"]


@pytest.mark.parametrize("mode", ["sync", "async"])
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
    client_at: Any, waiting: Waiting, script: Any, answer: Any, outcome: Any, mode: str
) -> None:
    exchange = script(outcome if isinstance(outcome, Exception) else answer(*outcome))
    account = Account(waiting)
    with pytest.raises(errors.SubmissionUncertain, match="may have been accepted and billed"):
        create(client_at, waiting, exchange, mode, account)
    assert len(exchange.calls) == 1
    assert account.told == ["sending"]


def test_what_is_uncertain_is_told_in_one_way(client_at: Any, waiting: Waiting, script: Any, answer: Any) -> None:
    exchange = script(answer(500, error("InternalError.Algo.BrandNew", "broken")))
    with pytest.raises(errors.SubmissionUncertain) as caught:
        create(client_at, waiting, exchange)
    text = str(caught.value)
    assert "InternalError.Algo.BrandNew" in text and "broken" in text and "not billed" not in text
    assert caught.value.request_id == "r-1"


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("body", [b"<html>Request blocked</html>", b"", b'"no"', b"[]", b"\xff"])
@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 403, 404, 405, 407, 408, 411, 413, 418, 451, 499])
def test_what_a_gateway_refuses_is_unpaid(
    client_at: Any, waiting: Waiting, script: Any, answer: Any, status: int, body: bytes, mode: str
) -> None:
    exchange = script(answer(status, body))
    account = Account(waiting)
    with pytest.raises(errors.GatewayAnswered, match=r"a gateway .* nothing was billed") as caught:
        create(client_at, waiting, exchange, mode, account)
    assert caught.value.http_status == status
    assert account.told == ["sending", "refused"] and len(exchange.calls) == 1


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("body", [b"<html>429 Too Many Requests</html>", b"", {"message": "slow down"}])
def test_429_is_a_limit_whoever_tells_it(
    client_at: Any, waiting: Waiting, script: Any, answer: Any, body: Any, mode: str
) -> None:
    exchange = script(*[answer(429, body)] * 6, answer(200, DONE))
    assert create(client_at, waiting, exchange, mode).task_id == "t-1"
    assert len(exchange.calls) == 7


def test_503_of_a_full_service_is_a_limit(client_at: Any, waiting: Waiting, script: Any, answer: Any) -> None:
    full = answer(503, error("ServiceUnavailable", "throttled due to system capacity limits"))
    assert create(client_at, waiting, script(*[full] * 6, answer(200, DONE))).task_id == "t-1"


@pytest.mark.parametrize("code", ["InternalError.Algo.InvalidParameter", "InternalError.BrandNew", "Brand.New", ""])
@pytest.mark.parametrize("status", [400, 403, 404, 408, 422])
def test_the_services_own_refusal_is_never_uncertain(
    client_at: Any, waiting: Waiting, script: Any, answer: Any, status: int, code: str
) -> None:
    account = Account(waiting)
    with pytest.raises(errors.ServiceError) as caught:
        create(client_at, waiting, script(answer(status, error(code))), account=account)
    assert account.told == ["sending", "refused"]
    assert "may have been billed" not in str(caught.value)


@pytest.mark.parametrize(("status", "code"), [(500, "Throttling.BrandNew"), (503, "ServiceUnavailable.BrandNew")])
def test_a_limit_that_nobody_knows_is_uncertain(
    client_at: Any, waiting: Waiting, script: Any, answer: Any, status: int, code: str
) -> None:
    with pytest.raises(errors.SubmissionUncertain):
        create(client_at, waiting, script(answer(status, error(code))))


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
    client_at: Any, waiting: Waiting, script: Any, answer: Any, status: int, code: str, kind: type
) -> None:
    exchange = script(answer(status, error(code)))
    account = Account(waiting)
    with pytest.raises(kind) as caught:
        create(client_at, waiting, exchange, account=account)
    assert len(exchange.calls) == 1
    assert account.told == ["sending", "refused"]
    assert (caught.value.code, caught.value.http_status, caught.value.request_id) == (code, status, "r-1")


def test_a_dead_line_is_given_up_after_a_few_tries(client_at: Any, waiting: Waiting, script: Any, clock: Any) -> None:
    exchange = script(*[NeverSent("the connection was refused")] * 10)
    with pytest.raises(errors.ConnectionFailed, match="nothing was billed"):
        create(client_at, waiting, exchange)
    assert len(exchange.calls) == CREATE_TRIES
    assert clock.slept < 10


def test_throttling_is_waited_out_as_long_as_the_time_out(
    client_at: Any, waiting: Waiting, script: Any, answer: Any, clock: Any
) -> None:
    exchange = script(*[answer(429, error("Throttling.RateQuota"))] * 80)
    with pytest.raises(errors.Throttled):
        create(client_at, waiting, exchange)
    assert 270 <= clock.slept <= 301
    assert 30 <= len(exchange.calls) <= 60  # pauses grow to eight seconds
    assert waiting.deadline - clock.now() == pytest.approx(300, abs=1)  # and leave the time-out as it was


def test_no_try_begins_after_the_deadline(client_at: Any, script: Any, answer: Any, clock: Any) -> None:
    """It would be paid for and then left."""
    waiting = Waiting(20, clock=clock)
    exchange = script(*[answer(500, error("InternalError"))] * 9)

    def slow(call: Any) -> Any:
        clock.time += 19.5
        return exchange(call)

    with pytest.raises(errors.ServiceFault):
        create(client_at, waiting, slow)
    assert len(exchange.calls) == 1
