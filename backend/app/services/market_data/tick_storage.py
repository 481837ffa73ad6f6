"""The store of ticks and quotes: one sealed Parquet file per symbol and UTC day.

``<root>/ticks/<SYMBOL>/<YYYY-MM-DD>.parquet`` and ``<root>/quotes/…``; a damaged file is set
aside and named, as in the store of bars.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from app.core.data_structures import Quote, Tick
from app.core.exceptions import ConfigurationError, DataError, DataNotFoundError
from app.core.types import DAY_NS
from app.services.market_data import anomalies, timestamps
from app.services.market_data.sealed_files import (
    FileProblem,
    broken_seal,
    replace_file,
    seal,
    set_aside,
    writing,
)
from app.services.market_data.source_files import read_text
from app.services.market_data.symbol_folders import folder_name, require_symbol

TICK_COLUMNS: Final = ("price", "volume")
QUOTE_COLUMNS: Final = ("bid", "ask", "bid_size", "ask_size")
_ALIASES: Final = {"size": "volume", "time": "timestamp", "ts": "timestamp", "ticker": "symbol"}


@dataclass(frozen=True, slots=True)
class TickImportSummary:
    """What a file brought: ``kind`` is ``ticks`` or ``quotes``; refused lines with reasons."""

    kind: str
    rows: int
    stored: int
    rejections: tuple[tuple[int, str], ...]


class TickStorage:
    """Reads and writes ticks and quotes below a folder; safe to share between threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._problems: list[FileProblem] = []

    @property
    def problems(self) -> tuple[FileProblem, ...]:
        """Every damaged file this object has met."""
        return tuple(self._problems)

    def ticks(self, symbol: str, first_ns: int, last_ns: int) -> list[Tick]:
        """Trades with ``first_ns <= time < last_ns``, in time order."""
        rows = self._read("ticks", symbol, first_ns, last_ns).select("ts", *TICK_COLUMNS).rows()
        return [
            Tick(symbol=symbol, exchange="", time_ns=ts, price=price, volume=volume)
            for ts, price, volume in rows
        ]

    def first_ticks(self, symbol: str, first_ns: int, last_ns: int, count: int) -> pl.DataFrame:
        """The first `count` trades with ``first_ns <= time < last_ns``, or all, by time.

        Columns ``ts`` (UTC nanoseconds), ``price``, ``volume``. No more days are read than hold
        them.

        Raises:
            DataNotFoundError: no ticks of `symbol` are stored at all.
        """
        found = _nothing("ticks")
        for path in self._tick_files(symbol):
            begin_ns, end_ns = _day_ns(path)
            span = max(begin_ns, first_ns), min(end_ns, last_ns)
            if span[0] < span[1] and len(found) < count:
                found = pl.concat([found, self._read("ticks", symbol, *span)])
        return found.head(count)

    def last_tick(self, symbol: str, until_ns: int) -> Tick | None:
        """The last trade before `until_ns`; None if there is none."""
        for path in sorted(self._folder("ticks", symbol).glob("*.parquet"), reverse=True):
            begin_ns, end_ns = _day_ns(path)
            if begin_ns < until_ns:
                ticks = self.ticks(symbol, begin_ns, min(end_ns, until_ns))
                if ticks:
                    return ticks[-1]
        return None

    def quotes(self, symbol: str, first_ns: int, last_ns: int) -> list[Quote]:
        """Best bids and offers with ``first_ns <= time < last_ns``, in time order."""
        rows = self._read("quotes", symbol, first_ns, last_ns).select("ts", *QUOTE_COLUMNS).rows()
        return [
            Quote(symbol=symbol, time_ns=ts, bid=bid, ask=ask, bid_size=bids, ask_size=asks)
            for ts, bid, ask, bids, asks in rows
        ]

    def import_csv(self, path: Path, *, timezone: str = "UTC") -> TickImportSummary:
        """Store a .csv or .csv.gz of ``symbol, timestamp`` and ``price, size`` or quotes.

        Quotes have ``bid, ask, bid_size, ask_size``. What is stored between the first and the
        last time of a file's day gives way to the file.

        Raises:
            ConfigurationError: if the columns are neither those of ticks nor of quotes.
            DataError: if the file is damaged.
        """
        frame = _table_of(path)
        kind, values = _kind_of(path, frame.columns)
        times = timestamps.parse_times(frame["timestamp"], timezone)
        checked = frame.select(
            "symbol", *(pl.col(name).cast(pl.Float64, strict=False) for name in values)
        ).with_columns(pl.Series("ts", times.ns))
        reasons = _reasons(checked, times, values)
        sound = checked.filter(pl.Series([not reason for reason in reasons]))
        days = sound.with_columns(day=pl.from_epoch(pl.col("ts"), "ns").dt.strftime("%Y-%m-%d"))
        for part in days.partition_by("symbol", "day"):
            self._write(kind, part["symbol"][0], part["day"][0], part.select("ts", *values))
        refused = tuple((line, why) for line, why in enumerate(reasons, start=2) if why)
        return TickImportSummary(kind, len(frame), len(sound), refused)

    def _write(self, kind: str, symbol: str, day: str, rows: pl.DataFrame) -> None:
        path = self._folder(kind, symbol) / f"{day}.parquet"
        with writing(path.parent):
            content = self._sound(kind, symbol, path)
            if content is not None:
                stored = pl.read_parquet(content)
                between = pl.col("ts").is_between(rows["ts"].min(), rows["ts"].max())
                rows = pl.concat([stored.filter(~between), rows])
            rows = rows.sort("ts", maintain_order=True)
            replace_file(path, seal(rows, f"{kind}/{symbol}/{path.name}", {"rows": len(rows)}))

    def _read(self, kind: str, symbol: str, first_ns: int, last_ns: int) -> pl.DataFrame:
        days = np.array([first_ns, last_ns - 1], "datetime64[ns]").astype("datetime64[D]")
        first, last = days.astype(str).tolist()
        nothing = _nothing(kind)
        parts = [
            pl.read_parquet(content).select(nothing.columns)
            for path in sorted(self._folder(kind, symbol).glob("*.parquet"))
            if first <= path.stem <= last
            and (content := self._sound(kind, symbol, path)) is not None
        ]
        return pl.concat([nothing, *parts]).filter(
            pl.col("ts").is_between(first_ns, last_ns, closed="left")
        )

    def _sound(self, kind: str, symbol: str, path: Path) -> bytes | None:
        if not path.is_file():
            return None
        content = path.read_bytes()
        reason = broken_seal(content, f"{kind}/{symbol}/{path.name}")
        if reason is None:
            return content
        remedy = f"Import the {kind} of that day again"
        self._problems.append(
            set_aside(path, symbol=symbol, part=path.stem, reason=reason, remedy=remedy)
        )
        return None

    def _tick_files(self, symbol: str) -> list[Path]:
        files = sorted(self._folder("ticks", symbol).glob("*.parquet"))
        if not files:
            raise DataNotFoundError(
                f"no ticks of {symbol!r} are stored; import them with import_ticks"
            )
        return files

    def _folder(self, kind: str, symbol: str) -> Path:
        return self._root / kind / folder_name(require_symbol(symbol))


