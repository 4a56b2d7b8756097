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
    assert asyncio.run(studio.check_key("cn-beijing")) == KeyCheck("accepted", knows_key=True)
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


def test_the_other_regions_say_whose_key_it_is(studio: Studio, sim: Simulator, environ: dict[str, str]) -> None:
    """Only when they are asked: the test itself sends the key to its own region and no other."""
    environ["DASHSCOPE_HTTP_BASE_URL"] = sim.base_url_of("cn-beijing")
    environ["DASHSCOPE_API_KEY_CN_BEIJING"] = sim.keys["ap-southeast-1"]
    told = asyncio.run(studio.check_key("cn-beijing"))
    assert (told.result, told.elsewhere) == ("refused", ("ap-southeast-1", "us-east-1"))
    assert [seen.path.split("/")[1] for seen in sim.requests] == ["cn-beijing"]
    found = asyncio.run(studio.check_key_elsewhere("cn-beijing"))
    assert {region: (check.result, check.knows_key) for region, check in found.items()} == {
        "ap-southeast-1": ("accepted", True),
        "us-east-1": ("refused", False),
    }
    assert sorted(seen.path.split("/")[1] for seen in sim.requests[1:]) == ["ap-southeast-1", "us-east-1"]
    assert sim.billed == []


def test_where_an_address_names_no_region_nobody_else_is_asked(
    studio: Studio, sim: Simulator, environ: dict[str, str]
) -> None:
    environ["DASHSCOPE_API_KEY_CN_BEIJING"] = "sk-planted-wrong"
    assert asyncio.run(studio.check_key("cn-beijing")).elsewhere == ()
    asked = len(sim.requests)
    assert asyncio.run(studio.check_key_elsewhere("cn-beijing")) == {} and len(sim.requests) == asked


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


def test_a_key_of_a_plan_is_told_where_it_works(studio: Studio, sim: Simulator, environ: dict[str, str]) -> None:
    environ["DASHSCOPE_HTTP_BASE_URL"] = sim.base_url_of("cn-beijing")
    environ["DASHSCOPE_API_KEY_CN_BEIJING"] = sim.keys["token-plan-ap-southeast-1"]
    told = asyncio.run(studio.check_key("cn-beijing"))
    assert (told.result, told.elsewhere) == ("refused", ("token-plan-cn-beijing", "token-plan-ap-southeast-1"))
    assert "begins with sk-sp-" in told.why and "Invalid API-key provided" in told.why
    found = asyncio.run(studio.check_key_elsewhere("cn-beijing"))
    assert {region: (check.result, check.knows_key) for region, check in found.items()} == {
        "token-plan-cn-beijing": ("refused", False),
        "token-plan-ap-southeast-1": ("accepted", True),
    }


@pytest.mark.parametrize("region", ["token-plan-cn-beijing", "qwencloud"])
def test_where_no_free_test_is_known_the_first_run_tells(
    studio: Studio, sim: Simulator, environ: dict[str, str], region: str
) -> None:
    environ["DASHSCOPE_HTTP_BASE_URL"] = sim.base_url_of(region)
    told = asyncio.run(studio.check_key(region))
    assert (told.result, told.knows_key) == ("unreachable", False)
    assert told.why == f"No free test is known for keys of {region}; the first run will tell."
    environ[f"DASHSCOPE_API_KEY_{region.upper().replace('-', '_')}"] = "sk-planted-wrong"
    assert asyncio.run(studio.check_key(region)).result == "refused"
    assert not sim.billed
