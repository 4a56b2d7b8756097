"""What a query of the task list asks for, and which tasks fit it. Pure functions; the answer's body is answers.py's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from simulator.answers import BEIJING_TIME
from simulator.rules import ServiceFault
from simulator.tasks import Task

LONGEST_SPAN = 24 * 3600.0  # seconds between start_time and end_time (API documentation)


@dataclass(frozen=True)
class ListQuery:
    """Tasks submitted from `since` to `until` (seconds since 1970, ends included); None: whatever it is."""

    since: float
    until: float
    task_id: str | None
    model: str | None
    status: str | None
    page_no: int
    page_size: int

    def fits(self, task: Task, now: float) -> bool:
        return (
            self.since <= task.submitted <= self.until
            and self.task_id in (None, task.id)
            and self.model in (None, task.model)
            and self.status in (None, task.state(now))
        )


def read_list_query(query: Mapping[str, str], now: float) -> ListQuery:
    """The last 24 hours unless told (API documentation). That a missing end means now, and a missing start 24 hours
    before the end, is our assumption, and so are the words of the refusals.

    Raises ServiceFault.
    """
    try:
        page_no, page_size = int(query.get("page_no", 1)), int(query.get("page_size", 10))
        until = _stamp(query["end_time"]) if "end_time" in query else now
        since = _stamp(query["start_time"]) if "start_time" in query else until - LONGEST_SPAN
    except ValueError:
        page_no = page_size = 0
    if page_no < 1 or page_size < 1:
        raise ServiceFault("InvalidParameter", "page_no, page_size, start_time or end_time is invalid.")
    if until - since > LONGEST_SPAN:
        raise ServiceFault("InvalidParameter", "The span from start_time to end_time must be within 24 hours.")
    return ListQuery(
        since, until, query.get("task_id"), query.get("model_name"), query.get("status"), page_no, page_size
    )


def _stamp(text: str) -> float:
    """Seconds since 1970 of `YYYYMMDDhhmmss` in UTC+8."""
    if len(text) != 14:
        raise ValueError(text)
    return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=BEIJING_TIME).timestamp()
