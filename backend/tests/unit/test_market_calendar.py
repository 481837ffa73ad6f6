"""A market calendar by hand: sessions over midnight, over a change of the clocks, by override."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from app.core.calendar_days import CalendarDay, DayHours, MarketHours
from app.core.exceptions import DataNotFoundError
from app.core.market_calendar import MarketCalendar

ROUND_THE_CLOCK = DayHours(
    pre_market_open=time(0),
    regular_open=time(0),
    regular_close=time(0),
    post_market_close=time(0),
)
NEW_YORK = MarketHours(
    exchange_group="X",
    asset_class="Y",
    timezone="America/New_York",
    trading_weekdays="1111111",
    hours=ROUND_THE_CLOCK,
    calendar_name="-",
    calendar_source="-",
    first_date=date(2024, 3, 1),
    last_date=date(2024, 11, 30),
)


def _hours(day: date, calendar: MarketCalendar) -> float:
    session = calendar.session(day)
    return (session.close_ns - session.open_ns) / 3.6e12


def test_a_market_without_close_has_a_day_of_23_and_one_of_25_hours() -> None:
    calendar = MarketCalendar(NEW_YORK, [])
    assert _hours(date(2024, 3, 9), calendar) == 24
    assert _hours(date(2024, 3, 10), calendar) == 23
    assert _hours(date(2024, 11, 3), calendar) == 25
    grid = calendar.grid(NEW_YORK.first_date, NEW_YORK.last_date)
    assert (grid.open_ns[1:] == grid.close_ns[:-1]).all()


def test_a_session_over_midnight_crosses_the_change_of_the_clocks() -> None:
    night = DayHours(
        pre_market_open=time(17),
        regular_open=time(18),
        regular_close=time(16),
        post_market_close=time(16, 30),
    )
    calendar = MarketCalendar(replace(NEW_YORK, hours=night), [])
    session = calendar.session(date(2024, 3, 9))  # clocks go forward in the night to the 10th
    # 18:00 EST is 23:00 UTC; 16:00 EDT is 20:00 UTC
    assert session.open_ns == _ns(datetime(2024, 3, 9, 23, tzinfo=UTC))
    assert session.close_ns == _ns(datetime(2024, 3, 10, 20, tzinfo=UTC))
    assert session.post_close_ns - session.close_ns == 30 * 60 * 10**9
    assert session.regular_close == time(16)


def test_the_later_of_two_exceptions_wins() -> None:
    day = date(2024, 5, 1)
    short = replace(ROUND_THE_CLOCK, regular_open=time(10), regular_close=time(11))
    closed = CalendarDay(date=day, name="closed", hours=None)
    opened = CalendarDay(date=day, name="short", hours=short, is_early_close=True)
    assert MarketCalendar(NEW_YORK, [closed, opened]).session(day).is_early_close
    last = MarketCalendar(NEW_YORK, [opened, closed])
    assert last.session(day).holiday_name == "closed"
    assert last.exceptions(day, day) == (closed,)


def test_exceptions_outside_the_calendar_do_not_count() -> None:
    outside = CalendarDay(date=date(2025, 1, 1), name=None, hours=None)
    calendar = MarketCalendar(NEW_YORK, [outside])
    assert calendar.exceptions(NEW_YORK.first_date, NEW_YORK.last_date) == ()
    with pytest.raises(DataNotFoundError, match="2025-01-01"):
        calendar.session(outside.date)


def test_the_session_of_any_instant_is_found() -> None:
    day = DayHours(
        pre_market_open=time(4),
        regular_open=time(9, 30),
        regular_close=time(16),
        post_market_close=time(20),
    )
    calendar = MarketCalendar(replace(NEW_YORK, hours=day, trading_weekdays="1111100"), [])
    friday = calendar.session(date(2024, 7, 12))
    monday = calendar.session(date(2024, 7, 15))
    for ns, expected in (
        (friday.close_ns - 1, friday),
        (friday.close_ns, monday),
        (monday.open_ns, monday),
    ):
        assert calendar.session_at(calendar.row_closing_after(ns)) == expected
    row = calendar.row_closing_after(friday.close_ns, extended=True)
    assert calendar.session_at(row) == friday
    end = calendar.session(date(2024, 11, 29))
    with pytest.raises(DataNotFoundError, match="a session after"):
        calendar.row_closing_after(end.close_ns)


def _ns(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000
