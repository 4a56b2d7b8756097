"""What goes wrong while original files are saved: an error in words, no half file, and nothing is paid again."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rig.comfyui import ComfyUI
from simulator import Simulator

from .conftest import FOREIGN

STORE = "user/__model_studio/pictures"


@pytest.fixture
def prefix() -> str:
    return f"fault-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def fails(
    comfy: ComfyUI, sim: Simulator, graph: Any, new_graph: Any, report: Callable[..., None]
) -> Callable[..., Any]:
    """Draws a picture, then `breaks` something (given its file in the store) and saves its original, which fails;
    what the user sees.
    """

    def save(fault: str, prefix: str, breaks: Callable[[Path], object] = lambda stored: None) -> str:
        shown = graph.draw("async")
        before = set((comfy.home / STORE).glob("*"))
        task_id = shown.read(comfy.run(graph))["task_id"]
        (stored,) = set((comfy.home / STORE).glob("*")) - before
        breaks(stored)
        sent = len(sim.requests)
        alone = new_graph()
        alone.add("ModelStudioSaveOriginal", source=task_id, filename_prefix=prefix)
        run = comfy.run(alone)
        assert run.status == "error" and run.error
        assert len(sim.requests) == sent and len(sim.billed) == 1
        text = f"{run.error['exception_type'].rsplit('.', 1)[1]}: {run.error['exception_message'].strip()}"
        assert ".model_studio.errors." in run.error["exception_type"]
        assert not FOREIGN.search(text) and str(comfy.home) not in text
        assert not list((comfy.home / "output").rglob("*.part"))
        report(fault, (text, 1))
        return text

    return save


def test_a_damaged_file_of_the_store(comfy: ComfyUI, fails: Any, prefix: str) -> None:
    def damage(stored: Path) -> None:
        content = bytearray(stored.read_bytes())
        content[len(content) // 2] ^= 1
        stored.write_bytes(content)

    text = fails("stored file damaged, original saved", prefix, damage)
    assert text.startswith("PictureNotStored: Original 1 of ") and "is not in the store, or damaged." in text
    assert not list((comfy.home / "output").glob(f"{prefix}*"))


def test_a_file_of_the_store_that_is_gone(fails: Any, prefix: str) -> None:
    text = fails("stored file gone, original saved", prefix, Path.unlink)
    assert text.startswith("PictureNotStored: Original 1 of ")


def test_a_folder_that_is_a_file(comfy: ComfyUI, fails: Any, prefix: str) -> None:
    def block(_: Path) -> None:
        (comfy.home / "output" / prefix).write_text("mine")

    text = fails("output folder is a file, original saved", f"{prefix}/x", block)
    assert text.startswith(f"PictureUnsaved: The folder of the filename prefix '{prefix}/x' cannot be used: ")
    assert (comfy.home / "output" / prefix).read_text() == "mine"


def test_a_name_that_is_too_long(comfy: ComfyUI, fails: Any, prefix: str) -> None:
    text = fails("file name too long, original saved", prefix + "x" * 300)
    assert text.startswith("PictureUnsaved: The picture could not be saved in ComfyUI's output folder: ")
    assert not list((comfy.home / "output").glob(f"{prefix}*"))


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() == 0, reason="permissions do not hold for this user")
def test_a_folder_that_may_not_be_written(comfy: ComfyUI, fails: Any, prefix: str) -> None:
    def forbid(_: Path) -> None:
        (comfy.home / "output" / prefix).mkdir(mode=0o555)

    text = fails("output folder not writable, original saved", f"{prefix}/x", forbid)
    assert text.startswith("PictureUnsaved: The picture could not be saved in ComfyUI's output folder: ")
