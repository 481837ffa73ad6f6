"""Fills the calendar tables from pandas_market_calendars; nothing else imports that library.

The library costs a second or two to load, so it is loaded when calendars are read from it and
at no other time.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, time, timedelta
from importlib.metadata import version
from typing import Any

from sqlalchemy.orm import Session

from app.core.calendar_days import CalendarDay, ImportedCalendar, MarketHours
from app.core.market_halts import PUBLISHED_HALTS
from app.managers.time_manager.exchanges import EXCHANGES, OVERRIDES, Exchange
from app.models.database import take_turn
from app.repositories.calendar_repository import CalendarRepository

FIRST_DATE = date(1990, 1, 1)
YEARS_AHEAD = 2

_PLAIN_NAMES = {"July 4th": "Independence Day", "Black Friday": "Day after Thanksgiving"}


def import_calendars(
    db: Session,
    *,
    today: date,
    exchanges: Sequence[Exchange] = EXCHANGES,
    only_outdated: bool = False,
    on_progress: Callable[[str], None] = lambda _group: None,
) -> tuple[ImportedCalendar, ...]:
    """Store the calendars from 1990 to the end of the year two after `today`'s.

    Repeating it changes nothing. With `only_outdated`, calendars that this version of the
    library has already filled that far are left alone. Overrides and market-wide halts are
    stored beside them. The caller commits; until then other programs that fill them wait.
    `on_progress` is told each exchange group before it is read.
    """
    take_turn(db)
    repository = CalendarRepository(db)
    groups = {exchange.exchange_group for exchange in exchanges}
    repository.put_overrides([each for each in OVERRIDES if each.exchange_group in groups])
    repository.put_halts(halt for halt in PUBLISHED_HALTS if halt.exchange_group in groups)
    stored = repository.markets() if only_outdated else ()
    source = f"pandas_market_calendars {version('pandas-market-calendars')}"
    last = date(today.year + YEARS_AHEAD, 12, 31)
    current = {
        market.exchange_group
        for market in stored
        if (market.calendar_source, market.last_date) == (source, last)
    }
    for exchange in exchanges:
        if exchange.exchange_group not in current:
            on_progress(exchange.exchange_group)
            repository.replace_calendar(*_read(exchange, last, source))
    return tuple(
        _report(repository, exchange, is_new=exchange.exchange_group not in current)
        for exchange in exchanges
    )


def _report(
    repository: CalendarRepository, exchange: Exchange, *, is_new: bool
) -> ImportedCalendar:
    calendar = repository.market_calendar(exchange.exchange_group, exchange.asset_class)
    hours = calendar.hours
    exceptions = calendar.exceptions(hours.first_date, hours.last_date)
    begin, end = calendar.rows(hours.first_date, hours.last_date)
    return ImportedCalendar(
        exchange_group=exchange.exchange_group,
        asset_class=exchange.asset_class,
        first_date=hours.first_date,
        last_date=hours.last_date,
        sessions=end - begin,
        holidays=sum(day.hours is None for day in exceptions),
        early_closes=sum(day.is_early_close for day in exceptions),
        overrides=len(repository.overrides(exchange.exchange_group)),
        is_new=is_new,
    )


def _read(exchange: Exchange, last: date, source: str) -> tuple[MarketHours, list[CalendarDay]]:
    import pandas_market_calendars  # noqa: PLC0415 - pandas, one to two seconds

    library: Any = pandas_market_calendars.get_calendar(exchange.calendar_name)
    opens = _regimes(library.regular_market_times["market_open"])
    closes = _regimes(library.regular_market_times["market_close"])
    regular = (opens[-1][1], closes[-1][1])
    hours = MarketHours(
        exchange_group=exchange.exchange_group,
        asset_class=exchange.asset_class,
        timezone=exchange.timezone,
        trading_weekdays=exchange.trading_weekdays,
        hours=exchange.around(opens=regular[0], closes=regular[1], regular=regular),
        calendar_name=exchange.calendar_name,
        calendar_source=source,
        first_date=FIRST_DATE,
        last_date=last,
    )
    sessions = _sessions(library, exchange, last)
    names = _names(library, last)
    days = [*_closed(exchange, sessions, names, last)]
    for day, (opened, closed) in sessions.items():
        if (opened, closed) != regular:
            special = opened > _in_force(opens, day) and exchange.special_open_name
            days.append(
                CalendarDay(
                    date=day,
                    name=names.get(day) or special or None,
                    hours=exchange.around(opens=opened, closes=closed, regular=regular),
                    is_early_close=closed < _in_force(closes, day),
                )
            )
    return hours, days


def _sessions(library: Any, exchange: Exchange, last: date) -> dict[date, tuple[time, time]]:
    """Opening and closing time of each session, in the market's wall-clock time."""
    schedule = library.schedule(FIRST_DATE.isoformat(), last.isoformat())
    opens = schedule["market_open"].dt.tz_convert(exchange.timezone).dt.time
    closes = schedule["market_close"].dt.tz_convert(exchange.timezone).dt.time
    return dict(zip(schedule.index.date, zip(opens, closes, strict=True), strict=True))


def _closed(
    exchange: Exchange,
    sessions: dict[date, tuple[time, time]],
    names: dict[date, str],
    last: date,
) -> Iterator[CalendarDay]:
    """The days of the regular week without a session."""
    for number in range((last - FIRST_DATE).days + 1):
        day = FIRST_DATE + timedelta(days=number)
        if exchange.trading_weekdays[day.weekday()] == "1" and day not in sessions:
            name = (
                exchange.closures.get(day)
                or names.get(day)
                or exchange.fixed_holidays.get((day.month, day.day))
            )
            yield CalendarDay(date=day, name=name, hours=None)


def _names(library: Any, last: date) -> dict[date, str]:
    """What the library calls its holidays and its early closes, by date."""
    calendars = [library.regular_holidays, *(calendar for _, calendar in library.special_closes)]
    named: dict[date, str] = {}
    for calendar in filter(None, calendars):
        if hasattr(calendar, "rules"):
            dates = calendar.holidays(FIRST_DATE, last, return_name=True)
            named |= {stamp.date(): _plain(name) for stamp, name in dates.items()}
    return named


def _plain(name: str) -> str:
    if "Before Independence Day" in name:
        return "Day before Independence Day"
    return _PLAIN_NAMES.get(name, name)


def _regimes(times: Iterable[Sequence[Any]]) -> list[tuple[date, time]]:
    """Regular times with the date each came into force, oldest first."""
    return [
        (date.fromisoformat(entry[0]) if entry[0] else date.min, entry[1].replace(tzinfo=None))
        for entry in times
    ]


def _in_force(regimes: list[tuple[date, time]], day: date) -> time:
    return next(clock for since, clock in reversed(regimes) if since <= day)
