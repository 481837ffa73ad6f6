"""The trading days of one market as columns, built from its regular hours and its exceptions.

Everything here is a value: no clock, no database. Wall-clock times become UTC through the
zone's own rules, day by day, so that both sides of a daylight-saving change are right.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from app.core.calendar_days import CalendarDay, DayHours, MarketHours
from app.core.enums import MarketSession
from app.core.exceptions import DataNotFoundError
from app.core.sessions import SessionGrid, TradingSession
from app.core.types import SECOND_NS, Int64s

DAY_S = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = _EPOCH.toordinal()
_EPOCH_WEEKDAY = _EPOCH.weekday()
_SECOND = timedelta(seconds=1)


class MarketCalendar:
    """Answers for every date from the first to the last of `hours`; never changes.

    `days` are the exceptions; of two for one date the later one wins. Safe to read from any
    thread. A question about another date or instant raises `DataNotFoundError`.
    """

    def __init__(self, hours: MarketHours, days: Iterable[CalendarDay]) -> None:
        self.hours = hours
        self.zone = ZoneInfo(hours.timezone)
        self._first = hours.first_date.toordinal()
        self._last = hours.last_date.toordinal()
        self._exceptions = {
            day.date.toordinal(): day
            for day in days
            if hours.first_date <= day.date <= hours.last_date
        }
        ordinals, wall = self._trading_days()
        midnights = _midnights_utc(self._first, self._last + 3, self.zone)
        utc = self._in_utc(ordinals, wall, midnights)
        self._wall = wall
        self._ordinals: list[int] = ordinals.tolist()
        self._grid = SessionGrid(
            hours.timezone,
            (ordinals - _EPOCH_ORDINAL).astype("datetime64[D]"),
            *(_frozen(utc[row]) for row in (1, 2, 0, 3)),
        )
        self._grid.dates.flags.writeable = False
        self._begin_ns = int(midnights[0]) * SECOND_NS
        self._end_ns = int(midnights[self._last + 1 - self._first]) * SECOND_NS
        self._opens: list[int] = self._grid.open_ns.tolist()
        self._closes: list[int] = self._grid.close_ns.tolist()
        self._pre_opens: list[int] = self._grid.pre_open_ns.tolist()
        self._post_closes: list[int] = self._grid.post_close_ns.tolist()

    def __len__(self) -> int:
        return len(self._ordinals)

    # ── instants (UTC nanoseconds) ───────────────────────────────────────────

    def is_open(self, ns: int) -> bool:
        """Whether regular trading goes on at `ns`; the close itself is no longer open."""
        index = bisect_right(self._opens, ns) - 1
        if index >= 0 and ns < self._closes[index]:
            return True
        self._require_instant(ns)
        return False

    def market_session(self, ns: int) -> MarketSession:
        """The part of the trading day that `ns` lies in; each part includes its start."""
        index = bisect_right(self._pre_opens, ns) - 1
        if index < 0 or ns >= self._post_closes[index]:
            self._require_instant(ns)
            return MarketSession.CLOSED
        if ns < self._opens[index]:
            return MarketSession.PRE_MARKET
        if ns < self._closes[index]:
            return MarketSession.REGULAR
        return MarketSession.POST_MARKET

    def row_closing_after(self, ns: int, *, extended: bool = False) -> int:
        """Row of the first session whose close, or post-market's end, is later than `ns`."""
        row = bisect_right(self._post_closes if extended else self._closes, ns)
        if row == len(self):
            raise self._not_covered(f"a session after {self._shown(ns)}")
        return row

    # ── dates (the market's own) ─────────────────────────────────────────────

    def session(self, day: date) -> TradingSession:
        """What the market does on `day`."""
        ordinal = self._require_date(day)
        index = bisect_left(self._ordinals, ordinal)
        if index < len(self._ordinals) and self._ordinals[index] == ordinal:
            return self.session_at(index)
        exception = self._exceptions.get(ordinal)
        return TradingSession(
            date=date.fromordinal(ordinal),
            timezone=self.hours.timezone,
            is_trading_day=False,
            is_holiday=exception is not None,
            holiday_name=exception.name if exception else None,
        )

    def session_at(self, index: int) -> TradingSession:
        """The trading day in row `index` of `grid`."""
        exception = self._exceptions.get(self._ordinals[index])
        pre_open, opens, closes, post_close = (_time(int(wall)) for wall in self._wall[:, index])
        return TradingSession(
            date=date.fromordinal(self._ordinals[index]),
            timezone=self.hours.timezone,
            is_trading_day=True,
            is_early_close=exception is not None and exception.is_early_close,
            regular_open=opens,
            regular_close=closes,
            pre_market_open=pre_open,
            post_market_close=post_close,
            open_ns=self._opens[index],
            close_ns=self._closes[index],
            pre_open_ns=self._pre_opens[index],
            post_close_ns=self._post_closes[index],
        )

    def rows(self, first: date, last: date) -> tuple[int, int]:
        """First row, and row after the last, of the trading days from `first` to `last`."""
        begin = bisect_left(self._ordinals, self._require_date(first))
        return begin, max(begin, bisect_right(self._ordinals, self._require_date(last)))

    def grid(self, first: date, last: date) -> SessionGrid:
        """The trading days from `first` to `last`, both included, as read-only views."""
        return self._grid.slice(*self.rows(first, last))

    def trading_date_after(self, day: date) -> date:
        """The first trading day later than `day`."""
        index = bisect_right(self._ordinals, self._require_date(day))
        if index == len(self._ordinals):
            raise self._not_covered(f"the trading day after {day}")
        return date.fromordinal(self._ordinals[index])

    def trading_date_before(self, day: date) -> date:
        """The last trading day earlier than `day`."""
        index = bisect_left(self._ordinals, self._require_date(day)) - 1
        if index < 0:
            raise self._not_covered(f"the trading day before {day}")
        return date.fromordinal(self._ordinals[index])

    def exceptions(self, first: date, last: date) -> tuple[CalendarDay, ...]:
        """The exceptions from `first` to `last`, both included, in date order."""
        begin, end = self._require_date(first), self._require_date(last)
        return tuple(
            self._exceptions[ordinal]
            for ordinal in sorted(self._exceptions)
            if begin <= ordinal <= end
        )

    # ── how the columns come about ───────────────────────────────────────────

    def _trading_days(self) -> tuple[Int64s, Int64s]:
        """Ordinals of the trading days, and their four times in seconds after local midnight."""
        ordinals = np.arange(self._first, self._last + 1, dtype=np.int64)
        weekdays = (ordinals - _EPOCH_ORDINAL + _EPOCH_WEEKDAY) % 7
        trades = np.array([mark == "1" for mark in self.hours.trading_weekdays])[weekdays]
        wall = np.repeat(_seconds(self.hours.hours)[:, None], len(ordinals), axis=1)
        for ordinal, day in self._exceptions.items():
            trades[ordinal - self._first] = day.hours is not None
            if day.hours is not None:
                wall[:, ordinal - self._first] = _seconds(day.hours)
        return ordinals[trades], wall[:, trades]

    def _in_utc(self, ordinals: Int64s, wall: Int64s, midnights: Int64s) -> Int64s:
        """`wall` in UTC nanoseconds; `midnights` are those of every date, two days further.

        Where this day and the next last 24 hours, midnight plus the wall-clock time is the
        instant; the few others go through the zone one by one.
        """
        rows = ordinals - self._first
        utc = midnights[rows] + wall
        lengths = np.diff(midnights)
        changes = (lengths[:-1] != DAY_S) | (lengths[1:] != DAY_S)
        for column in np.flatnonzero(changes[rows]):
            utc[:, column] = [
                _utc_seconds(int(ordinals[column]), int(seconds), self.zone)
                for seconds in wall[:, column]
            ]
        return np.asarray(utc * SECOND_NS, np.int64)

    # ── what is not covered ──────────────────────────────────────────────────

    def _require_date(self, day: date) -> int:
        ordinal = day.toordinal()
        if not self._first <= ordinal <= self._last:
            raise self._not_covered(f"{day:%Y-%m-%d}")
        return ordinal

    def _require_instant(self, ns: int) -> None:
        if not self._begin_ns <= ns < self._end_ns:
            raise self._not_covered(self._shown(ns))

    def _shown(self, ns: int) -> str:
        moment = _EPOCH + timedelta(microseconds=ns // 1_000)
        return moment.astimezone(self.zone).isoformat()

    def _not_covered(self, what: str) -> DataNotFoundError:
        return DataNotFoundError(
            f"{what} is outside the {self.hours.exchange_group} calendar, which covers "
            f"{self.hours.first_date} to {self.hours.last_date}; "
            "`time import-holidays` extends it to the end of the year after next"
        )


@lru_cache(maxsize=8)
def _midnights_utc(first: int, last: int, zone: ZoneInfo) -> Int64s:
    """UTC seconds of the local midnights of the dates `first` to `last` (ordinals, inclusive).

    Kept, since each session's calendar asks for the same forty years.
    """
    return _frozen(
        np.array([_utc_seconds(day, 0, zone) for day in range(first, last + 1)], np.int64)
    )


def _utc_seconds(ordinal: int, wall: int, zone: ZoneInfo) -> int:
    """UTC seconds since 1970 of the wall-clock time `wall` seconds after midnight."""
    days, seconds = divmod(wall, DAY_S)
    local = datetime.fromordinal(ordinal + days) + seconds * _SECOND
    offset = local.replace(tzinfo=zone).utcoffset() or timedelta()
    return (ordinal - _EPOCH_ORDINAL) * DAY_S + wall - round(offset.total_seconds())


def _seconds(hours: DayHours) -> Int64s:
    """Pre-open, open, close and post-close in seconds after midnight, never decreasing."""
    pre_open, opens = _after_midnight(hours.pre_market_open), _after_midnight(hours.regular_open)
    closes = _after_midnight(hours.regular_close)
    closes += DAY_S * (closes <= opens)
    post_close = _after_midnight(hours.post_market_close)
    post_close += DAY_S * (post_close < closes)
    return np.array([pre_open, opens, closes, post_close], np.int64)


def _after_midnight(clock: time) -> int:
    return clock.hour * 3_600 + clock.minute * 60 + clock.second


def _time(seconds: int) -> time:
    minutes, second = divmod(seconds % DAY_S, 60)
    return time(minutes // 60, minutes % 60, second)


def _frozen(values: Int64s) -> Int64s:
    column = np.ascontiguousarray(values)
    column.flags.writeable = False
    return column
