"""Many rows at once: the fastest way each database has, inside the caller's unit of work."""

import os
import re
from collections.abc import Iterable, Sequence
from itertools import chain, islice

import numpy as np
from sqlalchemy import Connection, Table
from sqlalchemy.orm import Session

from app.core.types import Int64s

_CHUNK = 200
"""Rows a statement: SQLite takes 32,766 values in one, and no table has 150 columns."""

_COPY_CHUNK = 500
"""Rows a message to PostgreSQL."""

_TIMES_OF_ROWS = ("created_at", "updated_at")
_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


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


def settle(db: Session) -> None:
    """Before the first statement of a large unit of work: let the database finish the last one.

    SQLite moves what was committed from its log into the database when the log is long, in the
    commit that made it so, whose caller waits. To begin with it here is to have room in the log
    for what comes: nobody waits for this if other work goes on meanwhile.
    """
    connection = db.connection()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").close()


def insert_rows(
    db: Session, table: Table, names: Sequence[str], columns: Sequence[Sequence[object]]
) -> None:
    """Insert rows given column by column: text, numbers, booleans and None, as they are stored.

    The first column is the key. SQLite takes some hundred rows a statement, PostgreSQL all by
    COPY: either way the database works on many rows while other threads run.
    """
    connection = db.connection()
    if connection.dialect.name == "sqlite":
        _insert_in_chunks(connection, table.name, dict(zip(names, columns, strict=True)))
        return
    cursor = connection.connection.cursor()
    with cursor.copy(f"COPY {_quoted(table.name)} ({_listed(names)}) FROM STDIN") as stream:
        rows = zip(*map(_copied, columns), strict=True)
        while chunk := "\n".join(map("\t".join, islice(rows, _COPY_CHUNK))):
            stream.write(chunk + "\n")


def _insert_in_chunks(
    connection: Connection, table: str, columns: dict[str, Sequence[object]]
) -> None:
    """Insert into SQLite; what is the same in every row is handed over once a statement.

    To hand over a value takes longer than to store it, and to work out the time as long.
    """
    key = next(iter(columns))
    own = {n: column for n, column in columns.items() if n == key or not _is_one_value(column)}
    shared = {name: column[0] for name, column in columns.items() if name not in own and column}
    values = [f"?{number}" for number in range(1, len(shared) + 1)]
    values += [f"column{number}" for number in range(1, len(own) + 1)]
    values += ["(SELECT CURRENT_TIMESTAMP)"] * len(_TIMES_OF_ROWS)
    target = f"{_quoted(table)} ({_listed((*shared, *own, *_TIMES_OF_ROWS))})"
    row = f"({', '.join('?' * len(own))})"
    rows = zip(*own.values(), strict=True)
    while chunk := tuple(islice(rows, _CHUNK)):
        lines = ", ".join([row] * len(chunk))
        statement = f"INSERT INTO {target} SELECT {', '.join(values)} FROM (VALUES {lines})"  # noqa: S608  # our own names
        parameters = (*shared.values(), *chain.from_iterable(chunk))
        connection.exec_driver_sql(statement, parameters)


def _is_one_value(column: Sequence[object]) -> bool:
    """Whether all values are the same; columns that differ mostly do so at their ends."""
    return not column or (column[0] == column[-1] and column.count(column[0]) == len(column))


def _copied(column: Sequence[object]) -> Sequence[str]:
    """The values as fields of COPY's text format."""
    if _is_one_value(column):
        return [_field(value) for value in column[:1]] * len(column)
    return [_field(value) for value in column]


def _field(value: object) -> str:
    if value is None:
        return r"\N"
    if isinstance(value, str) and _SPECIAL.search(value):
        return value.translate(_ESCAPES)
    return str(value)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(_quoted, names))


def _quoted(name: str) -> str:
    return f'"{name}"'
