"""The store of one-minute bars: one small Parquet file per symbol and month.

``<root>/1m/<SYMBOL>/<YYYY-MM>.parquet`` (month of the bar's start, UTC) with the columns
``ts`` (int64, UTC nanoseconds, start of the bar) and ``open high low close volume`` (float64).
"""

import hashlib
import os
from collections.abc import Hashable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from app.core.data_structures import BarColumns
from app.core.exceptions import DataError, DataNotFoundError
from app.core.types import Int64s
from app.services.market_data.sealed_files import (
    FileProblem,
    broken_seal,
    read_facts,
    remove_file,
    replace_file,
    seal,
    set_aside,
    writing,
)
from app.services.market_data.symbol_folders import folder_name, require_symbol, symbols_of

SYNTHETIC: Final = "synthetic"
"""Label of bars that were made up; shown wherever they are."""

_COLUMNS: Final = ("ts", "open", "high", "low", "close", "volume")
_EARLIEST_NS, _LATEST_NS = np.iinfo(np.int64).min, np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class WriteSummary:
    """What a write changed, in rows.

    ``added`` were new, ``replaced`` took the place of a stored bar of the same minute, and
    ``duplicates`` gave way to a later row of the same batch.
    """

    symbol: str
    added: int
    replaced: int
    duplicates: int
    months: int


@dataclass(frozen=True, slots=True)
class StoredCoverage:
    """What is stored of a symbol: starts of its first and last bar (UTC ns), rows, labels."""

    symbol: str
    first_ns: int
    last_ns: int
    rows: int
    labels: frozenset[str]


def fingerprint(bars: BarColumns) -> str:
    """A hash of what bars say: equal for equal times, prices and volumes, however stored."""
    digest = hashlib.blake2b(digest_size=16)
    for column in (bars.start_ns, bars.open, bars.high, bars.low, bars.close, bars.volume):
        digest.update(np.ascontiguousarray(column).data)
    return digest.hexdigest()


