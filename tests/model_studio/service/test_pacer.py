"""Many runs, one limit: all in an event loop whose time passes at once when everybody waits."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Coroutine, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_studio.catalog.model import RateLimit
from model_studio.service import backoff, pacer
from model_studio.service.exchange import Answer
from model_studio.service.pacer import FLOW_HEADER, QUERIES, QUERY_MARGIN, SUBMIT_MARGIN, Gate, Pacer
from model_studio.waiting import SLICE, Clock, DeadlinePassed, Interrupted, Waiting
from tests.model_studio.driven import Time

T = TypeVar("T")
RECORDING = Path(__file__).parent.parent.parent / "data" / "recordings" / "sync-qwen-image-max.json"
SLOW = RateLimit(2, 60)
WINDOW = 60 + SUBMIT_MARGIN


class LoopClock(Clock):
    """The time of the loop that runs."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()


def play(scene: Coroutine[Any, Any, T]) -> T:
    """Runs a scene that begins at 1000 s."""
    return Time().play(scene)


def now() -> float:
    """Seconds since the scene began."""
    return asyncio.get_running_loop().time() - 1000


class Run:
    """A run with its own time-out, which the user stops at `stop`, and whose texts are kept with their times."""

    def __init__(self, timeout: float = 300, stop: float = math.inf) -> None:
        self.told: list[tuple[float, str]] = []
        self.waiting = Waiting(
            timeout, lambda: now() >= stop, lambda text, _: self.told.append((now(), text)), LoopClock()
        )

    @property
    def left(self) -> float:
        return self.waiting.deadline - self.waiting.clock.now()


def gate(limit: RateLimit | None, *, fixed: bool = False) -> Gate:
    return Pacer().submits("me", "cn-beijing", "m", limit, fixed=fixed)


async def turns_at(one: Gate, runs: list[Run]) -> list[float]:
    """When each run got its turn; they come at the same time, in order."""

    async def turn(run: Run) -> float:
        await one.turn(run.waiting)
        return now()

    return list(await asyncio.gather(*(turn(run) for run in runs)))


def answer(status: int = 429, **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"{}")


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff.random, "uniform", lambda low, high: high)


# Turns


def test_eight_runs_at_two_a_minute() -> None:
    async def scene() -> None:
        runs = [Run(timeout=100) for _ in range(8)]
        given = await turns_at(gate(SLOW), runs)
        assert given == pytest.approx([0, 0, WINDOW, WINDOW, 2 * WINDOW, 2 * WINDOW, 3 * WINDOW, 3 * WINDOW], abs=0.05)
        assert now() == given[-1] > 180
        for run, at in zip(runs, given, strict=True):
            assert run.left == pytest.approx(100 - (now() - at), abs=0.001)  # only what came after its turn counts

    play(scene())


def test_the_deadline_is_as_far_away_as_before() -> None:
    async def scene() -> None:
        one, first, second = gate(RateLimit(1, 60)), Run(), Run(timeout=10)
        await one.turn(first.waiting)
        await second.waiting.sleep(4)
        await one.turn(second.waiting)
        assert now() == pytest.approx(WINDOW)
        assert second.left == pytest.approx(6)
        with pytest.raises(DeadlinePassed):
            await second.waiting.sleep(60)
        assert now() == pytest.approx(WINDOW + 6)

    play(scene())


# When a run comes, and how long it waits before its user stops it.
arrivals = st.lists(st.tuples(st.floats(0, 3), st.one_of(st.just(math.inf), st.floats(0, 3))), min_size=1, max_size=9)


