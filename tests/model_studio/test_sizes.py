from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from model_studio.catalog.sizes import Area, OneOf, Sides, Size, sizes

side = st.integers(1, 20000)


@given(side, side)
def test_area_keeps_its_bounds(width: int, height: int) -> None:
    rule = Area(Size(512, 512), Size(2048, 2048), "a test", max_ratio=8)
    in_area = 512 * 512 <= width * height <= 2048 * 2048
    in_ratio = max(width, height) / min(width, height) <= 8
    assert rule.accepts(Size(width, height)) == (in_area and in_ratio)


@given(side, side)
def test_sides_keep_their_bounds(width: int, height: int) -> None:
    rule = Sides(512, 1440, Size(1440, 1440), "a test")
    assert rule.accepts(Size(width, height)) == (512 <= width <= 1440 and 512 <= height <= 1440)


@given(side, side)
def test_orientation_does_not_matter(width: int, height: int) -> None:
    for rule in (Area(Size(512, 512), Size(2048, 2048), "a test", 4), Sides(512, 1440, Size(1200, 1200), "a test")):
        assert rule.accepts(Size(width, height)) == rule.accepts(Size(height, width))


def test_bounds_are_included() -> None:
    rule = Area(Size(512, 512), Size(2048, 2048), "a test")
    assert rule.accepts(Size(512, 512)) and rule.accepts(Size(2048, 2048))
    assert not rule.accepts(Size(512, 511)) and not rule.accepts(Size(2048, 2049))


def test_one_of() -> None:
    rule = OneOf(sizes("1664*928", "928*1664"), "a test")
    assert rule.accepts(Size(1664, 928)) and not rule.accepts(Size(1664, 929))


def test_words() -> None:
    assert str(Size(1664, 928)) == "1664*928"
    assert str(Area(Size(1, 1), Size(2, 2), "", 8)) == "1 (1*1) to 4 (2*2) pixels in all, sides at most 8:1"
    assert str(OneOf(sizes("1*2", "3*4"), "")) == "one of 1*2, 3*4"
