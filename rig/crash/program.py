"""`rig crash`: the command, and its summary."""

from __future__ import annotations

import logging
import random
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from simulator import Config, Simulator

from ..cli import build_parser
from ..layout import RigError, rig_home
from ..progress import say
from .audit import Audit, audit
from .bare import Bare
from .points import PHASES
from .server import Server
from .story import Stories, Tally


def main() -> int:
    options = build_parser().parse_args()
    seed = random.randrange(2**31) if options.seed is None else options.seed
    home = rig_home() / "crash" / time.strftime("%Y-%m-%d-%H%M%S")
    home.mkdir(parents=True)
    logging.getLogger("aiohttp.server").disabled = True  # that a client vanishes is what this is about
    began = time.monotonic()
    try:
        tally, result = run(home, options.kills, options.comfyui, seed)
    except RigError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print(summary(tally, result))
    print(f"{time.monotonic() - began:.0f} s, --seed {seed}")
    if result.failures:
        print("\n".join(["", "FAILED", *result.failures, f"What was left: {home}"]))
        return 1
    shutil.rmtree(home)
    return 0


def run(
    home: Path, kills: int, comfyui_kills: int, seed: int, settings: Mapping[str, str] | None = None
) -> tuple[Tally, Audit]:
    """Kills so many bare runs and so many in ComfyUI; `settings`: further variables of their environment."""
    began, dice = time.time(), random.Random(seed)
    with Simulator(Config(task_seconds=0.3)) as simulator:
        simulator.faults.add("slow_answer", on="create", seconds=0.2)  # time to be killed in
        env = {
            "DASHSCOPE_HTTP_BASE_URL": simulator.base_url,
            "DASHSCOPE_API_KEY": simulator.key,
            "MODEL_STUDIO_PACE": "off",
            **(settings or {}),
        }
        stories = Stories(home, simulator, dice)
        if comfyui_kills:
            say(f"Killing ComfyUI {comfyui_kills} times")
            with Server(home, env, simulator, dice) as server:
                stories.tell(server, comfyui_kills)
        say(f"Killing {kills} bare runs")
        with Bare(home, env, dice) as bare:
            stories.tell(bare, kills)
            say(f"Running all {len(stories.all)} requests once more")
            return stories.tally, audit(stories.all, simulator, home, began, bare)


def summary(tally: Tally, result: Audit) -> str:
    columns = (Bare.name, Server.name)
    kills = {name: tally.kills[name] for name in columns}
    rows = [(phase, *(kills[name][phase] for name in columns)) for phase in PHASES]
    rows.append(("all", *(kills[name].total() for name in columns)))
    placed = tally.places.total()
    lines = [
        "",
        f"{'Killed with SIGKILL':22}{columns[0]:>8}{columns[1]:>10}",
        *(f"  {name:20}{bare:8}{comfyui:10}" for name, bare, comfyui in rows),
        f"  Of the bare runs {placed} at {len(tally.places)} different places (line and phase), "
        f"{kills[Bare.name].total() - placed} at random times. {tally.too_late} runs ended before their kill.",
        f"Requests: {result.requests}, of 1 to 4 pictures",
        f"Pictures billed: {result.billed}; delivered, equal pixel for pixel: {result.delivered}; "
        f"billed again after an uncertain submission: {result.pictures_again}",
        f"Uncertain submissions: {result.found} found in the task list by themselves, {result.told} told to the user; "
        f"of those {result.again} were billed again",
        f"The ledger's daily sums: CNY {result.spent:.2f}, with uncertain submissions that were never billed",
        f"Once more: {result.once_more} of {result.requests} requests came from the store",
        *(f"Other error, {times} times: {error}" for error, times in tally.errors.items()),
    ]
    return "\n".join(lines)
