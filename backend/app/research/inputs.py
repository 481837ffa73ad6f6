"""Bars as users have them (polars, pandas, mappings, arrays) as columns the engine takes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

import numpy as np

from app.core.data_structures import BarColumns
from app.core.exceptions import ConfigurationError, DataError
from app.core.types import MINUTE_NS, Floats, Int64s
from app.services.market_data.anomalies import MAX_PRICE

_TIME_NAMES = ("timestamp", "time", "datetime", "date", "ts", "open_time", "start_ns")
_NAMES = {
    "time": _TIME_NAMES,
    "symbol": ("symbol", "ticker"),
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c"),
    "volume": ("volume", "vol", "v"),
}
_TOO_CLOSE = "another bar less than a minute after it"
_EPOCH_LIMITS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3))
"""Below each bound a whole number of time is in s, ms or µs; the factor makes it nanoseconds."""


def columns_by_symbol(bars: Any, symbols: Sequence[str] | None) -> dict[str, BarColumns]:
    """One-minute bars per symbol, checked, in time order.

    `bars` is a polars or pandas frame (of one symbol, or of several with a ``symbol`` column),
    `BarColumns`, a mapping of column name to array, or a mapping of symbol to any of these.
    Times are UTC: datetimes (with or without zone), or whole seconds to nanoseconds since 1970.

    Raises:
        ConfigurationError: for a column that is missing.
        DataError: for a price that is not finite and above zero, a high or low that does not
            enclose open and close, a negative volume, or two bars of one time; naming the row.
    """
    named: dict[str, BarColumns]
    if isinstance(bars, Mapping) and not _is_table(bars):
        named = {str(symbol): _columns(table, str(symbol)) for symbol, table in bars.items()}
    else:
        named = _split(bars, symbols[0] if symbols else "SYMBOL")
    if symbols is None:
        return named
    missing = [symbol for symbol in symbols if symbol not in named]
    if missing:
        raise ConfigurationError(
            f"symbols: no bars given for {', '.join(missing)}; there are {', '.join(named)}"
        )
    return {symbol: named[symbol] for symbol in symbols}


def _is_table(bars: Mapping[Any, Any]) -> bool:
    return any(str(name).lower() in ("open", "o") for name in bars)


def _split(table: Any, single: str) -> dict[str, BarColumns]:
    """A table by its symbol column, in the order symbols first appear; one symbol without it."""
    if isinstance(table, BarColumns):
        return {single: _columns(table, single)}
    names = _found_names(table)
    if "symbol" not in names:
        return {single: _columns(table, single)}
    parts = _parts(table, names["symbol"])
    return {symbol: _columns(part, symbol) for symbol, part in parts}


def _parts(table: Any, symbol: Any) -> Iterable[tuple[str, Any]]:
    """The rows of each symbol, by the frame's own means where it has some."""
    if hasattr(table, "partition_by"):
        return _polars_parts(table, symbol)
    if hasattr(table, "groupby"):
        return ((str(key), part) for key, part in table.groupby(symbol, sort=False))
    keys = np.asarray(table[symbol]).astype(str)
    labels = dict.fromkeys(keys.tolist())
    arrays = {name: np.asarray(column) for name, column in table.items()}
    return ((key, {n: column[keys == key] for n, column in arrays.items()}) for key in labels)


def _polars_parts(table: Any, symbol: str) -> Iterable[tuple[str, Any]]:
    """Slices where each symbol's rows lie together, which costs nothing; copies where not."""
    runs = table[symbol].rle()
    names = runs.struct.field("value").to_list()
    if len(set(names)) < len(names):
        return ((str(part[symbol][0]), part) for part in table.partition_by(symbol))
    lengths = runs.struct.field("len").to_list()
    firsts = [0, *accumulate(lengths)]
    spans = zip(names, firsts, lengths, strict=False)
    return ((str(name), table.slice(first, length)) for name, first, length in spans)


def _columns(table: Any, symbol: str) -> BarColumns:
    if isinstance(table, BarColumns):
        parts = (table.start_ns, table.open, table.high, table.low, table.close, table.volume)
        return _checked(symbol, *parts)
    return _checked(symbol, *_raw_columns(table, _found_names(table)))


def _found_names(table: Any) -> dict[str, Any]:
    """The table's own name of each of our columns; None for a time that is its index."""
    present = list(table.columns) if hasattr(table, "columns") else list(table)
    lower = {str(name).lower(): name for name in present}
    found: dict[str, Any] = {}
    for ours, theirs in _NAMES.items():
        hits = [lower[name] for name in theirs if name in lower]
        if hits:
            found[ours] = hits[0]
    if "time" not in found and hasattr(table, "index") and hasattr(table.index, "tz"):
        found["time"] = None
    missing = [name for name in _NAMES if name != "symbol" and name not in found]
    if missing:
        raise ConfigurationError(
            f"bars have no column for {', '.join(missing)}; the columns are "
            f"{', '.join(str(name) for name in present)}"
        )
    return found


