"""The account's lists of tasks and of models, page by page, as typed values. Whatever comes is read without raising."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .answers import dicts, one_line, text
from .tasks import is_id

PAGE_SIZE = 50
_LATEST = 253_402_300_799_999  # milliseconds since 1970: the end of the year 9999


@dataclass(frozen=True)
class ListedTask:
    """A task in the list. `made`: seconds since 1970, by the service's clock."""

    task_id: str
    made: float


@dataclass(frozen=True)
class TaskPage:
    """A page of it. `now`: the service's clock, in seconds since 1970; None where the answer does not tell it."""

    tasks: list[ListedTask]
    is_last: bool
    now: float | None


def read_page(body: dict[str, Any], model_id: str, page: int, now: float | None) -> TaskPage:
    """The tasks of one model on this page (from 1)."""
    rows = dicts(body.get("data"))
    pages = body.get("total_page")
    tasks = []
    for row in rows:
        task_id, made = text(row.get("task_id")), _made(row.get("gmt_create"))
        if row.get("model_name") == model_id and is_id(task_id) and made is not None:
            tasks.append(ListedTask(task_id, made))
    return TaskPage(tasks, not rows or not isinstance(pages, int) or page >= pages, now)


def read_models(body: dict[str, Any], page: int) -> tuple[list[str], bool]:
    """The ids of models of all kinds on this page (from 1), and whether it is the last (SDK)."""
    output = body.get("output")
    output = output if isinstance(output, dict) else {}
    rows, total = dicts(output.get("models")), output.get("total")
    names = [one_line(row.get("model")) for row in rows]
    is_last = not rows or not isinstance(total, int) or page * PAGE_SIZE >= total
    return [name for name in names if name], is_last


def _made(value: Any) -> float | None:
    """Seconds since 1970 of a time in milliseconds; JSON may hold numbers that are no time."""
    return value / 1000 if type(value) in (int, float) and 0 < value <= _LATEST else None
