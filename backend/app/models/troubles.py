"""What a database that is missing, locked, damaged or another program's means to its owner."""

import re
import sqlite3

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError

from app.core.exceptions import (
    ConfigurationError,
    DatabaseError,
    DatabaseUnavailableError,
    TradingError,
)
from app.models.addresses import shown_address

_IN_THE_WAY = ("42P07", "42710", "42723")
_IS_THERE = re.compile(r"^(table|index|trigger) \S+ already exists$")
"""PostgreSQL's codes, and SQLite's words, for something that is there already."""


def uninitialised(address: URL) -> ConfigurationError:
    """That there is no database yet, and how one is made."""
    return ConfigurationError(
        f"the database {shown_address(address)} has not been initialised: run `init-db`"
    )


def is_busy(error: DBAPIError) -> bool:
    """Whether SQLite says that another program is writing."""
    return _sqlite_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _sqlite_code(error: DBAPIError) -> int:
    """SQLite's primary code of an error; 0 if it is not SQLite's."""
    return int(getattr(error.orig, "sqlite_errorcode", 0)) & 0xFF


def trouble(address: URL, error: DBAPIError) -> TradingError:
    """What an error that the database at `address` gave means to who runs the platform."""
    shown, reason = shown_address(address), _reason(error)
    if _sqlite_code(error) in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return ConfigurationError(
            f"{shown} is not a database, or damaged: {reason}; put a backup in its place with "
            "`db restore`, or move the file away and run `init-db`"
        )
    if getattr(error.orig, "sqlstate", None) in _IN_THE_WAY or _IS_THERE.search(reason):
        return ConfigurationError(
            f"the database {shown} holds something of another program: {reason}; name a database "
            "of the platform's own in DATABASE_URL"
        )
    if isinstance(error, OperationalError):
        return unavailable(address, error)
    return DatabaseError(f"the database {shown} refused: {reason}")


def unavailable(address: URL, error: DBAPIError) -> DatabaseUnavailableError:
    """That nobody answers, or others are not done with the database."""
    if is_busy(error):
        return DatabaseUnavailableError(
            f"the database {shown_address(address)} is locked: another program writes to it; "
            "try again when that is done, or end it"
        )
    return DatabaseUnavailableError(
        f"the database {shown_address(address)} does not answer: {_reason(error)}"
    )


def _reason(error: DBAPIError) -> str:
    """The last line of a connection that failed, whose first name every address that was tried."""
    lines = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    return (lines[-1] if isinstance(error, OperationalError) else lines[0]).strip()
