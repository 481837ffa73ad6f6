"""Files of bars from elsewhere (.csv, .csv.gz, .parquet) as raw columns with line numbers."""

import csv
import gzip
import io
import re
import zlib
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from app.core.exceptions import ConfigurationError, DataError
from app.core.types import Int64s
from app.services.market_data.parquet_source import open_parquet
from app.services.market_data.source_columns import VALUE_FIELDS, SourceColumns, resolve_columns

NAMED_LINES: Final = 100
"""Lines that are not rows are all counted; of so many the number and the reason are held."""

_SEPARATORS: Final = (",", ";", "\t", "|")
_FEWEST_FIELDS: Final = 6
_PREAMBLE_LINES: Final = 20
_NUMBER: Final = re.compile(r"[+-]?[\d.,:/ TZ-]+")


@dataclass(frozen=True, slots=True, eq=False)
class SourceTable:
    """Rows of a file as they were found.

    ``frame`` has ``time`` (as the file has it), ``open high low close volume`` (float64;
    null: not a number) and, if the file names symbols, ``symbol``. ``lines`` numbers its
    rows from 1 as the file does. ``malformed`` lists the first hundred lines that are not
    rows, with the reason, and ``malformed_lines`` counts all; ``notes`` tells what else the
    user should know.
    """

    frame: pl.DataFrame
    lines: Int64s
    malformed: tuple[tuple[int, str], ...] = ()
    malformed_lines: int = 0
    notes: tuple[str, ...] = ()


def read_source(path: Path, columns: Mapping[str, str]) -> SourceTable:
    """Read a file; `columns` overrules the usual column names (see `resolve_columns`).

    Raises:
        ConfigurationError: for a file that does not exist, of another kind, or whose
            columns cannot be told.
        DataError: for a file that is damaged or empty.
    """
    if not path.is_file():
        raise ConfigurationError(f"{path}: there is no such file")
    name = path.name.casefold()
    if name.endswith(".parquet"):
        return _read_parquet(path, columns)
    if name.endswith((".csv", ".csv.gz", ".txt", ".txt.gz")):
        return _read_csv(path, read_text(path), columns)
    raise ConfigurationError(f"{path}: the file must be .csv, .csv.gz or .parquet")


def _read_parquet(path: Path, columns: Mapping[str, str]) -> SourceTable:
    source = open_parquet(path, columns)
    found, chosen = source.read(), source.chosen
    picked = {"time": _joined_time([found[place] for place in chosen.time])}
    for name, place in zip(VALUE_FIELDS, chosen.values, strict=True):
        picked[name] = found[place].cast(pl.Float64, strict=False)
    if chosen.symbol is not None:
        picked["symbol"] = found[chosen.symbol].cast(pl.String)
    return SourceTable(pl.DataFrame(picked), np.arange(1, len(picked["time"]) + 1))


def read_text(path: Path) -> bytes:
    """The text of a file (.gz: unzipped), with plain line ends and no byte-order mark.

    Raises:
        ConfigurationError: for UTF-16.
        DataError: for a file that is damaged or empty.
    """
    try:
        content = path.read_bytes()
        text = gzip.decompress(content) if path.name.casefold().endswith(".gz") else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: the file is damaged ({error}); fetch it again") from error
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigurationError(f"{path}: the file is UTF-16; save it as UTF-8")
    text = text.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in text[:4_096]:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if not text.strip():
        raise DataError(f"{path}: the file is empty")
    return text


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a CSV is written: its column names, separator, and where its rows begin."""

    names: tuple[str, ...]
    separator: str
    first_row: int
    offset: int


@dataclass(slots=True)
class _Refused:
    """Lines that are not rows: a file may hold nothing else, so only the first are held."""

    first: list[tuple[int, str]] = field(default_factory=list)
    count: int = 0

    def add(self, line: int, reason: str) -> None:
        self.count += 1
        if len(self.first) < NAMED_LINES:
            self.first.append((line, reason))


_TOO_MANY_FIELDS: Final = (pl.exceptions.ComputeError, pl.exceptions.SchemaError)
"""Raised for a line with more fields than there are columns; the second if it is the first row."""


def _read_csv(path: Path, text: bytes, columns: Mapping[str, str]) -> SourceTable:
    layout = _layout_of(path, text)
    chosen = resolve_columns(layout.names, columns)
    body = text[layout.offset :]
    notes: tuple[str, ...] = ()
    if not body.endswith(b"\n"):
        notes = ("the last line has no line end: the file may have been cut short",)
    refused = _Refused()
    try:
        found = _parse(_plain(body, layout.separator), layout, chosen)
        lines = np.arange(len(found), dtype=np.int64) + layout.first_row
    except _TOO_MANY_FIELDS:
        body, lines = _well_formed(body, layout, refused)
        found = _parse(body, layout, chosen)
    filled = np.flatnonzero(~found.select(pl.all_horizontal(pl.all().is_null())).to_series())
    frame = found[filled] if len(filled) < len(found) else found
    return SourceTable(
        _named(frame, chosen), lines[filled], tuple(refused.first), refused.count, notes
    )


def _layout_of(path: Path, text: bytes) -> _Layout:
    """Find the header: the first line with enough fields; names ``#1…`` if it holds values."""
    offset = 0
    for number, line in enumerate(text[:65_536].split(b"\n")[:_PREAMBLE_LINES], start=1):
        header = line.decode("utf-8", errors="replace")
        separator = max(_SEPARATORS, key=header.count)
        fields = next(csv.reader([header], delimiter=separator), [])
        if len(fields) >= _FEWEST_FIELDS and not header.startswith("#"):
            if sum(_NUMBER.fullmatch(each.strip()) is not None for each in fields) >= 4:
                names = tuple(f"#{place}" for place in range(1, len(fields) + 1))
                return _Layout(names, separator, number, offset)
            names = tuple(each.strip() for each in fields)
            return _Layout(names, separator, number + 1, offset + len(line) + 1)
        offset += len(line) + 1
    raise ConfigurationError(
        f"{path}: no header line with at least {_FEWEST_FIELDS} columns "
        "(time, open, high, low, close, volume) was found"
    )