@settings(max_examples=200)
@given(st.integers(1, 4), st.floats(0.05, 2), arrivals)
def test_no_window_holds_more_and_the_order_stays(submits: int, seconds: float, comers: Any) -> None:
    """Nor does anybody wait longer than the limit demands."""
    came: dict[int, float] = {}
    given: dict[int, float] = {}
    stopped: set[int] = set()
    one = gate(RateLimit(submits, seconds))

    async def run(number: int, comes: float, patience: float) -> None:
        await asyncio.sleep(comes)
        waiting = Run(stop=comes + patience).waiting
        came[number] = now()
        try:
            await one.turn(waiting)
            given[number] = now()
        except Interrupted:
            stopped.add(number)
            assert now() <= comes + patience + SLICE + 0.001

    async def scene() -> None:
        await asyncio.gather(*(run(number, *comer) for number, comer in enumerate(comers)))

    play(scene())
    assert given.keys() | stopped == set(range(len(comers)))
    assert list(given) == [number for number in came if number in given]
    times = list(given.values())
    assert all(later - earlier >= seconds for earlier, later in zip(times, times[submits:], strict=False))
    window = seconds + min(SUBMIT_MARGIN, seconds / 4)
    if not stopped:
        for place, (number, at) in enumerate(given.items()):
            demanded = times[place - submits] + window if place >= submits else 0
            behind = times[place - 1] if place else 0
            assert at <= max(came[number], demanded, behind) + 0.02


def test_who_is_stopped_leaves_the_line_to_the_next() -> None:
    async def scene() -> None:
        one = gate(RateLimit(1, 60))
        await one.turn(Run().waiting)
        first, second = Run(stop=30), Run()
        stopped = asyncio.ensure_future(one.turn(first.waiting))
        moved_up = asyncio.ensure_future(turns_at(one, [second]))
        with pytest.raises(Interrupted):
            await stopped
        assert 30 <= now() <= 30 + SLICE + 0.001
        assert await moved_up == [pytest.approx(WINDOW)]
        told = dict(second.told)
        assert told[0] == "waiting for the rate limit, 120 s"
        assert second.told[-1][1] == "waiting for the rate limit, 1 s"
        assert any(text == "waiting for the rate limit, 30 s" and at < 31 for at, text in second.told)

    play(scene())


def test_a_canceled_task_leaves_the_line() -> None:
    async def scene() -> None:
        one = gate(RateLimit(1, 60))
        await one.turn(Run().waiting)
        first = asyncio.ensure_future(one.turn(Run().waiting))
        second = asyncio.ensure_future(turns_at(one, [Run()]))
        await asyncio.sleep(5)
        first.cancel()
        assert await second == [pytest.approx(WINDOW)]

    play(scene())


def test_the_seconds_shown_are_those_that_pass() -> None:
    async def scene() -> None:
        runs = [Run() for _ in range(7)]
        given = await turns_at(gate(RateLimit(3, 20)), runs)
        assert all(run.told == [] for run in runs[:3])
        for run, turn in zip(runs[3:], given[3:], strict=True):
            assert len(run.told) >= 19
            for at, text in run.told:
                assert text == f"waiting for the rate limit, {turn - at:.0f} s" or abs(turn - at) % 1 == pytest.approx(
                    0.5, abs=0.01
                )

    play(scene())


def test_short_waits_are_not_shown() -> None:
    async def scene() -> None:
        runs = [Run() for _ in range(2)]
        assert await turns_at(gate(RateLimit(1, 0.7)), runs) == [0, pytest.approx(0.875)]
        assert runs[1].told == [(pytest.approx(0), "starting")]

    play(scene())


def test_afterwards_the_run_shows_again_what_it_did() -> None:
    async def scene() -> None:
        one, run = gate(RateLimit(1, 5)), Run()
        run.waiting.tell("running", about=50)
        for _ in range(2):
            await one.turn(run.waiting)
        await run.waiting.sleep(0.1)
        assert run.told[-1][1] == "running 5 s of about 50 s"
        assert run.told[-2][1] == "waiting for the rate limit, 1 s"

    play(scene())


