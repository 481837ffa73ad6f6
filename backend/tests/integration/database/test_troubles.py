"""Databases that are locked, damaged, none at all, newer, or another program's: what is said."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, sleep

import pytest
from sqlalchemy import make_url, text

from app.core.exceptions import (
    ConfigurationError,
    DatabaseError,
    DatabaseUnavailableError,
    TradingError,
)
from app.models.database import (
    SCHEMA_REVISION,
    close_databases,
    downgrade_database,
    make_engine,
    schema_revision,
    session_factory,
    upgrade_database,
)
from app.services.database import postgresql, sqlite
from app.services.database.backup import backup_database, restore_database
from app.services.database.check import check_database
from tests.database_fixtures import (
    Databases,
    PostgresqlDatabases,
    SqliteDatabases,
    put_setting,
    settings_in,
)

pytestmark = pytest.mark.usefixtures("matching_programs")


def _file(url: str) -> Path:
    return Path(make_url(url).database or "")


# ── locked ───────────────────────────────────────────────────────────────────


@contextmanager
def _writer(url: str) -> Iterator[None]:
    """Another program in the middle of a unit of work."""
    engine = make_engine(url)
    with engine.connect() as connection:
        connection.execute(text("UPDATE config SET value = '7'"))
        yield
        connection.rollback()
    engine.dispose()


def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "PATIENCE_S", 0.2)
    monkeypatch.setattr(postgresql, "PATIENCE_MS", 200)


def test_a_restore_beside_a_writer_gives_up(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _hurry(monkeypatch)
    made = backup_database(database_url, tmp_path / "a.backup")
    put_setting(database_url, "later")
    begun_s = perf_counter()
    with (
        _writer(database_url),
        pytest.raises(DatabaseUnavailableError, match="locked; nothing was changed: try again"),
    ):
        restore_database(database_url, made.path)
    assert perf_counter() - begun_s < 5
    assert settings_in(database_url) == ["later"]
    restore_database(database_url, made.path)
    assert settings_in(database_url) == []


def test_a_restore_waits_for_a_writer_who_is_soon_done(database_url: str, tmp_path: Path) -> None:
    made = backup_database(database_url, tmp_path / "a.backup")
    put_setting(database_url, "later")
    writes = Event()

    def write_a_while() -> None:
        with _writer(database_url):
            writes.set()
            sleep(0.3)

    thread = Thread(target=write_a_while)
    thread.start()
    assert writes.wait(10)
    restore_database(database_url, made.path)
    thread.join()
    assert settings_in(database_url) == []


def test_a_backup_of_a_locked_database_gives_up(
    database_url: str, databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Locked even for readers: by whoever repairs it, or changes its tables."""
    _hurry(monkeypatch)
    close_databases()
    with (
        _all_to_oneself(database_url, databases.kind),
        pytest.raises(DatabaseError, match="locked"),
    ):
        _dump(database_url, tmp_path / "a.backup")


@contextmanager
def _all_to_oneself(url: str, kind: str) -> Iterator[None]:
    if kind == "sqlite":
        with closing(sqlite3.connect(_file(url), isolation_level=None)) as other:
            other.execute("PRAGMA journal_mode=DELETE")
            other.execute("BEGIN EXCLUSIVE")
            yield
        return
    engine = make_engine(url)
    with engine.connect() as other:
        other.execute(text("LOCK TABLE config IN ACCESS EXCLUSIVE MODE"))
        yield
    engine.dispose()


def _dump(url: str, path: Path) -> None:
    if "sqlite" in url:
        sqlite.dump(_file(url), path)
    else:
        postgresql.dump(make_url(url), path)


def test_a_restore_that_waits_can_be_ended(
    sqlite_databases: SqliteDatabases, tmp_path: Path
) -> None:
    url = sqlite_databases.copy_of("migrated", upgrade_database)
    made = backup_database(url, tmp_path / "a.backup")
    environment = os.environ | {"DATABASE_URL": url, "DATA_DIR": str(tmp_path)}
    command = [sys.executable, "run_cli.py", "db", "restore", str(made.path), "--yes"]
    with _writer(url):
        backend = Path(__file__).parents[3]
        restoring = subprocess.Popen(command, cwd=backend, env=environment)
        try:
            _wait_until_it_waits(restoring, _file(url))
            restoring.send_signal(signal.SIGTERM)
            assert restoring.wait(10) == 128 + signal.SIGTERM
        finally:
            restoring.kill()
            restoring.wait()
    assert list(_file(url).parent.glob(f".{_file(url).name}.*")) == []


def _wait_until_it_waits(process: subprocess.Popen, path: Path) -> None:
    """It has the file open for longer than a look at it takes."""
    seen = 0
    while seen < 30:
        assert process.poll() is None
        seen = seen + 1 if _has_open(process.pid, path) else 0
        sleep(0.01)


def _has_open(pid: int, path: Path) -> bool:
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            if link.readlink() == path:
                return True
    return False


# ── no database ──────────────────────────────────────────────────────────────

REACH: list[Callable[[str], object]] = [
    schema_revision,
    session_factory,
    upgrade_database,
    check_database,
]


def _words(path: Path) -> None:
    path.write_text("these are no pages, these are words\n" * 100)


def _zeros_after_the_head(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes(len(whole) - 100))


