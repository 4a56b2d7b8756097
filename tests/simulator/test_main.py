"""`python -m simulator` as a person starts and ends it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from simulator.__main__ import main, read_fault

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("throttle", ("throttle", {})),
        (
            "throttle:on=poll,times=2,code=Throttling",
            ("throttle", {"on": "poll", "times": 2, "code": "Throttling"}),
        ),
        ("slow_answer:seconds=0.5", ("slow_answer", {"seconds": 0.5})),
    ],
)
def test_faults_on_the_command_line(text: str, expected: object) -> None:
    assert read_fault(text) == expected


@pytest.mark.parametrize("text", ["trottle", "throttle:x=1", "throttle:on=nowhere"])
def test_a_wrong_fault_ends_it(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--fault", text]) == 2
    assert text in capsys.readouterr().err


def test_a_port_in_use_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 1
    for number, handler in handlers.items():
        signal.signal(number, handler)
    assert f"cannot listen on port {port}" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send SIGTERM to be handled")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_what_it_is_answers_and_ends_cleanly(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "simulator", "--port", "0", "--fault", "unknown"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        lines: list[str] = []
        while not any("Ctrl-C" in line for line in lines):
            line = process.stdout.readline()
            assert line, process.stderr.read()
            lines.append(line)
        said = "".join(lines)
        base = next(line.split("=")[1].strip() for line in lines if "DASHSCOPE_HTTP_BASE_URL=" in line)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{base}/tasks/x", timeout=10)
        with caught.value:
            assert caught.value.code == 401
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
        assert process.stderr.read() == ""
    assert "SIMULATOR" in said and "nothing is billed" in said
    assert "DASHSCOPE_API_KEY=sk-simulated-cn-beijing" in said
