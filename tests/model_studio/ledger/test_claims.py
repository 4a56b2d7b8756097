"""One run at a time for the same request, whoever the others are and however they end."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from model_studio.ledger import Claims
from model_studio.ledger.claims import KEPT_SECONDS

HOLD = """
from model_studio.ledger import Claims
with Claims(Path(args[0])).attempt("print") as ours:
    say(ours)
    hear()
"""
# Takes its turns, and tells how often it was not alone in the block.
TAKE_TURNS = """
import os, time
from model_studio.ledger import Claims
claims, marker = Claims(Path(args[0])), Path(args[1])
say("ready"); hear()
turns = company = 0
while turns < 20:
    with claims.attempt("print") as ours:
        if not ours:
            time.sleep(0.001)
            continue
        turns += 1
        try:
            os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
            time.sleep(0.001)
            marker.unlink()
        except OSError:
            company += 1
say(company)
"""


@pytest.fixture
def claims(folder: Path) -> Claims:
    return Claims(folder / "claims")


def is_free(claims: Claims, fingerprint: str = "print") -> bool:
    with claims.attempt(fingerprint) as ours:
        return ours


def test_it_is_ours_until_the_block_ends(claims: Claims, folder: Path) -> None:
    with claims.attempt("print") as ours:
        assert ours
        assert not is_free(claims) and not is_free(Claims(folder / "claims"))
        assert is_free(claims, "another")
    assert is_free(claims)


def test_it_is_given_back_when_the_block_fails(claims: Claims) -> None:
    with pytest.raises(KeyboardInterrupt), claims.attempt("print"):
        raise KeyboardInterrupt
    assert is_free(claims)


def test_whoever_did_not_get_it_does_not_give_it_back(claims: Claims) -> None:
    with claims.attempt("print"):
        with pytest.raises(ValueError), claims.attempt("print") as ours:
            assert not ours
            raise ValueError
        assert not is_free(claims)


def test_another_thread_may_give_it_back(claims: Claims) -> None:
    claim = claims.attempt("print")
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(claim.__enter__).result()
        assert not is_free(claims)
        claim.__exit__(None, None, None)
        assert is_free(claims)


def test_one_thread_at_a_time(claims: Claims) -> None:
    together, alone = threading.Barrier(6), threading.Lock()

    def take_turns(number: int) -> int:
        together.wait()
        turns = 0
        while turns < 20:
            with claims.attempt("print") as ours:
                if ours:
                    assert alone.acquire(blocking=False), "two at the same time"
                    time.sleep(0.0005)
                    alone.release()
                    turns += 1
            time.sleep(0)
        return turns

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(take_turns, range(6))) == 120


def test_one_process_at_a_time(other_process: Callable[..., Any], folder: Path, tmp_path: Path) -> None:
    processes = [other_process(TAKE_TURNS, folder, tmp_path / "marker") for _ in range(4)]
    assert [process.told() for process in processes] == ["ready"] * 4
    for process in processes:
        process.go_on()
    assert [process.told() for process in processes] == [0] * 4


@pytest.mark.parametrize("killed", [False, True])
def test_it_is_free_when_its_process_has_ended(
    other_process: Callable[..., Any], claims: Claims, folder: Path, killed: bool
) -> None:
    process = other_process(HOLD, folder / "claims")
    assert process.told() is True
    assert not is_free(claims)
    process.kill() if killed else process.end()
    assert is_free(claims)


def test_a_place_where_no_folder_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    for place in (tmp_path / "taken", tmp_path / "taken" / "claims"):
        with pytest.raises(OSError), Claims(place).attempt("print"):
            pytest.fail("there is nothing to hold")


# Sweeping


def age(folder: Path, fingerprint: str, seconds: float) -> Path:
    file = folder / "claims" / f"{fingerprint}.lock"
    then = time.time() - seconds
    os.utime(file, (then, then))
    return file


def test_only_old_ones_are_swept(claims: Claims, folder: Path) -> None:
    assert is_free(claims, "old") and is_free(claims, "new")
    old, new = age(folder, "old", KEPT_SECONDS + 60), age(folder, "new", KEPT_SECONDS - 60)
    claims.sweep()
    assert not old.exists() and new.exists()
    assert is_free(claims, "old")


def test_use_makes_it_young(claims: Claims, folder: Path) -> None:
    assert is_free(claims)
    file = age(folder, "print", KEPT_SECONDS + 60)
    assert is_free(claims)
    claims.sweep()
    assert file.exists()


def test_what_is_held_is_never_swept(other_process: Callable[..., Any], claims: Claims, folder: Path) -> None:
    process = other_process(HOLD, folder / "claims")
    assert process.told() is True
    with claims.attempt("ours"):
        files = [age(folder, fingerprint, 2 * KEPT_SECONDS) for fingerprint in ("print", "ours")]
        claims.sweep()
        assert all(file.exists() for file in files)
        assert not is_free(claims) and not is_free(claims, "ours")
    process.end()


def test_sweeping_touches_no_other_files(claims: Claims, folder: Path) -> None:
    claims.sweep()  # not even a folder yet
    assert is_free(claims)
    (folder / "claims" / "notes.txt").touch()
    os.utime(folder / "claims" / "notes.txt", (0, 0))
    claims.sweep()
    assert (folder / "claims" / "notes.txt").exists()
