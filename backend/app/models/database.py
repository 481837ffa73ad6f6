"""The database: declarative base, engines, sessions, and the way up to the newest schema."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from time import perf_counter, sleep
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    TypeDecorator,
    create_engine,
    event,
    func,
    inspect,
    text,
)
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from app.config.private_files import make_private
from app.config.settings import get_settings
from app.core.exceptions import (
    ConfigurationError,
    TradingError,
)
from app.models.addresses import database_address, shown_address, sqlite_path
from app.models.troubles import is_busy, trouble, unavailable, uninitialised

MIGRATIONS = Path(__file__).parent / "migrations"

SCHEMA_REVISION = max(path.name[1:5] for path in (MIGRATIONS / "versions").glob("r[0-9]*.py"))
"""The migration the code is written for: the newest, by the number its file begins with."""

SQLITE_PRAGMAS = (
    "PRAGMA busy_timeout=5000",
    "PRAGMA page_size=8192",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA wal_autocheckpoint=4096",
)
"""Of every connection. The size of a page, in bytes, holds for a database that is new: a run's
rows take fewer of them. The last one, in pages: a commit waits until the log is moved into the
database when there are 32 MB of it."""

_BUSY_S, _RETRY_S = 5.0, 0.02
_TURN_S = 60.0
"""How long a migration, and what takes turns with it, waits for others that write into SQLite."""

POOL_SIZE = 5
POOL_OVERFLOW = 10
"""Connections to PostgreSQL that are kept, and that a rush may add to them."""

_POOL: dict[str, Any] = {
    "pool_size": POOL_SIZE,
    "max_overflow": POOL_OVERFLOW,
    "pool_pre_ping": True,
    "connect_args": {"options": "-c timezone=utc -c synchronous_commit=on"},
}
_MIGRATION_LOCK = 0x4D69734D  # any number that no other program takes a lock on


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware datetimes in, UTC ones out; SQLite keeps them without the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC, without its zone where the database knows none."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; instants are stored in UTC")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """An aware datetime in UTC."""
        if value is None or dialect.name != "sqlite":
            return value and value.astimezone(UTC)
        return value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """Base of every table: a UUID key, and two times that the database itself keeps."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, sort_order=-3)
    created_at: Mapped[datetime] = mapped_column(
        UtcDateTime, server_default=func.current_timestamp(), sort_order=-2
    )
    updated_at: Mapped[datetime] = mapped_column(
        UtcDateTime, server_default=func.current_timestamp(), sort_order=-1
    )


def make_engine(url: str) -> Engine:
    """A new engine for `url`: SQLite with WAL, full sync and foreign keys, or pooled PostgreSQL.

    Nothing is connected or created yet.

    Raises:
        ConfigurationError: the address cannot be read, is of another kind of database, or
            PostgreSQL's driver is not installed.
    """
    address = database_address(url)
    if address.get_backend_name() == "sqlite":
        engine = create_engine(address)
        event.listen(engine, "connect", _set_pragmas)
        return engine
    try:
        return create_engine(address, **_POOL)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "DATABASE_URL names a PostgreSQL database, whose driver is not installed: "
            "`pip install 'psycopg[binary]'` into its environment"
        ) from error


