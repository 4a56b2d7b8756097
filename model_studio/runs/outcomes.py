"""What a node tells of its runs, of which a list of prompts makes many: a few lines, however many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..words import Text, join, money, translate
from .info import NEW, RESUMED, STORED

MOST = 3  # lines of a kind; of the others only how many there are
LONGEST = 1000  # characters of a line
_SOURCES = {RESUMED: Text("resumed"), STORED: Text("from store")}


@dataclass(frozen=True)
class Pictures:
    """Pictures of a run, or of several whose pictures are alike."""

    count: int
    size: str
    seconds: float
    source: str
    amount: float = 0.0
    currency: str = ""  # empty where no price is known

    @property
    def kind(self) -> tuple[str, str, str]:
        return self.size, self.source, self.currency

    def plus(self, other: Pictures) -> Pictures:
        return replace(
            self,
            count=self.count + other.count,
            seconds=max(self.seconds, other.seconds),
            amount=self.amount + other.amount,
        )

    def text(self) -> str:
        pictures = {"count": self.count, "size": self.size}
        parts: list[str] = [
            Text("{count} pictures {size}", **pictures)
            if self.count > 1
            else Text("{count} picture {size}", **pictures),
            Text("{seconds:g} s", seconds=self.seconds),
        ]
        if self.source != NEW:
            parts.append(_SOURCES[self.source])
        if self.currency:
            amount = money(self.amount, self.currency)
            parts.append(Text("{amount} at list price", amount=amount) if self.source == NEW else amount)
        return join("{before}, {after}", parts)


@dataclass(frozen=True)
class Outcome:
    """What came of a run: pictures or a sentence, and notes."""

    drawn: Pictures | None = None
    said: str = ""
    failed: bool = False
    notes: Sequence[str] = ()


class Runs:
    """The runs of a node in one prompt. What it takes to begin, show or end one does not depend on their number."""

    def __init__(self) -> None:
        self._begun = 0
        self._open: dict[int, tuple[str, float]] = {}  # number of a run -> what it does now, how far it is
        self._done = 0.0  # sum of how far all are
        self._drawn: dict[tuple[str, str, str], Pictures] = {}
        self._failed: Counter[str] = Counter()
        self._said: Counter[str] = Counter()
        self._notes: Counter[str] = Counter()

    @property
    def all_ended(self) -> bool:
        return not self._open

    @property
    def are_many(self) -> bool:
        return self._begun > 1

    @property
    def fraction(self) -> float:
        """How far they are together, 0…1."""
        return self._done / self._begun

    def begin(self) -> int:
        """The number of a run that begins."""
        self._begun += 1
        self._open[self._begun] = ("", 0.0)
        return self._begun

    def show(self, number: int, text: str, fraction: float) -> None:
        """What a run does now, and how far it is, 0…1."""
        if number not in self._open:  # told on the way here while Cancel ended it
            return
        self._done += fraction - self._open[number][1]
        self._open[number] = (text, fraction)

    def end(self, number: int, outcome: Outcome) -> None:
        self._done += 1.0 - self._open.pop(number)[1]
        if outcome.drawn:
            kind = outcome.drawn.kind
            before = self._drawn.get(kind)
            self._drawn[kind] = before.plus(outcome.drawn) if before else outcome.drawn
        if outcome.said:
            (self._failed if outcome.failed else self._said)[outcome.said] += 1
        self._notes.update(outcome.notes)

    def text(self, translations: Mapping[str, str]) -> str:
        """At most a few kB: what they do now, then what came of those that ended, failures first."""
        drawn = [drawn.text() for drawn in self._drawn.values()]
        kinds = (self._now(), _counted(self._failed), _first(drawn), _counted(self._said), _counted(self._notes))
        return "\n".join(_cut(str(translate(line, translations))) for kind in kinds for line in kind)

    def _now(self) -> list[str]:
        """Of several runs how many are done, and what the oldest of the others does."""
        lines: list[str] = []
        if self._open and self._begun > 1:
            lines.append(Text("{ended}/{count} done", ended=self._begun - len(self._open), count=self._begun))
        phase, _ = next(iter(self._open.values()), ("", 0.0))
        if phase:
            lines.append(phase)
        return [join("{before}, {after}", lines)] if lines else []


def _counted(texts: Counter[str]) -> list[str]:
    return _first(
        [Text("{count} × {text}", count=count, text=text) if count > 1 else text for text, count in texts.items()]
    )


def _first(lines: Sequence[str]) -> list[str]:
    more = len(lines) - MOST
    return [*lines[:MOST], Text("and {count} more", count=more)] if more > 0 else list(lines)


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
