"""The table of ratios, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_HEADINGS = (
    "task s",
    "nodes",
    "floor s",
    "schedule floor s",
    "ours s",
    "ours / floor",
    "ours / schedule floor",
    "partner s",
    "partner / floor",
    "partner / ours",
)


@dataclass(frozen=True)
class Row:
    """Seconds of one task time and node count; `ours` and `partner` are medians."""

    task: float
    nodes: int
    floor: float
    schedule_floor: float
    ours: float
    partner: float

    def cells(self) -> tuple[str, ...]:
        return (
            f"{self.task:.1f}",
            f"{self.nodes}",
            f"{self.floor:.2f}",
            f"{self.schedule_floor:.2f}",
            f"{self.ours:.2f}",
            f"{self.ours / self.floor:.2f}",
            f"{self.ours / self.schedule_floor:.2f}",
            f"{self.partner:.2f}",
            f"{self.partner / self.floor:.2f}",
            f"{self.partner / self.ours:.2f}",
        )


def markdown(rows: Sequence[Row]) -> str:
    """The rows with all columns set right, readable as it is."""
    lines = [_HEADINGS, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        "| " + " | ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|"
    return "\n".join([text[0], rule, *text[1:]])
