"""Work goes on when its node is left, whatever becomes of the event loop the node ran in."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import Any

import pytest

from model_studio import errors
from model_studio.runs.background import Background
from model_studio.waiting import Interrupted, Waiting


@pytest.fixture
def background() -> Background:
    return Background()


def wait_until(condition: Any) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


class Work:
    """Waits for `release`, heeding what it is told to, and then gives `result` or raises it."""

    def __init__(self, result: Any = "done", heed: str = "stop_when_left") -> None:
        self.begun, self.release = threading.Event(), threading.Event()
        self.ended: Any = None
        self._result, self._heed = result, heed

    async def __call__(self, waiting: Waiting) -> Any:
        getattr(waiting, self._heed)()
        self.begun.set()
        try:
            while not self.release.is_set():
                await waiting.sleep(0.01)
        except BaseException as error:
            self.ended = error
            raise
        self.ended = self._result
        if isinstance(self._result, Exception):
            raise self._result
        return self._result


async def leave(background: Background, work: Work, waiting: Waiting) -> None:
    """Another node of the graph fails: ComfyUI cancels this one's coroutine and closes the loop."""
    node = asyncio.create_task(background.attend(work, waiting))
    await asyncio.to_thread(work.begun.wait, 5)
    node.cancel()
    await node


def test_result_and_error_come_through(background: Background) -> None:
    work = Work("picture")
    work.release.set()
    assert asyncio.run(background.attend(work, Waiting(5))) == "picture"
    failing = Work(errors.NoPictures("none"))
    failing.release.set()
    with pytest.raises(errors.NoPictures):
        asyncio.run(background.attend(failing, Waiting(5)))


def test_progress_is_shown_in_the_callers_thread_and_in_order(background: Background) -> None:
    shown: list[tuple[str, int]] = []

    async def work(waiting: Waiting) -> None:
        for name in ("one", "two", "three"):
            waiting.tell(name, timed=False)

    waiting = Waiting(5, show=lambda text, fraction: shown.append((text, threading.get_ident())))
    asyncio.run(background.attend(work, waiting))
    assert shown == [(name, threading.get_ident()) for name in ("one", "two", "three")]


@pytest.mark.parametrize("heed", ["stop_on_cancel_only", "never_stop"])
def test_paid_work_goes_on_when_a_sibling_fails(
    background: Background, heed: str, caplog: pytest.LogCaptureFixture
) -> None:
    work = Work(heed=heed)
    caplog.set_level(logging.INFO)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(leave(background, work, Waiting(5)))
    assert work.ended is None
    work.release.set()
    wait_until(lambda: work.ended == "done" and "is done" in caplog.text)


def test_unpaid_work_ends_when_a_sibling_fails(background: Background) -> None:
    work = Work(heed="stop_when_left")
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(leave(background, work, Waiting(5)))
    wait_until(lambda: isinstance(work.ended, Interrupted))


@pytest.mark.parametrize(
    ("heed", "ends"), [("stop_when_left", True), ("stop_on_cancel_only", True), ("never_stop", False)]
)
def test_cancel_leaves_at_once_and_ends_what_heeds_it(background: Background, heed: str, ends: bool) -> None:
    work = Work(heed=heed)
    began = time.monotonic()
    with pytest.raises(Interrupted):
        asyncio.run(background.attend(work, Waiting(60, work.begun.is_set)))
    assert time.monotonic() - began < 10
    if ends:
        wait_until(lambda: isinstance(work.ended, Interrupted))
    else:
        assert work.ended is None
        work.release.set()
        wait_until(lambda: work.ended == "done")


def test_a_sibling_canceled_by_the_user_counts_as_canceled(background: Background) -> None:
    """The first node that sees Cancel ends the graph, and ComfyUI cancels the coroutines of the others."""
    work = Work(heed="stop_on_cancel_only")

    async def run() -> None:
        canceled = threading.Event()
        node = asyncio.create_task(background.attend(work, Waiting(5, canceled.is_set)))
        await asyncio.to_thread(work.begun.wait, 5)
        canceled.set()
        node.cancel()
        await node

    with pytest.raises((asyncio.CancelledError, Interrupted)):
        asyncio.run(run())
    wait_until(lambda: isinstance(work.ended, Interrupted))


def test_cancel_is_seen_though_the_callers_loop_is_held_up(background: Background) -> None:
    """A sampler of the same graph works in that loop, sees Cancel first and takes the flag away."""
    work, canceled = Work(heed="stop_on_cancel_only"), threading.Event()

    async def sampler() -> None:
        await asyncio.to_thread(work.begun.wait, 5)
        canceled.set()
        time.sleep(0.4)  # holds up the loop, which is the point
        canceled.clear()
        raise ValueError("interrupted")

    async def graph() -> None:
        await asyncio.gather(background.attend(work, Waiting(5, canceled.is_set)), sampler())

    with pytest.raises(ValueError):
        asyncio.run(graph())
    wait_until(lambda: isinstance(work.ended, Interrupted))


def test_what_happens_to_left_work_is_told_in_the_log(background: Background, caplog: pytest.LogCaptureFixture) -> None:
    work = Work(errors.TaskTimeout("too long", task_id="t-1"), heed="never_stop")
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(leave(background, work, Waiting(5)))
    work.release.set()
    wait_until(lambda: "too long (task id t-1)" in caplog.text)


def test_nothing_starts_before_it_is_needed() -> None:
    before = threading.active_count()
    Background()
    assert threading.active_count() == before
