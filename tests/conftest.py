"""Settings and data for all tests."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The machines that run this are shared and slow at times; a property is about truth, not speed.
settings.register_profile("shared-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared-machine")


# What takes longest comes last, whatever tests are run.
LAST = ("tests/rig/test_crash.py", "tests/comfyui/", "tests/browser/")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((n for n, start in enumerate(LAST, 1) if item.nodeid.startswith(start)), 0))


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Programs that a shell starts in the background ignore SIGINT, and so would the processes that tests end by it."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def recordings() -> Path:
    """Real answers of the service; the folder's README says where they come from."""
    return Path(__file__).parent / "data" / "recordings"
