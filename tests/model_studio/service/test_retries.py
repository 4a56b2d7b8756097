"""What is sent again and what is not: the promise about money, case by case."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from model_studio import errors
from model_studio.service.advice import service_error
from model_studio.service.exchange import LineBroken, NeverSent
from model_studio.service.retries import CREATE_TRIES, in_words
from model_studio.waiting import Waiting
from tests.model_studio.submitting import DONE, Account, create, error, new_gate


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
    with pytest.raises(errors.GatewayAnswered, match=r"A gateway .* nothing was billed") as caught:
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


# Each kind of trouble by itself


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_limit_uses_up_no_tries_of_a_fault(
    client_at: Any, waiting: Waiting, script: Any, answer: Any, mode: str
) -> None:
    full, fault = answer(429, error("Throttling.RateQuota")), answer(500, error("InternalError"))
    exchange = script(*[full] * (CREATE_TRIES + 1), *[fault] * (CREATE_TRIES - 1), full, answer(200, DONE))
    assert create(client_at, waiting, exchange, mode).task_id == "t-1"


def test_a_dead_line_uses_up_no_tries_of_a_fault_of_the_service(
    client_at: Any, waiting: Waiting, script: Any, answer: Any
) -> None:
    troubles = [NeverSent("refused"), answer(500, error("InternalError"))] * (CREATE_TRIES - 1)
    assert create(client_at, waiting, script(*troubles, answer(200, DONE))).task_id == "t-1"
    with pytest.raises(errors.ConnectionFailed):
        create(client_at, waiting, script(*troubles, NeverSent("refused")))


def test_the_first_pause_after_a_fault_is_short_however_long_a_limit_refused(
    client_at: Any, waiting: Waiting, script: Any, answer: Any, clock: Any
) -> None:
    exchange = script(*[answer(429, error("Throttling"), Retry_After="10")] * 5, NeverSent("x"), answer(200, DONE))
    create(client_at, waiting, exchange)
    assert clock.slept == pytest.approx(50.9, abs=0.2)


# A time that the service asks for


def test_a_wait_that_the_service_asks_for_is_kept(client_at: Any, script: Any, answer: Any, clock: Any) -> None:
    waiting = Waiting(7300, clock=clock)
    exchange = script(answer(429, error("Throttling"), Retry_After="7200"), answer(200, DONE))
    assert create(client_at, waiting, exchange).task_id == "t-1"
    assert clock.slept == pytest.approx(7200)


@pytest.mark.parametrize(
    ("asked", "words"),
    [("300", "5 min"), ("301", "6 min"), ("7199", "2 h 0 min"), ("19800", "5 h 30 min"), ("9999999", "24 h 0 min")],
)
def test_a_wait_beyond_the_time_out_is_refused_with_the_time_in_words(
    client_at: Any, waiting: Waiting, script: Any, answer: Any, clock: Any, asked: str, words: str
) -> None:
    exchange = script(answer(429, error("Throttling"), Retry_After=asked))
    account = Account(waiting)
    with pytest.raises(errors.Throttled) as caught:
        create(client_at, waiting, exchange, account=account)
    assert f"The service asks to wait {words} before the next request." in caught.value.advice
    assert "not billed" in caught.value.advice
    assert (clock.slept, account.told) == (0, ["sending", "refused"])


def test_a_short_wait_at_the_end_of_the_patience_is_told_too(
    client_at: Any, waiting: Waiting, script: Any, answer: Any
) -> None:
    exchange = script(*[answer(429, error("Throttling"), Retry_After="100")] * 9)
    with pytest.raises(errors.Throttled, match="asks to wait 100 s before"):
        create(client_at, waiting, exchange)
    assert len(exchange.calls) == 3


def test_our_own_backoff_is_not_told_as_the_services_wish(
    client_at: Any, waiting: Waiting, script: Any, answer: Any
) -> None:
    with pytest.raises(errors.Throttled) as caught:
        create(client_at, waiting, script(*[answer(429, error("Throttling"))] * 80))
    assert "asks to wait" not in str(caught.value)


def test_others_at_the_gate_are_not_sent_sooner_either(
    client_at: Any, waiting: Waiting, script: Any, answer: Any, clock: Any
) -> None:
    """They show the wait, or refuse it where it is longer than their time-out."""
    gate = new_gate()
    with pytest.raises(errors.Throttled):
        exchange = script(answer(429, error("Throttling"), Retry_After="7200"))
        create(client_at, waiting, exchange, account=Account(waiting, gate))
    account = Account(Waiting(60, clock=clock), gate)
    with pytest.raises(errors.Throttled, match="asks to wait 2 h 0 min"):
        create(client_at, waiting, script(), account=account)
    assert account.told == []
    shown: list[str] = []
    other = Waiting(8000, show=lambda text, fraction: shown.append(text), clock=clock)
    assert create(client_at, other, script(answer(200, DONE)), account=Account(other, gate)).task_id == "t-1"
    assert shown[0] == "waiting for the rate limit, 7200 s"
    assert clock.slept == pytest.approx(7200)


def test_a_refusal_during_a_long_pause_tells_of_it(client_at: Any, waiting: Waiting, answer: Any) -> None:
    """It was on its way when the pause began, and says nothing of a time itself."""
    gate = new_gate()
    account = Account(waiting, gate)

    def exchange(call: Any) -> Any:
        gate.refused(answer(429, {}, Retry_After="7200"), waiting.clock.now() + 1, waiting.clock.now())
        return answer(429, error("Throttling"))

    with pytest.raises(errors.Throttled, match="asks to wait 2 h 0 min"):
        create(client_at, waiting, exchange, account=account)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(7.2, "8 s"), (120, "120 s"), (300.00001, "5 min"), (299.99999, "5 min"), (7201, "2 h 1 min")],
)
def test_a_time_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


# A sync call that the service ended itself


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("status", [200, 400, 408, 429, 500, 504])
@pytest.mark.parametrize("code", ["RequestTimeOut", "RequestTimeOut.BrandNew"])
def test_a_drawing_that_the_service_broke_off_may_be_billed(
    client_at: Any, waiting: Waiting, script: Any, answer: Any, mode: str, status: int, code: str
) -> None:
    exchange = script(answer(status, error(code, "Request timed out.")))
    account = Account(waiting)
    with pytest.raises(errors.SubmissionUncertain) as caught:
        create(client_at, waiting, exchange, mode, account)
    text = str(caught.value)
    assert "300 seconds" in text and "Set call_mode to async" in text and code in text
    assert "may have been accepted and billed" in text and "not sent again by itself" in text
    assert account.told == ["sending"] and len(exchange.calls) == 1


# A task that was accepted and then throttled


def throttled() -> errors.ModelStudioError:
    return service_error("Throttling.AllocationQuota", "Allocated quota exceeded", region="cn-beijing")


def test_a_task_that_was_throttled_is_sent_again_with_the_backoff_of_a_429(waiting: Waiting, clock: Any) -> None:
    async def scene() -> list[float]:
        resends = Account(waiting).resends
        began, times = clock.now(), []
        for _ in range(4):
            await resends.turn()
            times.append(clock.now() - began)
            clock.time += 3  # the task fails
            await resends.after(throttled())
        return times

    times = asyncio.run(scene())
    assert times == sorted(times) and times[3] == pytest.approx(3 * 3 + 1 + 2 + 4, abs=2)


def test_a_task_that_was_throttled_during_a_long_pause_is_refused_with_the_time(
    waiting: Waiting, answer: Any, clock: Any
) -> None:
    async def scene() -> None:
        account = Account(waiting)
        await account.resends.turn()
        account.resends.accepted(answer(200, DONE))
        account.resends.gate.refused(answer(429, {}, Retry_After="7200"), clock.now() + 1, clock.now())
        with pytest.raises(errors.Throttled, match="asks to wait 2 h 0 min"):
            await account.resends.after(throttled())

    asyncio.run(scene())


def test_a_task_that_was_throttled_is_not_sent_again_after_the_deadline(waiting: Waiting, clock: Any) -> None:
    async def scene() -> None:
        resends = Account(waiting).resends
        await resends.turn()
        clock.time = waiting.deadline
        with pytest.raises(errors.Throttled):
            await resends.after(throttled())

    asyncio.run(scene())