def test_waits_of_one_run_show_the_longest() -> None:
    """A Task Poller asks about many tasks at once."""

    async def scene() -> None:
        run = Run(timeout=10)
        given = await turns_at(Pacer().queries("me", True), [run] * 100)
        assert given == sorted(given)
        assert given[-1] == pytest.approx(4 * (1 + QUERY_MARGIN), abs=0.2)
        after_all_came = [text for at, text in run.told if at > 0]
        assert after_all_came == [f"waiting for the rate limit, {n} s" for n in (3, 2, 1)]
        assert run.left == pytest.approx(10)

    play(scene())


def test_twenty_queries_a_second() -> None:
    async def scene() -> None:
        given = await turns_at(Pacer().queries("me", True), [Run() for _ in range(60)])
        assert all(later - earlier >= 1 for earlier, later in zip(given, given[20:], strict=False))
        assert given[-1] < 2.3
        assert set(await turns_at(Pacer().queries("me", False), [Run() for _ in range(60)])) == {now()}

    play(scene())


def test_a_limit_that_changes_counts_at_once_also_for_those_in_line() -> None:
    async def scene() -> None:
        limits = Pacer()
        one = limits.submits("me", "cn-beijing", "m", None)
        assert await turns_at(one, [Run(), Run(), Run()]) == [0, 0, 0]
        limits.submits("me", "cn-beijing", "m", SLOW)  # those three count
        line = asyncio.ensure_future(turns_at(one, [Run(), Run(), Run()]))
        await asyncio.sleep(10)
        assert not line.done()
        limits.submits("me", "cn-beijing", "m", RateLimit(4, 60))
        await asyncio.sleep(SLICE)
        limits.submits("me", "cn-beijing", "m", None)
        assert await line == [pytest.approx(10, abs=2 * SLICE) for _ in range(3)]

    play(scene())


def test_turns_are_remembered_as_long_as_a_limit_may_ask_for_them() -> None:
    async def scene() -> None:
        limits, run = Pacer(), Run()
        one = limits.submits("me", "cn-beijing", "m", None)
        for _ in range(2):
            await one.turn(run.waiting)
            await asyncio.sleep(20)
        one = limits.submits("me", "cn-beijing", "m", SLOW)
        assert await turns_at(one, [run, run]) == [pytest.approx(WINDOW), pytest.approx(20 + WINDOW)]
        slower = gate(RateLimit(2, 200))
        begin = now()
        await slower.turn(run.waiting)
        await asyncio.sleep(100)
        assert await turns_at(slower, [run, run]) == [begin + 100, pytest.approx(begin + 200 + SUBMIT_MARGIN)]

    play(scene())


def test_gates_are_apart() -> None:
    limits = Pacer()
    names = [
        ("me", "cn-beijing", "m"),
        ("you", "cn-beijing", "m"),
        ("me", "ap-southeast-1", "m"),
        ("me", "cn-beijing", "o"),
    ]
    gates = [limits.submits(*name, SLOW) for name in names] + [limits.queries("me", True), limits.queries("you", True)]
    assert len(set(gates)) == 6
    assert [limits.submits(*name, SLOW) for name in names] == gates[:4]
    assert limits.queries("me", False) is gates[4]


# Places


