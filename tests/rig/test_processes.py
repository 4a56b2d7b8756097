"""Programs that are stopped from a terminal, and may have things to finish then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rig.layout import ROOT

CHILD = """
import pathlib, signal, sys, time
told = []
for sign in (signal.SIGINT, signal.SIGTERM):
    signal.signal(sign, lambda number, frame: told.append(number))
pathlib.Path(sys.argv[1], "up").touch()
while not told: time.sleep(0.01)
time.sleep(0.3)
pathlib.Path(sys.argv[1], "finished").write_text(str(len(told)))
"""
PARENT = """
import signal, subprocess, sys
from rig.processes import end, serve_until_ended
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
signal.signal(signal.SIGINT, signal.default_int_handler)
process = subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]])
try:
    serve_until_ended(process)
finally:
    end(process)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of a terminal")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_what_is_to_be_finished_is_finished(tmp_path: Path, sign: signal.Signals) -> None:
    """One Ctrl-C reaches both, and is not followed by a second signal; SIGTERM reaches the parent alone."""
    command = [sys.executable, "-c", PARENT, CHILD, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as parent:
        while not (tmp_path / "up").exists():
            time.sleep(0.01)
        time.sleep(0.1)
        (os.killpg if sign == signal.SIGINT else os.kill)(parent.pid, sign)
        assert parent.wait(30) == (0 if sign == signal.SIGINT else 143)
    assert (tmp_path / "finished").read_text() == "1"