class ParquetStorage:
    """Reads and writes one-minute bars below a folder; safe to share between threads.

    A damaged file is moved to ``quarantine`` beside it, named in the log and in `problems`,
    and skipped: the rest loads.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folder = root / "1m"
        self._problems: list[FileProblem] = []

    @property
    def problems(self) -> tuple[FileProblem, ...]:
        """Every damaged file this object has met, in the order it met them."""
        return tuple(self._problems)

    def symbols(self) -> list[str]:
        """The symbols with at least one file, sorted."""
        if not self._folder.is_dir():
            return []
        folders = (entry for entry in self._folder.iterdir() if any(entry.glob("*.parquet")))
        return symbols_of(entry.name for entry in folders)

    def write(self, symbol: str, bars: BarColumns, *, labels: Iterable[str] = ()) -> WriteSummary:
        """Merge `bars`, in any order, with what is stored; of one minute the last row wins.

        Each month's file is replaced atomically. `labels` stay with a month for as long as
        any row that came with them does.

        Raises:
            ConfigurationError: if `symbol` cannot be one.
        """
        folder = self._symbol_folder(symbol)
        frame, duplicates = _newest_of_each_minute(bars)
        added = replaced = months = 0
        with writing(folder):
            for month, first, last in _stretches(frame["ts"].to_numpy()):
                rows = frame[first:last]
                fresh = self._merge_month(symbol, month, rows, frozenset(labels))
                added, replaced = added + fresh, replaced + len(rows) - fresh
                months += 1
        return WriteSummary(symbol, added, replaced, duplicates, months)

    def read(
        self, symbol: str, first_ns: int = _EARLIEST_NS, last_ns: int = _LATEST_NS
    ) -> BarColumns:
        """Bars that start in ``[first_ns, last_ns)``, sorted, as read-only arrays.

        Only the files of the months in that range are opened. No bars: empty columns.
        """
        contents = []
        for path in self._month_files(symbol, first_ns, last_ns):
            content = self._sound_content(symbol, path)
            if content is not None:
                contents.append(content)
        if not contents:
            return BarColumns.empty()
        frame = pl.scan_parquet(contents).select(_COLUMNS).collect().rechunk()
        return _columns(frame).between(first_ns, last_ns)

    def version(self, symbol: str, first_ns: int, last_ns: int) -> Hashable:
        """Something that changes whenever bars that start in ``[first_ns, last_ns)`` do.

        No file is opened: to look for news several times a second costs next to nothing.
        """
        folder, (first, last) = self._symbol_folder(symbol), _months(first_ns, last_ns)
        stamps = []
        for month in np.arange(first, last + 1):
            with suppress(FileNotFoundError):
                found = os.stat(folder / f"{month}.parquet")  # noqa: PTH116  # twice as fast
                stamps.append((found.st_ino, found.st_mtime_ns, found.st_size))
        return tuple(stamps)

    def read_first(self, symbol: str, first_ns: int, last_ns: int, count: int) -> BarColumns:
        """The first `count` of the bars that start in ``[first_ns, last_ns)``, or all.

        No more files are opened than hold them.
        """
        parts: list[BarColumns] = []
        for path in self._month_files(symbol, first_ns, last_ns):
            parts.append(self._month(symbol, path).between(first_ns, last_ns).slice(0, count))
            count -= len(parts[-1])
            if count <= 0:
                break
        return BarColumns.concatenate(parts)

    def read_last(self, symbol: str, before_ns: int) -> BarColumns:
        """The last bar that starts before `before_ns`, as columns of one row, or none."""
        for path in reversed(self._month_files(symbol, _EARLIEST_NS, before_ns)):
            bars = self._month(symbol, path).between(_EARLIEST_NS, before_ns)
            if len(bars):
                return bars.slice(len(bars) - 1, len(bars))
        return BarColumns.empty()

    def delete(self, symbol: str, first_ns: int = _EARLIEST_NS, last_ns: int = _LATEST_NS) -> int:
        """Remove the bars that start in ``[first_ns, last_ns)``; how many there were.

        Each month's file is replaced, or removed, whole: after a crash it is as before or as
        wanted. Damaged files are set aside, as in reading.

        Raises:
            DataNotFoundError: if nothing is stored for `symbol`.
        """
        self.coverage(symbol)
        with writing(self._symbol_folder(symbol)):
            files = self._month_files(symbol, first_ns, last_ns)
            return sum(self._delete_from(symbol, path, first_ns, last_ns) for path in files)

    def coverage(self, symbol: str) -> StoredCoverage:
        """First and last bar, rows and labels, from the files' footers alone.

        Raises:
            DataNotFoundError: if nothing is stored for `symbol`.
        """
        months = [
            facts
            for path in self._month_files(symbol, _EARLIEST_NS, _LATEST_NS)
            if (facts := self._facts(symbol, path)) is not None
        ]
        if not months:
            raise DataNotFoundError(self._nothing_stored(symbol))
        return StoredCoverage(
            symbol,
            first_ns=months[0]["first_ns"],
            last_ns=months[-1]["last_ns"],
            rows=sum(month["rows"] for month in months),
            labels=frozenset(label for month in months for label in month["labels"]),
        )

    def fingerprint(
        self, symbol: str, first_ns: int = _EARLIEST_NS, last_ns: int = _LATEST_NS
    ) -> str:
        """`fingerprint` of the bars that start in ``[first_ns, last_ns)``."""
        return fingerprint(self.read(symbol, first_ns, last_ns))

    def _nothing_stored(self, symbol: str) -> str:
        known = ", ".join(self.symbols()[:10]) or "nothing yet"
        return (
            f"no minute bars of {symbol!r} are stored (stored: {known}); "
            f"import them with: data import-csv FILE --symbol {symbol}"
        )

    def _symbol_folder(self, symbol: str) -> Path:
        return self._folder / folder_name(require_symbol(symbol))

    def _month_files(self, symbol: str, first_ns: int, last_ns: int) -> list[Path]:
        """The symbol's files for the months that ``[first_ns, last_ns)`` touches, in order."""
        first, last = map(str, _months(first_ns, last_ns))
        files = self._symbol_folder(symbol).glob("*.parquet")
        return sorted(path for path in files if first <= path.stem <= last)

    def _sound_content(self, symbol: str, path: Path) -> bytes | None:
        """The bytes of a file, or None after setting a damaged one aside."""
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # another reader has just set it aside
            return None
        reason = broken_seal(content, _identity(symbol, path))
        if reason is not None:
            self._set_aside(symbol, path, reason)
            return None
        return content

    def _month(self, symbol: str, path: Path) -> BarColumns:
        content = self._sound_content(symbol, path)
        if content is None:
            return BarColumns.empty()
        return _columns(pl.read_parquet(content).select(_COLUMNS).rechunk())

    def _facts(self, symbol: str, path: Path) -> dict[str, Any] | None:
        try:
            return read_facts(path)
        except FileNotFoundError:  # another reader has just set it aside
            return None
        except DataError as error:
            self._set_aside(symbol, path, str(error))
            return None

    def _set_aside(self, symbol: str, path: Path, reason: str) -> None:
        remedy = f"Import that month again: data import-csv FILE --symbol {symbol}"
        try:
            problem = set_aside(path, symbol=symbol, part=path.stem, reason=reason, remedy=remedy)
        except FileNotFoundError:  # another reader was quicker, and has said so
            return
        self._problems.append(problem)

    def _merge_month(
        self, symbol: str, month: str, rows: pl.DataFrame, labels: frozenset[str]
    ) -> int:
        """Put `rows` into the month's file; how many were new."""
        path = self._symbol_folder(symbol) / f"{month}.parquet"
        content = self._sound_content(symbol, path)
        kept = pl.DataFrame(schema=rows.schema)
        added = len(rows)
        if content is not None:
            stored = pl.read_parquet(content).select(_COLUMNS)
            kept = stored.join(rows, on="ts", how="anti")
            added -= len(stored) - len(kept)
            if len(kept):
                labels |= frozenset(read_facts(path)["labels"])
        self._replace_month(symbol, path, pl.concat([kept, rows]).sort("ts"), labels)
        return added

    def _delete_from(self, symbol: str, path: Path, first_ns: int, last_ns: int) -> int:
        """Take the bars of a range out of a month's file; how many there were."""
        content = self._sound_content(symbol, path)
        if content is None:
            return 0
        stored = pl.read_parquet(content).select(_COLUMNS)
        kept = stored.filter((pl.col("ts") < first_ns) | (pl.col("ts") >= last_ns))
        if not len(kept):
            remove_file(path)
        elif len(kept) < len(stored):
            labels = frozenset(read_facts(path)["labels"])
            self._replace_month(symbol, path, kept, labels)
        return len(stored) - len(kept)

    def _replace_month(
        self, symbol: str, path: Path, frame: pl.DataFrame, labels: frozenset[str]
    ) -> None:
        facts = {
            "rows": len(frame),
            "first_ns": frame["ts"][0],
            "last_ns": frame["ts"][-1],
            "labels": sorted(labels),
        }
        replace_file(path, seal(frame, _identity(symbol, path), facts))


