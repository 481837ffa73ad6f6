"""What a market calendar is made of: regular hours, and the days that differ from them."""

from dataclasses import dataclass
from datetime import date, time


@dataclass(frozen=True, slots=True, kw_only=True)
class DayHours:
    """The hours of one trading day in the market's wall-clock time.

    A close that is not after the open belongs to the next date, so 00:00 to 00:00 is a
    market that never closes.
    """

    pre_market_open: time
    regular_open: time
    regular_close: time
    post_market_close: time


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketHours:
    """A market's zone, regular week and regular hours, and the dates its calendar covers.

    Attributes:
        trading_weekdays: seven characters, Monday to Sunday, ``1`` where it trades.
        calendar_name: the calendar's name in the library it was filled from.
        calendar_source: that library and its version.
        first_date: first date the calendar answers for.
        last_date: last date the calendar answers for.
    """

    exchange_group: str
    asset_class: str
    timezone: str
    trading_weekdays: str
    hours: DayHours
    calendar_name: str
    calendar_source: str
    first_date: date
    last_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarDay:
    """A date that differs from the regular week: closed (`hours` None), or other hours."""

    date: date
    name: str | None
    hours: DayHours | None
    is_early_close: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarOverride:
    """A day that wins over the calendar library, with who says so and when they said it."""

    exchange_group: str
    day: CalendarDay
    source: str
    source_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedCalendar:
    """What the database now knows of one market; `is_new` is False if it knew it before."""

    exchange_group: str
    asset_class: str
    first_date: date
    last_date: date
    sessions: int
    holidays: int
    early_closes: int
    overrides: int
    is_new: bool
