"""`rig demo` and `rig comfyui`, inside the environment: ComfyUI with the pack, and a simulated or the real service."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from .cli import build_parser
from .comfyui import ComfyUI
from .isolation import environment_without_keys, pack_variables
from .layout import ROOT, RigError, rig_home
from .processes import end, free_port, listens, serve_until_ended
from .progress import say
from .workflows import to_api_prompt

COMFYUI_PORT = 8188
SIMULATOR_PORT = 8190
_SIMULATED_KEY = "sk-simulated-cn-beijing"
_RUN_TIMEOUT = 900  # seconds; tasks of the real service may queue for minutes
_PAID_NODES = (
    "ModelStudioQwenText2Image",
    "ModelStudioWanText2Image",
    "ModelStudioSubmitText2Image",
    "ModelStudioWanImageSet",
)


def main() -> int:
    """Do what the command line asks."""
    options = build_parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended too
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's background jobs inherit it as ignored
    try:
        return serve(options)
    except RigError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
        return 0


def serve(options: Namespace) -> int:
    """Start the servers, run the workflows of a demo, and keep the page open for a person."""
    if options.real:
        check_real(options)
    files = example_workflows(options.workflow) if options.command == "demo" else []
    with ExitStack() as stack:
        if options.real:
            # Always the same folder: pictures that were paid for are found again.
            home, env, simulator_url = rig_home() / options.command / "real", pack_variables(), None
        else:
            home = rig_home() / options.command / time.strftime("%Y-%m-%d-%H%M%S")
            simulator_url = stack.enter_context(simulator(home))
            env = {name: value for name, value in pack_variables().items() if name.startswith("MODEL_STUDIO_")}
            env |= {"DASHSCOPE_HTTP_BASE_URL": f"{simulator_url}/api/v1", "DASHSCOPE_API_KEY": _SIMULATED_KEY}
        say("Starting ComfyUI")
        comfy = stack.enter_context(ComfyUI.start(home=home, env=env, port=free_port(COMFYUI_PORT)))
        comfy.post("/settings", {"Comfy.TutorialCompleted": True})  # no welcome dialog over the page
        pictures = run_workflows(comfy, files, options)
        print("\n".join(["", "Pictures:", *(f"  {path}" for path in pictures)]) if pictures else "")
        print(f"ComfyUI:   {comfy.url}/   (examples: Workflow > Browse Templates > Extensions)")
        if simulator_url:
            print(f"Simulator: {simulator_url}/_simulator/")
        print(f"Log:       {comfy.log_file}   (its ERROR about workflow templates is harmless)", flush=True)
        if options.command == "comfyui" or has_terminal():
            print("Press Ctrl-C to stop.", flush=True)
            serve_until_ended(comfy.process)
            return 0
    print("There is no terminal, so the servers were stopped again. They stay up with: python3 -m rig comfyui")
    return 0


def run_workflows(comfy: ComfyUI, files: list[Path], options: Namespace) -> list[Path]:
    """Run these workflows and return the pictures they saved."""
    workflows = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
    object_info = comfy.get("/object_info")
    prompts = {name: to_api_prompt(workflow, object_info) for name, workflow in workflows.items()}
    if options.real and prompts:
        confirm_cost(prompts, options.yes)
    pictures = []
    for name, prompt in prompts.items():
        say(f"Running the workflow “{name}”")
        run = comfy.run(prompt, timeout=_RUN_TIMEOUT, workflow=workflows[name])
        if run.status != "success":
            reason = run.error["exception_message"] if run.error else json.dumps(run.refusal, ensure_ascii=False)
            raise RigError(f"“{name}” ended with {run.status}: {reason}\nLog: {comfy.log_file}")
        pictures += [path for node_id in run.outputs for path in run.images(node_id)]
    return pictures


def example_workflows(name: str) -> list[Path]:
    """Examples whose file name starts so, the first in the alphabet; all of them for "all"."""
    every = sorted((ROOT / "example_workflows").glob("*.json"))
    if name == "all":
        return every
    found = [path for path in every if path.stem.casefold().startswith(name.casefold())]
    if not found:
        raise RigError(f"No example starts with “{name}”. There are: {', '.join(path.stem for path in every)}")
    return found[:1]


@contextmanager
def simulator(home: Path) -> Iterator[str]:
    """The simulator as a process of its own; gives its address."""
    home.mkdir(parents=True)
    port = free_port(SIMULATOR_PORT)
    log_file = home / "simulator.log"
    say("Starting the simulator")
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "simulator", "--port", str(port)],
            cwd=ROOT,
            env=environment_without_keys(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a terminal's Ctrl-C ends ComfyUI first, which may wait for it
        )
    try:
        while not listens(port):
            if process.poll() is not None:
                raise RigError(f"The simulator ended.\n{log_file.read_text(encoding='utf-8', errors='replace')}")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process)


def has_terminal() -> bool:
    """Whether a person is there to press Ctrl-C."""
    return sys.stdin.isatty() and sys.stdout.isatty() and not os.environ.get("CI")


def check_real(options: Namespace) -> None:
    """Stop early where the real service cannot be used, or nobody is there to confirm."""
    if not any(name.startswith("DASHSCOPE_API_KEY") for name in pack_variables()):
        raise RigError("--real needs your Model Studio key in the environment variable DASHSCOPE_API_KEY.")
    if options.command == "demo" and not options.yes and not has_terminal():
        raise RigError("--real spends money and there is no terminal to ask at: add --yes to agree beforehand.")


def confirm_cost(prompts: Mapping[str, Mapping[str, Any]], agreed: bool) -> None:
    """Say what the run will cost at most, and go on only with a yes."""
    total: defaultdict[str, float] = defaultdict(float)
    for prompt in prompts.values():
        for currency, amount in cost_of(prompt).items():
            total[currency] += amount
    if not total:
        return
    price = " + ".join(f"{currency} {amount:.2f}" for currency, amount in total.items())
    print(f"\nThis uses the real service and costs at most {price} (list price), less what free quota covers.")
    if not agreed and input("Go on? [y/N] ").strip().casefold() not in ("y", "yes"):
        raise RigError("Nothing was sent.")


def cost_of(api_prompt: Mapping[str, Any]) -> dict[str, float]:
    """List price of all pictures that a prompt asks for, by currency; refuses what the pack would refuse."""
    from model_studio.account.regions import api_host
    from model_studio.errors import ModelStudioError
    from model_studio.request import plan

    total: defaultdict[str, float] = defaultdict(float)
    for node in api_prompt.values():
        if node["class_type"] not in _PAID_NODES:
            continue
        given = asked_for(node)
        for text in ("prompt", "negative_prompt"):
            if isinstance(given[text], list):  # comes from another node and does not change the price
                given[text] = "linked"
        given.pop("color_palette", None)  # neither does this
        linked = [name for name, value in given.items() if isinstance(value, list)]
        if linked:
            raise RigError(f"Nothing was sent: the price depends on {linked}, which come from other nodes.")
        try:
            request = plan(**given | {"region": api_host(given["region"], os.environ).region})
            requests = times(api_prompt, node)
        except ModelStudioError as error:
            raise RigError(f"Nothing was sent: {error}") from None
        if not request.price:
            raise RigError(f"Nothing was sent: no list price is known for {given['model']} in {request.region}.")
        amount, currency = request.price
        total[currency] += amount * request.n * requests
    return dict(total)


def asked_for(node: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `plan` for a node of ours that buys, but for its region."""
    from model_studio.catalog import SET_MODELS

    given = {"call_mode": "auto"} | {name: value for name, value in node["inputs"].items() if name != "timeout"}
    if "max_images" in given:
        given |= {"n": given.pop("max_images"), "negative_prompt": "", "prompt_extend": False, "models": SET_MODELS}
    return given


def times(api_prompt: Mapping[str, Any], node: Mapping[str, Any]) -> int:
    """How often a node runs in one prompt: once, or once for each prompt of a Prompt List before it."""
    from model_studio.request.prompts import prompts_in

    longest = 1
    for value in node["inputs"].values():
        if not isinstance(value, list):
            continue
        source = api_prompt[value[0]]
        if source["class_type"] != "ModelStudioPromptList":
            longest = max(longest, times(api_prompt, source))
        elif any(isinstance(given, list) for given in source["inputs"].values()):
            raise RigError("Nothing was sent: the price depends on a Prompt List whose text comes from another node.")
        else:
            longest = max(longest, len(prompts_in(**source["inputs"])))
    return longest


if __name__ == "__main__":
    sys.exit(main())
