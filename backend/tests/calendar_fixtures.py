"""A ready database with every market calendar, built once per test run.

`calendar_db` is that database; `market_time` makes TimeManagers on it. A test that writes
takes a copy: ``calendar_db.copy(tmp_path / "trading_app.db")``, or, to run on SQLite and on
PostgreSQL, asks for `calendar_url`.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.managers.time_manager import TimeManager
from app.managers.time_manager.clock import FixedClock
from app.managers.time_manager.setup import initialise_database
from app.models.database import session_factory
from tests.database_fixtures import Databases

TODAY = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
"""A Friday, 10:00 in New York: the day on which the calendars were filled."""


@dataclass(frozen=True)
class CalendarDatabase:
    """An initialised SQLite database that tests read and never write."""

    path: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    @property
    def sessions(self) -> sessionmaker[Session]:
        return session_factory(self.url)

    def copy(self, path: Path) -> str:
        """A database of one's own at `path`; its URL."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(path)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=WAL")
        return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def calendar_db(tmp_path_factory: pytest.TempPathFactory) -> CalendarDatabase:
    database = CalendarDatabase(tmp_path_factory.mktemp("calendars") / "trading_app.db")
    fill_calendars(database.url)
    return database


def fill_calendars(url: str) -> None:
    """Make the database at `url` as `init-db` does on the day `TODAY`."""
    initialise_database(url, time_manager=TimeManager(clock=FixedClock(TODAY)))


@pytest.fixture
def calendar_url(databases: Databases) -> str:
    """A database of one's own with every calendar; of each kind in turn."""
    return databases.copy_of("calendars", fill_calendars)


@pytest.fixture
def market_db(calendar_db: CalendarDatabase):
    """A database session on the shared calendars."""
    with calendar_db.sessions() as db:
        yield db


MarketTime = Callable[..., TimeManager]


@pytest.fixture
def market_time(market_db: Session) -> MarketTime:
    """``market_time("US_EQUITY", now=datetime(...))``: a TimeManager whose clock stands still."""

    def make(exchange_group: str = "US_EQUITY", *, now: datetime = TODAY) -> TimeManager:
        return TimeManager.for_exchange(market_db, exchange_group, clock=FixedClock(now))

    return make
