"""PyTorch without CUDA, whatever the package index offers."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .layout import RigError, venv_python
from .pip import GpuPackagesPlanned, install
from .progress import say

TORCH = "torch==2.13.0"
# ComfyUI imports both at start. Without their dependencies, or they would choose a torch of their own.
COMPANIONS = ("torchvision==0.28.0", "torchaudio==2.11.0")
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def install_torch() -> None:
    """Install the three from the usual index if its torch is a CPU build, else from PyTorch's CPU index."""
    index = None
    try:
        install("Installing PyTorch", TORCH)
    except GpuPackagesPlanned:
        say("  the usual package index has PyTorch only with CUDA here: taking PyTorch's own CPU index")
        index = CPU_INDEX
        try:
            # Few retries: a machine that cannot reach this index should say so soon.
            install("Installing PyTorch from its CPU index", "--retries=1", TORCH, index=index)
        except RigError as error:
            raise RigError(
                f"{error}\n\nThe package index offers {TORCH} only with CUDA (gigabytes), which the rig refuses, "
                f"and PyTorch's CPU index {CPU_INDEX} gave none. Connect to the internet, or put a CPU build of "
                f"{TORCH} where pip finds it (pip's find-links), and run the command again."
            ) from None
    install("Installing torchvision and torchaudio", "--no-deps", *COMPANIONS, index=index)


def repair_companions() -> None:
    """Make CUDA builds of torchvision and torchaudio importable beside a CPU torch; leave working ones alone.

    They need numpy and pillow, so this comes after all packages.
    ComfyUI needs their Python code only: operators that are missing in the CPU torch may not be registered,
    and compiled libraries that need CUDA may not be loaded.
    """
    if not imports("torchvision"):
        site_packages_file("torchvision", "_meta_registrations.py").write_text("", encoding="utf-8")
        require("torchvision")
    if not imports("torchaudio"):
        for library in site_packages_file("torchaudio", "lib").glob("*.so"):
            library.unlink()
        require("torchaudio")


def require(name: str) -> None:
    """Stop if the environment still cannot import this package."""
    if not imports(name):
        raise RigError(f"{name} does not work beside {TORCH}; see `{venv_python()} -c 'import {name}'`.")


def imports(name: str) -> bool:
    """Whether the environment can import this package."""
    return subprocess.run([venv_python(), "-c", f"import {name}"], capture_output=True).returncode == 0


def site_packages_file(*parts: str) -> Path:
    """A file of an installed package, found without importing it."""
    code = "import sysconfig; print(sysconfig.get_path('platlib'))"
    found = subprocess.run([venv_python(), "-c", code], capture_output=True, text=True, check=True)
    return Path(found.stdout.strip(), *parts)
