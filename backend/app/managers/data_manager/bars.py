"""Bars as users hold them: a sequence with market time, columns inside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import overload
from zoneinfo import ZoneInfo

import polars as pl

from app.core.data_structures import BarColumns
from app.core.instants import utc
from app.core.intervals import Interval


def market_time(ns: int, zone: ZoneInfo) -> datetime:
    """UTC nanoseconds as a datetime on the clock of `zone`, to the microsecond."""
    return utc(ns).astimezone(zone)


@dataclass(frozen=True, slots=True)
class MarketBar:
    """One bar: prices in the quote currency, unadjusted, and volume in units of the base.

    ``timestamp`` is the bar's start in market time; the bar is known at ``end``.
    """

    timestamp: datetime
    end: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float


class Bars(Sequence[MarketBar]):
    """Bars of one symbol and interval, in time order.

    ``columns`` holds them as arrays; a `MarketBar` is made when one is asked for.
    """

    __slots__ = ("_zone", "columns", "interval", "symbol")

    def __init__(self, symbol: str, interval: Interval, columns: BarColumns, zone: str) -> None:
        self.symbol = symbol
        self.interval = interval
        self.columns = columns
        self._zone = ZoneInfo(zone)

    @property
    def timezone(self) -> str:
        """IANA name of the zone that timestamps are in."""
        return self._zone.key

    def __len__(self) -> int:
        return len(self.columns)

    @overload
    def __getitem__(self, index: int) -> MarketBar: ...
    @overload
    def __getitem__(self, index: slice) -> "Bars": ...
    def __getitem__(self, index: int | slice) -> "MarketBar | Bars":
        if isinstance(index, slice):
            columns = BarColumns(*(column[index] for column in self.columns))
            return Bars(self.symbol, self.interval, columns, self._zone.key)
        start_ns, end_ns, *values = (column[index].item() for column in self.columns)
        return MarketBar(
            market_time(start_ns, self._zone), market_time(end_ns, self._zone), *values
        )

    def __repr__(self) -> str:
        span = f", {self[0].timestamp} to {self[-1].timestamp}" if len(self) else ""
        return f"Bars({self.symbol} {self.interval}: {len(self)}{span})"

    def to_polars(self) -> pl.DataFrame:
        """A frame of ``timestamp`` (start, in market time), ``open high low close volume``."""
        bars = self.columns
        starts = pl.Series("timestamp", bars.start_ns).cast(pl.Datetime("ns", "UTC"))
        values = {"open": bars.open, "high": bars.high, "low": bars.low, "close": bars.close}
        frame = pl.DataFrame({"timestamp": starts, **values, "volume": bars.volume})
        return frame.with_columns(pl.col("timestamp").dt.convert_time_zone(self._zone.key))
