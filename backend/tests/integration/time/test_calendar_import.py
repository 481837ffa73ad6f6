"""Filling the calendars: what is stored, that repeating changes nothing, that overrides win."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime, time

import pytest
from sqlalchemy import func, make_url, select, text, update
from sqlalchemy.orm import Session, sessionmaker

from app.core.calendar_days import CalendarDay, CalendarOverride, DayHours
from app.core.exceptions import ConfigurationError, DatabaseUnavailableError
from app.managers.time_manager import TimeManager
from app.managers.time_manager.clock import FixedClock
from app.managers.time_manager.exchanges import EXCHANGES, OVERRIDES
from app.managers.time_manager.setup import initialise_database
from app.models.database import session_factory
from app.models.trading_calendar import CalendarDayRow, CalendarOverrideRow
from app.repositories.calendar_repository import CalendarRepository
from tests.calendar_fixtures import TODAY, fill_calendars
from tests.database_fixtures import SqliteDatabases

TABLES = ("market_hours", "calendar_days", "calendar_overrides")


@pytest.fixture
def sessions(calendar_url: str) -> sessionmaker[Session]:
    return session_factory(calendar_url)


def _content(sessions: sessionmaker[Session]) -> dict[str, set[tuple]]:
    """Every row without its key and its two times."""
    with sessions() as db:
        return {
            table: {tuple(row)[3:] for row in db.execute(text(f"SELECT * FROM {table}"))}
            for table in TABLES
        }


def test_importing_again_changes_nothing(sessions: sessionmaker[Session]) -> None:
    before = _content(sessions)
    with sessions.begin() as db:
        reports = TimeManager(clock=FixedClock(TODAY)).import_calendars(db)
    assert _content(sessions) == before
    assert [(each.exchange_group, each.sessions) for each in reports] == [
        ("US_EQUITY", 9_820),
        ("CRYPTO", 14_245),  # every date from 1990-01-01 to 2028-12-31
        ("IN_EQUITY", 9_733),
    ]
    assert all(each.is_new for each in reports)


def test_initialising_again_leaves_full_calendars_alone(
    calendar_url: str, sessions: sessionmaker[Session]
) -> None:
    steps: list[str] = []
    manager = TimeManager(clock=FixedClock(TODAY))
    reports = initialise_database(calendar_url, time_manager=manager, on_progress=steps.append)
    assert steps == ["schema"]
    assert not any(each.is_new for each in reports)
    with sessions.begin() as db:
        db.execute(text("UPDATE market_hours SET calendar_source = 'older' WHERE timezone = 'UTC'"))
    initialise_database(calendar_url, time_manager=manager, on_progress=steps.append)
    assert steps == ["schema", "schema", "CRYPTO"]


def test_several_programs_that_initialise_at_once_make_one_database(
    empty_database_url: str, calendar_url: str
) -> None:
    code = f"""
