"""Requests whose runs are ended and started again until they are delivered, as their user would do it."""

from __future__ import annotations

import random
import signal
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from simulator import Simulator

from .evidence import look
from .points import HAND_OVER, POLL, SUBMIT, Place
from .requests import Request, fresh
from .runs import UNCERTAIN, Killed, Pixels, Runner

KILLS_IN_A_ROW, THEIR_WEIGHTS = (1, 2, 3), (6, 2, 1)
MOST_RUNS = 12  # of one request
MOST_REQUESTS = 10  # for each kill that is wanted


@dataclass
class Story:
    """A request and what became of it.

    killed     where and how, each time
    warned     how often a run ended with SubmissionUncertain, and the user queued the request again
    uncertain  names of its records that a killed run left without an answer
    """

    request: Request
    killed: list[str] = field(default_factory=list)
    warned: int = 0
    uncertain: set[str] = field(default_factory=set)
    pictures: Pixels | None = None

    def __str__(self) -> str:
        return (
            f"{self.request.prompt} ({self.request.kind.name}, n={self.request.n}; killed at {'; '.join(self.killed)})"
        )


@dataclass
class Tally:
    """Kills by runner and phase, and by runner and signal; of these, those at certain places.

    Of ComfyUI's ends by SIGTERM or SIGINT:
    finished   those at which a request was being drawn, and its pictures were stored before the process ended
    uncertain  submissions that they left uncertain
    """

    kills: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    ways: defaultdict[str, Counter[signal.Signals]] = field(default_factory=lambda: defaultdict(Counter))
    places: Counter[Place] = field(default_factory=Counter)
    finished: int = 0
    uncertain: int = 0
    too_late: int = 0  # runs that ended before they could be killed
    errors: Counter[str] = field(default_factory=Counter)  # all but SubmissionUncertain


class Stories:
    """All requests of the program: one ledger, one account."""

    def __init__(self, home: Path, simulator: Simulator, dice: random.Random) -> None:
        self.all: list[Story] = []
        self.tally = Tally()
        self._home, self._simulator, self._dice = home, simulator, dice
        self._ahead = 0.0

    def play(self, runner: Runner, kills: int) -> None:
        """Requests until so many runs were ended by a signal."""
        for _ in range(MOST_REQUESTS * kills):
            if self.tally.kills[runner.name].total() >= kills:
                return
            self._simulator.clock.advance(runner.apart)
            self._ahead += runner.apart
            story = Story(fresh(len(self.all) + 1, self._ahead, self._dice))
            self.all.append(story)
            self._play(story, runner)

    def _play(self, story: Story, runner: Runner) -> None:
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
                story.warned += 1
            elif came.error:
                self.tally.errors[f"{came.error}: {came.message}"] += 1
            else:
                story.pictures = came.pictures
                return

    def _count(self, story: Story, runner: Runner, killed: Killed) -> None:
        evidence = look(self._home, story.request.prompt)
        phase = killed.phase or evidence.phase
        self.tally.kills[runner.name][phase] += 1
        self.tally.ways[runner.name][killed.way] += 1
        if killed.place:
            self.tally.places[killed.place] += 1
        elif killed.phase and killed.way != signal.SIGKILL:
            self.tally.finished += phase in (SUBMIT, POLL) and evidence.phase == HAND_OVER
            self.tally.uncertain += len(evidence.uncertain - story.uncertain)
        story.warned += killed.warned
        story.killed.append(f"{killed.place or phase} by {killed.way.name}")
