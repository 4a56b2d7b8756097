"""What goes wrong while a request is sent and answered: what users see, what is billed, what the next run does.

The columns of a run are explained at `Row` in conftest.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from .conftest import ends_well

UNCERTAIN = r"SubmissionUncertain: The request was sent, but no usable answer came: {}\. "
MAYBE_BILLED = (
    r"It may have been billed \(1 picture, CNY 0\.\d+ at list price\)\. It is not sent again by itself: .* "
    r"Queueing again sends a new request\..*"
)
FOUND = r"; The answer to the submission was lost\. A task that fits .* was found .* It may be another program's: .*"
ANOTHERS = (
    r"SubmissionUncertain: The only task in the account's list that could be this request belongs to another one\. "
    + MAYBE_BILLED
)
NEVER_SENT = r"ConnectionFailed: {} could not be reached: {}\. Nothing was sent and nothing was billed\..*"

NO_PICTURE = (
    r"NoPictures: The service says it is done, but gave no picture\. It may be billed\. Look at the usage page .*"
    r"request id .*"
)

OK, STORED = "1 new", "1 from store"
ADOPTED = ends_well("1 resumed" + FOUND, 1, 1, STORED + FOUND)
IN_SYNC = r"; wan2\.6-t2i takes no tasks \(async calls\) with this account, so it was called in sync mode\."
ANEW = OK + r"; An earlier submission of this request got no answer; it may have been billed too\."


def uncertain(reason: str) -> str:
    return UNCERTAIN.format(reason) + MAYBE_BILLED


def lost(fault: str, kind: str, reason: str, billed: int) -> list[dict[str, Any]]:
    """No answer to a sync call, and to the submission of a task; `billed`: whether the request was done all the same.

    Nobody can ask what became of a sync call. A task is found in the account's list if it was made.
    """
    faults = {kind: {"on": "create", "times": 1}}
    again = [(uncertain(reason), 1, billed), *ends_well(ANEW, 2, billed + 1)]
    return [
        {"fault": f"{fault}, sync", "faults": faults, "runs": again},
        {
            "fault": f"{fault}, async",
            "faults": faults,
            "mode": "async",
            "runs": ADOPTED if billed else again,
        },
    ]


def refused(fault: str, kind: str, sees: str, **options: Any) -> list[dict[str, Any]]:
    """An answer that is no for good: free, and the next run asks again."""
    return [
        {
            "fault": f"{fault}, {mode}",
            "mode": mode,
            "faults": {kind: {"times": 1, **options}},
            "runs": [(sees, 1, 0), (OK, 2, 1)],
        }
        for mode in ("sync", "async")
    ]


def both(fault: str, kind: str, created: int, **options: Any) -> list[dict[str, Any]]:
    """Passes by itself: the first run has its picture after so many requests."""
    return [
        {
            "fault": f"{fault}, {mode}",
            "mode": mode,
            "faults": {kind: {"on": "create", **options}},
            "runs": ends_well(OK, created, 1),
        }
        for mode in ("sync", "async")
    ]


def never_sent(fault: str, env: str, host: str, reason: str) -> list[dict[str, Any]]:
    sees = NEVER_SENT.format(host, reason)
    return [
        {"fault": f"{fault}, {mode}", "mode": mode, "env": env, "runs": [(sees, 0, 0), (sees, 0, 0)]}
        for mode in ("sync", "async")
    ]


# A region without a key in the environment, and a model that is sold there.
WAN26 = {"model": "wan2.6-t2i", "width": 1280, "height": 1280}
VIRGINIA = {"region": "us-east-1", **WAN26}
LOCAL = r"http://127\.0\.0\.1:\d+/api/v1"

ROWS: list[dict[str, Any]] = [
    # Limits
    *both("429 once", "throttle", 2, times=1, retry_after=1),
    *both("429 ten times", "throttle", 11, times=10, retry_after=1),
    {
        "fault": "429 for longer than the time-out",
        "inputs": {"timeout": 10},
        "faults": {"throttle": {"retry_after": 4}},
        "runs": [
            (r"Throttled: Too many requests for this model\. .* Wait, ask for a higher limit.*", 3, 0),
            (OK, 4, 1),
        ],
    },
    {
        "fault": "a limit inside a FAILED task",
        "mode": "async",
        "faults": {"task_failed": {"code": "Throttling.RateQuota", "times": 1}},
        "runs": ends_well(OK, 2, 1),
    },
    *both("429 without JSON twice, as gateways send it", "firewall", 3, times=2, http=429),
    *both("503 of a full service, once", "full_503", 2, times=1),
    # Errors of the service and its gateway
    *(
        row
        for status in (302, 403, 405)
        for row in refused(
            f"a gateway's page with {status}",
            "firewall",
            rf"GatewayAnswered: A gateway on the way answered at {LOCAL}, .* nothing was billed\..*HTTP {status}.*",
            http=status,
        )
    ),
    *refused(
        "400 with a fault's code",
        "http_500_json",
        r"ParameterRefused: The service refused a value .*code InternalError\.Algo\.InvalidParameter, HTTP 400.*",
        code="InternalError.Algo.InvalidParameter",
        message="no",
        http=400,
    ),
    {
        "fault": "tasks of a model are not for this account",
        "mode": "async",
        "inputs": WAN26,
        "faults": {"no_tasks": {"times": 1}},
        "runs": ends_well(OK + IN_SYNC, 2, 1, STORED + IN_SYNC),
    },
    *both("500 with a JSON code, once", "http_500_json", 2, times=1),
    {
        "fault": "500 with a JSON code, for ever",
        "faults": {"http_500_json": {}},
        "runs": [
            (r"ServiceFault: The service had an internal error\. .* The request was not billed; .*", 4, 0),
            (OK, 5, 1),
        ],
    },
    {
        "fault": "500 with a code nobody knows",
        "faults": {"http_500_json": {"code": "Mystery", "http": 500, "times": 1}},
        "runs": [(uncertain(r"The service failed\. .*code Mystery.*"), 1, 0), (ANEW, 2, 1)],
    },
    *lost("HTML 502 on create", "http_502", r"a page that is not the service's came back \(HTTP 502\)", 0),
    *lost("HTML 504 on create, done all the same", "http_504", r"a page .* \(HTTP 504\)", 1),
    *lost("no JSON in the answer", "not_json", r"a page that is not the service's came back \(HTTP 200\)", 1),
    {
        "fault": "JSON of the wrong shape in the answer, sync",
        "faults": {"wrong_shape": {"on": "create", "times": 1}},
        "runs": [(NO_PICTURE, 1, 1), *ends_well(ANEW, 2, 2)],
    },
    {
        "fault": "JSON of the wrong shape in the answer, async",
        "mode": "async",
        "faults": {"wrong_shape": {"on": "create", "times": 1}},
        "runs": ADOPTED,
    },
    *both("HTTP 200 with a top-level code, once", "ok_with_code", 2, times=1),
    # The line
    *never_sent("connection refused", "closed port", LOCAL, "the connection was refused or the host is unreachable"),
    *never_sent(
        "no such host", "no such host", r"http://no-such-host\.invalid/api/v1", "the host name could not be resolved"
    ),
    *never_sent(
        "TLS to what speaks none", "no TLS", LOCAL.replace("http:", "https:"), "the connection ended before .*"
    ),
    *never_sent("dead proxy", "dead proxy", LOCAL, "at the proxy, the connection was refused or .*"),
    *(
        {
            "fault": f"working proxy, {mode}",
            "mode": mode,
            "env": "working proxy",
            "runs": ends_well(OK, 1, 1),
        }
        for mode in ("sync", "async")
    ),
    *lost("reset before the request is done", "reset_on_connect", "the connection broke.*", 0),
    *lost("reset after the request is done", "close_before_answer", "the connection broke.*", 1),
    *lost("reset in the middle of the answer", "break_in_body", "the connection broke.*", 1),
    *lost("half of the JSON", "truncated_json", r"a page .* \(HTTP 200\)", 1),
    *both("the answer drips in slowly", "slow_drip", 1, seconds=4.0),
    *both("the answer comes late", "slow_answer", 1, seconds=4.0),
    # The account
    *refused("overdue bill", "arrears", r"BillingProblem: The account has an unpaid bill.* Pay the open bill.*"),
    *refused(
        "free quota used up", "free_tier_used_up", r"BillingProblem: The model's free tier is used up.*console\..*"
    ),
    *refused("not activated", "not_activated", r"AccessDenied: .* Activate Model Studio.*"),
    *(
        {
            "fault": f"{fault}, {mode}",
            "mode": "async",
            "inputs": {**VIRGINIA, "call_mode": mode},
            "keys": (key, "right"),
            "runs": [
                (
                    r"AuthenticationFailed: The API key was not accepted in region us-east-1\. .* "
                    r"The key came from __model_studio/api_key_us_east_1\.txt and was sent to .*",
                    1,
                    0,
                ),
                (OK, 2, 1),
            ],
        }
        for fault, key in (("wrong key", "wrong"), ("key of another region", "foreign"))
        for mode in ("sync", "async")
    ),
    # Moderation
    *refused(
        "moderation of the prompt",
        "moderation_input",
        r"ContentRefused: Moderation refused the prompt.*Change the prompt.*",
    ),
    *refused(
        "moderation of the picture",
        "moderation_output",
        r"ContentRefused: Moderation refused the picture that was made\..* It is not billed\. Another seed may pass.*",
    ),
    # Looking for the task in the account's list
    {
        "fault": "answer lost, the service's clock is five hours ahead",
        "mode": "async",
        "faults": {"close_before_answer": {"on": "create", "times": 1}},
        "ahead": 5 * 3600,
        "runs": ADOPTED,
    },
    {
        "fault": "answer lost, the service's clock is five hours behind",
        "mode": "async",
        "faults": {"close_before_answer": {"on": "create", "times": 1}},
        "ahead": -5 * 3600,
        "runs": ADOPTED,
    },
    {
        "fault": "answer lost, the list lags by three seconds",
        "mode": "async",
        "faults": {"close_before_answer": {"on": "create", "times": 1}, "list_lag": {"seconds": 3.0}},
        "runs": ADOPTED,
    },
    {
        "fault": "answer lost, the list lags by a minute",
        "mode": "async",
        "faults": {"close_before_answer": {"on": "create", "times": 1}, "list_lag": {"seconds": 60.0}},
        "runs": [
            (uncertain("the connection broke.*"), 1, 1),
            *ends_well("1 resumed" + FOUND, 1, 1, STORED + FOUND),
        ],
    },
    {
        "fault": "request lost, and the answer to the next one too",
        "mode": "async",
        "faults": {
            "reset_on_connect": {"on": "create", "times": 1},
            "close_before_answer": {"on": "create", "times": 1},
        },
        "stays": True,
        "runs": [
            (uncertain("the connection broke.*"), 1, 0),
            *ends_well("1 resumed" + FOUND + ANEW.removeprefix(OK), 2, 1, STORED + FOUND),
        ],
    },
    {
        "fault": "request lost, and another program's task in the list",
        "mode": "async",
        "beside": "cats",
        "faults": {"reset_on_connect": {"on": "create", "times": 1}},
        "runs": [(ANOTHERS, 1, 0), *ends_well(ANEW, 2, 1)],
    },
    {
        "fault": "request lost, another program's task in the list, and a refusal to tell of it",
        "mode": "async",
        "beside": "cats",
        "faults": {
            "reset_on_connect": {"on": "create", "times": 1},
            "arrears": {"on": "poll", "code": "InvalidApiKey", "times": 1},
        },
        "runs": [(r"AuthenticationFailed: .*", 1, 0), (ANOTHERS, 1, 0), *ends_well(ANEW, 2, 1)],
    },
    {
        "fault": "answer lost, and another program's task in the list too",
        "mode": "async",
        "beside": "cats",
        "faults": {"close_before_answer": {"on": "create", "times": 1}},
        "runs": [(uncertain("the connection broke.*"), 1, 1), *ends_well(ANEW, 2, 2)],
    },
    {
        "fault": "answer lost, the list cannot be read",
        "mode": "async",
        "faults": {
            "close_before_answer": {"on": "create", "times": 1},
            "not_activated": {"on": "list"},
        },
        "runs": [
            (uncertain("the connection broke.*"), 1, 1),
            *ends_well("1 resumed" + FOUND, 1, 1, STORED + FOUND),
        ],
    },
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["fault"])
def test_fault(row: Mapping[str, Any], check: Callable[[Mapping[str, Any]], None]) -> None:
    check(row)
