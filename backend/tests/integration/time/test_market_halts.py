"""Market-wide halts: what is stored, who says so, and what a session's grid makes of them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy.orm import Session

from app.core.data_structures import BarColumns
from app.core.market_halts import PUBLISHED_HALTS, PublishedHalt, halted_minutes
from app.core.types import MINUTE_NS
from app.managers.time_manager import TimeManager
from app.managers.time_manager.clock import FixedClock
from app.models.database import session_factory
from app.repositories.calendar_repository import CalendarRepository
from app.services.market_data.quality_scoring import session_quality
from tests.calendar_fixtures import TODAY, MarketTime

NEW_YORK = ZoneInfo("America/New_York")


def spoken(ns: int) -> str:
    """A moment on the clock of New York."""
    return f"{datetime.fromtimestamp(ns / 1e9, NEW_YORK):%Y-%m-%d %H:%M:%S}"


def test_the_four_halts_of_march_2020(market_time: MarketTime, market_db: Session) -> None:
    """Level 1 of the circuit breaker: fifteen minutes each, minutes as the newspapers had them."""
    halts = market_time().get_halts(market_db, date(2020, 3, 1), date(2020, 3, 31))
    assert [(spoken(halt.start_ns), spoken(halt.end_ns)) for halt in halts] == [
        ("2020-03-09 09:34:13", "2020-03-09 09:49:13"),
        ("2020-03-12 09:35:44", "2020-03-12 09:50:44"),
        ("2020-03-16 09:30:01", "2020-03-16 09:45:01"),
        ("2020-03-18 12:56:17", "2020-03-18 13:11:17"),
    ]
    assert all(halt.end_ns - halt.start_ns == 15 * MINUTE_NS for halt in halts)
    assert {halt.reason for halt in halts} == {PUBLISHED_HALTS[-1].reason}


def test_the_two_halts_of_october_1997(market_time: MarketTime, market_db: Session) -> None:
    day = date(1997, 10, 27)
    halts = market_time().get_halts(market_db, day, day)
    assert [(spoken(halt.start_ns), spoken(halt.end_ns)) for halt in halts] == [
        ("1997-10-27 14:36:00", "1997-10-27 15:06:00"),
        ("1997-10-27 15:30:00", "1997-10-27 16:00:00"),
    ]


def test_days_without_halts_and_markets_without_any(
    market_time: MarketTime, market_db: Session
) -> None:
    time = market_time()
    assert time.get_halts(market_db, date(2020, 3, 10), date(2020, 3, 11)) == ()
    assert time.get_halts(market_db, date(2015, 7, 8), date(2015, 7, 8)) == ()  # the NYSE alone
    crypto = market_time("CRYPTO")
    assert crypto.get_halts(market_db, date(2020, 3, 1), date(2020, 3, 31)) == ()


def test_every_halt_says_who_and_when() -> None:
    for halt in PUBLISHED_HALTS:
        assert halt.source.startswith("https://")
        assert halt.start.date() < halt.source_date


def test_a_users_halt_survives_an_import(calendar_url: str) -> None:
    sessions = session_factory(calendar_url)
    mine = PublishedHalt(
        exchange_group="US_EQUITY",
        start=datetime(2026, 11, 19, 17, tzinfo=UTC),
        end=datetime(2026, 11, 19, 17, 15, tzinfo=UTC),
        reason="level 1",
        source="the newspaper",
        source_date=date(2026, 11, 20),
    )
    with sessions.begin() as db:
        CalendarRepository(db).put_halts([mine])
        manager = TimeManager(clock=FixedClock(TODAY))
        manager.import_calendars(db, only_outdated=True)
        manager.import_calendars(db, only_outdated=True)
        found = CalendarRepository(db).halts("US_EQUITY", datetime.min.replace(tzinfo=UTC), TODAY)
    assert len(found) == len(PUBLISHED_HALTS) + 1
    assert found[-1] == mine
    assert [each.known() for each in found[:-1]] == [each.known() for each in PUBLISHED_HALTS]


@pytest.mark.parametrize("filled", [False, True], ids=["no bars", "bars made up by a vendor"])
def test_a_halt_is_no_gap_and_costs_no_score(
    market_time: MarketTime, market_db: Session, *, filled: bool
) -> None:
    """On 2020-03-18 the minutes 12:56 to 13:11 touch the halt: 390 - 16 are expected."""
    time, day = market_time(), date(2020, 3, 18)
    grid = time.session_grid(market_db, day, day)
    halted = halted_minutes(time.get_halts(market_db, day, day))
    assert len(halted) == 16
    starts = np.arange(grid.open_ns[0], grid.close_ns[0], MINUTE_NS)
    kept = starts if filled else np.setdiff1d(starts, halted)
    ones = np.ones(len(kept))
    bars = BarColumns.of_minutes(kept, ones, ones, ones, ones, ones)
    (quality,) = session_quality(bars, grid, halted=halted)
    assert (quality.expected, quality.present, quality.percentage) == (374, 374, 100.0)
    assert quality.gaps == ()
    without_one = bars.take(np.flatnonzero(kept != halted[0] - MINUTE_NS))
    (quality,) = session_quality(without_one, grid, halted=halted)
    assert (quality.expected, quality.present) == (374, 373)
    assert [(gap.end_ns, gap.minutes) for gap in quality.gaps] == [(int(halted[0]), 1)]
