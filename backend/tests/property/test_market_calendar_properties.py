"""A market calendar's columns against the definition, one wall-clock time at a time."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.calendar_days import CalendarDay, DayHours, MarketHours
from app.core.enums import MarketSession
from app.core.market_calendar import MarketCalendar

ZONES = ("America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Kolkata", "UTC")
# Around the changes of both hemispheres, and of a zone that moves by half an hour.
FIRST, LAST = date(2024, 2, 20), date(2024, 5, 10)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@st.composite
def day_hours(draw: st.DrawFn) -> DayHours:
    """Four times in order, on whole minutes, from after any change of the clocks to midnight."""
    minutes = sorted(draw(st.sets(st.integers(181, 1_439), min_size=4, max_size=4)))
    pre_open, opens, closes, post_close = (time(minute // 60, minute % 60) for minute in minutes)
    return DayHours(
        pre_market_open=draw(st.sampled_from([pre_open, opens])),
        regular_open=opens,
        regular_close=closes,
        post_market_close=draw(st.sampled_from([post_close, closes])),
    )


@st.composite
def markets(draw: st.DrawFn) -> tuple[MarketHours, list[CalendarDay]]:
    hours = MarketHours(
        exchange_group="X",
        asset_class="Y",
        timezone=draw(st.sampled_from(ZONES)),
        trading_weekdays=draw(st.sampled_from(["1111100", "1111111", "0111011"])),
        hours=draw(day_hours()),
        calendar_name="-",
        calendar_source="-",
        first_date=FIRST,
        last_date=LAST,
    )
    exceptions = draw(st.dictionaries(st.dates(FIRST, LAST), st.none() | day_hours(), max_size=12))
    days = [CalendarDay(date=day, name=None, hours=kept) for day, kept in exceptions.items()]
    return hours, days


def _hours_on(hours: MarketHours, days: list[CalendarDay], day: date) -> DayHours | None:
    for exception in days:
        if exception.date == day:
            return exception.hours
    return hours.hours if hours.trading_weekdays[day.weekday()] == "1" else None


def _part_of_day(hours: DayHours | None, moment: datetime) -> MarketSession:
    if hours is None:
        return MarketSession.CLOSED
    clock = moment.time()
    if hours.regular_open <= clock < hours.regular_close:
        return MarketSession.REGULAR
    if hours.pre_market_open <= clock < hours.regular_open:
        return MarketSession.PRE_MARKET
    if hours.regular_close <= clock < hours.post_market_close:
        return MarketSession.POST_MARKET
    return MarketSession.CLOSED


@settings(max_examples=60, deadline=None)
@given(market=markets(), data=st.data())
def test_the_wall_clock_decides(
    market: tuple[MarketHours, list[CalendarDay]], data: st.DataObject
) -> None:
    hours, days = market
    calendar = MarketCalendar(hours, days)
    zone = ZoneInfo(hours.timezone)
    inside = st.datetimes(
        datetime(2024, 2, 22, tzinfo=None),  # noqa: DTZ001 - Hypothesis adds the zone
        datetime(2024, 5, 8, tzinfo=None),  # noqa: DTZ001
        timezones=st.just(UTC),
    )
    for moment in data.draw(st.lists(inside, min_size=20, max_size=40)):
        local = moment.astimezone(zone)
        expected = _part_of_day(_hours_on(hours, days, local.date()), local)
        ns = (moment - EPOCH) // timedelta(microseconds=1) * 1_000
        assert calendar.market_session(ns) is expected
        assert calendar.is_open(ns) is (expected is MarketSession.REGULAR)


@settings(max_examples=60, deadline=None)
@given(market=markets())
def test_every_date_is_a_session_or_not(market: tuple[MarketHours, list[CalendarDay]]) -> None:
    hours, days = market
    calendar = MarketCalendar(hours, days)
    zone = ZoneInfo(hours.timezone)
    grid = calendar.grid(FIRST, LAST)
    expected = []
    for number in range((LAST - FIRST).days + 1):
        day = FIRST + timedelta(days=number)
        kept = _hours_on(hours, days, day)
        session = calendar.session(day)
        assert session.is_trading_day is (kept is not None)
        if kept is not None:
            expected.append(day)
            assert session.regular_open == kept.regular_open
            assert session.post_market_close == kept.post_market_close
            opened = datetime.combine(day, kept.regular_open, zone)
            assert session.open_ns == (opened - EPOCH) // MINUTE * 60 * 10**9
    assert grid.dates.tolist() == expected
    assert (grid.open_ns[1:] >= grid.close_ns[:-1]).all()
    assert (grid.pre_open_ns <= grid.open_ns).all()
    assert (grid.open_ns < grid.close_ns).all()
    assert (grid.close_ns <= grid.post_close_ns).all()
