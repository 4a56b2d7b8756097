"""A contact sheet of the pictures that have come so far, small enough to be shown while others are drawn."""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt
from PIL import Image

from .pictures import image_of

SIDE = 512  # pixels of its longer side
MOST = 16  # pictures on it; the newest stay
GAP = 4  # pixels between them
_GROUND = (64, 64, 64)  # neither bright on a dark page nor black on a bright one
_BOUND = 2 * SIDE  # pixels of a side to which a picture is thinned out before it is made small


class Sheet:
    """Holds no more than its own pixels, however many pictures come and however large they are."""

    def __init__(self) -> None:
        self._tiles: list[tuple[tuple[int, int], Image.Image]] = []

    def add(self, place: tuple[int, int], pixels: npt.NDArray[Any]) -> None:
        """`place`: of which run, and which of its pictures; so they are sorted, in whatever order they come."""
        self._tiles = [*self._tiles, (place, _image(pixels))][-MOST:]
        for _, tile in self._tiles:
            tile.thumbnail((self._cell, self._cell), reducing_gap=1.0)  # a third of the time that care would take

    @property
    def _columns(self) -> int:
        return math.ceil(math.sqrt(len(self._tiles)))

    @property
    def _cell(self) -> int:
        return (SIDE - GAP * (self._columns - 1)) // self._columns

    def image(self) -> Image.Image:
        """The sheet as it is now."""
        tiles = [tile for _, tile in sorted(self._tiles, key=lambda one: one[0])]
        columns, rows = self._columns, math.ceil(len(tiles) / self._columns)
        width, height = max(tile.width for tile in tiles), max(tile.height for tile in tiles)
        size = (columns * (width + GAP) - GAP, rows * (height + GAP) - GAP)
        sheet = Image.new("RGB", size, _GROUND)
        for number, tile in enumerate(tiles):
            left, top = (number % columns) * (width + GAP), (number // columns) * (height + GAP)
            sheet.paste(tile, (left + (width - tile.width) // 2, top + (height - tile.height) // 2))
        return sheet


def _image(pixels: npt.NDArray[Any]) -> Image.Image:
    """Thinned out where it is very large."""
    step = max(1, max(pixels.shape) // _BOUND)
    return image_of(pixels[::step, ::step])
