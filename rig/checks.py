"""All checks, then all tests. A new one is one more line in `checks` or `lanes`."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .isolation import environment_without_keys
from .layout import ROOT, rig_home, venv_python
from .pack import put_pack

# `nodes` imports its neighbours relatively, as ComfyUI loads the root folder as a package: mypy gets it under a name.
_PACKAGE = "model_studio_text2image"
# The tests of these folders start a real ComfyUI, and a browser.
_SLOW = ("comfyui", "browser")
_FAULTS = "tests/comfyui/faults"


@dataclass(frozen=True)
class Step:
    """A program of the environment, started in `cwd`."""

    name: str
    module: str
    args: tuple[str, ...]
    cwd: Path = ROOT

    def run(self, mark: str = "") -> bool:
        """Whether it succeeded. Its output goes to the screen, each line after the `mark`."""
        print(f"\n--- {self.name}", flush=True)
        command = [str(venv_python()), "-m", self.module, *self.args]
        out, err = (subprocess.PIPE, subprocess.STDOUT) if mark else (None, None)
        env = environment_without_keys()
        with subprocess.Popen(command, cwd=self.cwd, env=env, stdout=out, stderr=err) as process:
            for line in process.stdout or ():
                sys.stdout.buffer.write(mark.encode() + line)  # as it came: no console's encoding has a say
                sys.stdout.buffer.flush()
        return process.returncode == 0


def checks() -> list[Step]:
    """What needs no test to run."""
    package = rig_home() / "mypy" / _PACKAGE
    put_pack(ROOT, package)
    nodes = ("-m", _PACKAGE, "-p", f"{_PACKAGE}.comfyui", "-p", f"{_PACKAGE}.nodes", "-p", f"{_PACKAGE}.routes")
    # ComfyUI's own annotations are too loose for a strict check: its modules count as unknown.
    loose = ("--ignore-missing-imports", "--allow-subclassing-any")
    return [
        Step("ruff check", "ruff", ("check",)),
        Step("ruff format", "ruff", ("format", "--check")),
        Step("mypy", "mypy", ("model_studio", "simulator", "rig", "benchmarks")),
        Step("javascript", "rig.typescript", ()),
        Step("registry", "rig.registry", ()),
        Step("mypy nodes", "mypy", ("--config-file", str(ROOT / "pyproject.toml"), *loose, *nodes), cwd=package.parent),
    ]


def fast_tests() -> Step:
    """All that need neither ComfyUI nor a browser."""
    return Step("pytest", "pytest", tuple(f"--ignore=tests/{folder}" for folder in _SLOW))


def lanes() -> list[list[Step]]:
    """All tests, in two lanes that run side by side: more would only make two cores late. The quickest come first."""
    return [
        [fast_tests(), Step("pytest comfyui", "pytest", ("tests/comfyui", f"--ignore={_FAULTS}"))],
        [Step("pytest faults", "pytest", (_FAULTS,)), Step("pytest browser", "pytest", ("tests/browser",))],
    ]


def run_these(pytest_args: Sequence[str]) -> int:
    """Only the tests that these arguments name."""
    return 0 if Step("pytest", "pytest", tuple(pytest_args)).run() else 1


def run_all(fast: bool) -> int:
    """Run every step, also after one has failed, and say which did; `fast`: without the slow tests."""
    started = time.monotonic()
    in_turn = [*checks(), fast_tests()] if fast else checks()
    results = [(step.name, step.run()) for step in in_turn]
    if not fast:
        results += run_side_by_side(lanes())
    failed = [name for name, passed in results if not passed]
    verdict = f"FAILED: {', '.join(failed)}" if failed else f"all passed: {', '.join(name for name, _ in results)}"
    print(f"\n{verdict} ({time.monotonic() - started:.0f} s)", file=sys.stderr if failed else sys.stdout)
    return 1 if failed else 0


def run_side_by_side(lanes: Sequence[Sequence[Step]]) -> list[tuple[str, bool]]:
    """All lanes at the same time."""

    def run(steps: Sequence[Step]) -> list[tuple[str, bool]]:
        return [(step.name, step.run(f"{step.name} | ")) for step in steps]

    with ThreadPoolExecutor(len(lanes)) as pool:
        return [result for results in pool.map(run, lanes) for result in results]