def _months(first_ns: int, last_ns: int) -> tuple[np.datetime64, np.datetime64]:
    """The months in which a time from `first_ns` to `last_ns`, excluded, begins and ends."""
    first, last = (
        np.datetime64(ns, "ns").astype("datetime64[M]")
        for ns in (max(first_ns, -_LATEST_NS), last_ns - 1)
    )
    return first, last


def _identity(symbol: str, path: Path) -> str:
    return f"{symbol}/{path.name}"


def _newest_of_each_minute(bars: BarColumns) -> tuple[pl.DataFrame, int]:
    """`bars` sorted, the last of rows of one minute kept; and how many were dropped."""
    values = (bars.start_ns, bars.open, bars.high, bars.low, bars.close, bars.volume)
    frame = pl.DataFrame(dict(zip(_COLUMNS, values, strict=True)))
    if np.all(np.diff(bars.start_ns) > 0):
        return frame, 0
    unique = frame.unique("ts", keep="last", maintain_order=True).sort("ts")
    return unique, len(frame) - len(unique)


def _stretches(starts_ns: Int64s) -> list[tuple[str, int, int]]:
    """The months of sorted bars, each with the rows ``[first, last)`` that lie in it."""
    months = starts_ns.astype("datetime64[ns]").astype("datetime64[M]")
    names, firsts = np.unique(months, return_index=True)
    lasts = [*firsts[1:].tolist(), len(months)][: len(names)]
    return list(zip(names.astype(str).tolist(), firsts.tolist(), lasts, strict=True))


def _columns(frame: pl.DataFrame) -> BarColumns:
    ts, *values = (frame[name].to_numpy() for name in _COLUMNS)
    bars = BarColumns.of_minutes(ts, *values)
    bars.end_ns.flags.writeable = False
    return bars