def _set_pragmas(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        _set_pragma(cursor, pragma)
    cursor.close()


def _set_pragma(cursor: DBAPICursor, pragma: str) -> None:
    """Set one, with patience of our own.

    SQLite's does not cover the change to WAL: of two programs that make a database at the same
    moment, one is told at once that it is locked.
    """
    end_s = perf_counter() + _BUSY_S
    while True:
        try:
            cursor.execute(pragma)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or perf_counter() > end_s:
                raise
            sleep(_RETRY_S)
        else:
            return


class SessionFactory:
    """Makes sessions on the database that the settings name at the time of the call.

    The first session on a database checks that it is there and as new as the code.

    Raises:
        ConfigurationError: the database was never initialised, or is older or newer.
    """

    def __call__(self) -> Session:
        """A session that the caller closes, usually by ``with``; it commits nothing itself."""
        return session_factory(get_settings().database_url)()

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A session around one unit of work: committed at the end, rolled back on an error."""
        with session_factory(get_settings().database_url).begin() as session:
            yield session


SessionLocal = SessionFactory()
"""``with SessionLocal() as db: ...`` is a session on the configured database."""


_factories: dict[str, sessionmaker[Session]] = {}
_factories_lock = Lock()


def session_factory(url: str) -> sessionmaker[Session]:
    """Sessions on the database at `url`, one engine per process and address.

    Raises:
        ConfigurationError: the database was never initialised, or is older or newer.
        DatabaseUnavailableError: it does not answer.
    """
    with _factories_lock:
        if url not in _factories:
            _factories[url] = sessionmaker(_checked_engine(url), expire_on_commit=False)
        return _factories[url]


def close_databases() -> None:
    """Close every pooled connection of this process; sessions may be opened again later."""
    with _factories_lock:
        for factory in _factories.values():
            factory.kw["bind"].dispose()
        _factories.clear()


def schema_revision(url: str) -> str | None:
    """The migration the database at `url` is at; None where there is none yet.

    Raises:
        DatabaseUnavailableError: it does not answer.
    """
    address = database_address(url)
    if not _is_there(address):
        return None
    engine = make_engine(url)
    try:
        return _revision(engine)
    finally:
        engine.dispose()


def is_newer(revision: str) -> bool:
    """Whether a schema is one that this program does not know yet."""
    return revision > SCHEMA_REVISION


def newer_schema(shown: str, revision: str) -> ConfigurationError:
    """What to say of a database, named `shown`, with such a schema: nothing can be done here."""
    return ConfigurationError(
        f"the database {shown} has schema {revision}, this program knows {SCHEMA_REVISION}: "
        "a newer program wrote it, use that one, or name another database in DATABASE_URL"
    )


def _checked_engine(url: str) -> Engine:
    address = database_address(url)
    _require_file(address)
    engine = make_engine(url)
    try:
        revision = _revision(engine)
        if revision is None:
            raise uninitialised(address)
        if is_newer(revision):
            raise newer_schema(shown_address(address), revision)
        if revision != SCHEMA_REVISION:
            raise ConfigurationError(
                f"the database {shown_address(address)} has schema {revision}, this program "
                f"needs {SCHEMA_REVISION}: run `init-db`"
            )
    except TradingError:
        engine.dispose()
        raise
    return engine


def upgrade_database(url: str, revision: str = "head") -> None:
    """Bring the database at `url` to a schema revision, creating it if it is not there.

    Safe to repeat. The tables' rows are kept. A new file of SQLite is its owner's alone, and so
    are those that SQLite puts beside it: they take its mode.

    Raises:
        ConfigurationError: its folder cannot be made, the file is no database, a newer program
            wrote it, or tables of another program are in the way.
        DatabaseUnavailableError: it does not answer, or others keep it locked.
    """
    address = database_address(url)
    if (path := sqlite_path(address)) is not None:
        _make_folder(path)
        make_private(path)
    if revision != "head" or schema_revision(url) != SCHEMA_REVISION:
        _migrate(url, revision, downwards=False)


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the folder of the database {path} cannot be made: {error.strerror}; name another in "
            "DATABASE_URL or, for the default, in DATA_DIR"
        ) from error


def downgrade_database(url: str, revision: str) -> None:
    """Take the database at `url` back to a schema revision; ``base`` drops every table."""
    _require_file(database_address(url))
    _migrate(url, revision, downwards=True)


def _revision(engine: Engine) -> str | None:
    try:
        with engine.connect() as connection:
            return _revision_of(connection)
    except DBAPIError as error:
        raise trouble(engine.url, error) from error


def _revision_of(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if revision is None else str(revision)


def run_migrations(
    connection: Connection, revision: str = "head", *, downwards: bool = False
) -> None:
    """Bring the schema that `connection` sees to a revision, in its transaction."""
    from alembic import command  # noqa: PLC0415 - 0.1 s that only a migration needs to pay
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    (command.downgrade if downwards else command.upgrade)(config, revision)


@contextmanager
def connect_in_memory() -> Iterator[Connection]:
    """A transaction of a SQLite database that is in memory, empty, and gone afterwards."""
    engine = make_engine("sqlite://")
    try:
        with _alone(engine) as connection:
            yield connection
    finally:
        engine.dispose()


def _migrate(url: str, revision: str, *, downwards: bool) -> None:
    engine = make_engine(url)
    try:
        with _migrating, _alone(engine) as connection:
            if is_newer(before := _revision_of(connection) or ""):
                raise newer_schema(shown_address(engine.url), before)
            run_migrations(connection, revision, downwards=downwards)
    except DBAPIError as error:
        raise trouble(engine.url, error) from error
    finally:
        engine.dispose()
        close_databases()


_migrating = Lock()


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A transaction that other programs' migrations wait for: all of it happens, or nothing."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _leave_transactions_to_us)
        event.listen(engine, "begin", _begin_writing)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
        yield connection


def _leave_transactions_to_us(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """A migration may make a table anew: dropping the old one must not take others' rows along."""
    connection.isolation_level = None
    cursor = connection.cursor()
    _set_pragma(cursor, "PRAGMA foreign_keys=OFF")
    cursor.close()


def _begin_writing(connection: Connection) -> None:
    end_s = perf_counter() + _TURN_S
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError as error:
            if not is_busy(error) or perf_counter() > end_s:
                raise
            sleep(_RETRY_S)
        else:
            return


def take_turn(db: Session) -> None:
    """Let the unit of work `db`, at its beginning, wait for migrations and others that took turns.

    Until it ends they wait for it. For what looks whether rows are there and adds those that are
    not: two programs that do so at once would both add them.

    Raises:
        DatabaseUnavailableError: another program has been writing into SQLite for a minute.
    """
    connection = db.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
        return
    if getattr(connection.connection.driver_connection, "in_transaction", False):
        return  # it writes already: it is its turn
    try:
        _begin_writing(connection)
    except OperationalError as error:
        raise unavailable(connection.engine.url, error) from error


def _require_file(address: URL) -> None:
    if not _is_there(address):
        raise uninitialised(address)


def _is_there(address: URL) -> bool:
    """Whether there may be a database: for SQLite, whether its file is there.

    Raises:
        ConfigurationError: the file may not be looked for.
    """
    path = sqlite_path(address)
    try:
        return path is None or path.is_file()
    except OSError as error:
        raise ConfigurationError(
            f"the database {path} cannot be reached: {error.strerror}; mend that, or name another "
            "in DATABASE_URL or, for the default, in DATA_DIR"
        ) from error
