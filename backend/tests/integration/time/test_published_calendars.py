"""Calendars against answers from outside: exchange_calendars, LEAN's lists, the exchanges."""

import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sqlalchemy.orm import Session

from app.managers.time_manager import TimeManager
from tests.calendar_fixtures import MarketTime


def _table(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Session dates, opens and closes (UTC ns) of a table of exchange_calendars."""
    frame = pl.read_csv(path, columns=["", "open", "close"])
    at = [
        frame[name].str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="ns").to_physical().to_numpy()
        for name in ("open", "close")
    ]
    return frame[""].str.head(10).to_numpy().astype("datetime64[D]"), at[0], at[1]


@pytest.mark.parametrize(
    ("table", "exchange_group", "count"),
    [("xnys.csv.gz", "US_EQUITY", 8_324), ("24-7.csv.gz", "CRYPTO", 366)],
)
def test_every_session_of_the_published_table(
    table: str,
    exchange_group: str,
    count: int,
    shared_data: Path,
    market_time: MarketTime,
    market_db: Session,
) -> None:
    dates, opens, closes = _table(shared_data / "calendars" / table)
    grid = market_time(exchange_group).session_grid(market_db, dates[0].item(), dates[-1].item())
    assert len(dates) == count
    np.testing.assert_array_equal(grid.dates, dates)
    np.testing.assert_array_equal(grid.open_ns, opens)
    np.testing.assert_array_equal(grid.close_ns, closes)


def _lean(folder: Path) -> dict:
    text = (folder / "calendars" / "lean_market_hours_us.json").read_text(encoding="utf-8")
    return json.loads(text)["Equity-usa-[*]"]


def _us_date(text: str) -> date:
    month, day, year = (int(part) for part in text.split("/"))
    return date(year, month, day)


def test_holidays_of_another_engine(
    shared_data: Path, market_time: MarketTime, market_db: Session
) -> None:
    manager = market_time()
    published = {_us_date(text) for text in _lean(shared_data)["holidays"]}
    ours = {
        day.date
        for day in manager.get_special_days(market_db, min(published), max(published))
        if day.hours is None
    }
    assert len(published) > 280
    assert {day for day in published if day.weekday() < 5} == ours


def test_early_closes_of_another_engine(
    shared_data: Path, market_time: MarketTime, market_db: Session
) -> None:
    lists = _lean(shared_data)
    published = {_us_date(day): at for day, at in lists["earlyCloses"].items()}
    never_open = {_us_date(text) for text in lists["holidays"]}
    manager = market_time()
    assert len(published) > 60
    for day, at in published.items():
        trades = day.weekday() < 5 and day not in never_open
        expected = (True, time.fromisoformat(at)) if trades else (False, None)
        assert manager.is_early_close(market_db, day) == expected, day


@pytest.mark.parametrize(
    "day",
    [
        # NYSE, "Holidays and trading hours" 2023 to 2028
        date(2023, 7, 3), date(2023, 11, 24), date(2024, 7, 3), date(2024, 11, 29),
        date(2024, 12, 24), date(2025, 7, 3), date(2025, 11, 28), date(2025, 12, 24),
        date(2026, 11, 27), date(2026, 12, 24), date(2027, 11, 26), date(2028, 7, 3),
    ],
)  # fmt: skip
def test_published_half_days(day: date, market_time: MarketTime, market_db: Session) -> None:
    manager = market_time()
    session = manager.get_trading_session(market_db, day)
    assert manager.is_early_close(market_db, day) == (True, time(13))
    assert session.regular_open == time(9, 30)
    assert session.pre_market_open == time(4)
    assert session.post_market_close == time(17)
    assert not session.is_holiday
    # the minute before the close trades, the close does not, late trading ends at 17:00
    at = datetime.combine(day, time(12, 59))
    phases = [at, at + timedelta(minutes=1), at.replace(hour=16), at.replace(hour=17, minute=0)]
    assert [manager.get_market_session(market_db, moment) for moment in phases] == [
        "regular", "post_market", "post_market", "closed",
    ]  # fmt: skip
    assert [manager.is_market_open(market_db, moment) for moment in phases[:2]] == [True, False]


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(1994, 4, 27), "Nixon"),
        (date(2001, 9, 11), "September 11"),
        (date(2001, 9, 12), "September 11"),
        (date(2001, 9, 13), "September 11"),
        (date(2001, 9, 14), "September 11"),
        (date(2004, 6, 11), "Reagan"),
        (date(2007, 1, 2), "Ford"),
        (date(2012, 10, 29), "Sandy"),
        (date(2012, 10, 30), "Sandy"),
        (date(2018, 12, 5), "Bush"),
        (date(2025, 1, 9), "Carter"),
    ],
)
def test_unusual_closures(
    day: date, name: str, market_time: MarketTime, market_db: Session
) -> None:
    manager = market_time()
    closed, reason = manager.is_holiday(market_db, day)
    assert closed
    assert name in str(reason)
    assert not manager.get_trading_session(market_db, day).is_trading_day
    noon = datetime.combine(day, time(12))
    assert manager.get_market_session(market_db, noon) == "closed"


def test_the_week_of_september_11(market_time: MarketTime, market_db: Session) -> None:
    manager = market_time()
    assert manager.get_next_trading_date(market_db, date(2001, 9, 10)) == date(2001, 9, 17)
    assert manager.get_previous_trading_date(market_db, date(2001, 9, 17)) == date(2001, 9, 10)
    assert manager.count_trading_days(market_db, date(2001, 9, 10), date(2001, 9, 17)) == 2


# Energy Policy Act of 2005: second Sunday of March to first Sunday of November.
_CHANGES = {
    2024: (date(2024, 3, 10), date(2024, 11, 3)),
    2025: (date(2025, 3, 9), date(2025, 11, 2)),
    2026: (date(2026, 3, 8), date(2026, 11, 1)),
    2027: (date(2027, 3, 14), date(2027, 11, 7)),
}


@pytest.mark.parametrize("year", _CHANGES)
def test_bounds_around_daylight_saving(
    year: int, market_time: MarketTime, market_db: Session
) -> None:
    spring, autumn = _CHANGES[year]
    # 09:30 New York is 14:30 UTC in winter (UTC-5) and 13:30 in summer (UTC-4)
    expected = {
        spring - timedelta(days=2): (9, 14, 21, 1),
        spring + timedelta(days=1): (8, 13, 20, 24),
        autumn - timedelta(days=2): (8, 13, 20, 24),
        autumn + timedelta(days=1): (9, 14, 21, 1),
    }
    manager = market_time()
    for day, (pre_hour, open_hour, close_hour, post_hour) in expected.items():
        session = manager.get_trading_session(market_db, day)
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        post = post_hour if post_hour == 24 else post_hour + 24
        assert session.pre_open_ns == _ns(midnight + timedelta(hours=pre_hour))
        assert session.open_ns == _ns(midnight + timedelta(hours=open_hour, minutes=30))
        assert session.close_ns == _ns(midnight + timedelta(hours=close_hour))
        assert session.post_close_ns == _ns(midnight + timedelta(hours=post))


@pytest.mark.parametrize("change", [day for pair in _CHANGES.values() for day in pair])
def test_a_market_without_close_has_equal_days_across_the_change(
    change: date, market_time: MarketTime, market_db: Session
) -> None:
    grid = market_time("CRYPTO").session_grid(
        market_db, change - timedelta(days=1), change + timedelta(days=1)
    )
    assert (grid.close_ns - grid.open_ns == 86_400 * 10**9).all()
    assert (grid.open_ns[1:] == grid.close_ns[:-1]).all()
    assert (grid.pre_open_ns == grid.open_ns).all()
    assert (grid.post_close_ns == grid.close_ns).all()


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        # sessions on a weekend; sources are stored with each
        (date(2015, 2, 28), "09:15", "15:30"),
        (date(2016, 10, 30), "18:30", "19:30"),
        (date(2019, 10, 27), "18:15", "19:15"),
        (date(2020, 2, 1), "09:15", "15:30"),
        (date(2020, 11, 14), "18:15", "19:15"),
        (date(2023, 11, 12), "18:15", "19:15"),
        (date(2024, 1, 20), "09:15", "15:30"),
        (date(2024, 3, 2), "09:15", "12:30"),
        (date(2024, 5, 18), "09:15", "12:30"),
        (date(2025, 2, 1), "09:15", "15:30"),
        (date(2026, 2, 1), "09:15", "15:30"),
        # Muhurat sessions on a weekday: NSE circulars of 2024-10-18 and 2025-09-22
        (date(2024, 11, 1), "18:00", "19:00"),
        (date(2025, 10, 21), "13:45", "14:45"),
        # an ordinary day
        (date(2026, 11, 20), "09:15", "15:30"),
    ],
)
def test_sessions_of_the_nse(
    day: date, opens: str, closes: str, market_time: MarketTime, market_db: Session
) -> None:
    session = market_time("IN_EQUITY").get_trading_session(market_db, day)
    assert session.is_trading_day
    assert session.timezone == "Asia/Kolkata"
    assert (session.regular_open, session.regular_close) == (
        time.fromisoformat(opens),
        time.fromisoformat(closes),
    )
    # Indian time is UTC+05:30 all year
    local = datetime.combine(day, time.fromisoformat(opens), UTC)
    assert session.open_ns == _ns(local - timedelta(hours=5, minutes=30))


def test_holidays_of_the_nse(market_time: MarketTime, market_db: Session) -> None:
    manager = market_time("IN_EQUITY")
    assert manager.is_holiday(market_db, date(2024, 1, 22)) == (True, None)
    assert manager.is_holiday(market_db, date(2026, 1, 26)) == (True, "Republic Day")
    assert manager.is_holiday(market_db, date(2024, 1, 21)) == (False, None)
    assert manager.get_next_trading_date(market_db, date(2024, 1, 20)) == date(2024, 1, 23)


def test_calendars_reach_from_1990_to_the_end_of_the_year_after_next(
    market_time: MarketTime, market_db: Session
) -> None:
    for group in ("US_EQUITY", "CRYPTO", "IN_EQUITY"):
        hours = market_time(group).get_market_hours(market_db)
        assert (hours.first_date, hours.last_date) == (date(1990, 1, 1), date(2028, 12, 31))


def test_only_one_zone_per_market(market_time: MarketTime, market_db: Session) -> None:
    managers: dict[str, TimeManager] = {
        group: market_time(group) for group in ("US_EQUITY", "CRYPTO", "IN_EQUITY")
    }
    assert {group: manager.timezone for group, manager in managers.items()} == {
        "US_EQUITY": "America/New_York",
        "CRYPTO": "UTC",
        "IN_EQUITY": "Asia/Kolkata",
    }


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9
