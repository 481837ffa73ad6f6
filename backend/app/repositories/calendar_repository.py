"""Market hours, calendars and their overrides, to and from the database."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, TypeAlias

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from app.core.calendar_days import CalendarDay, CalendarOverride, DayHours, MarketHours
from app.core.exceptions import ConfigurationError
from app.core.market_calendar import MarketCalendar
from app.core.market_halts import PublishedHalt
from app.core.sessions import TradingSession
from app.models.trading_calendar import (
    CalendarDayRow,
    CalendarOverrideRow,
    MarketHaltRow,
    MarketHoursRow,
)

_DAY_FIELDS = (
    "date",
    "name",
    "pre_market_open",
    "regular_open",
    "regular_close",
    "post_market_close",
    "is_early_close",
)
_DayValues: TypeAlias = tuple[Any, ...]
"""What is stored of a day, in the order of `_DAY_FIELDS`."""


class CalendarRepository:
    """Reads and writes market calendars in the caller's unit of work."""

    def __init__(self, db: Session) -> None:
        self._db = db

    def markets(self) -> tuple[MarketHours, ...]:
        """Every market that has a calendar, by exchange group and asset class."""
        rows = self._db.scalars(
            select(MarketHoursRow).order_by(
                MarketHoursRow.exchange_group, MarketHoursRow.asset_class
            )
        )
        return tuple(_market_hours(row) for row in rows)

    def market_hours(self, exchange_group: str, asset_class: str) -> MarketHours:
        """Zone, regular hours and coverage of one market.

        Raises:
            ConfigurationError: no such market; the message lists those that are known.
        """
        markets = self._some_markets()
        for market in markets:
            if (market.exchange_group, market.asset_class) == (exchange_group, asset_class):
                return market
        known = ", ".join(f"{market.exchange_group} {market.asset_class}" for market in markets)
        raise ConfigurationError(
            f"exchange_group {exchange_group!r} with asset_class {asset_class!r} is not known; "
            f"there is {known}"
        )

    def asset_class_of(self, exchange_group: str) -> str:
        """The asset class of the first market of an exchange group.

        Raises:
            ConfigurationError: no such group; the message lists those that are known.
        """
        markets = self._some_markets()
        for market in markets:
            if market.exchange_group == exchange_group:
                return market.asset_class
        known = ", ".join(sorted({market.exchange_group for market in markets}))
        raise ConfigurationError(
            f"exchange_group {exchange_group!r} is not known; there is {known}"
        )

    def market_calendar(self, exchange_group: str, asset_class: str) -> MarketCalendar:
        """Everything that is known of one market's trading days; overrides win.

        Raises:
            ConfigurationError: no such market; the message lists those that are known.
        """
        hours = self.market_hours(exchange_group, asset_class)
        days = self._days(CalendarDayRow, exchange_group)
        overrides = self._days(CalendarOverrideRow, exchange_group)
        return _calendar_of(hours, (*days, *overrides))

    def sessions(
        self, exchange_group: str, asset_class: str, first: date, last: date
    ) -> list[TradingSession]:
        """The trading days from `first` to `last`, both included."""
        calendar = self.market_calendar(exchange_group, asset_class)
        begin, end = calendar.rows(first, last)
        return [calendar.session_at(index) for index in range(begin, end)]

    def replace_calendar(self, hours: MarketHours, days: Iterable[CalendarDay]) -> None:
        """Store a market and its calendar days in place of what was stored; overrides stay."""
        market = MarketHoursRow.exchange_group == hours.exchange_group
        self._db.execute(
            delete(MarketHoursRow).where(market, MarketHoursRow.asset_class == hours.asset_class)
        )
        self._db.execute(
            delete(CalendarDayRow).where(CalendarDayRow.exchange_group == hours.exchange_group)
        )
        self._db.execute(insert(MarketHoursRow), [_market_values(hours)])
        values = [{"exchange_group": hours.exchange_group, **_day_values(day)} for day in days]
        if values:
            self._db.execute(insert(CalendarDayRow), values)

    def put_overrides(self, overrides: Sequence[CalendarOverride]) -> None:
        """Store each override unless its day has one from another source, which is then kept."""
        stored = {
            (row.exchange_group, row.date): row
            for row in self._db.scalars(select(CalendarOverrideRow))
        }
        for override in overrides:
            row = stored.get((override.exchange_group, override.day.date))
            if row is None:
                self._db.add(CalendarOverrideRow(**_override_values(override)))
            elif row.source == override.source:
                for name, value in _override_values(override).items():
                    setattr(row, name, value)
        self._db.flush()

    def overrides(self, exchange_group: str) -> tuple[CalendarOverride, ...]:
        """The overrides of one exchange group in date order."""
        rows = self._db.scalars(
            select(CalendarOverrideRow)
            .where(CalendarOverrideRow.exchange_group == exchange_group)
            .order_by(CalendarOverrideRow.date)
        )
        return tuple(
            CalendarOverride(
                exchange_group=row.exchange_group,
                day=_calendar_day(tuple(getattr(row, name) for name in _DAY_FIELDS)),
                source=row.source,
                source_date=row.source_date,
            )
            for row in rows
        )

    def put_halts(self, halts: Iterable[PublishedHalt]) -> None:
        """Store each halt unless one from another source begins then, which is kept."""
        stored = {
            (row.exchange_group, row.start_at): row
            for row in self._db.scalars(select(MarketHaltRow))
        }
        for halt in halts:
            values = _halt_values(halt)
            row = stored.get((values["exchange_group"], values["start_at"]))
            if row is None:
                self._db.add(MarketHaltRow(**values))
            elif row.source == halt.source:
                for name, value in values.items():
                    setattr(row, name, value)
        self._db.flush()

    def halts(
        self, exchange_group: str, first: datetime, last: datetime
    ) -> tuple[PublishedHalt, ...]:
        """Halts of an exchange group that overlap ``[first, last)``, in time order."""
        rows = self._db.scalars(
            select(MarketHaltRow)
            .where(MarketHaltRow.exchange_group == exchange_group)
            .where(MarketHaltRow.start_at < last, MarketHaltRow.end_at > first)
            .order_by(MarketHaltRow.start_at)
        )
        return tuple(
            PublishedHalt(
                exchange_group=row.exchange_group,
                start=row.start_at,
                end=row.end_at,
                reason=row.reason,
                source=row.source,
                source_date=row.source_date,
            )
            for row in rows
        )

    def _some_markets(self) -> tuple[MarketHours, ...]:
        markets = self.markets()
        if not markets:
            raise ConfigurationError(
                "the database holds no market calendar: run `init-db` or `time import-holidays`"
            )
        return markets

    def _days(
        self, table: type[CalendarDayRow | CalendarOverrideRow], exchange_group: str
    ) -> Iterable[_DayValues]:
        columns = [getattr(table, name) for name in _DAY_FIELDS]
        query = select(*columns).where(table.exchange_group == exchange_group)
        return map(tuple, self._db.execute(query))


