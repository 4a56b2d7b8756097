"""`python -m rig.registry`, inside the environment: the Comfy Registry's own tool validates the pack and packs it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from .isolation import environment_without_keys
from .layout import ROOT, RigError

ARCHIVE = "node.zip"


def main() -> int:
    """Validate and pack; the archive is only looked at."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            archive = pack(Path(folder))
        except RigError as error:
            print(error, file=sys.stderr)
            return 1
        print(f"{ARCHIVE}: {archive.stat().st_size / 1000:.0f} kB")
    return 0


def pack(folder: Path) -> Path:
    """The archive that would be published, made in `folder` from a copy, so that no work tree keeps one."""
    copy = folder / "pack"
    # The tool packs what git tracks: here all that .gitignore lets in, so that a change counts before its commit.
    git = ("git", "--git-dir", copy / ".git")
    for command in (
        ("git", "init", "--quiet", copy),
        (*git, "--work-tree", ROOT, "add", "--all"),
        (*git, "--work-tree", copy, "checkout-index", "--all"),
    ):
        subprocess.run(command, check=True, timeout=60)
    _comfy("validate", copy, folder)
    _comfy("pack", copy, folder)
    return copy / ARCHIVE


def _comfy(verb: str, copy: Path, home: Path) -> None:
    """Run `comfy node VERB` without the network; its warnings count as errors, though it exits with 0 after them."""
    command = [sys.executable, "-m", "comfy_cli", "--skip-prompt", "--no-enable-telemetry", "node", verb]
    env = {**environment_without_keys(), "DO_NOT_TRACK": "1", "HOME": str(home), "USERPROFILE": str(home)}
    env |= {"PYTHONIOENCODING": "utf-8"}  # it prints a check mark, which not every Windows console can
    done = subprocess.run(
        command, cwd=copy, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, encoding="utf-8"
    )
    if done.returncode or "warning" in done.stdout.lower():
        raise RigError(f"comfy node {verb}: exit status {done.returncode}, or warnings.\n{done.stdout}")


if __name__ == "__main__":
    sys.exit(main())