def _raw_columns(table: Any, names: Mapping[str, Any]) -> list[Any]:
    times = table.index if names["time"] is None else table[names["time"]]
    fields = ("open", "high", "low", "close", "volume")
    return [
        _nanoseconds(times),
        *(np.ascontiguousarray(_as_numpy(table[names[field]]), np.float64) for field in fields),
    ]


def _as_numpy(column: Any) -> Any:
    """A polars column as an array; everything else as it is.

    numpy asks what it is given a dozen questions first, and a polars column answers slowly.
    """
    return column.to_numpy() if type(column).__module__.startswith("polars") else column


def _nanoseconds(times: Any) -> Int64s:
    values = np.asarray(_as_numpy(_without_zone(times)))
    if values.dtype.kind == "M":
        return np.ascontiguousarray(values, "datetime64[ns]").view(np.int64)
    if values.dtype.kind in "iu":
        largest = int(np.abs(values).max(initial=0))
        factor = next((factor for bound, factor in _EPOCH_LIMITS if largest < bound), 1)
        return values.astype(np.int64) * factor if factor > 1 else values.astype(np.int64)
    if values.dtype.kind == "O" and all(isinstance(moment, datetime) for moment in values):
        moments = [m.astimezone(UTC).replace(tzinfo=None) if m.tzinfo else m for m in values]
        return np.array(moments, "datetime64[ns]").astype(np.int64)
    raise ConfigurationError(
        f"bars: times are of type {values.dtype}; give datetimes or whole numbers since 1970"
    )


def _without_zone(times: Any) -> Any:
    """UTC wall clock of a zone-aware pandas index or series; everything else as it is."""
    if not type(times).__module__.startswith("pandas"):
        return times
    if hasattr(times, "dt") and times.dt.tz is not None:
        return times.dt.tz_convert("UTC").dt.tz_localize(None)
    if getattr(times, "tz", None) is not None:
        return times.tz_convert("UTC").tz_localize(None)
    return times


def _checked(
    symbol: str,
    start_ns: Int64s,
    open_: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    volume: Floats,
) -> BarColumns:
    bars = BarColumns.of_minutes(start_ns, open_, high, low, close, volume)
    if not _is_sound(bars):
        bars = _in_order(bars, symbol)
        _require_sound(bars, symbol)
    return bars


def _is_sound(bars: BarColumns) -> bool:
    """Whether nothing is wrong with `bars`: `_require_sound` would pass; NaN is wrong.

    Nearly all bars that come are sound, and to know just that takes a few passes over them.
    """
    if not len(bars):
        return True
    low, high, volume = bars.low, bars.high, bars.volume
    return bool(
        (np.diff(bars.start_ns) >= MINUTE_NS).all()
        and low.min() > 0
        and high.max() <= MAX_PRICE
        and volume.min() >= 0
        and volume.max() < np.inf
        and (low <= np.minimum(bars.open, bars.close)).all()
        and (high >= np.maximum(bars.open, bars.close)).all()
    )


def _in_order(bars: BarColumns, symbol: str) -> BarColumns:
    start_ns = bars.start_ns
    if len(start_ns) and not (np.diff(start_ns) > 0).all():
        bars = bars.take(np.argsort(start_ns, kind="stable"))
        _require(bars, np.append(np.diff(bars.start_ns) > 0, True), symbol, "two bars of one time")
    return bars


def _require_sound(bars: BarColumns, symbol: str) -> None:
    _require(bars, np.append(np.diff(bars.start_ns) >= MINUTE_NS, True), symbol, _TOO_CLOSE)
    _require(bars, bars.high <= MAX_PRICE, symbol, "a high that is not a price up to 10 ** 12")
    _require(bars, _within_prices(bars.low), symbol, "a low that is not a finite price above zero")
    _require(bars, np.isfinite(bars.high), symbol, "a high that is not a finite price")
    encloses = (bars.low <= np.minimum(bars.open, bars.close)) & (
        bars.high >= np.maximum(bars.open, bars.close)
    )
    _require(bars, encloses, symbol, "a high or low that does not enclose open and close")
    _require(bars, (bars.volume >= 0) & np.isfinite(bars.volume), symbol, "a bad volume")


def _within_prices(values: Floats) -> Any:
    return (values > 0) & np.isfinite(values)


def _require(bars: BarColumns, good: Any, symbol: str, fault: str) -> None:
    if good.all():
        return
    row = int(np.argmin(good))
    when = np.datetime_as_string(bars.start_ns[row : row + 1].astype("datetime64[ns]"), unit="s")[0]
    shown = ", ".join(
        f"{name} {getattr(bars, name)[row]!s}"
        for name in ("open", "high", "low", "close", "volume")
    )
    raise DataError(
        f"bars of {symbol}: row {row} ({when}Z) has {fault}: {shown}; mend or drop it first"
    )
