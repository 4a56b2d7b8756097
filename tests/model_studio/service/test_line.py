"""Parties take turns, however many stand in line for each; the work for each does not grow with the line."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from model_studio.catalog.model import RateLimit
from model_studio.service.pacer import REQUESTS, Pacer
from model_studio.waiting import Interrupted, Origin, Waiting
from tests.model_studio.driven import Time


def run(time: Time, party: Any, stop: float = math.inf, told: list[str] | None = None) -> Waiting:
    show = (lambda text, _: told.append(text)) if told is not None else lambda *_: None
    return Waiting(300, lambda: time.now() >= stop, show, time, None if party is None else Origin(party))


def test_a_node_with_a_thousand_requests_makes_another_wait_for_one_turn() -> None:
    time, pacer = Time(), Pacer()
    gate = pacer.queries("me", True)
    order: list[str] = []

    async def turn(party: str) -> None:
        await gate.turn(run(time, party))
        order.append(party)

    async def scene() -> None:
        many = [asyncio.create_task(turn("many")) for _ in range(1000)]
        await asyncio.sleep(10)
        before = len(order)
        other = time.now()
        await asyncio.gather(*(turn("one") for _ in range(3)))
        assert time.now() - other < 1.2
        assert [party for party in order[before:] if party == "many"] == ["many"] * order[before:].count("many")
        assert order[before:].count("many") <= 4
        for task in many:
            task.cancel()
        await asyncio.wait(many)

    time.play(scene())


def test_places_go_round_too() -> None:
    time, entered = Time(), list[str]()
    gate = Pacer().submits("me", "cn-beijing", "m", RateLimit(9, 1, concurrent=2))

    async def work(party: str) -> None:
        async with gate.place(run(time, party)):
            entered.append(party)
            await asyncio.sleep(10)

    async def scene() -> None:
        await asyncio.gather(*(work("a") for _ in range(6)), *(work("b") for _ in range(2)))

    time.play(scene())
    assert "".join(entered) == "aaababaa"


@settings(max_examples=100)
@given(st.text("abc", max_size=20), st.sets(st.integers(0, 19)))
def test_between_two_turns_of_a_party_no_other_has_two(comers: str, leaving: set[int]) -> None:
    """And each party's own come in the order in which they came, whoever leaves the line."""
    time, served = Time(), list[int]()
    gate = Pacer().submits("me", "cn-beijing", "m", RateLimit(1, 1))

    async def one(number: int, party: str) -> None:
        await gate.turn(run(time, party, stop=1000.5 if number in leaving else math.inf))
        served.append(number)

    async def scene() -> None:
        await gate.turn(run(time, "first"))
        await asyncio.gather(*(one(*comer) for comer in enumerate(comers)), return_exceptions=True)

    time.play(scene())
    stay = [(number, party) for number, party in enumerate(comers) if number not in leaving]
    rounds = {number: [own for _, own in stay[:place]].count(party) for place, (number, party) in enumerate(stay)}
    assert sorted(served) == [number for number, _ in stay]
    assert [rounds[number] for number in served] == sorted(rounds.values())


def test_all_leave_a_long_line_at_once_when_they_are_stopped() -> None:
    time = Time()
    gate = Pacer().submits("me", "cn-beijing", "m", RateLimit(2, 60))

    async def one() -> None:
        await gate.turn(run(time, "node", stop=1003))

    async def scene() -> list[Any]:
        return await asyncio.gather(*(one() for _ in range(1000)), return_exceptions=True)

    ends = time.play(scene())
    assert [end for end in ends if end is not None and not isinstance(end, Interrupted)] == []
    assert ends.count(None) == 2 and time.now() < 1003.3


def test_the_work_for_each_does_not_grow_with_the_line() -> None:
    """Counted in looks at Cancel, of which each piece of work has one: the machine's speed does not matter."""

    def looks(count: int) -> int:
        time, seen = Time(), list[int]()
        gate = Pacer().queries("me", True)

        def look() -> bool:
            seen.append(1)
            return False

        async def scene() -> None:
            waits = [Waiting(300, look, clock=time, origin=Origin("node")) for _ in range(count)]
            await asyncio.gather(*(gate.turn(one.apart(asyncio.get_running_loop())) for one in waits))

        time.play(scene())
        return len(seen)

    assert looks(1000) <= 12 * looks(100)


def test_one_party_works_at_so_many_requests_and_another_has_places_of_its_own() -> None:
    time, pacer, told = Time(), Pacer(), list[str]()

    async def work(party: str) -> None:
        async with pacer.requests(party).one(run(time, party, told=told)):
            await asyncio.sleep(10)

    async def scene() -> None:
        many = [asyncio.create_task(work("many")) for _ in range(REQUESTS + 1)]
        await asyncio.sleep(1)
        await work("other")
        assert time.now() == 1011
        await asyncio.gather(*many)
        assert time.now() == 1020

    time.play(scene())
    assert told == [f"waiting for a free place, {REQUESTS} requests at a time"]
