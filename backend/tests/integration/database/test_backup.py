"""Backups: whole, of one moment, put back whole, and by whoever has the password."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import IntegrityError

from app.core.exceptions import ConfigurationError, DatabaseError, DatabaseUnavailableError
from app.models.database import (
    SCHEMA_REVISION,
    make_engine,
    schema_revision,
    session_factory,
    upgrade_database,
)
from app.repositories.unit_of_work import UnitOfWork
from app.services.database import postgresql, sqlite
from app.services.database.backup import (
    Restored,
    backup_database,
    inspect_backup,
    restore_database,
)
from app.services.database.check import check_database
from tests.database_fixtures import (
    PASSWORD,
    Databases,
    PostgresqlDatabases,
    SqliteDatabases,
    put_setting,
    settings_in,
)

pytestmark = pytest.mark.usefixtures("matching_programs")


@contextmanager
def _raw(url: str) -> Iterator:
    engine = make_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def test_a_backup_is_put_back_whole(
    database_url: str, databases: Databases, tmp_path: Path
) -> None:
    put_setting(database_url, "in the backup")
    made = backup_database(database_url, tmp_path / "new" / "one.backup")
    assert (made.schema, made.size > 1_000) == (SCHEMA_REVISION, True)
    assert [path.name for path in made.path.parent.iterdir()] == ["one.backup"]
    put_setting(database_url, "later")
    assert restore_database(database_url, made.path) == Restored(backup=made)
    assert settings_in(database_url) == ["in the backup"]
    other = databases.empty()
    restore_database(other, made.path)
    assert settings_in(other) == ["in the backup"]
    assert all(finding.ok for finding in check_database(other))


def test_a_backup_may_be_taken_while_others_write(database_url: str, tmp_path: Path) -> None:
    put_setting(database_url, "committed")
    with session_factory(database_url)() as db:
        db.execute(text("UPDATE config SET value = '7'"))
        made = backup_database(database_url, tmp_path / "a.backup")
        db.commit()
    restore_database(database_url, made.path)
    with UnitOfWork(session_factory(database_url)) as work:
        assert work.config.list()[0].value == 1


@pytest.mark.parametrize("sizes", [(4096, 16384), (16384, 4096)])
def test_a_backup_is_put_back_into_pages_of_another_size(
    sqlite_databases: SqliteDatabases, tmp_path: Path, sizes: tuple[int, int]
) -> None:
    urls = [sqlite_databases.empty() for _ in sizes]
    for url, size, key in zip(urls, sizes, ("in the backup", "later"), strict=True):
        with closing(sqlite3.connect(make_url(url).database or "")) as db:
            db.execute(f"PRAGMA page_size={size}")
            db.execute("VACUUM")
        upgrade_database(url)
        put_setting(url, key)
    made = backup_database(urls[0], tmp_path / "a.backup")
    assert restore_database(urls[1], made.path) == Restored(backup=made)
    assert settings_in(urls[1]) == ["in the backup"]
    assert all(finding.ok for finding in check_database(urls[1]))


def test_what_never_changes_does_not_change_after_a_restore(
    database_url: str, tmp_path: Path
) -> None:
    restore_database(database_url, backup_database(database_url, tmp_path / "a.backup").path)
    with session_factory(database_url)() as db:
        db.execute(
            text(
                "INSERT INTO audit_log (id, occurred_at, actor, action, details) VALUES "
                "('00000000000000000000000000000001', '2026-11-20 00:00:00', 'a', 'b', '{}')"
            )
        )
        with pytest.raises(IntegrityError, match="never removed"):
            db.execute(text("DELETE FROM audit_log"))


def test_an_older_backup_is_upgraded_and_a_newer_one_refused(
    database_url: str, empty_database_url: str, tmp_path: Path
) -> None:
    upgrade_database(empty_database_url, "0003")
    old = backup_database(empty_database_url, tmp_path / "old.backup")
    assert old.schema == "0003"
    put_setting(database_url, "will go")
    restore_database(database_url, old.path)
    assert schema_revision(database_url) == SCHEMA_REVISION
    assert settings_in(database_url) == []
    with _raw(database_url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    new = tmp_path / "new.backup"
    with pytest.raises(ConfigurationError, match="a newer program wrote it, use that one"):
        backup_database(database_url, new)
    assert not new.exists()
    _copy_raw(database_url, new)
    with pytest.raises(ConfigurationError, match=r"new\.backup has schema 9999, this program"):
        restore_database(database_url, new)


def _copy_raw(url: str, path: Path) -> None:
    """A backup as the program that knows the schema would make it."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        sqlite.dump(Path(address.database or ""), path)
    else:
        postgresql.dump(address, path)


