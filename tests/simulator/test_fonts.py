"""Chinese is drawn as Chinese, whatever fonts the machine has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PIL import ImageFont

from simulator import fonts
from simulator.drawing import Drawing, paint

# Two of the Simplified, two of the Traditional script, one of both, and others.
CHARACTERS = "这万這萬船aé"
NOWHERE = "\U0010ffff"


@pytest.fixture(autouse=True)
def _found_anew() -> Iterator[None]:
    def forget() -> None:
        fonts.font_file.cache_clear()
        fonts.font.cache_clear()

    forget()
    yield
    forget()


def test_no_character_is_a_box_on_a_machine_without_chinese_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "FONTS", dict.fromkeys(fonts.FONTS, ()))
    letters = fonts.font(40)
    drawn = {bytes(letters.getmask(character)) for character in (*CHARACTERS, NOWHERE)}
    assert len(drawn) == len(CHARACTERS) + 1


def test_the_package_comes_before_the_fonts_of_the_system() -> None:
    file = fonts.font_file()
    assert file is not None and file.parent.name == fonts.PACKAGE
    letters = fonts.font(20)
    assert isinstance(letters, ImageFont.FreeTypeFont)
    assert letters.getname() == ("Noto Sans CJK SC", "Regular")


def test_without_a_chinese_font_there_is_still_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "PACKAGE", "no_such_package")
    monkeypatch.setattr(fonts, "FONTS", dict.fromkeys(fonts.FONTS, ()))
    assert fonts.font_file() is None
    assert paint(Drawing("wan2.6-t2i", "青灰瓦顶", 1, 640, 480)).size == (640, 480)
