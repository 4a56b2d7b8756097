"""The service's time: a wrong clock of this machine begins no new day of a budget, and makes no picture old."""

from __future__ import annotations

import time
from collections.abc import Callable

DRIFT = 60.0  # seconds by which this machine's two clocks may differ, before one of them was set or stood still


class ServiceClock:
    """As the Date header of its answers tells it, carried on by this machine's steady clock.

    `wall`: this machine's time, in seconds since 1970. `steady`: seconds that nobody sets; while the machine sleeps
    they may stand still.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._steady = steady
        self._heard: tuple[float, float, float] | None = None  # the service's time, then wall and steady

    def hear(self, date: float | None) -> None:
        """An answer says that it is `date` (seconds since 1970); None: it does not say."""
        if date is not None:
            self._heard = (date, self._wall(), self._steady())

    def now(self) -> float | None:
        """Seconds since 1970; None where nothing was heard, or this machine slept or was set since."""
        if self._heard is None:
            return None
        date, wall, steady = self._heard
        passed = self._steady() - steady
        return date + passed if abs(self._wall() - wall - passed) <= DRIFT else None
