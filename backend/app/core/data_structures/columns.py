"""A batch of bars as parallel columns: what every stage of the platform takes and gives."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from app.core.types import MINUTE_NS, Floats, Int64s

PRICE_FIELDS = ("open", "high", "low", "close")
BAR_FIELDS = (*PRICE_FIELDS, "volume")


@dataclass(frozen=True, slots=True, eq=False)
class BarColumns:
    """Bars of one symbol and one interval, sorted by time, as six arrays of equal length.

    ``start_ns`` labels a bar (UTC nanoseconds), ``end_ns`` is when it is known: the start
    plus the interval, or the session's close where that comes first. Prices and volume
    are float64 without NaN. Arrays handed out by the platform are read-only.
    """

    start_ns: Int64s
    end_ns: Int64s
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    @classmethod
    def empty(cls) -> Self:
        """Columns of no rows."""
        times, values = np.empty(0, np.int64), np.empty(0, np.float64)
        return cls(times, times, values, values, values, values, values)

    @classmethod
    def of_minutes(
        cls,
        start_ns: Int64s,
        open_: Floats,
        high: Floats,
        low: Floats,
        close: Floats,
        volume: Floats,
    ) -> Self:
        """One-minute bars: each known a minute after its start."""
        return cls(start_ns, start_ns + MINUTE_NS, open_, high, low, close, volume)

    @classmethod
    def concatenate(cls, parts: list[Self]) -> Self:
        """The rows of `parts`, one after another."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.empty()
        return cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def __len__(self) -> int:
        return len(self.start_ns)

    def __iter__(self) -> Iterator[Any]:
        yield self.start_ns
        yield self.end_ns
        yield self.open
        yield self.high
        yield self.low
        yield self.close
        yield self.volume

    def slice(self, first: int, last: int) -> Self:
        """Rows ``first`` to ``last`` (exclusive) as views: nothing is copied."""
        return type(self)(*(column[first:last] for column in self))

    def take(self, rows: Int64s) -> Self:
        """The given rows, copied."""
        return type(self)(*(column[rows] for column in self))

    def between(self, first_ns: int, last_ns: int) -> Self:
        """Bars whose start lies in ``[first_ns, last_ns)``, as views."""
        first, last = np.searchsorted(self.start_ns, (first_ns, last_ns))
        return self.slice(int(first), int(last))
