"""Tasks: their ids, states and errors, and how often the service is asked about them."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import InvalidRequest, ModelStudioError, TaskCanceled, TaskTimeout, TaskUnknown
from ..words import Text, join
from .advice import service_error
from .answers import TaskAnswer

PENDING, RUNNING, SUCCEEDED = "PENDING", "RUNNING", "SUCCEEDED"
FAILED, CANCELED, UNKNOWN = "FAILED", "CANCELED", "UNKNOWN"
FINAL = frozenset({SUCCEEDED, FAILED, CANCELED, UNKNOWN})
# Words for the node; any other state (SUSPENDED is in the SDK's constants) is shown as the service writes it.
STATE_TEXTS = {
    PENDING: Text("queued"),
    RUNNING: Text("running"),
    UNKNOWN: Text("not known to the service, asking again"),
}

# Until so many seconds have passed, seconds between two questions: 3 s for the first 30 s, then longer (specification).
_SCHEDULE = ((30, 3), (120, 5))
_LATER = 10
MOST_IDS = 100  # of one Task Poller: the service answers 20 questions a second
_TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_NO_ID = ("none", "null", "undefined", "nan")  # what programs write where there is nothing
_QUOTES = "\"'`“”„‟‘’‚‛«»「」『』"
_NO_WIDTH = "\u00ad\u180e\u200b-\u200f\u2060\ufeff"
_BETWEEN = re.compile(rf"[\s{_NO_WIDTH}{_QUOTES}\\,;，；、()\[\]}}<>（）［］【】〈〉《》]+")
_ENDS = ".!?。！？…/"  # of a sentence, or of a URL
_URL = re.compile(r"https?://[^\s/]+/api/v\d+/tasks/")
_NAME = re.compile(rf"\btask[_ ]?ids?[{_QUOTES}]*\s*[:：=]", re.IGNORECASE)
_SAID = re.compile(r"(?:task id|任務 ID|任务 ID) ([A-Za-z0-9_-]+)")
_NAMED = re.compile(rf"\btask_id[\\{_QUOTES}]+\s*:\s*[\\{_QUOTES}]*([^\s\\{_QUOTES},}}]+)")


def poll_delay(elapsed: float) -> float:
    """Seconds until the next question about a task that was submitted `elapsed` seconds ago."""
    return next((delay for until, delay in _SCHEDULE if elapsed < until), _LATER)


def parse_ids(text: str) -> list[str]:
    """Task ids from a text, each once, in order; there may be none.

    They stand between commas, blanks or line ends, quoted or bracketed as they were copied, in URLs, or in the
    service's JSON. Raises InvalidRequest for what is not an id, and for too many.
    """
    ids = list(dict.fromkeys(_in_json(text) if "{" in text else _in_words(text)))
    for task_id in ids:
        if not is_id(task_id):
            raise InvalidRequest(
                Text("{id!r} is not a task id.", id=task_id[:60]),
                Text("Enter the ids alone; they look like 9e2b6ef6-285d-4efa-8651-4dbda7d571fa."),
            )
    if len(ids) > MOST_IDS:
        raise InvalidRequest(
            Text("{count} task ids are too many for one Task Poller.", count=len(ids)),
            Text("It takes up to {most}. Put the others into another Task Poller.", most=MOST_IDS),
        )
    return ids


def _in_json(text: str) -> list[str]:
    """What answers of the service, or parts of them, call a task id: nothing else in them is one."""
    named: list[str] = []
    with contextlib.suppress(ValueError, RecursionError):
        named = list(_values(json.loads(text)))
    named = named or _NAMED.findall(text)  # a part of one, or one that other programs have quoted
    return [part for value in named for part in _in_words(value)] or [text.strip()]


def _values(tree: Any) -> Iterator[str]:
    """The task ids in JSON; several in one text are those of `info`."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            if name == "task_id" and isinstance(value, str):
                yield value
            else:
                yield from _values(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from _values(item)


def _in_words(text: str) -> list[str]:
    if said := _SAID.findall(text):  # by our errors, beside ids of other kinds
        text = " ".join(said)
    bare = _NAME.sub(" ", _URL.sub(" ", text))
    parts = (part.rstrip(_ENDS) for part in _BETWEEN.split(bare))
    return [part for part in parts if part]


def is_id(text: str) -> bool:
    """Whether a text can be a task id; anything else must not get into a URL."""
    return _TASK_ID.fullmatch(text) is not None and text.lower() not in _NO_ID


def failure(answer: TaskAnswer, task_id: str, region: str) -> ModelStudioError | None:
    """The error of a task that ended without success; None where it succeeded or still goes on."""
    error: ModelStudioError | None = None
    if answer.state == FAILED:
        error = service_error(answer.code, answer.message, region=region)
    elif answer.state == CANCELED:
        error = TaskCanceled(Text("The task was canceled before it ran."), Text("It is not billed; queue a new one."))
    elif answer.state == UNKNOWN:
        error = TaskUnknown(
            Text("The service does not know this task in region {region}.", region=region),
            Text(
                "Either it is older than 24 hours, or it belongs to another account or another region, or the id has a "
                "typing error. Choose the region and use the key with which it was submitted."
            ),
        )
    if error is None:
        return None
    if not isinstance(error, TaskUnknown):  # which it may be again
        error.failed_tasks = (task_id,)
    return error.with_ids(request_id=answer.request_id, task_id=task_id)


def timeout(states: Mapping[str, str], waited: float, trouble: str) -> TaskTimeout:
    """The error when the time is over while tasks (id -> last known state) still go on at the service."""
    if states and all(state == UNKNOWN for state in states.values()):
        return TaskTimeout(
            Text("For {seconds:.0f} s the service has not known the task that it made.", seconds=waited),
            Text("It may lag behind. Run again: asking costs nothing, and no new request is sent for the time being."),
            task_id=", ".join(states),
        )
    told = join("{before}, {after}", dict.fromkeys(state or Text("no answer") for state in states.values()))
    if trouble:
        told = Text("{states}; the last connection error: {trouble}", states=told, trouble=trouble)
    facts = {"seconds": waited, "count": len(states), "told": told}
    return TaskTimeout(
        Text("After {seconds:.0f} s the task is not finished ({told}).", **facts)
        if len(states) == 1
        else Text("After {seconds:.0f} s {count} tasks are not finished ({told}).", **facts),
        Text(
            "The service goes on and bills what it draws. Run again within 24 hours: the task is taken up, and nothing "
            "is paid twice. A Task Poller with the id does the same."
        ),
        task_id=", ".join(states),
    )
