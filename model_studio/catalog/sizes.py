"""Picture sizes and the rules that models set for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..words import Text


@dataclass(frozen=True)
class Size:
    """Width and height in pixels; written `W*H` on the wire, width first (specification)."""

    width: int
    height: int

    @property
    def pixels(self) -> int:
        return self.width * self.height

    def __str__(self) -> str:
        return f"{self.width}*{self.height}"


def sizes(*texts: str) -> tuple[Size, ...]:
    """`sizes("1024*1024", …)`: for writing the catalog."""
    return tuple(Size(*map(int, text.split("*"))) for text in texts)


class SizeRule(Protocol):
    """What one source says about the sizes a model takes."""

    @property
    def source(self) -> Text: ...

    def accepts(self, size: Size) -> bool: ...

    @property
    def text(self) -> Text:
        """The rule in words, to stand after "takes"; its str too."""


@dataclass(frozen=True)
class Area:
    """Width × height between two areas, both included; the longer side at most `max_ratio` times the shorter."""

    smallest: Size
    largest: Size
    source: Text
    max_ratio: int | None = None

    def accepts(self, size: Size) -> bool:
        long, short = max(size.width, size.height), min(size.width, size.height)
        in_ratio = self.max_ratio is None or long <= short * self.max_ratio
        return self.smallest.pixels <= size.pixels <= self.largest.pixels and in_ratio

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> Text:
        area = Text(
            "{from_pixels} ({smallest}) to {to_pixels} ({largest}) pixels in all",
            from_pixels=self.smallest.pixels,
            smallest=self.smallest,
            to_pixels=self.largest.pixels,
            largest=self.largest,
        )
        if self.max_ratio is None:
            return area
        return Text("{area}, sides at most {ratio}:1", area=area, ratio=self.max_ratio)


@dataclass(frozen=True)
class Sides:
    """Each side between two lengths in pixels, both included, and a largest area."""

    shortest: int
    longest: int
    largest: Size
    source: Text

    def accepts(self, size: Size) -> bool:
        in_range = all(self.shortest <= side <= self.longest for side in (size.width, size.height))
        return in_range and size.pixels <= self.largest.pixels

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> Text:
        return Text(
            "sides from {shortest} to {longest} pixels, at most {pixels} ({largest}) pixels in all",
            shortest=self.shortest,
            longest=self.longest,
            pixels=self.largest.pixels,
            largest=self.largest,
        )


@dataclass(frozen=True)
class OneOf:
    """A closed list of sizes."""

    choices: tuple[Size, ...]
    source: Text

    def accepts(self, size: Size) -> bool:
        return size in self.choices

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> Text:
        return Text("one of {choices}", choices=", ".join(map(str, self.choices)))
