"""Settings of a simulator, and its clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from simulator.models import BEIJING, PLANS, REGIONS, Model
from simulator.tasks import Pace


@dataclass(frozen=True)
class Account:
    """Whose a key is. A key works in its region only; several keys may be of one account."""

    id: str
    region: str


def default_keys() -> dict[str, Account]:
    """One key of account-1 in each region, and one of account-2 in each; those of plans look as theirs do."""
    starts = {region: "sk-sp-simulated" if region in PLANS else "sk-simulated" for region in REGIONS}
    keys = {f"{start}-{region}": Account("account-1", region) for region, start in starts.items()}
    return keys | {f"{start}-other-{region}": Account("account-2", region) for region, start in starts.items()}


@dataclass(frozen=True)
class Config:
    """All settings. Durations are in seconds.

    region          what `/api/v1` stands for; `/{region}/api/v1` names the others
    keys            key -> Account
    host, port      where to listen; port 0 takes a free one
    task_seconds    from submit to end of a task; None: what is typical of the model
    pending_seconds how much of that a task is PENDING
    progression     "time"; or "reads": `pending_reads` queries see PENDING, `running_reads` more RUNNING
    sync_seconds    of a synchronous call; None: as task_seconds
    rules           size rules that servers were "observed" to keep, or the "documented" ones
    checks          of an asynchronous request: "late", a bad size, n or word becomes a FAILED task, as most models were
                    observed to do; "early", it is refused with 400 at once. Synchronous requests are checked early
    rate_limits     keep the published limits: submits per model, tasks at once, 20 queries a second
    moderation_words   a prompt with one of them is refused
    new_models, gone_models   ids that the list of models has besides, and lacks
    choices_style   how n pictures are put in `choices`: "together" in one, "apart" in n, or as the "model" does
    """

    region: str = BEIJING
    keys: Mapping[str, Account] = field(default_factory=default_keys)
    host: str = "127.0.0.1"
    port: int = 0
    task_seconds: float | None = 2.0
    pending_seconds: float = 0.0
    progression: str = "time"
    pending_reads: int = 1
    running_reads: int = 1
    sync_seconds: float | None = None
    rules: str = "observed"
    checks: str = "late"
    rate_limits: bool = False
    moderation_words: tuple[str, ...] = ("forbidden-word", "違禁詞", "违禁词")
    choices_style: str = "model"
    new_models: tuple[str, ...] = ()
    gone_models: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        allowed = {
            "region": REGIONS,
            "progression": ("time", "reads"),
            "rules": ("observed", "documented"),
            "checks": ("early", "late"),
            "choices_style": ("model", "together", "apart"),
        }
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name} is {getattr(self, name)!r}, not one of {', '.join(values)}")

    def pace(self, model: Model) -> Pace:
        if self.progression == "reads":
            return Pace(self.pending_reads, self.running_reads, by_reads=True)
        seconds = model.seconds if self.task_seconds is None else self.task_seconds
        return Pace(self.pending_seconds, max(0.0, seconds - self.pending_seconds))

    def sync_wait(self, model: Model) -> float:
        if self.sync_seconds is not None:
            return self.sync_seconds
        return model.seconds if self.task_seconds is None else self.task_seconds


class Clock:
    """Seconds since 1970, which tests may put forward: `advance(86400)` is the same time tomorrow."""

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self._offset = 0.0

    def now(self) -> float:
        return self._source() + self._offset

    def advance(self, seconds: float) -> None:
        self._offset += seconds
