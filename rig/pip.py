"""pip of the rig's environment, with a look at the plan before anything large is downloaded."""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path

from .layout import RigError, venv_python
from .progress import run_quietly

# Gigabytes that a machine without a GPU has no use for.
_GPU_PACKAGE = re.compile(r"(nvidia|cuda|triton|pytorch-triton)([-_]|$)", re.IGNORECASE)


class GpuPackagesPlanned(RigError):
    """The plan holds packages that the rig refuses."""


def pip(what: str, *args: str | Path, index: str | None = None) -> None:
    """Run pip; `index` replaces the package index for this call."""
    env = dict(os.environ)
    if index:
        env["PIP_INDEX_URL"] = index
    flags = ("--disable-pip-version-check", "--no-input")
    run_quietly(what, [venv_python(), "-m", "pip", *flags, *args], env)


def install(what: str, *args: str | Path, index: str | None = None) -> None:
    """Install, but refuse a plan with GPU packages before they are downloaded."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "plan.json")
        pip(f"{what} (plan)", "install", "--quiet", "--dry-run", "--report", report, *args, index=index)
        refused = gpu_packages(json.loads(report.read_text(encoding="utf-8")))
    if refused:
        raise GpuPackagesPlanned(f"{what}: pip would bring {', '.join(refused)}; the rig never installs these.")
    pip(what, "install", *args, index=index)


def gpu_packages(plan: dict[str, list[dict[str, dict[str, str]]]]) -> list[str]:
    """Names in pip's installation report that are for GPUs."""
    names = [item["metadata"]["name"] for item in plan["install"]]
    return sorted(name for name in names if _GPU_PACKAGE.match(name))
