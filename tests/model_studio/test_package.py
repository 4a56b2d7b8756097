"""What importing the package brings with it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_imports_without_comfyui_torch_key_thread_or_network() -> None:
    """In a bare interpreter whose sockets and threads are traps."""
    code = """
import sys, socket, threading, pkgutil, importlib
def trap(*args, **kwargs): raise AssertionError("at import time")
socket.socket.connect = trap
threading.Thread.start = trap
import model_studio
for module in pkgutil.walk_packages(model_studio.__path__, "model_studio."):
    importlib.import_module(module.name)
heavy = {"torch", "comfy", "comfy_api", "aiohttp", "dashscope"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, check=True, timeout=60)


def _imports(folder: str) -> set[str]:
    """Top-level names that a folder's modules import from outside it."""
    names: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        depth = len(path.relative_to(ROOT).parts) - 1
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add((node.module or "").split(".")[0])
            elif isinstance(node, ast.ImportFrom) and node.level > depth:
                names.add(f"..{(node.module or '').split('.')[0]}")
    return names


def test_imports_go_one_way() -> None:
    assert not _imports("model_studio") & {"..nodes", "..simulator", "nodes", "simulator", "torch", "comfy"}
    assert not _imports("simulator") & {"..nodes", "..model_studio", "nodes", "model_studio"}
    assert not _imports("nodes") & {"..simulator", "simulator"}


def _module(path: Path) -> list[str]:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return parts[:-1] if parts[-1] == "__init__" else parts


def _internal(path: Path) -> set[str]:
    """First parts, below model_studio, of what a module of it imports from it."""
    package = list(path.relative_to(ROOT).parts[:-1])
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
            names = [part for part in base if part][1:2]
            found |= set(names) or {alias.name for alias in node.names}
    return found


GROUND = {"words", "errors", "kinds", "threads", "waiting"}
# Lower rooms first: each imports those before it, and nothing after it.
ROOMS = ["catalog", "request", "account", "service", "ledger", "runs", "page", "studio"]


def test_each_room_imports_only_what_is_below_it() -> None:
    for path in (ROOT / "model_studio").rglob("*.py"):
        room = (_module(path)[1:2] or [""])[0]
        if room and path.name != "__main__.py":  # which is a program
            below = GROUND | set(ROOMS[: ROOMS.index(room)] if room in ROOMS else ())
            assert _internal(path) - {room} <= below, path


def test_nodes_and_routes_share_only_what_is_made_for_it() -> None:
    assert not _imports("routes") & {"..nodes", "..simulator"}
    assert not _imports("nodes") & {"..routes"}
    assert not _imports("comfyui") & {"..nodes", "..routes", "..simulator"}


def test_what_ships_needs_only_what_it_declares() -> None:
    declared = {"requests", "PIL", "numpy", "filelock", "urllib3"}  # urllib3 comes with requests
    outside = _imports("model_studio") - set(sys.stdlib_module_names) - {"__future__"}
    assert outside <= declared


# The checks of a request have an argument for each input of a node; errors have one for each fact.
_MANY = {"__init__.py: plan", "inputs.py: plan", "errors.py: __init__"}
_MANY |= {"inputs.py: validate_inputs", "wan_set.py: validate_inputs"}


def test_nothing_else_takes_more_than_five_arguments() -> None:
    for folder in ("model_studio", "comfyui", "nodes", "routes"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    names = {arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
                    assert len(names - {"self", "cls"}) <= 5 or f"{path.name}: {node.name}" in _MANY, (path, node.name)


def test_states_are_written_by_one_module() -> None:
    writers = {
        path.name
        for path in (ROOT / "model_studio").rglob("*.py")
        if path.parent.name != "ledger" and "session.update(" in path.read_text("utf-8")
    }
    assert writers == {"paid_record.py"}
