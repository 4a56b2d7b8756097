"""The crash program: a short run of it, and that it can fail."""

from __future__ import annotations

import io
import os
import random
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_studio.ledger import Ledger
from rig.crash import program
from rig.crash.audit import integrity, wrong_pictures
from rig.crash.evidence import FOLDER
from rig.crash.points import PHASES
from rig.crash.requests import fresh
from rig.crash.story import Story
from simulator.service import Billed

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the victim forks"),
    pytest.mark.timeout(240),
]


def test_every_picture_is_accounted_for(tmp_path: Path) -> None:
    tally, result = program.run(tmp_path, kills=13, comfyui_kills=1, seed=7)
    assert result.failures == []
    assert set(tally.kills["bare"]) == set(PHASES)
    assert tally.kills["bare"].total() >= 13
    assert tally.ways["bare"].total() == tally.kills["bare"].total()
    assert tally.ways["ComfyUI"] == {signal.SIGTERM: 1}
    assert result.delivered == result.billed - result.pictures_billed_again > 0
    assert result.once_more == result.requests
    assert "delivered, equal pixel for pixel" in program.summary(tally, result)


def test_without_the_ledger_it_fails(tmp_path: Path) -> None:
    _, result = program.run(tmp_path, kills=4, comfyui_kills=0, seed=7, settings={"MODEL_STUDIO_REUSE": "off"})
    assert any("billed 2 times, though the user was warned of 0" in failure for failure in result.failures)
    assert any("once more: new, not from store" in failure for failure in result.failures)


def test_one_other_pixel_is_seen() -> None:
    pictures = np.zeros((1, 4, 4, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pictures[0]).save(file, "PNG")
    story = Story(fresh(1, 0.0, random.Random(7)), pictures=pictures.copy())
    bill = Billed("request", None, "account", "model", "region", 1, "4*4", ("/picture",))
    assert not [*wrong_pictures(story, [bill], {"/picture": file.getvalue()})]
    assert story.pictures is not None
    story.pictures[0, 1, 2, 0] = 1
    assert [*wrong_pictures(story, [bill], {"/picture": file.getvalue()})]


def test_a_damaged_ledger_is_seen(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / FOLDER)
    ledger.account("key")
    assert integrity(tmp_path) == []
    ledger.database.file.write_bytes(b"no database" * 1000)
    Ledger(tmp_path / FOLDER).account("key")  # moves it aside, and begins a sound one
    (seen,) = integrity(tmp_path)
    assert seen.startswith("The ledger is damaged: damaged-")