@pytest.mark.parametrize("reach", REACH)
@pytest.mark.parametrize("spoil", [_words, _zeros_after_the_head])
def test_a_file_that_is_no_database_is_named(
    sqlite_databases: SqliteDatabases,
    reach: Callable[[str], object],
    spoil: Callable[[Path], None],
) -> None:
    url = sqlite_databases.copy_of("migrated", upgrade_database)
    spoil(_file(url))
    before = _file(url).read_bytes()
    with pytest.raises(ConfigurationError, match=r"is not a database, or damaged: .*`db restore`"):
        reach(url)
    assert _file(url).read_bytes() == before


@pytest.mark.parametrize("spoil", [_words, _zeros_after_the_head])
def test_a_restore_sets_aside_what_is_no_database(
    sqlite_databases: SqliteDatabases, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    source = sqlite_databases.copy_of("migrated", upgrade_database)
    put_setting(source, "in the backup")
    made = backup_database(source, tmp_path / "a.backup")
    path = tmp_path / "live" / "trading_app.db"
    path.parent.mkdir()
    for number in (1, 2):
        shutil.copy(made.path, path)
        spoil(path)
        spoiled = path.read_bytes()
        path.with_name("trading_app.db-wal").write_text("of the file that is no database")
        restored = restore_database(f"sqlite:///{path}", made.path)
        assert restored.set_aside == path.with_name(f"trading_app.db.no-database-{number}")
        assert restored.set_aside.read_bytes() == spoiled
        if spoil is _words:  # what belongs to a file with the head of a database, SQLite looks at
            assert "of the file" in Path(f"{restored.set_aside}-wal").read_text()
        assert settings_in(f"sqlite:///{path}") == ["in the backup"]
        close_databases()
    assert all(finding.ok for finding in check_database(f"sqlite:///{path}"))


# ── a backup that is not good ────────────────────────────────────────────────


def test_a_copy_that_cannot_be_read_back_does_not_appear(
    sqlite_databases: SqliteDatabases, tmp_path: Path
) -> None:
    url = sqlite_databases.copy_of("migrated", upgrade_database)
    put_setting(url, "a key")
    close_databases()
    with closing(sqlite3.connect(_file(url))) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'config'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    with _file(url).open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * 200)
    with pytest.raises(
        DatabaseError, match=r"a\.backup was not written, .* is damaged.*`db check`"
    ):
        backup_database(url, tmp_path / "kept" / "a.backup")
    assert list((tmp_path / "kept").iterdir()) == []


# ── newer, and another program's ─────────────────────────────────────────────


@pytest.mark.parametrize(
    "reach", [session_factory, upgrade_database, lambda url: downgrade_database(url, "base")]
)
def test_a_newer_database_asks_for_the_newer_program(
    database_url: str, reach: Callable[[str], object]
) -> None:
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    told = f"has schema 9999, this program knows {SCHEMA_REVISION}: a newer program wrote it"
    with pytest.raises(ConfigurationError, match=told) as caught:
        reach(database_url)
    assert "init-db" not in str(caught.value)


def test_tables_of_another_program_are_left_alone(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE users (nickname TEXT)"))
    with pytest.raises(ConfigurationError, match=r"another program: .*users.* already exists"):
        upgrade_database(empty_database_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT nickname FROM users")).all() == []
    engine.dispose()
    assert schema_revision(empty_database_url) is None


def test_a_role_that_may_nothing_is_told_so(postgresql_databases: PostgresqlDatabases) -> None:
    url = postgresql_databases.empty()
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE ROLE guest LOGIN PASSWORD 'guest'"))
    try:
        guest = make_url(url).set(username="guest", password="guest")  # noqa: S106
        with pytest.raises(DatabaseError, match=r"guest:\*\*\*@.* refused: permission denied"):
            upgrade_database(guest.render_as_string(hide_password=False))
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP ROLE guest"))
        engine.dispose()


# ── places that take no file ─────────────────────────────────────────────────


def test_a_backup_where_no_file_can_be_is_refused(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("words")
    for path in (Path("/proc/nope/x.db"), tmp_path / "file" / "x.db", tmp_path / ("x" * 300)):
        with pytest.raises(ConfigurationError, match=r"its folder takes no files: .*; name one"):
            backup_database(database_url, path)


def test_a_database_where_no_file_can_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("words")
    for path in (Path("/proc/nope/x.db"), tmp_path / "file" / "x.db"):
        with pytest.raises(ConfigurationError, match=f"{path} cannot be made: .* DATABASE_URL"):
            upgrade_database(f"sqlite:///{path}")
    for reach in (schema_revision, session_factory, upgrade_database):
        with pytest.raises(TradingError, match=r"xxx .*File name too long"):
            reach(f"sqlite:///{tmp_path / ('x' * 300)}")


# ── names that mean something in an address ──────────────────────────────────


@pytest.mark.parametrize("name", ["100%41", "p%2541", "what? #1", "a+b & ü"])
def test_a_folder_may_have_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from app.config.settings import Settings

    monkeypatch.delenv("DATABASE_URL", raising=False)
    folder = tmp_path / name
    url = Settings(data_dir=folder).database_url
    upgrade_database(url, "0003")
    old = backup_database(url, folder / "old.backup")
    upgrade_database(url)
    put_setting(url, "will go")
    restore_database(url, old.path)
    assert (schema_revision(url), settings_in(url)) == (SCHEMA_REVISION, [])
    close_databases()
    assert [each.name for each in tmp_path.iterdir()] == [name]
    names = {each.name.removesuffix("-wal").removesuffix("-shm") for each in folder.iterdir()}
    assert names == {"trading_app.db", "old.backup"}
