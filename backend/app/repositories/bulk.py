"""Many rows at once: the fastest way each database has, inside the caller's unit of work."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import Table
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.orm import Session

from app.core.exceptions import DatabaseError
from app.core.types import Int64s

_CHUNK = 200
"""Rows a statement: SQLite takes 32,766 values in one, and no table has 150 columns."""

PATIENCE_S = 60
"""How long what a run did waits for another program that has SQLite's database locked."""

_TIMES_OF_ROWS = ("created_at", "updated_at")


def new_keys(count: int, time_ns: int) -> list[str]:
    """`count` new UUIDs in hexadecimal, in ascending order: version 7 of RFC 9562.

    They begin with `time_ns` in milliseconds and a counter of 32 bits; the rest is random. Keys
    that ascend are appended to an index, where random ones are scattered over it.
    """
    words = np.frombuffer(os.urandom(8 * count), ">u8").astype(np.uint64)
    counter = np.arange(count, dtype=np.uint64)
    high = np.uint64((time_ns // 1_000_000) << 16 | 0x7000) | (counter >> np.uint64(20))
    low = np.uint64(0x8000_0000_0000_0000) | ((counter & np.uint64(0xFFFFF)) << np.uint64(42))
    low |= words >> np.uint64(22)
    both = np.stack((high, low), axis=1).astype(">u8").tobytes().hex()
    return [both[start : start + 32] for start in range(0, len(both), 32)]


def keys_made_at(time_ns: int) -> tuple[UUID, UUID]:
    """The lowest and the highest key that `new_keys` may make for `time_ns`."""
    begins = time_ns // 1_000_000 << 80
    return UUID(int=begins), UUID(int=begins | (1 << 80) - 1)


def milliseconds(moment: datetime) -> int:
    """UTC nanoseconds of an instant, to the millisecond: the part of it that keys begin with."""
    return round(moment.timestamp() * 1_000) * 1_000_000


def instants(times_ns: Int64s | Sequence[int]) -> list[str | None]:
    """UTC nanoseconds as both databases read them, to the microsecond; 0 as None."""
    array = np.asarray(times_ns, np.int64)
    if not len(array):
        return []
    stamps = np.datetime_as_string(array.view("datetime64[ns]").astype("datetime64[us]"))
    texts = ";".join(stamps.tolist()).replace("T", " ").split(";")
    return [text if ns else None for text, ns in zip(texts, array.tolist(), strict=True)]


@contextmanager
def patience(db: Session) -> Iterator[None]:
    """Wait up to `PATIENCE_S` while another program has the database locked: nobody else does.

    For what took long to come to and would be lost. Only SQLite gives up; PostgreSQL waits.
    """
    connection = db.connection()
    if connection.dialect.name != "sqlite":
        yield
        return
    usual_ms = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    connection.exec_driver_sql(f"PRAGMA busy_timeout={PATIENCE_S * 1_000}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={usual_ms}")


def settle(db: Session) -> None:
    """After a large unit of work: let SQLite finish it, while nobody waits.

    SQLite moves what was committed from its log into the database when the log is long, in the
    commit that made it so, whose caller waits. Afterwards the log has room again.
    """
    db.connection().exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").close()


def insert_rows(
    db: Session, table: Table, names: Sequence[str], columns: Sequence[Sequence[object]]
) -> None:
    """Insert rows given column by column: text, numbers, booleans and None, as they are stored.

    The first column is the key; a column of nothing but None has no default in the database.
    SQLite takes some hundred rows a statement, PostgreSQL all by COPY: either way the database
    works on many rows while other threads run.

    Raises:
        DatabaseError: the database refuses a row, or cannot be written.
    """
    if not columns[0]:
        return
    connection = db.connection()
    driver = connection.dialect.loaded_dbapi
    given = dict(zip(names, columns, strict=True))
    insert = _insert_in_chunks if connection.dialect.name == "sqlite" else _copy
    try:
        insert(connection.connection.cursor(), table.name, given)
    except driver.Error as error:
        raise DatabaseError(f"{table.name}: {error}") from error


def _insert_in_chunks(
    cursor: DBAPICursor, table: str, columns: Mapping[str, Sequence[object]]
) -> None:
    """Insert into SQLite; what is the same in every row is handed over once a statement.

    To hand over a value takes longer than to store it, and to work out the time as long.
    """
    key, count = next(iter(columns)), len(next(iter(columns.values())))
    own = {n: column for n, column in columns.items() if n == key or not _is_one_value(column)}
    same = {n: column[0] for n, column in columns.items() if n not in own}
    shared = {name: value for name, value in same.items() if value is not None}
    values = [f"?{number}" for number in range(1, len(shared) + 1)]
    values += [f"column{number}" for number in range(1, len(own) + 1)]
    values += ["(SELECT CURRENT_TIMESTAMP)"] * len(_TIMES_OF_ROWS)
    into = f"{_quoted(table)} ({_listed((*shared, *own, *_TIMES_OF_ROWS))})"
    head = f"INSERT INTO {into} SELECT {', '.join(values)} FROM (VALUES "  # noqa: S608  # our own names
    row = f"({', '.join('?' * len(own))})"
    flat = _interleaved(list(own.values()), count)
    for first in range(0, count, _CHUNK):
        size = min(_CHUNK, count - first)
        part = flat[first * len(own) : (first + size) * len(own)]
        cursor.execute(head + ", ".join([row] * size) + ")", (*shared.values(), *part))


def _interleaved(columns: Sequence[Sequence[object]], count: int) -> list[object]:
    """The values row by row."""
    flat: list[object] = [None] * (count * len(columns))
    for place, column in enumerate(columns):
        flat[place :: len(columns)] = column
    return flat


def _copy(cursor: Any, table: str, columns: Mapping[str, Sequence[object]]) -> None:
    """Insert into PostgreSQL; `cursor` is psycopg's."""
    with cursor.copy(f"COPY {_quoted(table)} ({_listed(columns)}) FROM STDIN") as stream:
        for row in zip(*columns.values(), strict=True):
            stream.write_row(row)


def _is_one_value(column: Sequence[object]) -> bool:
    """Whether all values are the same; columns that differ mostly do so at their ends."""
    return column[0] == column[-1] and column.count(column[0]) == len(column)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(_quoted, names))


def _quoted(name: str) -> str:
    return f'"{name}"'
