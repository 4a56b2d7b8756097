"""Requests that are killed and started again until they are delivered, as their user would do it."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from simulator import Simulator

from .evidence import look
from .points import Place
from .requests import Request, fresh
from .runs import UNCERTAIN, Killed, Pixels, Runner

KILLS_IN_A_ROW, THEIR_WEIGHTS = (1, 2, 3), (6, 2, 1)
MOST_RUNS = 12  # of one request
MOST_REQUESTS = 10  # for each kill that is wanted


@dataclass
class Story:
    """A request and what became of it.

    killed     where, each time
    told       how often a run ended with SubmissionUncertain, and the user queued the request again
    uncertain  names of its records that a killed run left without an answer
    """

    request: Request
    killed: list[str] = field(default_factory=list)
    told: int = 0
    uncertain: set[str] = field(default_factory=set)
    pictures: Pixels | None = None

    def __str__(self) -> str:
        return (
            f"{self.request.prompt} ({self.request.kind.name}, n={self.request.n}; killed at {'; '.join(self.killed)})"
        )


@dataclass
class Tally:
    """Kills by runner and phase; of these, those at certain places."""

    kills: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    places: Counter[Place] = field(default_factory=Counter)
    too_late: int = 0  # runs that ended before they could be killed
    errors: Counter[str] = field(default_factory=Counter)  # all but SubmissionUncertain


class Stories:
    """All requests of the program: one ledger, one account."""

    def __init__(self, home: Path, simulator: Simulator, dice: random.Random) -> None:
        self.all: list[Story] = []
        self.tally = Tally()
        self._home, self._simulator, self._dice = home, simulator, dice
        self._ahead = 0.0

    def tell(self, runner: Runner, kills: int) -> None:
        """Requests until so many runs were killed."""
        for _ in range(MOST_REQUESTS * kills):
            if self.tally.kills[runner.name].total() >= kills:
                return
            self._simulator.clock.advance(runner.apart)
            self._ahead += runner.apart
            story = Story(fresh(len(self.all) + 1, self._ahead, self._dice))
            self.all.append(story)
            self._tell(story, runner)

    def _tell(self, story: Story, runner: Runner) -> None:
        kills = self._dice.choices(KILLS_IN_A_ROW, THEIR_WEIGHTS)[0]
        for _ in range(MOST_RUNS):
            evidence = look(self._home, story.request.prompt)
            story.uncertain |= evidence.uncertain
            came = runner.attempt(story.request, evidence.phase, doomed=kills > 0)
            if isinstance(came, Killed):
                kills -= 1
                self._count(story, runner, came)
                continue
            self.tally.too_late += kills > 0
            if came.error == UNCERTAIN:
                story.told += 1
            elif came.error:
                self.tally.errors[f"{came.error}: {came.message}"] += 1
            else:
                story.pictures = came.pictures
                return

    def _count(self, story: Story, runner: Runner, killed: Killed) -> None:
        if killed.place:
            self.tally.places[killed.place] += 1
        phase = killed.place.phase if killed.place else look(self._home, story.request.prompt).phase
        self.tally.kills[runner.name][phase] += 1
        story.killed.append(str(killed.place or phase))