def _plain(body: bytes, separator: str) -> bytes:
    """Without quotes, and without spaces after separators."""
    mark = separator.encode()
    if b'"' in body:
        body = body.replace(b'"', b"")
    return body.replace(mark + b" ", mark) if mark + b" " in body else body


def _parse(body: bytes, layout: _Layout, chosen: SourceColumns) -> pl.DataFrame:
    """The chosen columns, named by their number: values as float64, the rest as text."""
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        str(place): pl.Float64 if place in chosen.values else pl.String
        for place in range(len(layout.names))
    }
    wanted = {*chosen.time, *chosen.values, *([] if chosen.symbol is None else [chosen.symbol])}
    if not body.strip():
        return pl.DataFrame(schema=schema)
    return pl.read_csv(
        io.BytesIO(body),
        has_header=False,
        schema=schema,
        columns=sorted(wanted),
        separator=layout.separator,
        quote_char=None,
        ignore_errors=True,
        encoding="utf8-lossy",
        decimal_comma=layout.separator == ";" and b"," in body[:4_096],
    )


def _well_formed(body: bytes, layout: _Layout, refused: _Refused) -> tuple[bytes, Int64s]:
    """Line by line: the rows with as many fields as columns, and their line numbers."""
    kept, lines = io.BytesIO(), array("q")
    for number, line in enumerate(io.BytesIO(body), start=layout.first_row):
        try:
            fields = _fields(line.removesuffix(b"\n"), layout.separator)
        except csv.Error as error:
            refused.add(number, str(error))
            continue
        if len(fields) > len(layout.names):
            refused.add(number, f"{len(fields)} fields where there are {len(layout.names)} columns")
        elif fields:
            kept.write(layout.separator.encode().join(fields) + b"\n")
            lines.append(number)
    return kept.getvalue(), np.array(lines, np.int64)


def _fields(line: bytes, separator: str) -> list[bytes]:
    """Without quotes, spaces around, and separators inside; none of an empty line."""
    if b'"' not in line:
        return [each.strip() for each in line.split(separator.encode())] if line else []
    text = line.decode("utf-8", errors="replace")
    fields = next(csv.reader([text], delimiter=separator), [])
    return [each.replace(separator, " ").strip().encode() for each in fields]


def _named(found: pl.DataFrame, chosen: SourceColumns) -> pl.DataFrame:
    columns = {"time": _joined_time([found[str(place)] for place in chosen.time])}
    for name, place in zip(VALUE_FIELDS, chosen.values, strict=True):
        columns[name] = found[str(place)]
    if chosen.symbol is not None:
        columns["symbol"] = found[str(chosen.symbol)].str.strip_chars()
    return pl.DataFrame(columns)


def _joined_time(parts: list[pl.Series]) -> pl.Series:
    """One time column of one, or of a date and a clock column; text without spaces around."""
    if len(parts) == 1:
        column = parts[0]
        return column.str.strip_chars() if column.dtype == pl.String else column
    day, clock = (part.cast(pl.String).str.strip_chars() for part in parts)
    if clock.str.contains(r"^\d{1,6}$").all():  # 93000 for 09:30:00, 930 for 09:30
        longest = clock.str.len_chars().max()
        clock = clock.str.zfill(4 if longest in {3, 4} else 6)
    return day + " " + clock
