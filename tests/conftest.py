"""Settings and data for all tests."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The machines that run this are shared and slow at times; a property is about truth, not speed.
settings.register_profile("shared-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared-machine")


@pytest.fixture
def recordings() -> Path:
    """Real answers of the service; the folder's README says where they come from."""
    return Path(__file__).parent / "data" / "recordings"
