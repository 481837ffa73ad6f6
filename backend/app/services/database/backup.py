"""A backup is one file, made while the platform runs, and put back whole or not at all.

A SQLite database is copied by SQLite's own online backup; the file is a SQLite database. A
PostgreSQL database is dumped and put back by PostgreSQL's own programs, in their custom format.
"""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.config.private_files import make_private
from app.core.exceptions import ConfigurationError, DatabaseError
from app.models.database import (
    SCHEMA_REVISION,
    close_databases,
    database_address,
    schema_revision,
    shown_address,
    sqlite_path,
    upgrade_database,
)
from app.services.database import postgresql

_KINDS = {b"SQLite format 3\x00": "SQLite", b"PGDMP": "PostgreSQL"}
_LOOK_SHORTLY = "PRAGMA busy_timeout=5000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """One backup: its file, what kind of database it is of, its schema, its size in bytes."""

    path: Path
    kind: str
    schema: str
    size: int


def backup_database(url: str, path: Path) -> Backup:
    """Write the database at `url` to the new file `path`, as it is at one moment.

    The file appears when it is complete, and is its owner's alone. Others may write to the
    database meanwhile.

    Raises:
        ConfigurationError: the file exists, the database was never initialised, or PostgreSQL's
            programs are missing.
        DatabaseError: the database could not be read.
    """
    if path.exists():
        raise ConfigurationError(f"{path} exists already: name another file, or remove it")
    if schema_revision(url) is None:
        shown = shown_address(database_address(url))
        raise ConfigurationError(f"the database {shown} has not been initialised: run `init-db`")
    path.parent.mkdir(parents=True, exist_ok=True)
    address = database_address(url)
    with _beside(path) as unfinished:
        make_private(unfinished)
        if (file := sqlite_path(address)) is not None:
            _copy_sqlite(file, unfinished)
        else:
            postgresql.dump(address, unfinished)
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        unfinished.replace(path)
    return inspect_backup(path)


def inspect_backup(path: Path) -> Backup:
    """What `path` is a backup of.

    Raises:
        ConfigurationError: it is none, it is damaged, or its schema is newer than this program's.
    """
    kind = _kind_of(path)
    schema = _sqlite_schema(path) if kind == "SQLite" else postgresql.dumped_schema(path)
    if schema is None:
        raise ConfigurationError(f"{path} is a {kind} file, but not a backup of this platform")
    if schema > SCHEMA_REVISION:
        raise ConfigurationError(
            f"{path} has schema {schema}, this program knows {SCHEMA_REVISION}: "
            "restore it with the newer program that wrote it"
        )
    return Backup(path=path, kind=kind, schema=schema, size=path.stat().st_size)


def restore_database(url: str, path: Path) -> Backup:
    """Put the backup in `path` in place of everything in the database at `url`.

    Until the backup is there whole the database is as it was, and it stays so if anything fails.
    An older backup is brought to this program's schema.

    Raises:
        ConfigurationError: as for `inspect_backup`, or it is of another kind of database.
        DatabaseError: the database could not be written.
    """
    backup, address = inspect_backup(path), database_address(url)
    file = sqlite_path(address)
    kind = "PostgreSQL" if file is None else "SQLite"
    if backup.kind != kind:
        raise ConfigurationError(
            f"{path} is a backup of {backup.kind}, DATABASE_URL names {shown_address(address)}"
        )
    close_databases()
    if file is not None:
        _restore_sqlite(path, file)
    else:
        postgresql.restore(address, path)
        upgrade_database(url)
    return backup


def _kind_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    for magic, kind in _KINDS.items():
        if head.startswith(magic):
            return kind
    raise ConfigurationError(f"{path} is not a backup")


def _sqlite_schema(path: Path) -> str | None:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as db:
            (verdict,) = db.execute("PRAGMA integrity_check(1)").fetchone()
            if verdict != "ok":
                raise ConfigurationError(f"{path} is damaged: {verdict}")
            known = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")
            if known.fetchone() is None:
                return None
            row = db.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise ConfigurationError(f"{path} is damaged: {error}") from error
    return None if row is None else str(row[0])


def _copy_sqlite(source: Path, target: Path) -> None:
    """Into a file that needs no other beside it."""
    try:
        with closing(sqlite3.connect(source)) as db, closing(sqlite3.connect(target)) as copy:
            db.execute(_LOOK_SHORTLY)
            db.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise DatabaseError(f"{source} could not be copied: {error}") from error


def _restore_sqlite(backup: Path, target: Path) -> None:
    """By way of a copy that is upgraded first; SQLite makes the last step atomic."""
    target.parent.mkdir(parents=True, exist_ok=True)
    make_private(target)
    with _beside(target) as copy:
        _copy_sqlite(backup, copy)
        upgrade_database(f"sqlite:///{copy}")
        try:
            with closing(sqlite3.connect(copy)) as db, closing(sqlite3.connect(target)) as live:
                live.execute(_LOOK_SHORTLY)
                _make_pages_alike(db, live)
                live.execute("PRAGMA journal_mode=WAL")
                live.execute("PRAGMA synchronous=FULL")
                db.backup(live)
        except sqlite3.Error as error:
            raise DatabaseError(f"{target} could not be written: {error}") from error


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


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """The path of a file that is not there yet, in the folder of `path`; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        yield Path(folder) / path.name
