"""The installations of `tests.system_fixtures`, and strategies whose calls a test takes over."""

from collections.abc import Iterator

import pytest

from tests import session_strategies
from tests.system_fixtures import gate, installation

__all__ = ["gate", "installation"]


@pytest.fixture
def hooks() -> Iterator[dict[str, object]]:
    """What `session_strategies.Hooked` calls; empty before and after each test."""
    session_strategies.HOOKS.clear()
    yield session_strategies.HOOKS
    session_strategies.HOOKS.clear()


@pytest.fixture(autouse=True)
def _release() -> Iterator[None]:
    """Lets strategies that never come back go when the test is over."""
    session_strategies.RELEASE.clear()
    yield
    session_strategies.RELEASE.set()