from datetime import datetime, UTC
from app.managers.time_manager import TimeManager
from app.managers.time_manager.clock import FixedClock
from app.managers.time_manager.setup import initialise_database
manager = TimeManager(clock=FixedClock(datetime({TODAY:%Y, %-m, %-d}, tzinfo=UTC)))
made = initialise_database({empty_database_url!r}, time_manager=manager)
print(sum(each.is_new for each in made))
"""
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    told = [program.communicate(timeout=120) for program in programs]
    assert sorted(told) == [("0\n", ""), ("0\n", ""), ("3\n", "")]
    assert _content(session_factory(empty_database_url)) == _content(session_factory(calendar_url))


def test_a_writer_that_does_not_end_is_told_of(
    sqlite_databases: SqliteDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sqlite_databases.copy_of("calendars", fill_calendars)
    monkeypatch.setattr("app.models.database._TURN_S", 0.1)
    with closing(sqlite3.connect(make_url(url).database or "")) as other:
        other.execute("BEGIN IMMEDIATE")
        with session_factory(url)() as db:
            db.execute(text("PRAGMA busy_timeout=10"))
            with pytest.raises(DatabaseUnavailableError, match="is locked: another program writes"):
                TimeManager(clock=FixedClock(TODAY)).import_calendars(db)


def test_a_new_year_extends_the_calendars(sessions: sessionmaker[Session]) -> None:
    clock = FixedClock(datetime(2027, 1, 2, tzinfo=UTC))
    with sessions.begin() as db:
        manager = TimeManager.for_exchange(db, "CRYPTO", clock=clock)
        assert manager.get_market_hours(db).last_date == date(2028, 12, 31)
        manager.import_calendars(db, exchange_group="CRYPTO", only_outdated=True)
        assert manager.get_market_hours(db).last_date == date(2029, 12, 31)
        assert manager.get_trading_session(db, date(2029, 6, 1)).is_trading_day


def test_one_exchange_is_imported_alone(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as db:
        reports = TimeManager(clock=FixedClock(TODAY)).import_calendars(
            db, exchange_group="IN_EQUITY"
        )
        with pytest.raises(ConfigurationError, match="'MOON' is not known; there is US_EQUITY"):
            TimeManager().import_calendars(db, exchange_group="MOON")
    assert [each.exchange_group for each in reports] == ["IN_EQUITY"]
    assert reports[0].overrides == len(OVERRIDES)


def test_only_days_that_differ_are_stored(sessions: sessionmaker[Session]) -> None:
    with sessions() as db:
        counts = dict(
            db.execute(
                select(CalendarDayRow.exchange_group, func.count()).group_by("exchange_group")
            ).all()
        )
    # 355 holidays and 82 early closes; a 24/7 market has no exceptions
    assert counts["US_EQUITY"] == 355 + 82
    assert "CRYPTO" not in counts


def test_every_override_says_who_and_when(sessions: sessionmaker[Session]) -> None:
    with sessions() as db:
        rows = db.scalars(select(CalendarOverrideRow)).all()
    assert len(rows) == len(OVERRIDES)
    assert all(row.source.startswith("http") for row in rows)
    assert all(row.date.weekday() >= 5 for row in rows)
    assert all(row.source_date > date(2015, 1, 1) for row in rows)


def test_a_users_override_wins_and_survives_an_import(sessions: sessionmaker[Session]) -> None:
    day = date(2024, 7, 2)
    hours = DayHours(
        pre_market_open=time(4),
        regular_open=time(12),
        regular_close=time(16),
        post_market_close=time(20),
    )
    mine = CalendarOverride(
        exchange_group="US_EQUITY",
        day=CalendarDay(date=day, name="late open", hours=hours),
        source="the newspaper",
        source_date=date(2024, 7, 1),
    )
    closed = CalendarOverride(
        exchange_group="IN_EQUITY",
        day=CalendarDay(date=date(2026, 2, 1), name="no session after all", hours=None),
        source="the newspaper",
        source_date=date(2026, 1, 31),
    )
    with sessions.begin() as db:
        db.execute(
            text("DELETE FROM calendar_overrides WHERE date = :day"), {"day": closed.day.date}
        )
        CalendarRepository(db).put_overrides([mine, closed])
        TimeManager(clock=FixedClock(TODAY)).import_calendars(db)
        assert mine in CalendarRepository(db).overrides("US_EQUITY")
        late = TimeManager().get_trading_session(db, day)
        assert (late.regular_open, late.regular_close) == (time(12), time(16))
        nse = TimeManager.for_exchange(db, "IN_EQUITY")
        assert nse.is_holiday(db, date(2026, 2, 1)) == (True, "no session after all")


def test_a_calendar_is_made_once_and_anew_when_a_day_changes(
    sessions: sessionmaker[Session],
) -> None:
    day = date(2024, 7, 2)
    strike = CalendarOverride(
        exchange_group="US_EQUITY",
        day=CalendarDay(date=day, name="a strike", hours=None),
        source="the newspaper",
        source_date=day,
    )
    with sessions() as db:
        calendars = CalendarRepository(db)
        before = calendars.market_calendar("US_EQUITY", "EQUITY")
        assert calendars.market_calendar("US_EQUITY", "EQUITY") is before
        calendars.put_overrides([strike])
        during = calendars.market_calendar("US_EQUITY", "EQUITY")
        db.rollback()
        after = calendars.market_calendar("US_EQUITY", "EQUITY")
    assert [c.session(day).is_trading_day for c in (before, during, after)] == [True, False, True]


def test_a_correction_from_the_same_source_replaces_the_stored_one(
    sessions: sessionmaker[Session],
) -> None:
    shipped = OVERRIDES[0]
    with sessions.begin() as db:
        db.execute(update(CalendarOverrideRow).values(name="misprint"))
        CalendarRepository(db).put_overrides(OVERRIDES)
        assert CalendarRepository(db).overrides("IN_EQUITY")[0] == shipped


def test_sessions_come_as_values(sessions: sessionmaker[Session]) -> None:
    with sessions() as db:
        found = CalendarRepository(db).sessions(
            "US_EQUITY", "EQUITY", date(2024, 7, 1), date(2024, 7, 7)
        )
    assert [session.date.day for session in found] == [1, 2, 3, 5]
    assert [session.is_early_close for session in found] == [False, False, True, False]


def test_a_database_without_calendars_names_the_remedy(sessions: sessionmaker[Session]) -> None:
    with sessions() as db:
        db.execute(text("DELETE FROM market_hours"))
        with pytest.raises(ConfigurationError, match="run `init-db`"):
            TimeManager().get_trading_session(db, date(2024, 7, 2))
        with pytest.raises(ConfigurationError, match="run `init-db`"):
            TimeManager.for_exchange(db, "CRYPTO")


@pytest.mark.parametrize(
    ("opens", "closes", "before", "after"),
    [
        # US: pre-market from 04:00, late trading to 20:00, to 17:00 after an early close
        ("09:30", "16:00", "04:00", "20:00"),
        ("09:30", "13:00", "04:00", "17:00"),
        ("11:00", "16:00", "11:00", "20:00"),
        ("18:00", "19:00", "18:00", "19:00"),
    ],
)
def test_extended_hours_around_a_session(opens: str, closes: str, before: str, after: str) -> None:
    hours = EXCHANGES[0].around(
        opens=time.fromisoformat(opens),
        closes=time.fromisoformat(closes),
        regular=(time(9, 30), time(16)),
    )
    assert (hours.pre_market_open, hours.post_market_close) == (
        time.fromisoformat(before),
        time.fromisoformat(after),
    )
