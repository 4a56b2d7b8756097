"""Picture sizes and the rules that models set for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


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
    def source(self) -> str: ...

    def accepts(self, size: Size) -> bool: ...

    def __str__(self) -> str:
        """The rule in words, to stand after "takes"."""


@dataclass(frozen=True)
class Area:
    """Width × height between two areas, both included; the longer side at most `max_ratio` times the shorter."""

    smallest: Size
    largest: Size
    source: str
    max_ratio: int | None = None

    def accepts(self, size: Size) -> bool:
        long, short = max(size.width, size.height), min(size.width, size.height)
        in_ratio = self.max_ratio is None or long <= short * self.max_ratio
        return self.smallest.pixels <= size.pixels <= self.largest.pixels and in_ratio

    def __str__(self) -> str:
        area = f"{self.smallest.pixels} ({self.smallest}) to {self.largest.pixels} ({self.largest}) pixels in all"
        return area if self.max_ratio is None else f"{area}, sides at most {self.max_ratio}:1"


@dataclass(frozen=True)
class Sides:
    """Each side between two lengths in pixels, both included, and a largest area."""

    shortest: int
    longest: int
    largest: Size
    source: str

    def accepts(self, size: Size) -> bool:
        in_range = all(self.shortest <= side <= self.longest for side in (size.width, size.height))
        return in_range and size.pixels <= self.largest.pixels

    def __str__(self) -> str:
        area = f"{self.largest.pixels} ({self.largest}) pixels in all"
        return f"sides from {self.shortest} to {self.longest} pixels, at most {area}"


@dataclass(frozen=True)
class OneOf:
    """A closed list of sizes."""

    choices: tuple[Size, ...]
    source: str

    def accepts(self, size: Size) -> bool:
        return size in self.choices

    def __str__(self) -> str:
        return "one of " + ", ".join(map(str, self.choices))
