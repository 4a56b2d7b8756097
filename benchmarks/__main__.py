"""`python -m benchmarks`: our node and ComfyUI's own partner node against the floor, side by side in one run."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from rig.comfyui import ComfyUI
from rig.layout import RigError, comfyui_tree

from . import floor
from .floor import Floor
from .graphs import OURS, PARTNER, graph
from .proxy import ComfyProxy, added_seconds
from .service import SIDE, Service
from .table import Row, markdown

WARM_UP_SECONDS = 0.5
PATIENCE = 120  # seconds beyond the task's own time


def main() -> int:
    """Measure, print the table."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended too
    try:
        run(options.seconds, options.nodes, options.repeat)
    except RigError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def run(task_times: Sequence[float], node_counts: Sequence[int], repeat: int) -> None:
    """Starts the service, the proxy and one ComfyUI, and takes all measurements in it."""
    if not (comfyui_tree() / "main.py").exists():
        raise RigError(f"There is no ComfyUI in {comfyui_tree()}. Run first: python3 -m rig setup")
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-", ignore_cleanup_errors=True))
        service = stack.enter_context(Service())
        proxy = stack.enter_context(ComfyProxy(service.url, service.key))
        link = service.picture_link()
        least = floor.measure(link)
        together = {count: floor.together(link, count) for count in node_counts if count > 1}
        added = added_seconds(proxy, service.url, service.key)
        _say("Starting ComfyUI")
        env = {
            "DASHSCOPE_HTTP_BASE_URL": service.base_url,
            "DASHSCOPE_API_KEY": service.key,
            "MODEL_STUDIO_PACE": "off",  # what is measured is the node, not the limits of an account
        }
        args = ("--comfy-api-base", proxy.url)
        comfy = stack.enter_context(ComfyUI.start(home=Path(home), env=env, args=args))
        service.draws_in(WARM_UP_SECONDS)
        for kind in (OURS, PARTNER):
            seconds_of(comfy, kind, max(node_counts), WARM_UP_SECONDS)
        _print_conditions(comfy, least, together, added, repeat)
        rows = [row_of(comfy, service, least, task, count, repeat) for task in task_times for count in node_counts]
    print(markdown(rows))


def row_of(comfy: ComfyUI, service: Service, least: Floor, task: float, count: int, repeat: int) -> Row:
    """One line of the table: both nodes in turn, the first one changing."""
    service.draws_in(task)
    times: dict[str, list[float]] = {OURS: [], PARTNER: []}
    for number in range(repeat):
        for kind in (OURS, PARTNER) if number % 2 == 0 else (PARTNER, OURS):
            times[kind].append(seconds_of(comfy, kind, count, task))
            _say(f"task {task:.1f} s, {count:2} × {kind}: {times[kind][-1]:.2f} s")
    medians = {kind: statistics.median(values) for kind, values in times.items()}
    return Row(task, count, least.of(task), least.on_schedule(task), medians[OURS], medians[PARTNER])


def seconds_of(comfy: ComfyUI, kind: str, count: int, task: float) -> float:
    """Seconds from the start of a prompt until the last of its generating nodes is done."""
    nodes, generators = graph(kind, count)
    result = comfy.run(nodes, timeout=task + PATIENCE)
    if result.status != "success":
        reason = result.error["exception_message"] if result.error else result.refusal
        raise RigError(f"{count} × {kind} ended with {result.status}: {reason}")
    return max(result.executed_at[name] for name in generators) - result.started_at


def _print_conditions(comfy: ComfyUI, least: Floor, together: Mapping[int, float], added: float, repeat: int) -> None:
    system = comfy.get("/system_stats")["system"]
    print(
        f"ComfyUI {system['comfyui_version']}, Python {platform.python_version()}, {platform.system()}, "
        f"{os.cpu_count()} processors; medians of {repeat}.",
        f"One picture {SIDE}*{SIDE}: download {least.download * 1000:.0f} ms, decode {least.decode * 1000:.0f} ms.",
        *(f"{count} pictures at once: {seconds:.2f} s." for count, seconds in together.items()),
        f"The proxy adds {added * 1000:.1f} ms to a request of the partner node.",
        sep="\n",
        end="\n\n",
        flush=True,
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--repeat", type=_count, default=3, metavar="N", help="runs of each, of which the median counts"
    )
    parser.add_argument("--seconds", type=float, nargs="+", default=[2.0, 4.9, 7.3], metavar="S", help="task times")
    parser.add_argument("--nodes", type=_count, nargs="+", default=[1, 16], metavar="N", help="nodes in one graph")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
