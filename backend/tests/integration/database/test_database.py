"""The database: schema and migrations agree, what SQLite is told, what an old database says."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, make_url, select, text, update
from sqlalchemy.exc import IntegrityError, StatementError

from app.config.settings import get_settings
from app.core.exceptions import ConfigurationError
from app.models.database import (
    MIGRATIONS,
    SCHEMA_REVISION,
    SessionLocal,
    downgrade_database,
    make_engine,
    schema_revision,
    session_factory,
    upgrade_database,
)
from app.models.tables import all_tables
from app.models.trading_calendar import CalendarOverrideRow, MarketHoursRow
from tests.calendar_fixtures import CalendarDatabase
from tests.database_fixtures import Databases, SqliteDatabases

TABLES = set(all_tables().tables)
OBJECTS = {
    "sqlite": "SELECT name FROM sqlite_master",
    "postgresql": "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
    "UNION SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
    "UNION SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
}


@pytest.fixture
def url(empty_database_url: str) -> str:
    return empty_database_url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def test_models_and_migrations_agree(engine: Engine) -> None:
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, all_tables()) == []
        assert {*inspect(connection).get_table_names()} == TABLES | {"alembic_version"}


def test_the_code_is_written_for_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == SCHEMA_REVISION


def test_every_migration_goes_up_and_down(url: str) -> None:
    revisions = [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]
    seen = {"base": _objects(url)}
    for revision in reversed(revisions):
        upgrade_database(url, revision)
        seen[revision] = _objects(url)
    assert {"backtest_runs", "backtest_runs_immutable"} <= seen["0002"] - seen["0001"]
    for revision in [*revisions[1:], "base"]:
        downgrade_database(url, revision)
        assert _objects(url) == seen[revision]
    upgrade_database(url)
    assert _objects(url) == seen[SCHEMA_REVISION] >= TABLES


def _objects(url: str) -> set[str]:
    """Names of all tables, indexes, triggers and functions but Alembic's own."""
    engine = make_engine(url)
    with engine.connect() as connection:
        names = set(connection.scalars(text(OBJECTS[engine.dialect.name])))
    engine.dispose()
    return {name for name in names if "alembic" not in name}


def test_two_programs_that_upgrade_at_once_make_one_schema(url: str) -> None:
    code = f"from app.models.database import upgrade_database; upgrade_database({url!r})"
    programs = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [program.wait(60) for program in programs] == [0, 0]
    assert schema_revision(url) == SCHEMA_REVISION


def test_a_migration_that_breaks_off_leaves_the_schema_it_found(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade_database(url, "0001")
    before = _objects(url)
    monkeypatch.setattr("app.models.migrations.common.refuse_update", _break_off)
    with pytest.raises(KeyboardInterrupt):
        upgrade_database(url)
    assert (schema_revision(url), _objects(url)) == ("0001", before)


def _break_off(_table: str) -> None:
    raise KeyboardInterrupt


def test_sqlite_syncs_fully_and_checks_foreign_keys(sqlite_databases: SqliteDatabases) -> None:
    engine = make_engine(sqlite_databases.empty())
    with engine.connect() as connection:
        told = {
            name: connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "page_size")
        }
    full = 2
    assert told == {
        "journal_mode": "wal",
        "synchronous": full,
        "foreign_keys": 1,
        "page_size": 8192,
    }


def test_an_upgrade_keeps_rows_and_may_be_repeated(calendar_url: str) -> None:
    for _ in range(2):
        upgrade_database(calendar_url)
    with session_factory(calendar_url)() as db:
        groups = db.scalars(select(MarketHoursRow.exchange_group).order_by("exchange_group"))
        assert list(groups) == ["CRYPTO", "IN_EQUITY", "US_EQUITY"]


def test_session_local_follows_the_settings(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        url = databases.copy_of("migrated", upgrade_database)
        monkeypatch.setattr(get_settings(), "database_url", url)
        with SessionLocal() as db:
            assert db.connection().engine.url == make_url(url)


def test_a_unit_of_work_commits_all_or_nothing(
    calendar_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_settings(), "database_url", calendar_url)
    change = update(MarketHoursRow).values(calendar_name="other")

    def change_and_fail() -> None:
        with SessionLocal.begin() as db:
            db.execute(change)
            db.execute(update(MarketHoursRow).values(trading_weekdays="1"))

    with pytest.raises(IntegrityError, match="seven_weekdays"):
        change_and_fail()
    assert "other" not in _calendar_names()
    with SessionLocal.begin() as db:
        db.execute(change)
    assert _calendar_names() == {"other"}


def _calendar_names() -> set[str]:
    with SessionLocal() as db:
        return set(db.scalars(select(MarketHoursRow.calendar_name)))


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"a\.db has not been initialised: run `init-db`"):
        session_factory(f"sqlite:///{tmp_path / 'a.db'}")
    with pytest.raises(ConfigurationError, match="run `init-db`"):
        downgrade_database(f"sqlite:///{tmp_path / 'a.db'}", "base")
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_new_database_is_made(tmp_path: Path) -> None:
    upgrade_database(f"sqlite:///{tmp_path / 'new folder' / 'trading_app.db'}")
    assert (tmp_path / "new folder" / "trading_app.db").is_file()


