"""What goes wrong with a task that the service has taken: what users see, what is billed, what the next run does.

The columns of a run are explained at `Row` in conftest.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from .conftest import ends_well

OK, RESUMED = "1 new", "1 resumed"
TIMEOUT = (
    r"TaskTimeout: After 1\d s the task is not finished \({}\)\. The service goes on and bills what it draws\. "
    r"Run again within 24 hours: the task is taken up, and nothing is paid twice\. .* \(.*task id .*\)"
)
DENIED = r"TaskTimeout: For 1\d s the service has not known the task that it made\. .*asking costs nothing.*task id .*"
ANEW = r"1 new; An earlier submission of this request got no answer; it may have been billed too\."
SENT_AGAIN = r"1 new; An earlier {} of this request can no longer be fetched, so it was sent again\."
ONE_OF_TWO = r"; 2 pictures were asked for, 1 came\."
OTHER_SIZE = r"; 512\*512 was asked for; the service drew 640\*480\."
NO_TASK = r"TaskUnknown: The service does not know this task in region cn-beijing\..*"


def passes(fault: str, kind: str, **options: Any) -> dict[str, Any]:
    """Trouble with reading a task: free, and asked again."""
    return {
        "fault": fault,
        "faults": {kind: {"on": "poll", **options}},
        "runs": ends_well(OK, 1, 1),
    }


def goes_on(fault: str, kind: str, state: str) -> dict[str, Any]:
    """The service says for longer than the time-out that the task is not done."""
    return {
        "fault": fault,
        "inputs": {"timeout": 10},
        "faults": {kind: {"on": "poll"}},
        "runs": [(TIMEOUT.format(state), 1, 1), *ends_well(RESUMED, 1, 1)],
    }


def drawn(fault: str, mode: str, kind: str, count: int, notes: str, **options: Any) -> dict[str, Any]:
    """Two pictures are asked for; `count` come."""
    return {
        "fault": f"{fault}, {mode}",
        "mode": mode,
        "inputs": {"n": 2},
        "faults": {kind: {"times": 1, **options}},
        "runs": ends_well(f"{count} new{notes}", 1, count, f"{count} from store{notes}"),
    }


ROWS: list[dict[str, Any]] = [
    # Reading the task
    passes("429 on task queries, three times", "throttle", times=3, retry_after=1),
    passes("500 on task queries, twice", "http_500_json", times=2),
    passes("HTML 502 on task queries, twice", "http_502", times=2),
    passes("a firewall's page on task queries, twice", "firewall", times=2),
    passes("no JSON in the answer to a task query", "not_json", times=2),
    passes("JSON of the wrong shape in the answer to a task query", "wrong_shape", times=1),
    passes("HTTP 200 with a top-level code on a task query", "ok_with_code", times=1),
    passes("reset before a task query is answered", "reset_on_connect", times=2),
    passes("reset in the middle of the answer to a task query", "break_in_body", times=2),
    passes("half of the JSON in the answer to a task query", "truncated_json", times=2),
    passes("the answer to a task query drips in slowly", "slow_drip", times=1, seconds=4.0),
    {
        "fault": "HTML 502 on task queries, for ever",
        "inputs": {"timeout": 10},
        "faults": {"http_502": {"on": "poll"}},
        "runs": [(TIMEOUT.format("no answer; the last connection error: HTTP 502"), 1, 1), (RESUMED, 1, 1)],
    },
    {
        "fault": "key not accepted on a task query",
        "faults": {"arrears": {"on": "poll", "code": "InvalidApiKey", "times": 1}},
        "runs": [(r"AuthenticationFailed: .* task id .*", 1, 1), *ends_well(RESUMED, 1, 1)],
    },
    # States
    goes_on("PENDING for ever", "stuck_pending", "PENDING"),
    goes_on("RUNNING for ever", "stuck_running", "RUNNING"),
    goes_on("SUSPENDED", "suspended", "SUSPENDED"),
    goes_on("a state nobody knows", "strange_state", "REVIEWING"),
    {
        "fault": "CANCELED",
        "faults": {"canceled": {"times": 1}},
        "runs": [
            (r"TaskCanceled: The task was canceled before it ran\. It is not billed; queue a new one\. .*", 1, 0),
            (OK, 2, 1),
        ],
    },
    {
        "fault": "CANCELED after the time-out",
        "inputs": {"timeout": 10},
        "faults": {"stuck_pending": {"on": "poll"}, "canceled": {"times": 1}},
        "runs": [(TIMEOUT.format("PENDING"), 1, 0), (OK, 2, 1)],
    },
    {
        "fault": "FAILED",
        "faults": {"task_failed": {"times": 1}},
        "runs": [
            (r"ServiceFault: The model failed while drawing\. .* The request was not billed; .*", 1, 0),
            (OK, 2, 1),
        ],
    },
    {
        "fault": "UNKNOWN, and known again a moment later",
        "faults": {"unknown": {"on": "poll", "times": 2}},
        "runs": ends_well(OK, 1, 1),
    },
    {
        "fault": "UNKNOWN, and known again by the next run",
        "inputs": {"timeout": 10},
        "faults": {"unknown": {"on": "poll"}},
        "runs": [(DENIED, 1, 1), *ends_well(RESUMED, 1, 1)],
    },
    {
        "fault": "UNKNOWN for ever",
        "inputs": {"timeout": 10},
        "faults": {"unknown": {"times": 1}},
        "denied": 200,
        "runs": [
            (DENIED, 1, 0),
            (NO_TASK + "Queue again to try once more.*", 1, 0),
            *ends_well(SENT_AGAIN.format("task"), 2, 1),
        ],
    },
    {
        "fault": "time-out, and the service's clock jumps by a day",
        "inputs": {"timeout": 10},
        "faults": {"stuck_running": {"on": "poll"}},
        "later": 25 * 3600,
        "runs": [(TIMEOUT.format("RUNNING"), 1, 1), (DENIED, 1, 1)],
    },
    {
        "fault": "time-out, run again a day later",
        "inputs": {"timeout": 15},
        "faults": {"stuck_running": {"on": "poll"}},
        "later": 25 * 3600,
        "aged": 25 * 3600,
        "runs": [(TIMEOUT.format("RUNNING"), 1, 1), *ends_well(SENT_AGAIN.format("task"), 2, 2)],
    },
    # What was drawn. No entry for a failed picture is documented for sync answers, so nobody can say why it failed.
    drawn("one of two pictures failed", "sync", "partial_success", 1, ONE_OF_TWO),
    drawn("one of two pictures failed", "async", "partial_success", 1, rf"{ONE_OF_TWO}; A picture was not drawn: .*"),
    *(
        drawn(fault, mode, kind, count, notes, **options)
        for fault, kind, count, notes, options in (
            ("more pictures than asked for", "more_pictures", 3, r"; 2 pictures were asked for, 3 came\.", {}),
            ("another size than asked for", "other_size", 2, OTHER_SIZE, {"index": 1}),
        )
        for mode in ("sync", "async")
    ),
    *(
        {
            "fault": f"a refusal in words, {mode}",
            "mode": mode,
            "faults": {"refused_in_words": {"times": 1}},
            "runs": [
                (
                    r"NoPictures: The service drew no picture\. It says: \"I cannot draw this\..*\" It may be billed: "
                    r"look at the usage page .* Queued again unchanged.*request id .*",
                    1,
                    0,
                ),
                (told, 2, 1),
            ],
        }
        for mode, told in (("sync", ANEW), ("async", SENT_AGAIN.format("task")))
    ),
    *(
        {
            "fault": f"SUCCEEDED with no picture, {mode}",
            "mode": mode,
            "faults": {"succeeded_without_pictures": {"times": 1}},
            "runs": [
                (
                    r"NoPictures: The service says it is done, but gave no picture\. It may be billed\. "
                    r"Look at the usage page .* Queued again unchanged.*request id .*",
                    1,
                    0,
                ),
                (told, 2, 1),
            ],
        }
        for mode, told in (("sync", ANEW), ("async", SENT_AGAIN.format("task")))
    ),
]
for row in ROWS:
    row.setdefault("mode", "async")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["fault"])
def test_fault(row: Mapping[str, Any], check: Callable[[Mapping[str, Any]], None]) -> None:
    check(row)
