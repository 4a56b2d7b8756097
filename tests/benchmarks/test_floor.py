"""The floors."""

from __future__ import annotations

import pytest

from benchmarks.floor import Floor, measure, together
from benchmarks.service import Service

FLOOR = Floor(download=0.01, decode=0.05)


@pytest.mark.parametrize(
    ("task", "least", "on_schedule"), [(2.0, 2.06, 3.06), (3.0, 3.06, 3.06), (4.9, 4.96, 6.06), (7.3, 7.36, 9.06)]
)
def test_floors_of_task_times(task: float, least: float, on_schedule: float) -> None:
    assert FLOOR.of(task) == pytest.approx(least)
    assert FLOOR.on_schedule(task) == pytest.approx(on_schedule)


def test_downloads_and_decodes_are_measured() -> None:
    with Service() as service:
        least = measure(service.picture_link())
        assert least.download > 0
        assert least.decode > 0
        assert together(service.picture_link(), 3) > 0
