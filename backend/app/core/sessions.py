"""Trading sessions as values: one day as people speak of it, many as columns for the engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Self

import numpy as np

from app.core.types import Int64s


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingSession:
    """One calendar date of one market.

    Wall-clock times are in `timezone`; they are None on a day without trading. The `*_ns`
    fields are the same instants in UTC nanoseconds. A market that never closes opens at
    00:00 and closes at 00:00 of the next date.
    """

    date: date
    timezone: str
    is_trading_day: bool
    is_holiday: bool = False
    holiday_name: str | None = None
    is_early_close: bool = False
    regular_open: time | None = None
    regular_close: time | None = None
    pre_market_open: time | None = None
    post_market_close: time | None = None
    open_ns: int = 0
    close_ns: int = 0
    pre_open_ns: int = 0
    post_close_ns: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class SessionGrid:
    """Trading sessions in date order, as columns of equal length (UTC nanoseconds).

    ``pre_open_ns <= open_ns < close_ns <= post_close_ns``, and no two sessions overlap.
    ``dates`` holds the market's own calendar dates (numpy ``datetime64[D]``).
    """

    timezone: str
    dates: np.typing.NDArray[np.datetime64]
    open_ns: Int64s
    close_ns: Int64s
    pre_open_ns: Int64s
    post_close_ns: Int64s

    @classmethod
    def of(cls, sessions: Sequence[TradingSession]) -> Self:
        """The trading days among `sessions`, which are in date order and of one market."""
        days = [session for session in sessions if session.is_trading_day]
        return cls(
            days[0].timezone if days else "UTC",
            np.array([day.date for day in days], "datetime64[D]"),
            np.array([day.open_ns for day in days], np.int64),
            np.array([day.close_ns for day in days], np.int64),
            np.array([day.pre_open_ns for day in days], np.int64),
            np.array([day.post_close_ns for day in days], np.int64),
        )

    def __len__(self) -> int:
        return len(self.open_ns)

    def slice(self, first: int, last: int) -> Self:
        """Sessions ``first`` to ``last`` (exclusive), as views."""
        return type(self)(
            self.timezone,
            self.dates[first:last],
            self.open_ns[first:last],
            self.close_ns[first:last],
            self.pre_open_ns[first:last],
            self.post_close_ns[first:last],
        )

    def extended(self) -> Self:
        """The same days with pre- and post-market taken into the session."""
        return type(self)(
            self.timezone,
            self.dates,
            self.pre_open_ns,
            self.post_close_ns,
            self.pre_open_ns,
            self.post_close_ns,
        )
