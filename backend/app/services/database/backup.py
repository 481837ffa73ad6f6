"""A backup is one file, made while the platform runs, and put back whole or not at all.

A SQLite database is copied by SQLite's own online backup; the file is a SQLite database. A
PostgreSQL database is dumped and put back by PostgreSQL's own programs, in their custom format.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from app.config.private_files import make_private
from app.config.settings import sqlite_url
from app.core.exceptions import ConfigurationError, DatabaseError
from app.models.addresses import database_address, shown_address, sqlite_path
from app.models.database import (
    SCHEMA_REVISION,
    close_databases,
    is_newer,
    newer_schema,
    schema_revision,
    upgrade_database,
)
from app.services.database import postgresql, sqlite

_KINDS = {sqlite.MAGIC: "SQLite", b"PGDMP": "PostgreSQL"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """One backup: its file, what kind of database it is of, its schema, its size in bytes."""

    path: Path
    kind: str
    schema: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was put back, and the file that was no database where it had to go, if one was."""

    backup: Backup
    set_aside: Path | None = None


def backup_database(url: str, path: Path) -> Backup:
    """Write the database at `url` to the new file `path`, as it is at one moment.

    The file appears when it is complete and was read back, and is its owner's alone. Others may
    write to the database meanwhile.

    Raises:
        ConfigurationError: the file exists or its folder takes none, the database was never
            initialised or is a newer program's, or PostgreSQL's programs are missing.
        DatabaseError: the database could not be read.
    """
    address = database_address(url)
    _require_backed_up(url)
    with _beside(path) as unfinished:
        if path.exists():
            raise ConfigurationError(f"{path} exists already: name another file, or remove it")
        make_private(unfinished)
        if (file := sqlite_path(address)) is not None:
            sqlite.dump(file, unfinished)
        else:
            postgresql.dump(address, unfinished)
        made = replace(_read_back(unfinished, path), path=path)
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        unfinished.replace(path)
    return made


def inspect_backup(path: Path) -> Backup:
    """What `path` is a backup of.

    Raises:
        ConfigurationError: it is none, it is damaged, or its schema is newer than this program's.
    """
    kind = _kind_of(path)
    schema = sqlite.dumped_schema(path) if kind == "SQLite" else postgresql.dumped_schema(path)
    if schema is None:
        raise ConfigurationError(f"{path} is a {kind} file, but not a backup of this platform")
    if is_newer(schema):
        raise ConfigurationError(
            f"{path} has schema {schema}, this program knows {SCHEMA_REVISION}: "
            "restore it with the newer program that wrote it"
        )
    return Backup(path=path, kind=kind, schema=schema, size=path.stat().st_size)


def restore_database(url: str, path: Path) -> Restored:
    """Put the backup in `path` in place of everything in the database at `url`.

    Until the backup is there whole the database is as it was, and it stays so if anything fails.
    An older backup is brought to this program's schema. A file that is no database is not lost
    either: it is kept under another name.

    Raises:
        ConfigurationError: as for `inspect_backup`, or it is of another kind of database.
        DatabaseUnavailableError: another program keeps the database locked.
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
        return Restored(backup=backup, set_aside=_restore_sqlite(path, file))
    postgresql.restore(address, path)
    upgrade_database(url)
    return Restored(backup=backup)


def _require_backed_up(url: str) -> None:
    revision, shown = schema_revision(url), shown_address(database_address(url))
    if revision is None:
        raise ConfigurationError(f"the database {shown} has not been initialised: run `init-db`")
    if is_newer(revision):
        raise newer_schema(shown, revision)


def _read_back(unfinished: Path, path: Path) -> Backup:
    try:
        return inspect_backup(unfinished)
    except ConfigurationError as error:
        reason = str(error).replace(str(unfinished), "the copy")
        raise DatabaseError(
            f"{path} was not written, {reason}: `db check` says what is wrong with the database"
        ) from error


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


def _restore_sqlite(backup: Path, target: Path) -> Path | None:
    """By way of a copy that is upgraded first; SQLite makes the last step atomic."""
    with _beside(target) as copy:
        sqlite.dump(backup, copy)
        upgrade_database(sqlite_url(copy))
        return sqlite.restore(copy, target)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """The path of a file that is not there yet, in the folder of `path`; gone afterwards.

    Raises:
        ConfigurationError: there is no such folder and none can be made, or it takes no files.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        made = tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written, its folder takes no files: {error.strerror}; name one "
            "that does"
        ) from error
    with made as folder:
        yield Path(folder) / path.name
