"""One line for each long step, with the seconds since the start."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .layout import RigError

_STARTED = time.monotonic()
_STILL_AFTER = 20  # seconds of silence before a line says that the step goes on


def say(text: str) -> None:
    """Print a line with the seconds since the start."""
    print(f"[{time.monotonic() - _STARTED:5.0f} s] {text}", flush=True)


def run_quietly(what: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
    """Run a command whose output matters only when it fails."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=subprocess.STDOUT, env=env)
        try:
            while True:
                try:
                    status = process.wait(_STILL_AFTER)
                    break
                except subprocess.TimeoutExpired:
                    say(f"  still running: {what}")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if status:
            output.seek(0)
            tail = output.read().decode(errors="replace").strip().splitlines()[-40:]
            raise RigError("\n".join([f"{what}: failed (exit status {status}).", *tail]))
