"""Settings and data for all tests."""

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


@pytest.fixture
def recordings() -> Path:
    """Real answers of the service; the folder's README says where they come from."""
    return Path(__file__).parent / "data" / "recordings"
