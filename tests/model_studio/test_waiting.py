from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from model_studio.threads import start
from model_studio.waiting import SLICE, DeadlinePassed, Interrupted, Phase, Waiting

ROOT = Path(__file__).parent.parent.parent


def test_sleep_lasts_as_long_as_asked(waiting: Waiting, clock: Any) -> None:
    asyncio.run(waiting.sleep(7))
    assert clock.slept == pytest.approx(7)


def test_sleep_ends_at_the_deadline(clock: Any) -> None:
    with pytest.raises(DeadlinePassed):
        asyncio.run(Waiting(5, clock=clock).sleep(60))
    assert clock.slept == pytest.approx(5)


def test_sleep_sees_cancel_within_a_slice(clock: Any) -> None:
    waiting = Waiting(300, lambda: clock.time >= 1003, clock=clock)
    with pytest.raises(Interrupted):
        asyncio.run(waiting.sleep(60))
    assert 3 <= clock.slept <= 3 + SLICE


def test_run_gives_the_result_or_the_exception(waiting: Waiting) -> None:
    assert asyncio.run(waiting.run(divmod, 7, 2)) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(waiting.run(divmod, 7, 0))


def test_cancel_does_not_wait_for_the_thread() -> None:
    """The work goes on unheard, also when its event loop is long closed."""
    release, ended = threading.Event(), threading.Event()

    def work() -> None:
        release.wait(5)
        ended.set()

    began = time.monotonic()
    waiting = Waiting(300, lambda: time.monotonic() - began > 0.05)
    with pytest.raises(Interrupted):
        asyncio.run(waiting.run(work))
    assert time.monotonic() - began < 3
    release.set()
    assert ended.wait(5)


def test_late_results_trouble_nobody(caplog: pytest.LogCaptureFixture) -> None:
    begun, release = threading.Event(), threading.Event()

    def fail_late() -> None:
        begun.set()
        release.wait(5)
        raise ValueError

    future = start(fail_late)
    assert begun.wait(5)
    with pytest.raises(Interrupted):
        asyncio.run(Waiting(300, lambda: True).result(future))
    release.set()
    with pytest.raises(ValueError):
        future.result(5)
    assert caplog.records == []


def test_many_runs_do_not_wait_for_each_other(waiting: Waiting) -> None:
    """More than asyncio's default pool has threads: all must be at work at the same time for the barrier to open."""
    barrier = threading.Barrier(40, timeout=10)

    async def all_at_once() -> list[int]:
        return await asyncio.gather(*(waiting.run(barrier.wait) for _ in range(40)))

    assert sorted(asyncio.run(all_at_once())) == list(range(40))


def test_extend_never_shortens(clock: Any) -> None:
    waiting = Waiting(300, clock=clock)
    waiting.extend(10)
    assert waiting.deadline == 1300
    waiting.extend(400)
    assert waiting.deadline == 1400


def test_phases_are_shown_as_they_change(clock: Any) -> None:
    shown: list[tuple[str, float]] = []
    waiting = Waiting(300, show=lambda text, fraction: shown.append((text, fraction)), clock=clock)

    async def run() -> None:
        waiting.tell("queued")
        await waiting.sleep(1.95)
        waiting.tell("running", about=10)
        await waiting.sleep(2)
        waiting.tell("connection trouble, asking again")
        await waiting.sleep(1)
        waiting.tell("running", about=10)
        await waiting.sleep(0.1)
        waiting.tell("downloading 1/2", timed=False)

    asyncio.run(run())
    texts = [text for text, _ in shown]
    assert texts == [
        *("queued 0 s", "queued 1 s", "queued 2 s"),
        *("running 0 s of about 10 s", "running 1 s of about 10 s", "running 2 s of about 10 s"),
        *("connection trouble, asking again 0 s", "connection trouble, asking again 1 s"),
        "running 3 s of about 10 s",
        "downloading 1/2",
    ]
    assert dict(shown)["running 3 s of about 10 s"] == pytest.approx(0.3, abs=0.05)
    fractions = [fraction for _, fraction in shown]
    assert fractions == sorted(fractions)  # a bar never goes back, whatever else the run does


def test_the_bar_never_reaches_its_end_before_the_pictures_do() -> None:
    assert Phase("running", 0, 10).fraction(1000) == 0.95
    assert Phase("queued", 0).fraction(1000) == 0


def test_a_bar_follows_what_is_counted(clock: Any) -> None:
    shown: list[tuple[str, float]] = []
    waiting = Waiting(300, show=lambda text, fraction: shown.append((text, fraction)), clock=clock)
    for arrived in range(4):
        waiting.reach(arrived / 3)
        waiting.tell(f"{arrived}/3", timed=False)
    assert shown == [("0/3", 0), ("1/3", 1 / 3), ("2/3", 2 / 3), ("3/3", 0.95)]


def test_a_part_goes_on_whoever_leaves_the_run_and_knows_of_it(clock: Any) -> None:
    shown: list[str] = []
    whole = Waiting(300, show=lambda text, fraction: shown.append(text), clock=clock)
    landed: list[tuple[int, int]] = []
    whole.show_picture = lambda picture: landed.append((picture.number, picture.of))
    quiet = [True]
    part = whole.aside(quiet=lambda: quiet[0])
    whole.expect(3)
    part.expect(1)
    part.landed(0, "pixels")
    part.tell("downloading", timed=False)
    quiet.clear()
    quiet.append(False)
    part.tell("downloading more", timed=False)
    part.extend(1000)
    whole.leave(canceled=True)
    assert (landed, shown) == ([(0, 3)], ["downloading more"])
    assert whole.interrupted() and not part.interrupted() and part.abandoned
    assert whole.deadline < part.deadline


def test_work_does_not_keep_the_process_alive() -> None:
    """Stopping ComfyUI must not take as long as a sync call."""
    code = "import time; from model_studio.threads import start; start(time.sleep, 60)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=30)
