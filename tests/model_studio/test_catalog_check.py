"""`python -m model_studio.catalog --check`, as a program, against a simulator."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_studio.catalog.__main__ import Comparison, compare
from simulator import Config, Simulator

ROOT = Path(__file__).parent.parent.parent


def check(
    sim: Simulator, tmp_path: Path, key: str = "", region: str = "cn-beijing"
) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DASHSCOPE_", "MODEL_STUDIO_"))}
    variable = f"DASHSCOPE_API_KEY_{region.upper().replace('-', '_')}"
    env = kept | {"DASHSCOPE_HTTP_BASE_URL": sim.base_url_of(region), variable: key or sim.keys[region]}
    command = [sys.executable, "-m", "model_studio.catalog", "--check", "--region", region, "--folder", str(tmp_path)]
    return subprocess.run(
        command, cwd=ROOT, env=env | {"HOME": str(tmp_path)}, capture_output=True, text=True, timeout=60
    )


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator(Config(new_models=("qwen-image-4.0", "wan2.9-t2i", "qwen-max"), gone_models=("wan2.6-t2i",))) as sim:
        yield sim


@pytest.fixture(scope="module")
def usual() -> Iterator[Simulator]:
    with Simulator() as sim:
        yield sim


def test_what_is_new_and_what_is_gone(sim: Simulator, tmp_path: Path) -> None:
    ended = check(sim, tmp_path)
    assert ended.stdout.splitlines()[1:] == [
        "new (not in the catalog): qwen-image-4.0",
        "new (not in the catalog): wan2.9-t2i",
        "new (not in the catalog): wanx-v1",
        "gone (in the catalog, not in the list): wan2.6-t2i",
    ]
    assert (ended.returncode, ended.stderr) == (1, "")
    assert not sim.billed and not list(tmp_path.glob("ledger*"))


@pytest.mark.parametrize("region", ["ap-southeast-1", "us-east-1", "token-plan-ap-southeast-1", "qwencloud"])
def test_nothing_is_different(usual: Simulator, tmp_path: Path, region: str) -> None:
    ended = check(usual, tmp_path, region=region)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("The catalog has the same that draw pictures.\n")


def test_a_wrong_key_is_told_without_it(usual: Simulator, tmp_path: Path) -> None:
    ended = check(usual, tmp_path, key="sk-planted-wrong")
    assert ended.returncode == 2 and "was not accepted" in ended.stderr
    assert "sk-planted" not in ended.stdout + ended.stderr


def test_only_what_draws_from_text_counts() -> None:
    others = ["qwen-image-edit-plus", "wan2.6-t2v", "wan2.2-i2v-flash", "qwen-max", "wanx2.1-imageedit"]
    found = compare([*others, "wan2.9-image-pro", "z-image-ultra", "wan2.1-t2i-plus"], "us-east-1")
    assert found == Comparison(["wan2.9-image-pro", "z-image-ultra"], ["wan2.1-t2i-plus"], ["wan2.6-t2i"])
