"""Fewer points for the same picture: rows of curves, minute bars joined to candles."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from app.core.data_structures import BarColumns
from app.core.sessions import SessionGrid
from app.core.types import MINUTE_NS, SECOND_NS, Floats, Int64s
from app.services.reporting.data import CurveData, FillData

_BUCKETS = 700
_CANDLE_MINUTES = (1, 2, 3, 5, 10, 15, 30, 60, 120, 240, 1_440)
_MAX_DECIMALS = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """Bars joined to candles of `minutes`; ``ends`` is the row after each candle's last bar."""

    minutes: int
    bars: BarColumns
    ends: Int64s

    def row_of(self, bars: BarColumns, bar_end_ns: Int64s) -> Int64s:
        """Number of the candle that holds the bar ending at each time."""
        rows = np.searchsorted(bars.end_ns, bar_end_ns)
        found = np.searchsorted(self.ends, rows, side="right")
        return np.minimum(found, max(len(self.ends) - 1, 0))


def curve_rows(curve: CurveData, buckets: int = _BUCKETS) -> Int64s:
    """Rows that draw the same picture: first, last, and the extremes of every stretch."""
    count = len(curve.time_ns)
    if count <= 4 * buckets:
        return np.arange(count)
    edges = np.linspace(0, count, buckets + 1).astype(np.int64)
    rows = [np.array([0, count - 1]), edges[:-1]]
    for values in (curve.equity, curve.benchmark, curve.equity / curve.peak):
        rows.extend(_extreme_rows(values, edges))
    return np.unique(np.concatenate(rows))


def _extreme_rows(values: Floats, edges: Int64s) -> list[Int64s]:
    lowest = np.repeat(np.minimum.reduceat(values, edges[:-1]), np.diff(edges))
    highest = np.repeat(np.maximum.reduceat(values, edges[:-1]), np.diff(edges))
    stretch = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
    picked = []
    for extreme in (lowest, highest):
        rows = np.flatnonzero(values == extreme)
        _, first = np.unique(stretch[rows], return_index=True)
        picked.append(rows[first])
    return picked


def candle_minutes(bars: int, most: int) -> int:
    """The shortest usual interval that turns `bars` minute bars into at most `most` candles."""
    fitting = (minutes for minutes in _CANDLE_MINUTES if bars <= most * minutes)
    return next(fitting, _CANDLE_MINUTES[-1])


def join(bars: BarColumns, sessions: SessionGrid, minutes: int) -> Candles:
    """Minute bars joined to candles of `minutes`, counted from each session's open."""
    session = np.searchsorted(sessions.open_ns, bars.start_ns, side="right") - 1
    opens = sessions.open_ns[np.maximum(session, 0)] if len(sessions) else 0
    part = (bars.start_ns - opens) // (minutes * MINUTE_NS)
    if not len(bars):
        return Candles(minutes, bars, np.empty(0, np.int64))
    new = np.flatnonzero((np.diff(session) != 0) | (np.diff(part) != 0)) + 1
    starts = np.concatenate(([0], new))
    ends = np.append(new, len(bars))
    joined = BarColumns(
        bars.start_ns[starts],
        bars.end_ns[ends - 1],
        bars.open[starts],
        np.maximum.reduceat(bars.high, starts),
        np.minimum.reduceat(bars.low, starts),
        bars.close[ends - 1],
        np.add.reduceat(bars.volume, starts),
    )
    return Candles(minutes, joined, ends)


class WallClock:
    """Turns UTC nanoseconds into wall-clock seconds, for charts that know only UTC.

    Where the clock goes back while the market is open, an hour would come twice; a run that
    has such an hour among its sorted bar ends `grid_ns` is shown in UTC instead. `name` is
    the zone that is shown.
    """

    def __init__(self, timezone: str, grid_ns: Int64s) -> None:
        self.name = timezone
        self._zone = ZoneInfo(timezone)
        if len(grid_ns) and not bool((np.diff(self.seconds(grid_ns)) > 0).all()):
            self.name, self._zone = "UTC", ZoneInfo("UTC")

    def seconds(self, times_ns: Int64s) -> Int64s:
        """Seconds since 1970 as a clock on the market's wall would count them."""
        seconds = times_ns // SECOND_NS
        hours, position = np.unique(seconds // 3600, return_inverse=True)
        offsets = np.array([_offset_s(hour, self._zone) for hour in hours.tolist()], np.int64)
        local: Int64s = seconds + offsets[position]
        return local


@lru_cache(maxsize=65_536)
def _offset_s(hour: int, zone: ZoneInfo) -> int:
    shift = (_EPOCH + timedelta(hours=hour)).astimezone(zone).utcoffset()
    return int(shift.total_seconds()) if shift else 0


def decimals_of(prices: Floats) -> int:
    """Decimal places that show these prices: at least two, enough for six digits, no more."""
    if not len(prices):
        return 2
    sample = prices[:: max(len(prices) // 2_000, 1)]
    largest = float(np.abs(sample).max())
    most = int(np.clip(7 - np.ceil(np.log10(max(largest, 1e-9))), 2, _MAX_DECIMALS))
    for places in range(2, most):
        if np.allclose(sample, np.round(sample, places), rtol=0, atol=1e-9):
            return places
    return most


def encode_candles(candles: Candles, seconds: Int64s, places: int) -> dict[str, Any]:
    """Candles as small whole numbers: differences of time and price.

    ``t`` are seconds since the candle before; ``c`` closes in units of the last decimal since
    the close before; ``o`` opens since the same; ``h`` and ``l`` how far the extremes reach
    beyond open and close.
    """
    bars, scale = candles.bars, 10.0**places
    open_, high, low, close = (
        np.rint(prices * scale).astype(np.int64)
        for prices in (bars.open, bars.high, bars.low, bars.close)
    )
    before = np.concatenate(([0], close[:-1]))
    return {
        "minutes": candles.minutes,
        "places": places,
        "t": np.diff(seconds, prepend=0).tolist(),
        "o": (open_ - before).tolist(),
        "h": (high - np.maximum(open_, close)).tolist(),
        "l": (np.minimum(open_, close) - low).tolist(),
        "c": (close - before).tolist(),
    }


def encode_fills(fills: FillData, candle: Int64s) -> list[list[float]]:
    """Candle number, signed quantity and price of every fill."""
    columns = (candle.tolist(), fills.quantity.tolist(), np.round(fills.price, 6).tolist())
    return [list(row) for row in zip(*columns, strict=True)]