def test_an_existing_file_is_kept(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_text("words")
    with pytest.raises(ConfigurationError, match="precious exists already"):
        backup_database(database_url, file)
    assert file.read_text() == "words"


def test_nothing_is_no_backup(empty_database_url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="run `init-db`"):
        backup_database(empty_database_url, tmp_path / "a.backup")
    assert list(tmp_path.glob("*.backup")) == []


def test_other_files_and_damaged_ones_are_refused(database_url: str, tmp_path: Path) -> None:
    put_setting(database_url, "stays")
    made = backup_database(database_url, tmp_path / "a.backup").path
    whole = made.read_bytes()
    files = {"words": b"words", "empty": b"", "half": whole[: len(whole) // 2]}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises((ConfigurationError, DatabaseError), match=name):
            restore_database(database_url, tmp_path / name)
    with pytest.raises(ConfigurationError, match="missing cannot be read: No such file"):
        restore_database(database_url, tmp_path / "missing")
    assert settings_in(database_url) == ["stays"]


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as db:
        db.execute("CREATE TABLE t (a)")
    with pytest.raises(ConfigurationError, match="not a backup of this platform"):
        inspect_backup(tmp_path / "other.db")


def test_a_backup_goes_back_to_its_own_kind_of_database(
    sqlite_databases: Databases, postgresql_databases: PostgresqlDatabases, tmp_path: Path
) -> None:
    url = sqlite_databases.copy_of("migrated", upgrade_database)
    made = backup_database(url, tmp_path / "a.db")
    with pytest.raises(ConfigurationError, match="backup of SQLite, DATABASE_URL names postgresql"):
        restore_database(postgresql_databases.empty(), made.path)


def test_missing_programs_are_named(
    postgresql_databases: PostgresqlDatabases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    url = postgresql_databases.copy_of("migrated", upgrade_database)
    with pytest.raises(ConfigurationError, match=r"pg_dump is not installed.*postgresql-client"):
        backup_database(url, tmp_path / "a.dump")
    assert list(tmp_path.iterdir()) == []


# ── the password ─────────────────────────────────────────────────────────────


@pytest.fixture
def told(
    postgresql_databases: PostgresqlDatabases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A file in which each of PostgreSQL's programs leaves the arguments it was started with."""
    kept, folder = tmp_path / "told", tmp_path / "programs"
    folder.mkdir()
    for name in ("pg_dump", "pg_restore", "psql"):
        real = postgresql_databases.programs / name
        (folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {kept}\nexec {real} "$@"\n')
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return kept


def test_the_server_of_the_tests_asks_for_a_password(
    postgresql_databases: PostgresqlDatabases,
) -> None:
    address = make_url(postgresql_databases.empty())
    wrong = address.set(password="wrong").render_as_string(hide_password=False)  # noqa: S106
    with pytest.raises(DatabaseUnavailableError, match="password authentication failed"):
        schema_revision(wrong)


@pytest.mark.parametrize("spelled", ["before the host", "as a parameter"])
def test_the_password_reaches_the_programs_unseen(
    postgresql_databases: PostgresqlDatabases, told: Path, tmp_path: Path, spelled: str
) -> None:
    url = postgresql_databases.copy_of("migrated", upgrade_database)
    if spelled == "as a parameter":
        address = make_url(url)
        bare = URL.create(address.drivername, username=address.username, database=address.database)
        query = {**address.query, "password": PASSWORD}
        url = bare.set(query=query).render_as_string(hide_password=False)
    put_setting(url, "in the backup")
    made = backup_database(url, tmp_path / "a.dump")
    put_setting(url, "later")
    restore_database(url, made.path)
    assert settings_in(url) == ["in the backup"]
    arguments = told.read_text()
    assert {line.split()[0] for line in arguments.splitlines()} == {"pg_dump", "pg_restore", "psql"}
    for secret in (PASSWORD, quote_plus(PASSWORD), quote(PASSWORD), "geh"):
        assert secret not in arguments


def test_a_wrong_password_is_not_told(
    postgresql_databases: PostgresqlDatabases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = make_url(postgresql_databases.copy_of("migrated", upgrade_database))
    wrong = address.set(password="wr0ng").render_as_string(hide_password=False)  # noqa: S106
    monkeypatch.setenv("PGPASSWORD", PASSWORD)  # the address is heard, not the environment
    with pytest.raises(DatabaseError, match="password authentication failed") as caught:
        postgresql.dump(make_url(wrong), tmp_path / "a.dump")
    assert "wr0ng" not in str(caught.value)
    without = URL.create("postgresql+psycopg", "postgres", database="postgres", query=address.query)
    monkeypatch.delenv("PGPASSWORD")
    with pytest.raises(DatabaseError, match="no password supplied"):
        postgresql.dump(without, tmp_path / "a.dump")


def test_a_password_that_would_be_seen_is_refused(
    postgresql_databases: PostgresqlDatabases, tmp_path: Path
) -> None:
    address = make_url(postgresql_databases.empty())
    with pytest.raises(ConfigurationError, match=r"sslpassword, which .* sslkey") as caught:
        postgresql.dump(address.update_query_dict({"sslpassword": "pssst"}), tmp_path / "a.dump")
    assert "pssst" not in str(caught.value)
