"""Fixtures every test may ask for."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")
"""An example that takes long says that the machine is slow, not that the code is wrong."""

pytest_plugins = ["tests.database_fixtures", "tests.calendar_fixtures"]

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real market data: in MISMARTERA_TEST_DATA, else in ``shared/data`` beside the clone."""
    folder = Path(os.environ.get("MISMARTERA_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.fail(f"no test data in {folder}; name its folder with MISMARTERA_TEST_DATA")
    return folder