def test_places_are_given_in_order_of_arrival() -> None:
    async def scene() -> None:
        one = gate(RateLimit(5, 1, concurrent=2))
        entered: list[tuple[int, float]] = []
        runs = [Run(timeout=20) for _ in range(5)]

        async def work(number: int) -> None:
            async with one.place(runs[number].waiting):
                entered.append((number, now()))
                await asyncio.sleep(10)

        await asyncio.gather(*(work(number) for number in range(5)))
        assert entered == [(n, pytest.approx(10 * (n // 2), abs=0.3)) for n in range(5)]
        assert runs[0].told == runs[1].told == []
        assert {text for _, text in runs[4].told} == {"waiting for a free place, 2 tasks at a time"}
        assert runs[4].left + now() == pytest.approx(20 + 20, abs=0.3)

    play(scene())


def test_without_a_limit_there_are_places_for_all() -> None:
    async def scene() -> None:
        for limit in (None, RateLimit(1, 60)):
            one = gate(limit)
            async with one.place(Run().waiting), one.place(Run().waiting), one.place(Run().waiting):
                assert now() == 0

    play(scene())


def test_one_place() -> None:
    async def scene() -> None:
        one, run = gate(RateLimit(1, 1, concurrent=1)), Run(stop=1)
        async with one.place(Run().waiting):
            with pytest.raises(Interrupted):
                async with one.place(run.waiting):
                    raise AssertionError("there is no second place")
        assert run.told[0][1] == "waiting for a free place, 1 task at a time"

    play(scene())


visits = st.lists(
    st.tuples(
        st.floats(0, 2),  # comes
        st.floats(0, 2),  # works
        st.sampled_from(["stays", "fails", "is stopped", "is canceled"]),
        st.floats(0, 2),  # when, after it came
    ),
    max_size=12,
)


@settings(max_examples=200)
@given(st.integers(1, 3), visits)
def test_no_place_is_lost_or_given_twice(places: int, visitors: Any) -> None:
    one = gate(RateLimit(1, 1, concurrent=places))
    came: list[int] = []
    entered: list[int] = []
    inside: set[int] = set()

    async def visit(number: int, comes: float, works: float, fate: str, when: float) -> None:
        await asyncio.sleep(comes)
        run = Run(stop=comes + when if fate == "is stopped" else math.inf)
        came.append(number)
        async with one.place(run.waiting):
            entered.append(number)
            inside.add(number)
            assert len(inside) <= places
            try:
                await asyncio.sleep(works)
                if fate == "fails":
                    raise ZeroDivisionError
            finally:
                inside.discard(number)

    async def scene() -> None:
        tasks = [asyncio.ensure_future(visit(number, *visitor)) for number, visitor in enumerate(visitors)]
        for task, (comes, _, fate, when) in zip(tasks, visitors, strict=True):
            if fate == "is canceled":
                asyncio.get_running_loop().call_later(comes + when, task.cancel)
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        allowed = (type(None), ZeroDivisionError, Interrupted, asyncio.CancelledError)
        assert all(isinstance(end, allowed) for end in ends), ends
        await _assert_all_free(one, places)

    play(scene())
    assert entered == [number for number in came if number in entered]


async def _assert_all_free(one: Gate, places: int) -> None:
    began, run = now(), Run(stop=now() + 1)
    held = [one.place(Run().waiting) for _ in range(places)]
    for place in held:
        await place.__aenter__()
    assert now() == began
    with pytest.raises(Interrupted):
        await one.place(run.waiting).__aenter__()
    for place in held:
        await place.__aexit__(None, None, None)


# Refusals


def test_a_refusal_stops_all_of_a_gate_and_no_other() -> None:
    async def scene() -> None:
        limits = Pacer()
        one, other = (limits.submits("me", "cn-beijing", model, RateLimit(9, 1)) for model in ("m", "o"))
        run = Run()
        sent = await one.turn(run.waiting)
        assert one.refused(answer(Retry_After="7"), sent, run.waiting.clock.now()) == 7
        assert await turns_at(other, [Run()]) == [0]
        late = Run(timeout=3)
        assert await turns_at(one, [run, Run(), late]) == [pytest.approx(7, abs=0.02)] * 3
        assert late.left == pytest.approx(3)
        assert late.told[0] == (0, "waiting for the rate limit, 7 s")

    play(scene())


@pytest.mark.parametrize("limit", [None, QUERIES])
def test_a_refusal_stops_also_where_nothing_else_would(limit: RateLimit | None) -> None:
    async def scene() -> None:
        one = Pacer().queries("me", limit is not None)
        assert one.limit == limit
        sent = await one.turn(Run().waiting)
        assert one.refused(answer(), sent, sent) == 1
        assert await turns_at(one, [Run()]) == [pytest.approx(1)]

    play(scene())


@pytest.mark.parametrize(
    ("asked", "pause"),
    [("7", 7), ("120", 120), ("5000", 5000), ("0", 1), ("-3", 1), ("²", 1), ("9" * 5000, 1), ("soon", 1), ("", 1)],
)
def test_retry_after_counts_if_it_is_sane(asked: str, pause: float) -> None:
    assert gate(SLOW).refused(answer(Retry_After=asked), 1, 2) == pause


def _pauses(one: Gate, count: int, begin: float = 0) -> Iterator[float]:
    """The pauses after refusals in a row, each of a request sent at the end of the pause before."""
    at = begin
    for _ in range(count):
        pause = one.refused(answer(), at, at + 0.5)
        yield pause
        at += 0.5 + pause


@pytest.mark.parametrize(
    ("limit", "longest"), [(SLOW, 30), (RateLimit(1, 30), 30), (RateLimit(1, 29), 8), (QUERIES, 8), (None, 8)]
)
def test_pauses_double_until_one_is_accepted(limit: RateLimit | None, longest: float) -> None:
    one = gate(limit)
    doubled = [1, 2, 4, 8, 16, 32, 64]
    assert list(_pauses(one, 7)) == pytest.approx([min(pause, longest) for pause in doubled])
    one.accepted(answer(200), 1000)
    assert list(_pauses(one, 2, 1000)) == pytest.approx([1, 2])
    assert list(_pauses(one, 2000, 2000))[-1] == pytest.approx(longest)


def test_pauses_have_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff.random, "uniform", lambda low, high: low)
    assert gate(None).refused(answer(), 0, 0) == 0.75
    assert gate(None).refused(answer(Retry_After="4"), 0, 0) == 4


def test_refusals_of_one_burst_count_once() -> None:
    one = gate(None)
    assert one.refused(answer(), 0, 1) == 1
    assert one.refused(answer(), 0.5, 1.25) == 0.75
    assert one.refused(answer(Retry_After="9"), 0.5, 1.25) == 9  # this one knows better
    assert one.refused(answer(Retry_After="3"), 0.5, 1.25) == 9
    assert one.refused(answer(), 0.9, 12) == 1  # slow to come: a pause, but not a longer one
    assert one.refused(answer(), 13, 14) == 2


def test_what_was_sent_before_a_pause_does_not_end_the_doubling() -> None:
    one = gate(None)
    assert list(_pauses(one, 2)) == [1, 2]
    one.accepted(answer(200), 0.5)
    assert list(_pauses(one, 1, 10)) == [4]


def test_a_refusal_that_is_overtaken_by_an_acceptance_stops_for_the_shortest_time() -> None:
    one = gate(None)
    assert list(_pauses(one, 2)) == [1, 2]
    one.accepted(answer(200), 10)
    assert one.refused(answer(), 0.5, 11) == 1


# What the service announces of the real limit


def test_the_recorded_header_takes_the_place_of_the_published_limit() -> None:
    one = gate(RateLimit(5, 1, concurrent=3))
    headers = json.loads(RECORDING.read_text("utf-8"))["response"]["headers"]
    one.accepted(Answer(200, headers, b"{}"), 0)
    assert one.limit == RateLimit(2, 60, concurrent=3)
    one.accepted(answer(200), 0)
    assert one.limit == RateLimit(2, 60, concurrent=3)


def announced(count: Any, period: Any) -> dict[str, str]:
    return {FLOW_HEADER: json.dumps({"user_spec": {"count_limit": count, "count_limit_period": period}})}


def test_it_stays_for_the_runs_that_come_later() -> None:
    limits = Pacer()
    limits.submits("me", "cn-beijing", "m", SLOW).accepted(answer(200, **announced(9, 1.5)), 0)
    assert limits.submits("me", "cn-beijing", "m", SLOW).limit == RateLimit(9, 1.5)
    assert limits.submits("me", "cn-beijing", "m", None).limit is None
    assert limits.submits("me", "cn-beijing", "m", SLOW, fixed=True).limit == SLOW
    assert limits.submits("me", "cn-beijing", "o", SLOW).limit == SLOW


def test_the_numbers_may_stand_alone() -> None:
    one = gate(SLOW)
    one.accepted(answer(200, **{FLOW_HEADER: '{"count_limit":3,"count_limit_period":10}'}), 0)
    assert one.limit == RateLimit(3, 10)


def test_off_and_the_users_own_limit_stay_and_so_does_that_of_queries() -> None:
    for one in (gate(None), gate(SLOW, fixed=True), Pacer().queries("me", True)):
        before = one.limit
        one.accepted(answer(200, **announced(1, 10)), 0)
        assert one.limit == before


WRONG = [0, -1, 1e300, 10**30, True, None, "2", [2], {}, math.nan, math.inf]


@pytest.mark.parametrize(("count", "period"), [(2.0, 60), *((w, 60) for w in WRONG), *((2, w) for w in WRONG)])
def test_senseless_limits_are_not_believed(count: Any, period: Any) -> None:
    one = gate(SLOW)
    one.accepted(answer(200, **announced(count, period)), 0)
    assert one.limit == SLOW


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", '"x"', "2", "null", "{}", '{"user_spec": 2}'),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param('{"count_limit": 2, "count_limit_period": %s}' % ("9" * 5000), id="long"),
    ],
)
def test_headers_of_another_shape_are_not_believed(text: str) -> None:
    one = gate(SLOW)
    one.accepted(answer(200, **{FLOW_HEADER: text}), 0)
    assert one.limit == SLOW


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["user_spec", "count_limit"]), inner),
)


