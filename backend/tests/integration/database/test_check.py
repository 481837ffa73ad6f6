"""The check of a database: what is damaged, lost, changed or switched off is found and named."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, make_url, text

from app.models.database import downgrade_database, make_engine, upgrade_database
from app.services.database.check import check_database
from tests.calendar_fixtures import CalendarDatabase
from tests.database_fixtures import Databases, PostgresqlDatabases, SqliteDatabases


@contextmanager
def _raw(url: str) -> Iterator[Connection]:
    engine = make_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def _faults(url: str) -> dict[str, str]:
    return {each.name: " ".join(each.faults) for each in check_database(url) if not each.ok}


def test_a_good_database_has_no_faults(calendar_url: str) -> None:
    assert _faults(calendar_url) == {}
    assert [finding.name for finding in check_database(calendar_url)] == [
        "schema",
        "integrity",
        "foreign keys",
        "tables",
        "rules",
    ]


def test_an_old_database_and_none_are_found(database_url: str, empty_database_url: str) -> None:
    assert _faults(empty_database_url) == {"schema": "there is no database yet: run `init-db`"}
    downgrade_database(database_url, "0003")
    assert _faults(database_url) == {"schema": "it is at 0003: run `db upgrade`"}


def test_orphans_are_found(database_url: str, databases: Databases) -> None:
    off = {
        "sqlite": "PRAGMA foreign_keys=OFF",
        "postgresql": "SET session_replication_role=replica",
    }
    engine = make_engine(database_url)
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text(off[databases.kind]))
        connection.execute(
            text(
                "INSERT INTO config (id, key, value, value_type, changed_by) VALUES "
                "('00000000000000000000000000000001', 'k', '1', 'integer', "
                "'00000000000000000000000000000009')"
            )
        )
    engine.dispose()
    assert _faults(database_url) == {
        "foreign keys": "1 of config.changed_by refer to no row of users"
    }


def test_a_changed_table_is_found(database_url: str) -> None:
    with _raw(database_url) as connection:
        connection.execute(text("DROP INDEX ix_config_changed_by"))
    faults = _faults(database_url)
    assert set(faults) == {"tables"}
    assert "ix_config_changed_by" in faults["tables"]


def _triggers(connection: Connection) -> list[tuple[str, str]]:
    """Table and name of each."""
    return [
        tuple(row)
        for row in connection.execute(
            text(
                "SELECT tbl_name, name FROM sqlite_schema WHERE type = 'trigger'"
                if connection.dialect.name == "sqlite"
                else "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal"
            )
        )
    ]


def _drop_trigger(connection: Connection, table: str, name: str) -> None:
    on_table = f" ON {table}" if connection.dialect.name == "postgresql" else ""
    connection.execute(text(f"DROP TRIGGER {name}{on_table}"))


def test_every_lost_trigger_is_found(database_url: str, databases: Databases) -> None:
    with _raw(database_url) as connection:
        lost = _triggers(connection)
        for table, name in lost:
            _drop_trigger(connection, table, name)
    kept = {"audit_log_kept", "audit_log_immutable", "backtest_runs_immutable", "config_touch"}
    not_replaced = {"audit_log_not_replaced", "backtest_runs_not_replaced"}
    expected = kept | (not_replaced if databases.kind == "sqlite" else set())
    assert expected <= {name for _, name in lost}
    assert _faults(database_url) == {
        "rules": " ".join(
            f"trigger {name} of {table} is lost: restore a backup" for table, name in sorted(lost)
        )
    }


_CHECK = "ck_market_hours_seven_weekdays"
_DROP_CHECK = f"ALTER TABLE market_hours DROP CONSTRAINT {_CHECK}"
_NOTHING = "RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
_DO_NOTHING = {
    "sqlite": ("CREATE TRIGGER {0} BEFORE UPDATE ON audit_log BEGIN SELECT 1; END",),
    "postgresql": (
        f"CREATE FUNCTION nothing() {_NOTHING}",
        "CREATE TRIGGER {0} BEFORE UPDATE ON audit_log FOR EACH ROW EXECUTE FUNCTION nothing()",
    ),
}


@pytest.mark.parametrize("name", ["audit_log_immutable", "audit_log_touch"])
def test_an_empty_trigger_in_place_of_another_is_found(
    database_url: str, databases: Databases, name: str
) -> None:
    with _raw(database_url) as connection:
        _drop_trigger(connection, "audit_log", "audit_log_immutable")
        for statement in _DO_NOTHING[databases.kind]:
            connection.execute(text(statement.format(name)))
    told = _faults(database_url)["rules"]
    if name == "audit_log_immutable":
        assert (
            "trigger audit_log_immutable of audit_log is another, restore a backup: CREATE" in told
        )
    else:
        assert told == (
            "trigger audit_log_immutable of audit_log is lost: restore a backup "
            "trigger audit_log_touch of audit_log is none of this program's: drop it"
        )


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("ALTER TABLE config DISABLE TRIGGER config_touch", "config_touch of config is another"),
        ("ALTER TABLE config DISABLE TRIGGER ALL", "those of config are off"),
        (
            f"CREATE OR REPLACE FUNCTION audit_log_refuse_update() {_NOTHING}",
            "trigger audit_log_immutable of audit_log is another",
        ),
        (
            _DROP_CHECK,
            f"check {_CHECK} of market_hours is lost",
        ),
        (
            f"{_DROP_CHECK}, ADD CONSTRAINT {_CHECK} CHECK (trading_weekdays > '') NOT VALID",
            f"check {_CHECK} of market_hours is another",
        ),
        (
            "ALTER TABLE config ADD CONSTRAINT no_dark CHECK (key <> 'dark')",
            "check no_dark of config is none of this program's",
        ),
    ],
)
def test_a_rule_that_is_off_or_changed_in_postgresql_is_found(
    postgresql_databases: PostgresqlDatabases, statement: str, told: str
) -> None:
    url = postgresql_databases.copy_of("migrated", upgrade_database)
    with _raw(url) as connection:
        connection.execute(text(statement))
    assert told in " ".join(_faults(url).values())


@pytest.mark.parametrize(
    ("rule", "told"), [("1", "is another"), (None, "is lost")], ids=["changed", "removed"]
)
def test_a_check_that_is_changed_or_removed_in_sqlite_is_found(
    sqlite_databases: SqliteDatabases, rule: str | None, told: str
) -> None:
    url = sqlite_databases.copy_of("migrated", upgrade_database)
    check = f"CONSTRAINT {_CHECK} CHECK (length(trading_weekdays) = 7), "
    other = "" if rule is None else check.replace("length(trading_weekdays) = 7", rule)
    with closing(sqlite3.connect(make_url(url).database or "")) as db:
        db.execute("PRAGMA writable_schema=ON")
        db.execute("UPDATE sqlite_schema SET sql = replace(sql, ?, ?)", (check, other))
        db.commit()
    assert f"{_CHECK} of market_hours {told}" in _faults(url)["rules"]


def test_a_check_leaves_nothing_behind(database_url: str) -> None:
    names = {
        "sqlite": "SELECT name FROM sqlite_schema",
        "postgresql": "SELECT nspname FROM pg_namespace UNION ALL SELECT proname FROM pg_proc "
        "UNION ALL SELECT relname FROM pg_class",
    }
    with _raw(database_url) as connection:
        before = sorted(connection.scalars(text(names[connection.dialect.name])))
    check_database(database_url)
    with _raw(database_url) as connection:
        assert sorted(connection.scalars(text(names[connection.dialect.name]))) == before


def test_damage_is_found(calendar_db: CalendarDatabase, tmp_path: Path) -> None:
    url = calendar_db.copy(tmp_path / "mine.db")
    with closing(sqlite3.connect(tmp_path / "mine.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = db.execute(
            "SELECT rootpage FROM sqlite_master WHERE name LIKE '%autoindex_calendar_days_1'"
        ).fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    with (tmp_path / "mine.db").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * 200)
    assert "malformed" in _faults(url)["integrity"]
