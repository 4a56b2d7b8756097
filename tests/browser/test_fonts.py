"""The browser that the rig drives shows Chinese, whatever fonts the machine has."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from rig.browser import find_browser
from rig.fonts import browser_environment

# Two of the Simplified, two of the Traditional script and one of both; the last has no picture in any font.
CHARACTERS = [*"这万這萬船", "\U0010ffff"]
PICTURES = """(characters) => characters.map((character) => {
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d");
  pen.font = "40px sans-serif";
  pen.fillText(character, 20, 60);
  return canvas.toDataURL();
})"""


@pytest.mark.skipif(sys.platform != "linux", reason="the other systems have Chinese fonts")
def test_no_character_is_a_box_on_a_machine_without_fonts(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "bare.conf"
    bare.write_text("<fontconfig></fontconfig>", encoding="utf-8")
    monkeypatch.setenv("FONTCONFIG_FILE", str(bare))
    monkeypatch.setenv("MODEL_STUDIO_RIG_HOME", str(tmp_path))
    other = browser.browser_type.launch(executable_path=find_browser(), env=browser_environment())
    try:
        pictures = other.new_page().evaluate(PICTURES, CHARACTERS)
    finally:
        other.close()
    assert len(set(pictures)) == len(CHARACTERS)
