"""Bars from a file into the store: every row is stored, or refused with its line and reason."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from app.core.data_structures import BarColumns
from app.core.exceptions import ConfigurationError, DataError
from app.core.sessions import SessionGrid
from app.core.types import DAY_NS, MINUTE_NS, Bools, Int64s
from app.services.market_data import anomalies, timestamps
from app.services.market_data.bar_aggregation import session_rows
from app.services.market_data.parquet_storage import ParquetStorage, WriteSummary
from app.services.market_data.source_columns import VALUE_FIELDS
from app.services.market_data.source_files import NAMED_LINES, SourceTable, read_source
from app.services.market_data.symbol_folders import require_symbol

SHOWN_REJECTIONS: Final = NAMED_LINES
_LATEST_NS: Final = 47_482 * DAY_NS
"""2100-01-01: a later time is a misread one."""

Progress = Callable[[float, str], None]
"""Told the fraction done (0 to 1) and what is being done."""

SessionsBetween = Callable[[int, int], SessionGrid]
"""The market's sessions that touch ``[first_ns, last_ns]``."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that was not stored: its line in the file (row number in Parquet), and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class ImportedSymbol:
    """What a file brought of one symbol.

    ``rows`` were sound, of which ``write`` says what they changed. ``sessions`` counts
    sessions with at least one bar, ``coverage_pct`` how much of their regular minutes is
    there (NaN without a calendar); ``outside`` counts bars outside regular hours.
    ``out_of_order``, ``spikes`` and ``zero_volume`` were stored and should be looked at;
    ``first_spike_ns`` is the start of the first spike, or None.
    """

    symbol: str
    rows: int
    first_ns: int
    last_ns: int
    write: WriteSummary
    sessions: int
    coverage_pct: float
    outside: int
    out_of_order: int
    spikes: int
    first_spike_ns: int | None
    zero_volume: int


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What became of a file: symbols stored, rows refused, what else to know.

    ``rejections`` holds the first hundred in line order; ``rejected`` counts all.
    ``timezone`` is how times without a zone were read. ``elapsed_s`` is wall time.
    """

    path: Path
    rows: int
    symbols: tuple[ImportedSymbol, ...]
    rejected: int
    rejections: tuple[Rejection, ...]
    timezone: str
    notes: tuple[str, ...]
    elapsed_s: float


def import_bars(
    path: Path,
    storage: ParquetStorage,
    *,
    symbol: str | None = None,
    timezone: str = "UTC",
    columns: Mapping[str, str] | None = None,
    labels: Iterable[str] = (),
    sessions_between: SessionsBetween | None = None,
    progress: Progress = lambda _fraction, _doing: None,
) -> ImportSummary:
    """Store the one-minute bars of a .csv, .csv.gz or .parquet file.

    Rows are labelled by the open of their minute. `symbol` names them if the file has no
    symbol column, or renames the only symbol it has. Times without a zone are on the clock
    of `timezone`. Of two rows of one minute the later wins.

    Raises:
        ConfigurationError: if the file or its columns cannot be told, or the symbol.
        DataError: if the file is damaged, empty, or no row of it can be stored.
    """
    begun = perf_counter()
    progress(0.0, "reading")
    table = read_source(path, columns or {})
    names = _symbols_of(table, symbol)
    progress(0.3, "reading times")
    times = timestamps.parse_times(table.frame["time"], timezone)
    progress(0.5, "checking")
    codes = _judge(table, names, times)
    rejections, rejected = _rejections(table, codes)
    rows = len(table.frame) + table.malformed_lines
    if not (codes == 0).any():
        first = f" (line {rejections[0].line}: {rejections[0].reason})" if rejections else ""
        raise DataError(f"{path}: none of its {rows} rows can be stored{first}")
    sound = table.frame.with_columns(names.alias("symbol"), pl.Series("ts", times.ns))
    parts = sound.filter(codes == 0).partition_by("symbol", maintain_order=True, as_dict=True)
    stored = []
    for number, ((name, *_), part) in enumerate(parts.items()):
        progress(0.55 + 0.45 * number / len(parts), f"storing {name}")
        stored.append(_store(str(name), part, storage, labels, sessions_between))
    progress(1.0, "done")
    return ImportSummary(
        path,
        rows=rows,
        symbols=tuple(stored),
        rejected=rejected,
        rejections=rejections,
        timezone=timezone,
        notes=table.notes,
        elapsed_s=perf_counter() - begun,
    )


def _symbols_of(table: SourceTable, symbol: str | None) -> pl.Series:
    """The symbol of each row."""
    if symbol is not None:
        require_symbol(symbol)
    if "symbol" in table.frame.columns:
        column = table.frame["symbol"]
        if symbol is None:
            return column
        several = column.drop_nulls().unique().sort().to_list()
        if len(several) > 1:
            raise ConfigurationError(
                f"symbol: {symbol} is to name the file's, which holds {len(several)} symbols "
                f"({', '.join(several[:5])} …); leave it away to keep them apart"
            )
    if symbol is None:
        raise ConfigurationError("the file has no symbol column; say which it is in `symbol`")
    return pl.repeat(symbol, len(table.frame), dtype=pl.String, eager=True)


_REASONS: Final = (
    "",
    "the symbol is missing or not usable",
    "the time {time!r} cannot be read",
    "the time {time!r} happens twice on that day's clock; give times with a zone",
    "the time {time!r} does not exist on that day's clock; give times with a zone",
    "the time {time!r} is not on a whole minute",
    "the time {time!r} is not between 1970 and 2100",
    *(f"{field} is missing or not a number" for field in VALUE_FIELDS),
    *(
        f"{field} {{{field}!r}} is not a finite number above zero and up to 1e12"
        for field in VALUE_FIELDS[:-1]
    ),
    "volume {volume!r} is not a finite number from 0 to 1e18",
    "high {high!r} and low {low!r} do not enclose open {open!r} and close {close!r}",
)


def _judge(
    table: SourceTable, names: pl.Series, times: timestamps.ParsedTimes
) -> npt.NDArray[np.int8]:
    """Per row the number of the first of `_REASONS` that holds, 0 for a sound row."""
    values = [table.frame[field] for field in VALUE_FIELDS]
    arrays = [column.fill_null(np.nan).to_numpy() for column in values]
    codes = np.zeros(len(names), np.int8)
    masks: list[Bools] = [
        ~_usable(names),
        times.codes == timestamps.UNREADABLE,
        times.codes == timestamps.TWICE,
        times.codes == timestamps.NEVER,
        times.ns % MINUTE_NS != 0,
        (times.ns < 0) | (times.ns >= _LATEST_NS),
        *(column.is_null().to_numpy() for column in values),
        *(anomalies.impossible_prices(column) for column in arrays[:-1]),
        anomalies.impossible_volumes(arrays[-1]),
        anomalies.not_enclosed(*arrays[:-1]),
    ]
    for number, mask in reversed(list(enumerate(masks, start=1))):
        codes[mask] = number
    return codes


def _usable(names: pl.Series) -> Bools:
    """Rows whose symbol can be one."""
    unusable = []
    for name in names.drop_nulls().unique().to_list():
        try:
            require_symbol(name)
        except ConfigurationError:
            unusable.append(name)
    return (names.is_not_null() & ~names.is_in(unusable)).to_numpy()


def _rejections(
    table: SourceTable, codes: npt.NDArray[np.int8]
) -> tuple[tuple[Rejection, ...], int]:
    """The first rejections in line order, in words, and how many there are."""
    rows = np.flatnonzero(codes)
    shown = [
        Rejection(
            int(table.lines[row]), _REASONS[codes[row]].format(**table.frame.row(row, named=True))
        )
        for row in rows[:SHOWN_REJECTIONS].tolist()
    ]
    shown += [Rejection(line, reason) for line, reason in table.malformed]
    shown.sort(key=lambda rejection: rejection.line)
    return tuple(shown[:SHOWN_REJECTIONS]), len(rows) + table.malformed_lines


def _store(
    symbol: str,
    part: pl.DataFrame,
    storage: ParquetStorage,
    labels: Iterable[str],
    sessions_between: SessionsBetween | None,
) -> ImportedSymbol:
    starts = part["ts"].to_numpy()
    given = BarColumns.of_minutes(starts, *(part[field].to_numpy() for field in VALUE_FIELDS))
    write = storage.write(symbol, given, labels=labels)
    late = len(anomalies.out_of_order_rows(starts))
    bars = given.take(np.argsort(starts, kind="stable")) if late else given
    spikes = anomalies.spike_rows(bars)
    sessions, coverage_pct, outside = _coverage(bars.start_ns, sessions_between)
    return ImportedSymbol(
        symbol,
        rows=len(part),
        first_ns=int(bars.start_ns[0]),
        last_ns=int(bars.start_ns[-1]),
        write=write,
        sessions=sessions,
        coverage_pct=coverage_pct,
        outside=outside,
        out_of_order=late,
        spikes=len(spikes),
        first_spike_ns=int(bars.start_ns[spikes[0]]) if len(spikes) else None,
        zero_volume=len(anomalies.zero_volume_rows(bars)),
    )


def _coverage(starts: Int64s, sessions_between: SessionsBetween | None) -> tuple[int, float, int]:
    """Sessions with a bar, percent of their minutes present, and bars outside all sessions.

    Without a calendar: UTC dates, NaN, none.
    """
    if sessions_between is None:
        return len(np.unique(starts // DAY_NS)), float("nan"), 0
    grid = sessions_between(int(starts[0]), int(starts[-1]))
    rows = session_rows(np.unique(starts), grid)
    inside = rows[rows >= 0]
    seen = np.unique(inside)
    expected = int(np.sum(grid.close_ns[seen] - grid.open_ns[seen]) // MINUTE_NS)
    percentage = 100.0 * len(inside) / expected if expected else float("nan")
    return len(seen), percentage, len(rows) - len(inside)
