"""What a node tells of its runs, of which a list of prompts makes many: a few lines, however many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..errors import ModelStudioError
from ..words import Text, join, money, translate
from .info import CREDITS, NEW, RESUMED, STORED

MOST = 3  # lines of a kind; of the others only how many there are
MOST_IDS = 20
LONGEST = 1000  # characters of a line
LONGEST_ID = 128
# Kinds of lines; web/page/label/outcome.js shows each in its own way.
NOW, ERROR, DONE, LEFT, NOTE = "now", "error", "done", "left", "note"
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
        if self.currency == CREDITS and self.source == NEW:
            parts.append(Text("paid with plan credits"))
        elif self.currency and self.currency != CREDITS:
            amount = money(self.amount, self.currency)
            parts.append(Text("{amount} at list price", amount=amount) if self.source == NEW else amount)
        return join("{before}, {after}", parts)


@dataclass(frozen=True)
class Outcome:
    """What came of a run: pictures, a sentence or an error, and notes.

    left  how it ended before it was done, "canceled" or "stopped"; what becomes of its request is told by Runs.fate
    ids   what users may want to copy of what is said
    """

    drawn: Pictures | None = None
    said: str = ""
    error: ModelStudioError | None = None
    left: str = ""
    ids: Sequence[str] = ()
    notes: Sequence[str] = ()


class Runs:
    """The runs of a node in one prompt. What it takes to begin, show or end one does not depend on their number."""

    def __init__(self) -> None:
        self._begun = 0
        self._open: dict[int, tuple[str, float]] = {}  # number of a run -> what it does now, how far it is
        self._done = 0.0  # sum of how far all are
        self._drawn: dict[tuple[str, str, str], Pictures] = {}
        self._failed: dict[str, Counter[str]] = {}  # sentences of an error -> code and ids of each time
        self._said: Counter[str] = Counter()
        self._left: dict[int, str] = {}  # number of a run -> how it ended
        self._fates: dict[int, str] = {}
        self._ids: list[str] = []
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

    @property
    def ids(self) -> list[str]:
        """Those in the lines, and maybe others."""
        return list(self._ids)

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
            self._said[outcome.said] += 1
        if outcome.left:
            self._left[number] = outcome.left
        if outcome.error:
            self._failed.setdefault(outcome.error.sentences, Counter())[outcome.error.facts] += 1
        for known in outcome.error.ids if outcome.error else outcome.ids:
            if len(self._ids) < MOST_IDS and len(known) <= LONGEST_ID:
                self._ids.append(known)
        self._notes.update(outcome.error.notes if outcome.error else outcome.notes)

    def fate(self, number: int, text: str) -> None:
        """What becomes of the request of a run that was left; it may be told before its end is, and more than once."""
        self._fates[number] = text

    def lines(self, translations: Mapping[str, str]) -> list[tuple[str, str]]:
        """Kind and text, at most a few kB: what they do now, then what came of those that ended, failures first."""
        kinds = {
            NOW: self._now(),
            ERROR: self._errors(),
            DONE: [*_first([drawn.text() for drawn in self._drawn.values()]), *_counted(self._said)],
            LEFT: _counted(Counter(self._end_of(number) for number in self._left)),
            NOTE: _counted(self._notes),
        }
        return [(kind, _cut(str(translate(line, translations)))) for kind, lines in kinds.items() for line in lines]

    def _now(self) -> list[str]:
        """Of several runs how many are done, and what the oldest of the others does."""
        lines: list[str] = []
        if self._open and self._begun > 1:
            lines.append(Text("{ended}/{count} done", ended=self._begun - len(self._open), count=self._begun))
        phase, _ = next(iter(self._open.values()), ("", 0.0))
        if phase:
            lines.append(phase)
        return [join("{before}, {after}", lines)] if lines else []

    def _errors(self) -> list[str]:
        """Each with the codes and ids below it."""
        told = _counted(Counter({sentences: facts.total() for sentences, facts in self._failed.items()}))
        below = [_first([fact for fact in facts if fact]) for facts in self._failed.values()]
        lines: list[str] = []
        for number, sentences in enumerate(told):
            lines += [sentences, *(below[number] if number < min(MOST, len(below)) else [])]
        return lines

    def _end_of(self, number: int) -> str:
        how, fate = self._left[number], self._fates.get(number)
        return Text("{how}: {fate}", how=how, fate=fate) if fate else how


def _counted(texts: Counter[str]) -> list[str]:
    return _first(
        [Text("{count} × {text}", count=count, text=text) if count > 1 else text for text, count in texts.items()]
    )


def _first(lines: Sequence[str]) -> list[str]:
    more = len(lines) - MOST
    return [*lines[:MOST], Text("and {count} more", count=more)] if more > 0 else list(lines)


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
