"""Calls of the API and of pictures: what is sent, what comes back parsed, and how long each is waited for."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import Any

import pytest

from model_studio import errors
from model_studio.catalog.model import ASYNC_MESSAGES, SYNC_MESSAGES
from model_studio.service import client
from model_studio.service.answers import TaskAnswer
from model_studio.service.exchange import Exchange, LineBroken, NeverSent, Timeouts, TooLarge
from model_studio.service.pacer import Pacer
from model_studio.waiting import DeadlinePassed, Interrupted, Waiting
from simulator import Simulator
from tests.model_studio.asking import ask
from tests.model_studio.submitting import DONE, Account, create, error

LINK = "https://dashscope-result-sh.oss-cn-shanghai.aliyuncs.com/a.png?Expires=1&Signature=secret%2B"


def read(client_at: Any, waiting: Waiting, exchange: Any) -> TaskAnswer:
    return asyncio.run(client_at(exchange).task("t-1", waiting))


# Creating costs money


def test_a_creating_call(client_at: Any, waiting: Waiting, script: Any, answer: Any) -> None:
    exchange = script(answer(200, DONE), answer(200, DONE))
    for mode in ("async", "sync"):
        assert create(client_at, waiting, exchange, mode).task_id == "t-1"
    task, sync = exchange.calls
    client = client_at(exchange)
    assert (task.method, task.url) == ("POST", client.host.base_url + ASYNC_MESSAGES.path)
    assert (sync.method, sync.url) == ("POST", client.host.base_url + SYNC_MESSAGES.path)
    assert task.headers == {"Authorization": f"Bearer {client.key.value}", "X-DashScope-Async": "enable"}
    assert sync.headers == {"Authorization": f"Bearer {client.key.value}"}
    assert task.body == sync.body == ask("wan2.6-t2i").body
    assert sync.timeouts.read > 300 > task.timeouts.read
    assert task.fresh and sync.fresh


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


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_call_under_way_outlives_cancel(client_at: Any, answer: Any, mode: str) -> None:
    """Left early it would be billed and lost; whoever sent it decides what to do with it."""
    exchange = Held(answer(200, DONE))
    waiting = Waiting(300, lambda: bool(exchange.calls))
    threading.Timer(0.3, exchange.release.set).start()
    assert create(client_at, waiting, exchange, mode).task_id == "t-1"


def test_a_call_that_takes_too_long_is_uncertain(
    client_at: Any, waiting: Waiting, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SHORT", Timeouts(connect=1, read=1, total=0.1))
    exchange = Held(answer(200, DONE))
    with pytest.raises(errors.SubmissionUncertain, match="not complete"):
        create(client_at, waiting, exchange)
    exchange.release.set()
    assert len(exchange.calls) == 1


def test_nothing_is_sent_once_it_is_canceled(client_at: Any, answer: Any) -> None:
    """The first try is free to end; a second one would be a new request."""
    exchange = Held(answer(500, error("InternalError")))
    exchange.release.set()
    waiting = Waiting(300, lambda: bool(exchange.calls))
    account = Account(waiting)
    with pytest.raises(Interrupted):
        create(client_at, waiting, exchange, account=account)
    assert account.told == ["sending", "refused"]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_call_under_way_outlives_the_users_deadline(client_at: Any, answer: Any, mode: str) -> None:
    """Left early it would be billed and lost; the deadline then counts again."""
    exchange = Held(answer(200, DONE))
    waiting = Waiting(0.05)
    threading.Timer(0.3, exchange.release.set).start()
    assert create(client_at, waiting, exchange, mode).task_id == "t-1"
    assert waiting.elapsed > 0.25 and waiting.deadline == pytest.approx(waiting.started + 0.05)


def test_the_phase_is_shown_again_after_a_pause(client_at: Any, script: Any, answer: Any, clock: Any) -> None:
    shown: list[str] = []
    waiting = Waiting(300, show=lambda text, fraction: shown.append(text), clock=clock)
    create(client_at, waiting, script(answer(429, error("Throttling"), Retry_After="3"), answer(200, DONE)), "sync")
    assert shown[0] == "running 0 s of about 27 s" and "waiting for the rate limit, 3 s" in shown
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
def test_reads_are_repeated(client_at: Any, waiting: Waiting, script: Any, answer: Any, trouble: Any) -> None:
    step = trouble if isinstance(trouble, Exception) else answer(*trouble)
    exchange = script(step, step, answer(200, DONE))
    assert read(client_at, waiting, exchange).task_id == "t-1"
    assert len(exchange.calls) == 3
    assert exchange.calls[0].headers.keys() == {"Authorization"}  # the async header gets 403 here


def test_reads_stop_at_the_deadline_with_the_last_trouble(
    client_at: Any, waiting: Waiting, script: Any, answer: Any, clock: Any
) -> None:
    exchange = script(*[answer(502, b"<html>")] * 200)
    with pytest.raises(DeadlinePassed, match="HTTP 502"):
        read(client_at, waiting, exchange)
    assert clock.slept == pytest.approx(300, abs=1)
    assert len(exchange.calls) < 80


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_refused_reads_are_not_repeated(
    client_at: Any, waiting: Waiting, script: Any, answer: Any, status: int
) -> None:
    exchange = script(answer(status, error("InvalidApiKey")))
    with pytest.raises(errors.AuthenticationFailed):
        read(client_at, waiting, exchange)


def test_who_reads_does_not_stand_in_line_for_longer_than_its_time_out(
    client_at: Any, waiting: Waiting, script: Any, answer: Any, clock: Any
) -> None:
    """Pictures of other tasks, which are kept for a day, would meanwhile be lost."""
    queries = Pacer().queries("me", True)
    exchange = script(answer(429, error("Throttling"), Retry_After="7200"), answer(200, DONE))
    with pytest.raises(DeadlinePassed, match="HTTP 429"):
        asyncio.run(client_at(exchange, queries=queries).task("t-1", waiting))
    assert clock.slept == pytest.approx(300)
    with pytest.raises(DeadlinePassed, match="the service asks to wait 115 min"):
        asyncio.run(client_at(exchange, queries=queries).task("t-1", Waiting(300, clock=clock)))
    assert clock.slept == pytest.approx(300) and len(exchange.calls) == 1
    patient = Waiting(7000, clock=clock)
    assert asyncio.run(client_at(exchange, queries=queries).task("t-1", patient)).task_id == "t-1"


def test_a_short_pause_is_waited_for_whatever_is_left_of_the_time_out(
    client_at: Any, script: Any, answer: Any, clock: Any
) -> None:
    queries = Pacer().queries("me", True)
    queries.refused(answer(429, {}, Retry_After="30"), 0, clock.now())
    reading = client_at(script(answer(200, DONE)), queries=queries)
    assert asyncio.run(reading.task("t-1", Waiting(3, clock=clock))).task_id == "t-1"


def test_byte_by_byte_answers_end_with_the_total_time_out(
    client_at: Any, raw_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drip(connection: socket.socket) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10:
            connection.sendall(bytes([byte]))
            time.sleep(0.02)

    monkeypatch.setattr(client, "SHORT", Timeouts(connect=1, read=1, total=0.2))
    began = time.monotonic()
    with pytest.raises(DeadlinePassed, match="not complete"):
        asyncio.run(client_at(Exchange(), raw_server(drip).url).task("t-1", Waiting(0.5)))
    assert time.monotonic() - began < 2


# Canceling is free


class Tasks:
    """One task of four pictures at a simulator, which begins when it is asked about."""

    def __init__(self, sim: Simulator, client_at: Any, clock: Any) -> None:
        self.sim = sim
        self.clock = clock
        self.waiting = Waiting(300, clock=clock)
        self.client = client_at(Exchange(), sim.base_url, key=sim.key)
        request = ask("wan2.2-t2i-flash", n=4)
        account = Account(self.waiting)
        self.task_id = asyncio.run(self.client.create(request, account, self.waiting)).task_id

    def cancel(self, waiting: Waiting | None = None) -> bool:
        canceled: bool = asyncio.run(self.client.cancel(self.task_id, waiting or self.waiting))
        return canceled

    def read(self) -> TaskAnswer:
        answer: TaskAnswer = asyncio.run(self.client.task(self.task_id, self.waiting))
        return answer

    @property
    def calls(self) -> int:
        return sum(seen.path.endswith("/cancel") for seen in self.sim.requests)


@pytest.fixture
def tasks(sim: Simulator, client_at: Any, clock: Any) -> Tasks:
    return Tasks(sim, client_at, clock)


@pytest.mark.parametrize("fault", ["http_502", "throttle", "http_500_json", "reset_on_connect", "firewall", "not_json"])
def test_a_cancel_that_meets_a_hiccup_is_repeated(tasks: Tasks, fault: str) -> None:
    processed = {"processed": False} if fault == "not_json" else {}
    tasks.sim.faults.add(fault, on="cancel", times=3, **processed)
    assert tasks.cancel()
    assert tasks.calls == 4 and tasks.sim.billed == []
    assert tasks.read().state == "CANCELED"


def test_a_cancel_that_takes_too_long_is_repeated(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SHORT", Timeouts(connect=1, read=0.2, total=0.4))
    tasks.sim.faults.add("slow_answer", on="cancel", times=1, seconds=1)
    tasks.cancel()
    assert tasks.calls == 2
    monkeypatch.undo()
    assert tasks.read().state == "CANCELED" and tasks.sim.billed == []


def test_a_cancel_whose_answer_was_lost_has_worked(tasks: Tasks) -> None:
    """The service refuses the second one, since the task has ended; what it says of the task counts."""
    tasks.sim.faults.add("close_before_answer", on="cancel", times=1)
    tasks.cancel()
    assert tasks.read().state == "CANCELED" and tasks.sim.billed == []


def test_a_task_that_runs_is_refused_once(tasks: Tasks) -> None:
    while tasks.read().state != "RUNNING":
        continue
    assert not tasks.cancel()
    assert tasks.calls == 1 and tasks.clock.slept == 0


@pytest.mark.parametrize("code", ["InvalidApiKey", "UnsupportedOperation", "Brand.New"])
@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_cancel_that_the_service_refuses_is_not_repeated(
    client_at: Any, waiting: Waiting, script: Any, answer: Any, status: int, code: str
) -> None:
    exchange = script(answer(status, error(code)))
    assert not asyncio.run(client_at(exchange).cancel("t-1", waiting))


@pytest.mark.parametrize("fault", ["http_502", "throttle", "reset_on_connect"])
def test_a_cancel_is_given_up_after_two_minutes(tasks: Tasks, fault: str) -> None:
    tasks.sim.faults.add(fault, on="cancel")
    began = tasks.clock.now()
    assert not tasks.cancel()
    assert tasks.clock.now() - began == pytest.approx(120, abs=0.2)
    assert 15 <= tasks.calls <= 40


def test_a_cancel_outlives_cancel_and_the_deadline(tasks: Tasks) -> None:
    tasks.sim.faults.add("http_502", on="cancel", times=5)
    over = Waiting(10, lambda: True, clock=tasks.clock)
    tasks.clock.time += 20
    assert tasks.cancel(over) and tasks.sim.billed == []


def test_a_cancel_does_not_stand_in_line_for_longer_than_it_is_tried(
    client_at: Any, waiting: Waiting, script: Any, answer: Any, clock: Any
) -> None:
    """The pause begins while it stands there."""
    queries = Pacer().queries("me", True)
    canceling = client_at(script(), queries=queries)

    async def scene() -> bool:
        queries.refused(answer(429, {}, Retry_After="20"), 0, clock.now())
        run = asyncio.ensure_future(canceling.cancel("t-1", waiting))
        while clock.slept < 10:
            await asyncio.sleep(0)
        queries.refused(answer(429, {}, Retry_After="3600"), 0, clock.now())
        return await run

    assert asyncio.run(scene()) is False
    assert clock.slept == pytest.approx(120, abs=0.2)


def test_cancels_keep_to_the_limit_of_queries(client_at: Any, script: Any, answer: Any, clock: Any) -> None:
    queries = Pacer().queries("me", True)
    exchange = script(*[answer(200, {"request_id": "r"})] * 40)
    canceling = client_at(exchange, queries=queries)

    async def many() -> list[bool]:
        return await asyncio.gather(*(canceling.cancel("t-1", Waiting(300, clock=clock)) for _ in range(40)))

    assert asyncio.run(many()) == [True] * 40
    assert clock.slept >= 1


# Pictures


def picture(client_at: Any, waiting: Waiting, exchange: Any) -> bytes:
    return asyncio.run(client_at(exchange).picture(LINK, waiting))


def test_a_picture_is_fetched_without_a_key(client_at: Any, waiting: Waiting, script: Any, answer: Any) -> None:
    exchange = script(answer(200, b"bytes"))
    assert picture(client_at, waiting, exchange) == b"bytes"
    (call,) = exchange.calls
    assert (call.method, call.url, dict(call.headers)) == ("GET", LINK, {})


@pytest.mark.parametrize("trouble", [NeverSent("x"), LineBroken("x"), (429, b""), (500, b""), (503, b"<xml/>")])
def test_picture_reads_are_repeated(client_at: Any, waiting: Waiting, script: Any, answer: Any, trouble: Any) -> None:
    step = trouble if isinstance(trouble, Exception) else answer(*trouble)
    assert picture(client_at, waiting, script(step, step, answer(200, b"bytes"))) == b"bytes"


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
    client_at: Any, waiting: Waiting, script: Any, answer: Any, status: int, body: bytes, kind: type, says: str
) -> None:
    with pytest.raises(kind) as caught:
        picture(client_at, waiting, script(answer(status, body)))
    text = str(caught.value)
    assert says in text and "oss-cn-shanghai.aliyuncs.com" in text and "secret" not in text


@pytest.mark.parametrize("status", [403, 404])
def test_a_filters_page_does_not_end_a_link(
    client_at: Any, waiting: Waiting, script: Any, answer: Any, status: int
) -> None:
    """The picture is there, and must not count as lost."""
    with pytest.raises(errors.PictureUnreachable, match=f"a gateway on the way .*HTTP {status}.*kept for 24 hours"):
        picture(client_at, waiting, script(answer(status, b"<html>Blocked by your company</html>")))


def test_a_picture_that_never_comes(client_at: Any, waiting: Waiting, script: Any) -> None:
    with pytest.raises(errors.PictureUnreachable) as caught:
        picture(client_at, waiting, script(*[LineBroken("the connection broke")] * 200))
    assert "the connection broke" in str(caught.value) and "secret" not in str(caught.value)
