"""What was delivered against what was billed, picture by picture, and the ledger against both."""

from __future__ import annotations

import io
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from model_studio.ledger import UNCERTAIN, Entry, Ledger
from model_studio.ledger.database import DAMAGED
from model_studio.runs.info import STORED
from simulator import Simulator
from simulator.service import Billed

from .evidence import FOLDER, records
from .points import HAND_OVER
from .runs import Ended, Pixels, Runner
from .story import Story

_DAY = 24 * 3600


@dataclass
class Audit:
    """Sums of all requests. `failures`: what must not be, a sentence each. Money is in CNY."""

    requests: int = 0
    billed: int = 0
    delivered: int = 0  # equal to billed ones, pixel for pixel, and nothing else wrong with their request
    warned: int = 0
    adopted: int = 0  # uncertain submissions whose task was found in the list
    billed_again: int = 0  # those billed once more after their user was warned
    pictures_billed_again: int = 0
    spent: float = 0.0
    once_more: int = 0
    failures: list[str] = field(default_factory=list)


def audit(stories: Sequence[Story], simulator: Simulator, home: Path, began: float, runner: Runner) -> Audit:
    """Ends with running every request once more with `runner`."""
    result = Audit()
    bills = _by_prompt(simulator)
    ledger = records(home)
    expected = 0.0
    for story in stories:
        prompt = story.request.prompt
        own, entries = bills.pop(prompt, []), ledger.get(prompt, [])
        wrong = (*_wrong(story, own, entries), *wrong_pictures(story, own, simulator.pictures))
        result.failures += [f"{story}: {what}" for what in wrong]
        result.delivered += len(story.pictures) if story.pictures is not None and not wrong else 0
        _add(result, story, own, entries)
        expected += sum(entry.asked.price[0] * entry.billed for entry in entries if entry.asked.price)
    result.failures += [f"{prompt} was billed, but never asked for." for prompt in bills]
    result.spent = _spent(home, began, time.time() + stories[-1].request.ahead if stories else began)
    if abs(result.spent - expected) > 1e-6:
        result.failures.append(f"The ledger's daily sums make CNY {result.spent:g}, its records CNY {expected:g}.")
    result.failures += integrity(home)
    result.failures += _once_more(stories, simulator, runner, result)
    return result


def _by_prompt(simulator: Simulator) -> dict[str, list[Billed]]:
    bills: dict[str, list[Billed]] = {}
    for charge in simulator.billed:
        drawing = simulator.pictures.drawing(charge.paths[0])
        assert drawing
        bills.setdefault(drawing.prompt, []).append(charge)
    return bills


def _wrong(story: Story, bills: Sequence[Billed], entries: Sequence[Entry]) -> Iterator[str]:
    """Each uncertain submission may have been billed beside the one that was delivered, if its user was warned."""
    n, most, uncertain = story.request.n, story.request.most, sum(entry.state == UNCERTAIN for entry in entries)
    if len(bills) > 1 + story.warned:
        yield f"billed {len(bills)} times, though the user was warned of {story.warned} uncertain submissions."
    if uncertain > story.warned:
        yield f"{uncertain} submissions count as uncertain, but the user was warned of {story.warned}."
    noted = sum(entry.billed for entry in entries)
    if noted != n + most * uncertain:
        yield f"the ledger has {noted} pictures as paid for; it should be {n} and {most * uncertain} uncertain ones."


def wrong_pictures(story: Story, bills: Sequence[Billed], files: Mapping[str, bytes]) -> Iterator[str]:
    if story.pictures is None:
        yield "never delivered."
    elif not any(np.array_equal(story.pictures, _pixels(bill, files)) for bill in bills):
        yield "the pictures that were delivered are not the ones that were billed."


def _pixels(bill: Billed, files: Mapping[str, bytes]) -> Pixels:
    return np.stack([np.asarray(Image.open(io.BytesIO(files[path]))) for path in bill.paths])


def _add(result: Audit, story: Story, bills: Sequence[Billed], entries: Sequence[Entry]) -> None:
    uncertain = {entry.name for entry in entries if entry.state == UNCERTAIN}
    result.requests += 1
    result.billed += sum(bill.images for bill in bills)
    result.warned += story.warned
    result.adopted += len(story.uncertain - uncertain)
    result.billed_again += max(0, len(bills) - 1)
    result.pictures_billed_again += sum(bill.images for bill in bills[1:])


def _spent(home: Path, since: float, until: float) -> float:
    """The ledger's sums of all days from `since` to `until`."""
    moments = [*np.arange(since, until, _DAY), until]
    days = {time.strftime("%Y-%m-%d", time.localtime(moment)): float(moment) for moment in moments}
    sums = [Ledger(home / FOLDER, partial(float, moment)).spent_today() for moment in days.values()]
    return sum((spent or {}).get("CNY", 0.0) for spent in sums)


def integrity(home: Path) -> list[str]:
    with closing(sqlite3.connect(home / FOLDER / "ledger.sqlite")) as ledger:
        told = [row[0] for row in ledger.execute("PRAGMA integrity_check")]
    damaged = [folder.name for folder in (home / FOLDER).glob(f"{DAMAGED}*")]
    return [f"The ledger is damaged: {what}." for what in [*told, *damaged] if what != "ok"]


def _once_more(stories: Sequence[Story], simulator: Simulator, runner: Runner, result: Audit) -> Iterator[str]:
    """What was delivered comes from the store again, and nothing is sent."""
    billed = len(simulator.billed)
    for story in stories:
        if story.pictures is None:
            continue
        came = runner.attempt(story.request, HAND_OVER, doomed=False)
        if not isinstance(came, Ended) or came.error:
            yield f"{story}, once more: {came}."
        elif came.info["source"] != STORED:
            yield f"{story}, once more: {came.info['source']}, not {STORED}."
        elif came.pictures is None or not np.array_equal(came.pictures, story.pictures):
            yield f"{story}, once more: other pictures."
        else:
            result.once_more += 1
    if len(simulator.billed) != billed:
        yield f"Once more: {len(simulator.billed) - billed} requests were billed."
