"""The test of a key against a simulator over real sockets, and against what else may answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from model_studio.account import page_keys
from model_studio.errors import KeyMissing
from model_studio.service.exchange import Answer, NeverSent
from model_studio.service.key_check import KeyCheck, check
from model_studio.studio import Studio
from model_studio.waiting import Waiting
from simulator import Simulator


def test_a_key_of_the_region_is_accepted_with_one_free_request(studio: Studio, sim: Simulator) -> None:
    assert asyncio.run(studio.check_key("cn-beijing")) == KeyCheck("accepted")
    (seen,) = sim.requests
    assert (seen.method, seen.path.startswith("/api/v1/tasks/"), sim.billed) == ("GET", True, [])


def test_a_wrong_key_is_refused_with_the_services_reason_and_advice(
    studio: Studio, sim: Simulator, environ: dict[str, str]
) -> None:
    environ["DASHSCOPE_API_KEY_CN_BEIJING"] = "sk-planted-wrong"
    told = asyncio.run(studio.check_key("cn-beijing"))
    assert told.result == "refused"
    for words in ("Invalid API-key provided", "Keys belong to one region", "came from DASHSCOPE_API_KEY_CN_BEIJING"):
        assert words in told.why
    assert "sk-planted-wrong" not in told.why
    assert len(sim.requests) == 1


def test_the_key_that_a_run_would_use_is_tested(environ: dict[str, str], sim: Simulator, tmp_path: Any) -> None:
    key = environ.pop("DASHSCOPE_API_KEY_CN_BEIJING")
    folder = tmp_path / "__model_studio"
    studio = Studio(folder, environ=environ)
    with pytest.raises(KeyMissing):
        asyncio.run(studio.check_key("cn-beijing"))
    page_keys.store("cn-beijing", key, folder)
    assert asyncio.run(studio.check_key("cn-beijing")).result == "accepted"
    environ["DASHSCOPE_API_KEY"] = "sk-planted-wrong"
    assert asyncio.run(studio.check_key("cn-beijing")).result == "refused"


@pytest.mark.parametrize(
    ("step", "result", "says"),
    [
        ((403, b'{"code": "AccessDenied.Unpurchased", "message": "no"}'), "refused", "not activated"),
        ((429, b'{"code": "Throttling.RateQuota", "message": "slow"}'), "unreachable", "Too many requests"),
        ((500, b'{"code": "InternalError", "message": "oh"}'), "unreachable", "internal error"),
        ((502, b"<html>Bad Gateway</html>"), "unreachable", "HTTP 502"),
        ((200, b"<html>Log in to the hotel's network</html>"), "unreachable", "not the service's"),
        ((200, b'{"hello": "world"}'), "unreachable", "does not answer as the service does"),
        (NeverSent("the connection was refused"), "unreachable", "could not be reached: the connection was refused"),
    ],
)
def test_other_answers(client_at: Any, waiting: Waiting, script: Any, step: Any, result: str, says: str) -> None:
    exchange = script(step if isinstance(step, Exception) else Answer(step[0], {}, step[1]))
    told = asyncio.run(check(client_at(exchange), waiting))
    assert told.result == result and says in told.why
    assert len(exchange.calls) == 1


def test_silence_ends_soon(client_at: Any, raw_server: Any, exchange: Any) -> None:
    server = raw_server(lambda connection: connection.recv(1))
    told = asyncio.run(check(client_at(exchange, server.url + "/api/v1"), Waiting(0.2)))
    assert told.result == "unreachable" and "could not be reached" in told.why