@given(anything, anything, st.text())
def test_whatever_the_header_holds_a_limit_remains(count: Any, period: Any, text: str) -> None:
    for header in (announced(count, period)[FLOW_HEADER], json.dumps(count), text):
        one = gate(SLOW)
        one.accepted(answer(200, **{FLOW_HEADER: header}), 0)
        assert one.limit is not None
        assert one.limit.submits >= 1
        assert 0 < one.limit.per_seconds <= pacer.LONGEST_ANNOUNCED_PERIOD


# Waiting.uncounted


def test_parts_of_one_run_that_wait_at_the_same_time_count_once() -> None:
    async def scene() -> None:
        run = Run(timeout=10)

        async def part(begin: float, seconds: float) -> None:
            await asyncio.sleep(begin)
            with run.waiting.uncounted():
                await run.waiting.sleep(seconds)

        await asyncio.gather(part(1, 20), part(11, 30), part(45, 1))
        assert now() == pytest.approx(46)
        assert run.left == pytest.approx(10 - 46 + (40 + 1), abs=0.01)

    play(scene())


def test_the_deadline_may_be_moved_inside() -> None:
    async def scene() -> None:
        run = Run(timeout=10)
        with run.waiting.uncounted():
            await run.waiting.sleep(30)
            run.waiting.extend(100)
            await run.waiting.sleep(1)
        assert 100 <= run.left <= 131

    play(scene())


def test_it_ends_also_with_an_error() -> None:
    async def scene() -> None:
        run = Run(timeout=10, stop=5)
        with pytest.raises(Interrupted), run.waiting.uncounted():
            await run.waiting.sleep(60)
        assert now() <= 5 + SLICE + 0.001
        assert run.left == pytest.approx(10)

    play(scene())


def test_untimed_phases_do_not_pile_up() -> None:
    async def scene() -> None:
        run = Run()
        sizes = []
        for number in range(3):
            run.waiting.tell(f"waiting for the rate limit, {number} s", timed=False)
            sizes.append(len(vars(run.waiting)["_phases"]))
        assert all(before == after for before, after in pairwise(sizes))

    play(scene())
