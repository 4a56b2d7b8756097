"""The commands of the rig."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from contextlib import suppress
from typing import NoReturn

from . import checks, environment
from .layout import ROOT, RigError, venv_python


def build_parser() -> argparse.ArgumentParser:
    """Commands and their options; the part that runs inside the environment reads the same ones."""
    parser = argparse.ArgumentParser(prog="python3 -m rig", description="Everything is made in .rig/ on first use.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("setup", help="only make the environment and fetch ComfyUI")
    test = commands.add_parser("test", help="run all checks and tests; with arguments, what pytest makes of them")
    test.add_argument("--fast", action="store_true", help="all checks, and what needs neither ComfyUI nor a browser")
    demo = commands.add_parser("demo", help="run an example workflow in a real ComfyUI")
    serve = commands.add_parser("comfyui", help="serve ComfyUI with the pack for work by hand")
    crash = commands.add_parser("crash", help="kill runs at random points and account for every picture")
    for command in (demo, serve):
        command.add_argument("--real", action="store_true", help="use the real service and your key, not the simulator")
    demo.add_argument("--yes", action="store_true", help="do not ask before --real spends money")
    demo.add_argument("--workflow", default="Qwen poster", metavar="NAME", help="start of an example's name, or: all")
    crash.add_argument("--kills", type=int, default=200, help="of single nodes (default: %(default)s)")
    crash.add_argument("--comfyui", type=int, default=20, metavar="KILLS", help="of a ComfyUI (default: %(default)s)")
    crash.add_argument("--seed", type=int, help="to make the same choices again")
    return parser


def main() -> int:
    """Set everything up, then do what was asked."""
    parser = build_parser()
    options, rest = parser.parse_known_args()
    if rest and (options.command != "test" or options.fast):
        parser.error(f"unknown arguments: {' '.join(rest)}")
    try:
        environment.set_up()
    except RigError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if options.command == "test":
        return checks.run_these(rest) if rest else checks.run_all(options.fast)
    if options.command != "setup":
        hand_over("rig.crash" if options.command == "crash" else "rig.demo", sys.argv[1:])
    return 0


def hand_over(module: str, arguments: list[str]) -> NoReturn:
    """Go on as a program inside the environment, where the packages are."""
    command = [str(venv_python()), "-m", module, *arguments]
    os.chdir(ROOT)
    if os.name == "posix":
        os.execv(command[0], command)
    process = subprocess.Popen(command)
    while True:
        with suppress(KeyboardInterrupt):  # it reached the child too, which ends by itself
            sys.exit(process.wait())
