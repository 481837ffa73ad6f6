"""Addresses of databases: what `DATABASE_URL` may say, and how messages name one."""

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.core.exceptions import ConfigurationError

_NAMES = (
    "write postgresql://user:password@host/database or sqlite:////folder/file.db, "
    "or leave it out for a file in data/"
)
_POSTGRESQL_SCHEMES = ("postgres", "postgresql")


def database_address(url: str) -> URL:
    """`url` taken apart; PostgreSQL, however it is spelled, by the driver psycopg.

    Raises:
        ConfigurationError: it is no address, or names another kind of database.
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError) as error:  # the latter for a port that is no number
        raise ConfigurationError(
            f"DATABASE_URL is not an address of a database: {_NAMES}"
        ) from error
    if address.drivername in _POSTGRESQL_SCHEMES:
        return address.set(drivername="postgresql+psycopg")
    if address.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise ConfigurationError(f"DATABASE_URL begins with {address.drivername}: {_NAMES}")
    return address


def sqlite_path(address: URL) -> Path | None:
    """The file of a SQLite database; None for one in memory, and for PostgreSQL."""
    in_memory = address.database in (None, "", ":memory:")
    if address.get_backend_name() != "sqlite" or in_memory:
        return None
    return Path(str(address.database))


def shown_address(address: URL) -> str:
    """How messages name a database: its file, or its address without the password."""
    path = sqlite_path(address)
    if path is not None:
        return str(path)
    secret = [name for name in address.query if "password" in name]
    return address.difference_update_query(secret).render_as_string(hide_password=True)
