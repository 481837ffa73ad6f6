"""Many rows at once: the fastest way each database has, inside the caller's unit of work."""

import os
from collections.abc import Iterator, Sequence
from itertools import chain, islice

import numpy as np
from sqlalchemy import Connection, Table
from sqlalchemy.orm import Session

from app.core.types import Int64s

_CHUNK = 500
"""Rows a statement: SQLite takes 32,766 values in one, and no table has 60 columns."""


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


def instants(times_ns: Int64s | Sequence[int]) -> list[str | None]:
    """UTC nanoseconds as both databases read them, to the microsecond; 0 as None."""
    array = np.asarray(times_ns, np.int64)
    if not len(array):
        return []
    stamps = np.datetime_as_string(array.view("datetime64[ns]").astype("datetime64[us]"))
    texts = ";".join(stamps.tolist()).replace("T", " ").split(";")
    return [text if ns else None for text, ns in zip(texts, array.tolist(), strict=True)]


def insert_rows(
    db: Session, table: Table, names: Sequence[str], columns: Sequence[Sequence[object]]
) -> None:
    """Insert rows given column by column: text, numbers, booleans and None, as they are stored.

    SQLite takes some hundred rows a statement, PostgreSQL all by COPY. Either way the database
    works on many rows while other threads run.
    """
    connection = db.connection()
    target = f'"{table.name}" ({", ".join(map(_quoted, names))})'
    rows = zip(*columns, strict=True)
    if connection.dialect.name == "sqlite":
        _insert_in_chunks(connection, target, len(names), rows)
        return
    cursor = connection.connection.cursor()
    with cursor.copy(f"COPY {target} FROM STDIN") as stream:
        for row in rows:
            stream.write_row(row)


def _insert_in_chunks(
    connection: Connection, target: str, width: int, rows: Iterator[tuple[object, ...]]
) -> None:
    row = f"({', '.join('?' * width)})"
    while chunk := tuple(islice(rows, _CHUNK)):
        values = ", ".join([row] * len(chunk))
        statement = f"INSERT INTO {target} VALUES {values}"  # noqa: S608  # our own names
        connection.exec_driver_sql(statement, tuple(chain.from_iterable(chunk)))


def _quoted(name: str) -> str:
    return f'"{name}"'
