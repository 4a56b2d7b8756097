"""`rig crash`: the command, and its summary."""

from __future__ import annotations

import logging
import random
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from simulator import Config, Simulator

from ..cli import build_parser
from ..layout import ROOT, RigError, rig_home
from ..progress import say
from .audit import Audit, audit
from .bare import Bare
from .points import PHASES, missing
from .runs import WAYS
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
    """Ends so many bare runs and so many in ComfyUI; `settings`: further variables of their environment.

    Raises RigError, before anything is run, if a function by which phases are known is not where it should be.
    """
    if lost := missing(ROOT):
        raise RigError("\n".join(["Not defined, or more than once. Adapt rig/crash/points.py:", *lost]))
    # Of a program in the background many shells ignore it, and so would each process that is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
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
            say(f"Ending ComfyUI {comfyui_kills} times")
            with Server(home, env, simulator, dice) as server:
                stories.play(server, comfyui_kills)
        say(f"Ending {kills} bare runs")
        with Bare(home, env, dice) as bare:
            stories.play(bare, kills)
            say(f"Running all {len(stories.all)} requests once more")
            return stories.tally, audit(stories.all, simulator, home, began, bare)


def summary(tally: Tally, result: Audit) -> str:
    columns = (Bare.name, Server.name)
    rows = [(phase, *(tally.kills[name][phase] for name in columns)) for phase in PHASES]
    rows.append(("all", *(tally.kills[name].total() for name in columns)))
    rows += [(f"by {way.name}", *(tally.ways[name][way] for name in columns)) for way in WAYS]
    placed = tally.places.total()
    lines = [
        "",
        f"{'Ended by a signal':22}{columns[0]:>8}{columns[1]:>10}",
        *(f"  {name:20}{bare:8}{comfyui:10}" for name, bare, comfyui in rows),
        f"  Of the bare runs {placed} at {len(tally.places)} different places (line and phase), "
        f"{tally.kills[Bare.name].total() - placed} at random times. {tally.too_late} runs ended before their signal.",
        f"  At SIGTERM or SIGINT, ComfyUI let {tally.finished} drawings end and stored their pictures, and left "
        f"{tally.uncertain} submissions uncertain.",
        f"Requests: {result.requests}, of 1 to 4 pictures",
        f"Pictures billed: {result.billed}; delivered, equal pixel for pixel: {result.delivered}; "
        f"billed again after an uncertain submission: {result.pictures_billed_again}",
        f"Uncertain submissions: {result.adopted} adopted from the task list, of {result.warned} the user was warned; "
        f"of those {result.billed_again} were billed again",
        f"The ledger's daily sums: CNY {result.spent:.2f}, with uncertain submissions that were never billed",
        f"Once more: {result.once_more} of {result.requests} requests came from the store",
        *(f"Other error, {times} times: {error}" for error, times in tally.errors.items()),
    ]
    return "\n".join(lines)
