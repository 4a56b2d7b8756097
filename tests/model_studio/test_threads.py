"""File work shares a few threads, so that thousands of runs do not all lock the ledger at once."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from model_studio import threads
from model_studio.threads import FILE_THREADS, file_work, in_time


def test_file_work_gives_the_result_or_the_exception() -> None:
    assert file_work(divmod, 7, 2).result(5) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        file_work(divmod, 7, 0).result(5)
    assert file_work(divmod, 9, 2).result(5) == (4, 1)  # the thread has not ended with the error


def test_few_threads_do_much_work() -> None:
    used: set[int] = set()
    for future in [file_work(lambda: used.add(threading.get_ident())) for _ in range(1000)]:
        future.result(10)
    assert len(used) <= FILE_THREADS


def test_several_pieces_are_at_work_at_the_same_time() -> None:
    """A file that does not answer holds up its own thread only."""
    barrier = threading.Barrier(FILE_THREADS, timeout=10)
    futures = [file_work(barrier.wait) for _ in range(FILE_THREADS)]
    assert sorted(future.result(10) for future in futures) == list(range(FILE_THREADS))


def test_what_is_canceled_before_it_begins_never_does() -> None:
    release = threading.Event()
    busy = [file_work(release.wait, 10) for _ in range(FILE_THREADS)]
    done: list[int] = []
    waits = file_work(done.append, 1)
    assert waits.cancel()
    release.set()
    for future in busy:
        future.result(10)
    file_work(done.append, 2).result(10)
    assert done == [2]


def test_in_time_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    assert asyncio.run(in_time(divmod, 7, 2)) == (3, 1)
    monkeypatch.setattr(threads, "PATIENCE", 0.05)
    assert asyncio.run(in_time(release.wait, 10)) is None
    release.set()


def test_in_time_needs_no_thread_for_files() -> None:
    release = threading.Event()
    busy = [file_work(release.wait, 10) for _ in range(FILE_THREADS)]
    told = asyncio.run(in_time(divmod, 7, 2))
    release.set()
    for future in busy:
        future.result(10)
    assert told == (3, 1)


def test_nothing_is_lost_when_work_comes_from_many_threads() -> None:
    done: list[int] = []

    def put() -> None:
        for number in range(50):
            file_work(done.append, number)

    putting = [threading.Thread(target=put) for _ in range(8)]
    for thread in putting:
        thread.start()
    for thread in putting:
        thread.join(10)
    end = time.monotonic() + 10
    while len(done) < 400:
        assert time.monotonic() < end
        time.sleep(0.005)
