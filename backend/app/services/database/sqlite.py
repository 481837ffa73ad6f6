"""Copies of a SQLite database, made by SQLite's own online backup."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import perf_counter

from app.config.private_files import make_private
from app.core.exceptions import ConfigurationError, DatabaseError, DatabaseUnavailableError

PATIENCE_S = 5.0
"""How long another program that writes is waited for."""

_STEP_PAGES = 4_096
_STEP_S = 0.1
"""What is done between two looks at the time: until then no signal is heeded."""

MAGIC = b"SQLite format 3\x00"
"""How every file of a database begins that is not empty."""

_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_NO_DATABASE = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_BESIDE = ("-wal", "-shm", "-journal", "")
"""Ends of the names of a database's files, the database itself last."""


def dump(source: Path, target: Path) -> None:
    """Copy the database in `source`, as it is now, to the new file `target`, alone there.

    Raises:
        DatabaseUnavailableError: another program keeps it locked.
        DatabaseError: it could not be read, or the file not written.
    """
    try:
        with closing(_open(source)) as db, closing(_open(target)) as copy:
            _copy(db, copy)
            copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise _trouble(f"{source} could not be copied", error) from error


def dumped_schema(path: Path) -> str | None:
    """The schema revision in a copy; None if it is of another program.

    Raises:
        ConfigurationError: it is damaged.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as db:
            (verdict,) = db.execute("PRAGMA integrity_check(1)").fetchone()
            if verdict != "ok":
                raise ConfigurationError(f"{path} is damaged: {' '.join(verdict.split())}")
            known = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")
            if known.fetchone() is None:
                return None
            row = db.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise ConfigurationError(f"{path} is damaged: {error}") from error
    return None if row is None else str(row[0])


def restore(copy: Path, target: Path) -> Path | None:
    """Put the database in `copy`, which is used up, in place of `target`, whole or not at all.

    A `target` that is no database, or so damaged that SQLite cannot open it, is kept beside under
    another name, which is returned; otherwise None is.

    Raises:
        DatabaseUnavailableError: another program keeps `target` locked.
        DatabaseError: it could not be written.
    """
    aside = _set_aside(target) if _is_no_database(target) else None
    make_private(target)
    try:
        with closing(_open(copy)) as db, closing(_open(target)) as live:
            _make_pages_alike(db, live)
            live.execute("PRAGMA journal_mode=WAL")
            live.execute("PRAGMA synchronous=FULL")
            _copy(db, live)
    except sqlite3.Error as error:
        kept = f"; what was there is {aside}" if aside else ""
        raise _trouble(f"{target} could not be written{kept}", error) from error
    return aside


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=PATIENCE_S)


def _copy(db: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """All of `db` as it is now, in one transaction of `target`.

    Python's own way waits for ever for a lock, deaf to signals.
    """
    db.execute("BEGIN")
    db.execute("SELECT count(*) FROM sqlite_schema").close()
    target.execute(f"PRAGMA busy_timeout={round(_STEP_S * 1_000)}")
    db.backup(target, pages=_STEP_PAGES, progress=_impatient(), sleep=_STEP_S)
    db.rollback()


def _impatient() -> Callable[[int, int, int], None]:
    end_s = perf_counter() + PATIENCE_S

    def look(status: int, _remaining: int, _total: int) -> None:
        nonlocal end_s
        if status not in _LOCKED:
            end_s = perf_counter() + PATIENCE_S
        elif perf_counter() > end_s:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = status
            raise error

    return look


def _make_pages_alike(db: sqlite3.Connection, live: sqlite3.Connection) -> None:
    """Let pages be as large as those of `live`, which SQLite can copy to only then.

    A database without a page yet takes those of `db`.
    """
    (size,), (wanted,) = (one.execute("PRAGMA page_size").fetchone() for one in (db, live))
    (pages,) = live.execute("PRAGMA page_count").fetchone()
    if not pages:
        live.execute(f"PRAGMA page_size={size}")
    elif size != wanted:
        db.execute("PRAGMA journal_mode=DELETE")
        db.execute(f"PRAGMA page_size={wanted}")
        db.execute("VACUUM")


def _is_no_database(path: Path) -> bool:
    """By its first bytes, for SQLite would remove what it finds beside it; then by its tables."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        if (head := file.read(len(MAGIC))) and head != MAGIC:
            return True
    try:
        with closing(_open(path)) as db:
            db.execute("SELECT count(*) FROM sqlite_schema").close()
    except sqlite3.Error as error:
        return _code(error) in _NO_DATABASE
    return False


def _set_aside(path: Path) -> Path:
    """Give a file, and those that belong to it, a name that is free; the new name."""
    number = 1
    while (aside := path.with_name(f"{path.name}.no-database-{number}")).exists():
        number += 1
    for end in _BESIDE:
        file = path.with_name(path.name + end)
        if file.exists():
            file.rename(aside.with_name(aside.name + end))
    return aside


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary code of an error, 0 if it is Python's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _trouble(what: str, error: sqlite3.Error) -> DatabaseError:
    if _code(error) in _LOCKED:
        return DatabaseUnavailableError(
            f"{what}: another program has it locked; nothing was changed: try again when that "
            "program is done, or end it"
        )
    return DatabaseError(f"{what}: {error}")
