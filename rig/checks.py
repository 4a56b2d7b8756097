"""All checks and tests, one after the other. A new one is one more line in `steps`."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .isolation import environment_without_keys
from .layout import ROOT, rig_home, venv_python
from .pack import put_pack

# `nodes` imports its neighbours relatively, as ComfyUI loads the root folder as a package: mypy gets it under a name.
_PACKAGE = "model_studio_text2image"


@dataclass(frozen=True)
class Step:
    """A program of the environment, started in `cwd`."""

    name: str
    module: str
    args: tuple[str, ...]
    cwd: Path = ROOT

    def run(self) -> bool:
        """Whether it succeeded; its output goes to the screen."""
        print(f"\n--- {self.name}", flush=True)
        command = [str(venv_python()), "-m", self.module, *self.args]
        return subprocess.run(command, cwd=self.cwd, env=environment_without_keys()).returncode == 0


def steps(pytest_args: list[str]) -> list[Step]:
    """What has to pass, quickest first."""
    package = rig_home() / "mypy" / _PACKAGE
    put_pack(ROOT, package)
    nodes = ("-m", _PACKAGE, "-p", f"{_PACKAGE}.nodes", "-p", f"{_PACKAGE}.routes")
    # ComfyUI's own annotations are too loose for a strict check: its modules count as unknown.
    loose = ("--ignore-missing-imports", "--allow-subclassing-any")
    return [
        Step("ruff check", "ruff", ("check",)),
        Step("ruff format", "ruff", ("format", "--check")),
        Step("mypy", "mypy", ("model_studio", "simulator", "rig", "benchmarks")),
        Step("javascript", "rig.typescript", ()),
        Step("registry", "rig.registry", ()),
        Step("mypy nodes", "mypy", ("--config-file", str(ROOT / "pyproject.toml"), *loose, *nodes), cwd=package.parent),
        Step("pytest", "pytest", tuple(pytest_args)),
    ]


def run_all(pytest_args: list[str]) -> int:
    """Run every step, also after one has failed, and say which did."""
    started = time.monotonic()
    results = [(step.name, step.run()) for step in steps(pytest_args)]
    failed = [name for name, passed in results if not passed]
    verdict = f"FAILED: {', '.join(failed)}" if failed else f"all passed: {', '.join(name for name, _ in results)}"
    print(f"\n{verdict} ({time.monotonic() - started:.0f} s)", file=sys.stderr if failed else sys.stdout)
    return 1 if failed else 0
