"""The contact sheet of what has come so far."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from model_studio.runs.pictures import jpeg
from model_studio.runs.sheet import GAP, MOST, SIDE, Sheet


def plain(value: int, width: int = 1024, height: int = 1024, dtype: Any = np.uint8) -> Any:
    return np.full((height, width, 3), value, dtype)


def sheet_of(*pictures: Any) -> Image.Image:
    sheet = Sheet()
    for number, pixels in enumerate(pictures):
        sheet.add((1, number), pixels)
    return sheet.image()


@pytest.mark.parametrize(
    ("count", "size"), [(1, (512, 512)), (2, (512, 254)), (3, (512, 512)), (4, (512, 512)), (16, (512, 512))]
)
def test_it_grows_with_the_pictures_and_stays_small(count: int, size: tuple[int, int]) -> None:
    assert sheet_of(*(plain(number) for number in range(count))).size == size


def test_each_picture_has_its_place_in_whatever_order_they_come() -> None:
    sheet = Sheet()
    for number in (2, 0, 3, 1):
        sheet.add((1, number), plain(60 * number))
    image = sheet.image()
    seen = [image.getpixel((x, y)) for y in (100, 400) for x in (100, 400)]
    assert seen == [(60 * number,) * 3 for number in range(4)]


def test_of_many_the_newest_stay() -> None:
    image = sheet_of(*(plain(number) for number in range(100)))
    assert image.getpixel((10, 10)) == (100 - MOST,) * 3
    assert image.getpixel((SIDE - 10, SIDE - 10)) == (99,) * 3


def test_pictures_of_other_shapes_stay_whole() -> None:
    wide = sheet_of(plain(200, 2048, 512))
    assert wide.size == (SIDE, SIDE // 4)
    both = sheet_of(plain(200, 2048, 512), plain(100, 512, 2048))
    cell = (SIDE - GAP) // 2
    assert both.size == (SIDE, cell)
    assert both.getpixel((cell // 2, cell // 2)) == (200,) * 3 and both.getpixel((cell // 2, 5)) != (200,) * 3


def test_sixteen_bits_and_large_pictures() -> None:
    assert sheet_of(plain(0x8000, dtype=np.uint16)).getpixel((9, 9)) == (0x80,) * 3
    assert sheet_of(plain(7, 4096, 4096)).size == (SIDE, SIDE)
    assert sheet_of(plain(7, 30, 1)).size == (30, 1)


def test_it_is_packed_small() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (1024, 1024, 3), np.uint8)
    content = jpeg(sheet_of(*[noise] * 4))
    assert Image.open(io.BytesIO(content)).format == "JPEG" and len(content) < 300_000
