"""A process does not end while something is held; each test ends one."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from model_studio.runs.keeper import Keeper

ROOT = Path(__file__).parent.parent.parent.parent
BEGINNING = """
import contextlib, logging, os, signal, sys, threading, time
from model_studio.errors import ProcessEnding
from model_studio.runs.keeper import Keeper

logging.basicConfig(format="%(message)s", stream=sys.stdout)
keeper, begun = Keeper(), threading.Event()

def say(what):
    print(what, flush=True)

def in_background(work):
    threading.Thread(target=work, daemon=True).start()
    begun.wait()
    say("main ends")

def until_the_end():
    threading.main_thread().join()
"""


def lines(program: str) -> list[str]:
    """What a process prints that runs this program."""
    code = BEGINNING + program
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30)
    return ended.stdout.splitlines()


def test_it_ends_when_what_is_held_is_done() -> None:
    said = lines("""
def work():
    with keeper.hold("4 × a-model"), keeper.hold("1 × other"), keeper.hold("1 × other"):
        begun.set()
        until_the_end()
        time.sleep(0.5)
        say("stored")

in_background(work)
""")
    assert [said[0], said[-1]] == ["main ends", "stored"]
    (told,) = said[1:-1]
    assert "is here: 4 × a-model, 2 × (1 × other). Press Ctrl-C again" in told


def test_it_ends_at_once_when_nothing_is_held_any_more() -> None:
    said = lines("""
def work():
    with keeper.hold("4 × a-model"):
        pass
    begun.set()
    until_the_end()
    time.sleep(20)
    say("late")

in_background(work)
""")
    assert said == ["main ends"]


def test_nothing_begins_when_it_is_to_end() -> None:
    said = lines("""
def work():
    with keeper.hold("4 × a-model"):
        begun.set()
        until_the_end()
        try:
            with keeper.hold("bought"):
                say("bought")
        except ProcessEnding as error:
            say(error)

in_background(work)
""")
    # What the process says that it waits for may come before or after it.
    assert any(line.startswith("ComfyUI is being closed, so the request was not sent. Nothing was") for line in said)
    assert "bought" not in said


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_a_second_interrupt_ends_it_at_once() -> None:
    said = lines("""
class Hearing(logging.Handler):
    def emit(self, record):
        os.kill(os.getpid(), signal.SIGINT)

def work():
    with keeper.hold("4 × a-model"):
        begun.set()
        time.sleep(20)
        say("late")

logging.getLogger().addHandler(Hearing())
in_background(work)
""")
    assert len(said) == 2 and "4 × a-model" in said[1]


def test_there_is_a_thread_only_while_something_is_held() -> None:
    before, keeper = set(threading.enumerate()), Keeper()
    for _ in range(3):
        with keeper.hold("4 × a-model"), keeper.hold("1 × other"):
            (thread,) = set(threading.enumerate()) - before
            assert not thread.daemon
        thread.join(5)
        assert not thread.is_alive()
