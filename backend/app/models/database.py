"""The database: declarative base, engines, sessions, and the way up to the newest schema."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import (
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
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from app.config.settings import get_settings
from app.core.exceptions import ConfigurationError

SCHEMA_REVISION = "0003"
"""The migration the code is written for: the newest in `app.models.migrations`."""

MIGRATIONS = Path(__file__).parent / "migrations"

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
)


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
    """A new engine for `url`; SQLite connections get WAL, full sync and foreign keys.

    Nothing is connected or created yet.
    """
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_pragmas)
    return engine


def _set_pragmas(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


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


@cache
def session_factory(url: str) -> sessionmaker[Session]:
    """Sessions on the database at `url`, one engine per process and address.

    Raises:
        ConfigurationError: the database was never initialised, or is older or newer.
    """
    address = make_url(url)
    _require_file(address)
    engine = make_engine(url)
    revision = _revision(engine)
    if revision is None:
        raise _uninitialised(address)
    if revision != SCHEMA_REVISION:
        raise ConfigurationError(
            f"the database {_shown(address)} has schema {revision}, this program needs "
            f"{SCHEMA_REVISION}: run `init-db`"
        )
    return sessionmaker(engine, expire_on_commit=False)


def upgrade_database(url: str, revision: str = "head") -> None:
    """Bring the database at `url` to a schema revision, creating it if it is not there.

    Safe to repeat. The tables' rows are kept.
    """
    address = make_url(url)
    if (path := _sqlite_path(address)) is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    if revision != "head" or not _is_current(url):
        _migrate(url, revision, downwards=False)


def downgrade_database(url: str, revision: str) -> None:
    """Take the database at `url` back to a schema revision; ``base`` drops every table."""
    _require_file(make_url(url))
    _migrate(url, revision, downwards=True)


def _is_current(url: str) -> bool:
    engine = make_engine(url)
    try:
        return _revision(engine) == SCHEMA_REVISION
    finally:
        engine.dispose()


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if revision is None else str(revision)


def _migrate(url: str, revision: str, *, downwards: bool) -> None:
    from alembic import command  # noqa: PLC0415 - 0.1 s that only a migration needs to pay
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    engine = make_engine(url)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            (command.downgrade if downwards else command.upgrade)(config, revision)
    finally:
        engine.dispose()
        session_factory.cache_clear()


def _require_file(address: URL) -> None:
    path = _sqlite_path(address)
    if path is not None and not path.is_file():
        raise _uninitialised(address)


def _sqlite_path(address: URL) -> Path | None:
    in_memory = address.database in (None, "", ":memory:")
    if address.get_backend_name() != "sqlite" or in_memory:
        return None
    return Path(str(address.database))


def _uninitialised(address: URL) -> ConfigurationError:
    return ConfigurationError(
        f"the database {_shown(address)} has not been initialised: run `init-db`"
    )


def _shown(address: URL) -> str:
    path = _sqlite_path(address)
    return str(path) if path else address.render_as_string(hide_password=True)