def test_an_empty_database_and_an_old_one_name_the_remedy(url: str) -> None:
    upgrade_database(url, "0001")
    with pytest.raises(ConfigurationError, match=r"schema 0001, this program needs .*`init-db`"):
        session_factory(url)
    downgrade_database(url, "base")
    with pytest.raises(ConfigurationError, match="has not been initialised"):
        session_factory(url)
    upgrade_database(url)
    assert session_factory(url) is session_factory(url)


def test_importing_the_module_touches_nothing(tmp_path: Path) -> None:
    """In a process of its own, from another folder, with settings that name a new database."""
    environment = os.environ | {"DATA_DIR": str(tmp_path / "data")}
    code = "from app.models.database import SessionLocal; import app.managers.time_manager"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)
    assert list(tmp_path.iterdir()) == []


def test_pandas_is_not_needed_to_answer(calendar_db: CalendarDatabase) -> None:
    code = f"""
import sys
from collections.abc import Iterator
from datetime import date
from app.managers.time_manager import TimeManager
from app.models.database import session_factory
with session_factory({calendar_db.url!r})() as db:
    manager = TimeManager()
    assert manager.count_trading_days(db, date(2024, 1, 1), date(2024, 12, 31)) == 252
loaded = {{"pandas", "pandas_market_calendars", "alembic", "polars"}} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# ── columns ──────────────────────────────────────────────────────────────────


def _override(**changes: object) -> CalendarOverrideRow:
    day = datetime(2030, 1, 1, tzinfo=UTC).date()
    values = {
        "exchange_group": "X", "date": day, "name": None, "is_early_close": False,
        "source": "a newspaper", "source_date": day,
    }  # fmt: skip
    return CalendarOverrideRow(**(values | changes))


def test_the_database_keeps_the_times_of_a_row(url: str) -> None:
    upgrade_database(url)
    sessions = session_factory(url)
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    with sessions.begin() as db:
        db.add(_override())
        db.add(_override(exchange_group="OLD", created_at=long_ago, updated_at=long_ago))
    with sessions.begin() as db:
        db.execute(update(CalendarOverrideRow).values(name="changed"))
    with sessions() as db:
        old, new = db.scalars(select(CalendarOverrideRow).order_by("created_at")).all()
        assert old.created_at == long_ago
        assert abs(old.updated_at - new.created_at) < timedelta(minutes=1)
        assert new.created_at.tzinfo is UTC


def test_instants_are_stored_in_utc_and_must_have_a_zone(url: str) -> None:
    upgrade_database(url)
    sessions = session_factory(url)
    moment = datetime(2024, 7, 2, 9, 30, tzinfo=timezone(timedelta(hours=-4)))
    with sessions.begin() as db:
        db.add(_override(created_at=moment))
    with sessions() as db:
        stored = db.scalars(select(CalendarOverrideRow.created_at)).one()
        assert stored == moment
        assert stored.tzinfo is UTC
        raw = db.scalar(text("SELECT created_at FROM calendar_overrides"))
        assert str(raw).startswith("2024-07-02 13:30:00")
    with (
        pytest.raises(StatementError, match="has no time zone"),
        sessions.begin() as db,
    ):
        db.add(_override(exchange_group="Z", created_at=moment.replace(tzinfo=None)))


def test_a_day_has_all_its_hours_or_none(url: str) -> None:
    upgrade_database(url)
    with (
        pytest.raises(IntegrityError, match="all_or_no_hours"),
        session_factory(url).begin() as db,
    ):
        db.add(_override(regular_open=datetime(2024, 1, 1, 9, tzinfo=UTC).time()))


def test_a_day_has_one_override(url: str) -> None:
    upgrade_database(url)
    with pytest.raises(IntegrityError, match=r"(?i)unique"), session_factory(url).begin() as db:
        db.add_all([_override(), _override()])