def _nothing(kind: str) -> pl.DataFrame:
    columns = TICK_COLUMNS if kind == "ticks" else QUOTE_COLUMNS
    return pl.DataFrame(schema={"ts": pl.Int64, **dict.fromkeys(columns, pl.Float64)})


def _day_ns(path: Path) -> tuple[int, int]:
    """``[first_ns, last_ns)`` of the day that a file is named after."""
    first_ns = int(np.datetime64(path.stem, "ns").astype(np.int64))
    return first_ns, first_ns + DAY_NS


def _table_of(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise ConfigurationError(f"{path}: there is no such file")
    try:
        frame = pl.read_csv(read_text(path), infer_schema=False, quote_char=None)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path}: the file is damaged ({error}); fetch it again") from error
    names = {name: name.strip().casefold() for name in frame.columns}
    return frame.rename({name: _ALIASES.get(plain, plain) for name, plain in names.items()})


def _kind_of(path: Path, columns: list[str]) -> tuple[str, tuple[str, ...]]:
    for kind, values in (("quotes", QUOTE_COLUMNS), ("ticks", TICK_COLUMNS)):
        if {"symbol", "timestamp", *values} <= set(columns):
            return kind, values
    raise ConfigurationError(
        f"{path}: ticks have the columns symbol, timestamp, price, size; quotes symbol, "
        f"timestamp, bid, ask, bid_size, ask_size; found {', '.join(columns)}"
    )


def _reasons(
    checked: pl.DataFrame, times: timestamps.ParsedTimes, values: tuple[str, ...]
) -> list[str]:
    """Per row why it is refused; empty for a sound one."""
    reasons = np.full(len(checked), "", dtype=object)
    for name in reversed(values):
        column = checked[name].fill_null(float("nan")).to_numpy()
        is_size = name.endswith(("size", "volume"))
        impossible = anomalies.impossible_volumes if is_size else anomalies.impossible_prices
        reasons[impossible(column)] = f"{name} is missing or cannot be"
    reasons[times.codes != timestamps.READABLE] = "the time cannot be read"
    reasons[checked["symbol"].is_null().to_numpy()] = "the symbol is missing"
    return [str(reason) for reason in reasons]
