"""The victim: a process that has ComfyUI and the pack loaded, and forks a child for each run of a node.

So a run starts in a fraction of a second, with nothing of an earlier one in its memory. Orders come as lines of JSON on
stdin, and one answer for each goes to stdout. Time runs faster for the product's pauses, which are long and make
nothing more likely to break.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rig.crash.points import Place, Tracer
from rig.layout import comfyui_tree

SPEED = 20  # seconds of the product in one of ours
LONGEST_RUN = 90.0
LINGER = 1.5  # seconds of ours that the process lives on after an error: the user's server does too
RESULT, PICTURES, PLACES = "result.json", "pictures.npy", "places.json"


@dataclass(frozen=True)
class Kill:
    """When a run is killed: as it comes to a place for the given time, or after so many seconds, or not at all.

    `way`: the signal that is sent after these seconds; at a place it is always SIGKILL.
    """

    place: Place | None = None
    time: int = 1
    after: float | None = None
    way: int = signal.SIGKILL


@dataclass(frozen=True)
class Assignment:
    """One run of a node. `ahead`: seconds by which the ledger's clock is ahead of the machine's."""

    folder: str  # for the results
    node: str
    inputs: dict[str, Any]
    ahead: float
    kill: Kill


def main(home: Path, pack: Path) -> None:
    """Serves until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever is printed goes to the log
    nodes = load(home, pack)
    assert threading.active_count() == 1, "a process with threads cannot be forked safely"
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        assignment = read(line)
        child = begin(assignment, nodes[assignment.node], pack)
        print(json.dumps(watch(child, assignment.kill)), file=answers, flush=True)


def read(line: str) -> Assignment:
    """An assignment as its JSON came."""
    values = json.loads(line)
    kill = values.pop("kill")
    place = kill.pop("place")
    return Assignment(**values, kill=Kill(place and Place(*place), **kill))


def load(home: Path, pack: Path) -> dict[str, Any]:
    """The node classes by id, as ComfyUI loads them."""
    tree = str(comfyui_tree())
    sys.path.insert(0, tree)
    os.chdir(tree)
    sys.argv = ["main.py", "--cpu", "--base-directory", str(home)]
    importlib.import_module("comfy.options").enable_args_parsing()
    importlib.import_module("utils.extra_config")  # in main.py's order: `nodes` puts another `utils` in front
    nodes = importlib.import_module("nodes")
    # Without a server there is nobody to show progress to.
    mute = SimpleNamespace(send_sync=lambda *_: None, client_id=None)
    mute.routes = importlib.import_module("aiohttp.web").RouteTableDef()
    importlib.import_module("server").PromptServer.instance = mute
    if not asyncio.run(nodes.load_custom_node(str(pack))):
        raise SystemExit("ComfyUI could not load the pack.")
    classes: dict[str, Any] = nodes.NODE_CLASS_MAPPINGS
    return classes


def begin(assignment: Assignment, node: Any, pack: Path) -> int:
    """Forks the child that lives it.

    SIGINT waits until it is whole: Python drops the interrupt of a fork's own work, and leaves its locks as they are.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    child = os.fork()
    if not child:
        live(assignment, node, pack)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    return child


def watch(child: int, kill: Kill) -> dict[str, Any]:
    """Waits for the child's end, and sends it the signal when its time has come."""
    began = time.monotonic()
    signaled = hung = False
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        seconds = time.monotonic() - began
        if ended:
            return {"status": os.waitstatus_to_exitcode(status), "seconds": seconds, "signaled": signaled, "hung": hung}
        hung = seconds > LONGEST_RUN
        if hung:
            os.kill(child, signal.SIGKILL)
        elif kill.after is not None and seconds >= kill.after and not signaled:
            os.kill(child, kill.way)
            signaled = True
        time.sleep(0.001)


def live(assignment: Assignment, node: Any, pack: Path) -> None:
    """A run, in the child; ends the process."""
    status = 1
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        hasten(node, assignment.ahead)
        tracer = Tracer(pack, {__file__}, assignment.kill.place, assignment.kill.time)
        tracer.start()
        outputs = asyncio.run(execute(node, assignment.inputs))
        hand_over(Path(assignment.folder), outputs)
        tracer.stop()
        if isinstance(outputs[0], Exception):
            time.sleep(LINGER)
        write(Path(assignment.folder, PLACES), json.dumps([[*place, times] for place, times in tracer.passed.items()]))
        status = 0
    except KeyboardInterrupt:  # what Python itself does when nothing has caught it
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)  # without the exit handlers, which are the parent's


def hasten(node: Any, ahead: float) -> None:
    """Lets the product's pauses pass quickly, and sets the ledger's clock."""
    package = node.__module__.rpartition(".nodes.")[0]
    clock = importlib.import_module(f"{package}.model_studio.waiting").Clock
    clock.now = lambda self: time.monotonic() * SPEED
    sleep = clock.sleep
    clock.sleep = lambda self, seconds, until: sleep(self, seconds / SPEED, until)
    importlib.import_module(f"{package}.comfyui.studio").studio().ledger.now = lambda: time.time() + ahead


async def execute(node: Any, inputs: dict[str, Any]) -> tuple[Any, ...]:
    """The node's outputs, as ComfyUI calls it; an error as the only one."""
    hidden = importlib.import_module("comfy_api.latest").io.Hidden
    try:
        output = await node.PREPARE_CLASS_CLONE({hidden.unique_id: "1"}).EXECUTE_NORMALIZED_ASYNC(**inputs)
    except Exception as error:
        return (error,)
    outputs: tuple[Any, ...] = output.args
    return outputs


def hand_over(folder: Path, outputs: tuple[Any, ...]) -> None:
    """Stands for the nodes behind: what they were given is written down, whole or not at all."""
    first, *_ = outputs
    if isinstance(first, Exception):
        write(folder / RESULT, json.dumps({"error": type(first).__name__, "message": str(first)}))
        return
    if isinstance(first, list):
        numpy = importlib.import_module("numpy")
        pictures = numpy.concatenate([numpy.rint(batch.numpy() * 255).astype(numpy.uint8) for batch in first])
        half = folder / "half.npy"
        numpy.save(half, pictures)
        half.replace(folder / PICTURES)
    is_id = isinstance(first, str)
    info = outputs[1 if is_id else 2]
    write(folder / RESULT, json.dumps({"task_id": first if is_id else "", "info": json.loads(info)}))


def write(file: Path, text: str) -> None:
    half = file.with_suffix(".half")
    half.write_text(text, encoding="utf-8")
    half.replace(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
