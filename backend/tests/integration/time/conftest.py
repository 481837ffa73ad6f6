"""Questions of time are put to calendars on SQLite, then on PostgreSQL."""

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from app.models.database import session_factory
from tests.calendar_fixtures import fill_calendars
from tests.database_fixtures import Databases


@pytest.fixture
def market_db(databases: Databases) -> Iterator[Session]:
    """A database session on calendars that are only read."""
    with session_factory(databases.kept("read_calendars", fill_calendars))() as db:
        yield db
