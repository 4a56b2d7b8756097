"""The service's time, whatever this machine's clock says."""

from __future__ import annotations

import pytest

from model_studio.service.clock import DRIFT, ServiceClock

DATE = 1_800_000_000.0


class Machine:
    def __init__(self) -> None:
        self.wall, self.steady = 5.0, 100.0
        self.clock = ServiceClock(lambda: self.wall, lambda: self.steady)

    def wait(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_it_goes_on_between_two_answers_however_wrong_this_machine_is(machine: Machine) -> None:
    machine.clock.hear(DATE)
    machine.wait(3600)
    assert machine.clock.now() == DATE + 3600
    machine.clock.hear(None)
    assert machine.clock.now() == DATE + 3600


def test_nobody_knows_it_before_an_answer(machine: Machine) -> None:
    assert machine.clock.now() is None


@pytest.mark.parametrize("jump", [25 * 3600, -25 * 3600, DRIFT + 1])
def test_after_a_jump_it_is_not_known_until_the_next_answer(machine: Machine, jump: float) -> None:
    machine.clock.hear(DATE)
    machine.wall += jump  # it was set, or the machine slept
    assert machine.clock.now() is None
    machine.clock.hear(DATE + 10)
    assert machine.clock.now() == DATE + 10