@lru_cache(maxsize=8)
def _calendar_of(hours: MarketHours, days: tuple[_DayValues, ...]) -> MarketCalendar:
    """The calendar that rows make, which never changes: the last one if they say what they did.

    Reading them takes a fraction of what making it anew does, and every plan of a run asks.
    """
    return MarketCalendar(hours, map(_calendar_day, days))


def _market_hours(row: MarketHoursRow) -> MarketHours:
    return MarketHours(
        exchange_group=row.exchange_group,
        asset_class=row.asset_class,
        timezone=row.timezone,
        trading_weekdays=row.trading_weekdays,
        hours=DayHours(
            pre_market_open=row.pre_market_open,
            regular_open=row.regular_open,
            regular_close=row.regular_close,
            post_market_close=row.post_market_close,
        ),
        calendar_name=row.calendar_name,
        calendar_source=row.calendar_source,
        first_date=row.first_date,
        last_date=row.last_date,
    )


def _market_values(hours: MarketHours) -> dict[str, Any]:
    values = asdict(hours)
    return {**values.pop("hours"), **values}


def _calendar_day(values: _DayValues) -> CalendarDay:
    day, name, pre_open, opens, closes, post_close, is_early_close = values
    hours = None
    if opens is not None:
        hours = DayHours(
            pre_market_open=pre_open,
            regular_open=opens,
            regular_close=closes,
            post_market_close=post_close,
        )
    return CalendarDay(date=day, name=name, hours=hours, is_early_close=is_early_close)


def _day_values(day: CalendarDay) -> dict[str, Any]:
    hours = asdict(day.hours) if day.hours else dict.fromkeys(_DAY_FIELDS[2:6])
    return {
        "date": day.date,
        "name": day.name,
        "is_early_close": day.is_early_close,
        **hours,
    }


def _override_values(override: CalendarOverride) -> dict[str, Any]:
    return {
        "exchange_group": override.exchange_group,
        **_day_values(override.day),
        "source": override.source,
        "source_date": override.source_date,
    }


def _halt_values(halt: PublishedHalt) -> dict[str, Any]:
    return {
        "exchange_group": halt.exchange_group,
        "start_at": halt.start.astimezone(UTC),
        "end_at": halt.end.astimezone(UTC),
        "reason": halt.reason,
        "source": halt.source,
        "source_date": halt.source_date,
    }
