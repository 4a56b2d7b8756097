"""How long a pause is: as the service asks, in seconds or until a date, else doubling."""

from __future__ import annotations

import time
from typing import Any

import pytest

from model_studio.service import backoff
from model_studio.service.backoff import LONGEST_RETRY_AFTER, doubled, retry_after

DAY = 24 * 3600


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        *(("7", 7), ("120", 120), ("121", 121), ("86400", DAY), ("86401", DAY), ("999999999", DAY)),
        *(("0", 0), ("-3", 0), ("²", 0), ("9" * 5000, 0), ("1.5", 0), ("soon", 0), ("", 0)),
        ("Thu, 26 Nov 2026 12:00:30 GMT", 30),
        ("Thu, 26 Nov 2026 17:00:00 GMT", 5 * 3600),
        ("Thu, 26 Nov 2026 20:01:00 +0800", 60),
        ("Thu, 26 Nov 2026 12:01:00 -0000", 60),
        ("Sat, 28 Nov 2026 12:00:00 GMT", DAY),
        ("Fri, 31 Dec 9999 23:59:59 GMT", DAY),
        ("Thu, 26 Nov 2026 11:59:59 GMT", 0),
        ("Thu, 99 Nov 2026 12:00:30 GMT", 0),
        ("Thu, 26 Nov 0000 12:00:30 +9999", 0),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(answer: Any, asked: str, seconds: float) -> None:
    """A date counts by the service's own clock, where the answer tells it."""
    assert retry_after(answer(429, {}, Retry_After=asked, Date="Thu, 26 Nov 2026 12:00:00 GMT")) == seconds


def test_a_date_counts_by_our_clock_where_there_is_no_other(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_795_694_400.0)
    date = "Thu, 26 Nov 2026 12:00:30 GMT"
    assert retry_after(answer(429, {}, Retry_After=date)) == 30
    assert retry_after(answer(429, {}, Retry_After=date, Date="yesterday")) == 30


def test_nothing_is_asked_for(answer: Any) -> None:
    assert retry_after(answer(429, {})) == 0 and LONGEST_RETRY_AFTER == DAY


def test_pauses_double(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff.random, "uniform", lambda low, high: high)
    assert [doubled(tries) for tries in range(1, 7)] == [1, 2, 4, 8, 8, 8]
    assert doubled(10**6, 30) == 30
    monkeypatch.setattr(backoff.random, "uniform", lambda low, high: low)
    assert doubled(1) == 0.75
