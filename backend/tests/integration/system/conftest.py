"""The same installations as the tests of the system use."""

from tests.system_fixtures import installation

__all__ = ["installation"]
