"""Databases and backups can be read by their owner alone: they hold password hashes and orders."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.exceptions import DatabaseUnavailableError
from app.models.database import make_engine, upgrade_database
from app.services.database.backup import backup_database, restore_database
from tests.database_fixtures import PostgresqlDatabases


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """New files may be read by all unless their program asks for less."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def programs(postgresql_databases: PostgresqlDatabases, monkeypatch: pytest.MonkeyPatch) -> None:
    """The programs that are as new as the server of the tests come first."""
    monkeypatch.setenv("PATH", str(postgresql_databases.programs), prepend=":")


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def modes_in_use(path: Path) -> dict[str, int]:
    """Of the database and the files beside it, while something is written to it."""
    engine = make_engine(f"sqlite:///{path}")
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE probe (x)")
            return modes(path.parent)
    finally:
        engine.dispose()


def test_a_new_database_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "trading_app.db"
    upgrade_database(f"sqlite:///{path}")
    assert modes_in_use(path) == {
        "trading_app.db": 0o600,
        "trading_app.db-wal": 0o600,
        "trading_app.db-shm": 0o600,
    }


def test_a_database_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "trading_app.db"
    path.touch()
    path.chmod(0o640)
    upgrade_database(f"sqlite:///{path}")
    assert set(modes_in_use(path).values()) == {0o640}


def test_a_backup_is_its_owners_alone(database_url: str, tmp_path: Path) -> None:
    made = backup_database(database_url, tmp_path / "backups" / "one.backup")
    assert modes(made.path.parent) == {"one.backup": 0o600}


def test_a_database_made_of_a_backup_is_its_owners_alone(tmp_path: Path) -> None:
    upgrade_database(f"sqlite:///{tmp_path / 'old.db'}")
    made = backup_database(f"sqlite:///{tmp_path / 'old.db'}", tmp_path / "a.backup")
    made.path.chmod(0o644)
    path = tmp_path / "new" / "trading_app.db"
    restore_database(f"sqlite:///{path}", made.path)
    assert set(modes_in_use(path).values()) == {0o600}


def test_a_folder_that_takes_no_file_is_told_by_sqlite() -> None:
    """Even root makes no file there."""
    with pytest.raises(DatabaseUnavailableError, match="unable to open database file"):
        upgrade_database("sqlite:////proc/trading_app.db")
