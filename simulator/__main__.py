"""`python -m simulator`: runs a simulator until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from typing import Any

from simulator.config import Config
from simulator.faults import KINDS
from simulator.models import REGIONS
from simulator.running import Simulator


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    config = Config(
        region=options.region,
        port=options.port,
        task_seconds=options.task_seconds,
        pending_seconds=options.pending_seconds,
        rules=options.rules,
        checks=options.checks,
        rate_limits=options.rate_limits == "on",
    )
    simulator = Simulator(config)
    try:
        for text in options.fault:
            name, parameters = read_fault(text)
            simulator.faults.add(name, **parameters)
    except (ValueError, TypeError) as wrong:
        print(f"--fault {text}: {wrong}", file=sys.stderr)
        return 2
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        simulator.start()
    except OSError as wrong:
        print(f"cannot listen on port {options.port}: {wrong}", file=sys.stderr)
        return 1
    print(greeting(simulator), flush=True)
    while not ended.wait(0.5):  # without a limit, Ctrl-C would not be heard on Windows
        pass
    simulator.stop()
    print("The simulator has ended.", flush=True)
    return 0


def greeting(simulator: Simulator) -> str:
    keys = "\n".join(f"  {region:<15} {key}" for region, key in simulator.keys.items())
    return f"""This is a SIMULATOR of Model Studio. No picture comes from a model, and nothing is billed.

  Page    {simulator.url}/_simulator/
  Base    {simulator.base_url}   ({simulator.config.region}; others: {simulator.url}/REGION/api/v1)

Keys (they work here only):
{keys}

Set these before ComfyUI starts:
  DASHSCOPE_HTTP_BASE_URL={simulator.base_url}
  DASHSCOPE_API_KEY={simulator.key}

Ctrl-C ends it."""


def read_fault(text: str) -> tuple[str, dict[str, Any]]:
    """`throttle:on=poll,times=2` -> its name and what goes with it; values are JSON where they can be."""
    name, _, rest = text.partition(":")
    parameters: dict[str, Any] = {}
    for pair in filter(None, rest.split(",")):
        key, _, value = pair.partition("=")
        try:
            parameters[key] = json.loads(value)
        except ValueError:
            parameters[key] = value
    return name, parameters


def _parser() -> argparse.ArgumentParser:
    defaults = Config()
    parser = argparse.ArgumentParser(prog="python -m simulator", description="A local Model Studio; nothing is billed.")
    parser.add_argument("--port", type=int, default=8089)
    parser.add_argument("--region", choices=REGIONS, default=defaults.region, help="what /api/v1 stands for")
    parser.add_argument("--task-seconds", type=_seconds, default=defaults.task_seconds, help='or "typical"')
    parser.add_argument("--pending-seconds", type=float, default=defaults.pending_seconds)
    parser.add_argument("--rules", choices=("observed", "documented"), default=defaults.rules)
    parser.add_argument("--checks", choices=("early", "late"), default=defaults.checks)
    parser.add_argument("--rate-limits", choices=("on", "off"), default="on")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME[:key=value,...]", help=f"one of {', '.join(KINDS)}"
    )
    return parser


def _seconds(text: str) -> float | None:
    return None if text == "typical" else float(text)


if __name__ == "__main__":
    sys.exit(main())
