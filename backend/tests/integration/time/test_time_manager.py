"""TimeManager: the present, the calendar's questions, and a backtest's time."""

import threading
import time as stopwatch
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.orm import Session

from app.core.enums import OperationMode
from app.core.exceptions import ConfigurationError, DataNotFoundError
from app.managers.time_manager import TimeManager
from app.managers.time_manager.clock import FixedClock, SystemClock
from tests.calendar_fixtures import TODAY, CalendarDatabase, MarketTime

NEW_YORK = ZoneInfo("America/New_York")


def at(text: str) -> datetime:
    """A time without a zone: market time."""
    return datetime.fromisoformat(text)


def _backtest(db: Session, **options: object) -> TimeManager:
    manager = TimeManager(clock=FixedClock(TODAY))
    given = {"exchange_group": "US_EQUITY", "asset_class": "EQUITY"} | options
    manager.configure(db, mode=OperationMode.BACKTEST, **given)
    return manager


# ── the present ──────────────────────────────────────────────────────────────


def test_the_present_is_in_market_time(market_time: MarketTime) -> None:
    manager = market_time()
    assert manager.get_current_time() == TODAY
    assert manager.get_current_time().tzinfo == NEW_YORK
    assert str(manager.get_current_time()) == "2026-11-20 10:00:00-05:00"
    assert str(manager.get_current_time("Asia/Kolkata")) == "2026-11-20 20:30:00+05:30"
    assert manager.get_current_time(UTC).tzinfo is UTC
    assert manager.now_ns() == int(TODAY.timestamp()) * 10**9
    assert manager.mode is OperationMode.LIVE


def test_an_unknown_zone_is_named(market_time: MarketTime) -> None:
    with pytest.raises(ConfigurationError, match=r"'Mars/Base'.*America/New_York"):
        market_time().get_current_time("Mars/Base")


def test_today_is_the_markets_date(market_time: MarketTime) -> None:
    late = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)  # 21:00 on the 19th in New York
    assert market_time(now=late).today() == date(2026, 11, 19)
    assert market_time("IN_EQUITY", now=late).today() == date(2026, 11, 20)


def test_the_real_clock_runs() -> None:
    clock = SystemClock()
    first = clock.now_ns()
    assert first > datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1e9
    assert clock.now_ns() >= first


def test_a_clock_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        FixedClock(at("2026-11-20T10:00"))


# ── the calendar ─────────────────────────────────────────────────────────────


def test_a_session_says_everything(market_time: MarketTime, market_db: Session) -> None:
    session = market_time().get_trading_session(market_db, date(2024, 7, 2))
    assert session.is_trading_day
    assert not session.is_holiday
    assert not session.is_early_close
    assert session.timezone == "America/New_York"
    hours = (session.pre_market_open, session.regular_open)
    assert hours == (time(4), time(9, 30))
    assert (session.regular_close, session.post_market_close) == (time(16), time(20))


def test_a_holiday_has_a_name_and_no_hours(market_time: MarketTime, market_db: Session) -> None:
    manager = market_time()
    session = manager.get_trading_session(market_db, date(2024, 7, 4))
    assert (session.is_trading_day, session.is_holiday) == (False, True)
    assert session.holiday_name == "Independence Day"
    assert session.regular_open is session.regular_close is None
    assert manager.is_holiday(market_db, date(2024, 7, 4)) == (True, "Independence Day")
    assert manager.is_holiday(market_db, date(2024, 7, 6)) == (False, None)  # a Saturday
    assert manager.is_early_close(market_db, date(2024, 7, 2)) == (False, None)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2024-07-02T03:59:59.999999", "closed"),
        ("2024-07-02T04:00", "pre_market"),
        ("2024-07-02T09:29:59.999999", "pre_market"),
        ("2024-07-02T09:30", "regular"),
        ("2024-07-02T15:59:59.999999", "regular"),
        ("2024-07-02T16:00", "post_market"),
        ("2024-07-02T19:59", "post_market"),
        ("2024-07-02T20:00", "closed"),
        ("2024-07-04T12:00", "closed"),
        ("2024-07-06T12:00", "closed"),
    ],
)
def test_each_part_of_the_day_includes_its_start(
    moment: str, expected: str, market_time: MarketTime, market_db: Session
) -> None:
    manager = market_time()
    assert manager.get_market_session(market_db, at(moment)) == expected
    aware = at(moment).replace(tzinfo=NEW_YORK).astimezone(ZoneInfo("Asia/Tokyo"))
    assert manager.get_market_session(market_db, aware) == expected
    assert manager.is_market_open(market_db, aware) is (expected == "regular")


def test_crypto_never_closes(market_time: MarketTime, market_db: Session) -> None:
    manager = market_time("CRYPTO")
    for hours in range(0, 24 * 9, 7):
        moment = datetime(2024, 12, 24, 0, 0, tzinfo=UTC) + timedelta(hours=hours)
        assert manager.is_market_open(market_db, moment)
        assert manager.get_market_session(market_db, moment) == "regular"


def test_dates_are_walked(market_time: MarketTime, market_db: Session) -> None:
    manager = market_time()
    assert manager.get_next_trading_date(market_db, date(2024, 7, 3)) == date(2024, 7, 5)
    assert manager.get_previous_trading_date(market_db, date(2024, 7, 8)) == date(2024, 7, 5)
    # NYSE: 252 trading days in 2024, 250 in 2025 (a day of mourning in January)
    assert manager.count_trading_days(market_db, date(2024, 1, 1), date(2024, 12, 31)) == 252
    assert manager.count_trading_days(market_db, date(2025, 1, 1), date(2025, 12, 31)) == 250
    assert manager.count_trading_days(market_db, date(2024, 7, 2), date(2024, 7, 2)) == 1
    assert manager.count_trading_days(market_db, date(2024, 7, 3), date(2024, 7, 2)) == 0


def test_a_datetime_stands_for_its_date_at_the_market(
    market_time: MarketTime, market_db: Session
) -> None:
    manager = market_time()
    evening = datetime(2024, 7, 4, 1, 0, tzinfo=UTC)  # 21:00 on the 3rd in New York
    assert manager.get_trading_session(market_db, evening).date == date(2024, 7, 3)
    assert manager.is_holiday(market_db, at("2024-07-04T01:00"))[0]


@pytest.mark.parametrize("day", [date(1989, 12, 29), date(2029, 1, 2)])
def test_a_date_outside_the_calendar_names_the_remedy(
    day: date, market_time: MarketTime, market_db: Session
) -> None:
    manager = market_time()
    moment = datetime.combine(day, time(12))
    questions = [
        lambda: manager.get_trading_session(market_db, day),
        lambda: manager.is_market_open(market_db, moment),
        lambda: manager.get_market_session(market_db, moment),
        lambda: manager.get_next_trading_date(market_db, day),
        lambda: manager.get_previous_trading_date(market_db, day),
        lambda: manager.count_trading_days(market_db, day, date(2024, 1, 1)),
        lambda: manager.session_grid(market_db, date(2024, 1, 1), day),
    ]
    for question in questions:
        with pytest.raises(
            DataNotFoundError, match=r"covers 1990-01-01 to 2028-12-31.*import-holidays"
        ):
            question()


def test_the_calendar_ends_are_answered(market_time: MarketTime, market_db: Session) -> None:
    manager = market_time()
    assert not manager.is_market_open(market_db, at("1990-01-01T00:00"))
    assert not manager.is_market_open(market_db, at("2028-12-31T23:59"))
    with pytest.raises(DataNotFoundError, match="after 2028-12-29"):
        manager.get_next_trading_date(market_db, date(2028, 12, 29))
    with pytest.raises(DataNotFoundError, match="before 1990-01-02"):
        manager.get_previous_trading_date(market_db, date(1990, 1, 2))


def test_an_unknown_market_lists_the_known_ones(market_db: Session) -> None:
    manager = TimeManager(exchange_group="XX_EQUITY", clock=FixedClock(TODAY))
    with pytest.raises(ConfigurationError, match=r"exchange_group 'XX_EQUITY'.*US_EQUITY EQUITY"):
        manager.get_trading_session(market_db, date(2024, 7, 2))
    with pytest.raises(ConfigurationError, match="'XX_EQUITY' is not known; there is CRYPTO, IN_"):
        TimeManager.for_exchange(market_db, "XX_EQUITY")


def test_two_markets_live_in_one_process(market_time: MarketTime, market_db: Session) -> None:
    moment = datetime(2024, 7, 2, 5, 0, tzinfo=UTC)
    open_now = {
        group: market_time(group).is_market_open(market_db, moment)
        for group in ("US_EQUITY", "CRYPTO", "IN_EQUITY")
    }
    assert open_now == {"US_EQUITY": False, "CRYPTO": True, "IN_EQUITY": True}


def test_the_grid_is_read_only_and_equals_the_sessions(
    market_time: MarketTime, market_db: Session
) -> None:
    manager = market_time()
    grid = manager.session_grid(market_db, date(2024, 7, 1), date(2024, 7, 7))
    sessions = [
        manager.get_trading_session(market_db, day) for day in grid.dates.astype(object).tolist()
    ]
    assert [session.date.day for session in sessions] == [1, 2, 3, 5]
    assert grid.timezone == "America/New_York"
    for name in ("open_ns", "close_ns", "pre_open_ns", "post_close_ns"):
        column = getattr(grid, name)
        assert column.tolist() == [getattr(session, name) for session in sessions]
        assert not column.flags.writeable
    assert len(manager.session_grid(market_db, date(2024, 7, 6), date(2024, 7, 7))) == 0


def test_a_million_questions_take_seconds(market_time: MarketTime, market_db: Session) -> None:
    ask = market_time().is_market_open
    moments = [datetime(2024, 7, 2, tzinfo=UTC) + timedelta(minutes=n) for n in range(1_440)]
    begun = stopwatch.process_time()
    answers = 0
    for number in range(1_000_000):
        answers += ask(market_db, moments[number % 1_440])
    # 390 of 1,440 minutes; a million is 694 whole days and 640 minutes, which end before the open
    assert answers == 694 * 390
    assert stopwatch.process_time() - begun < 10


# ── backtest time ────────────────────────────────────────────────────────────


def test_a_backtest_walks_its_window(market_db: Session) -> None:
    manager = _backtest(market_db, first_date=date(2024, 7, 2), last_date=date(2024, 7, 7))
    assert manager.get_backtest_window(market_db) == (date(2024, 7, 2), date(2024, 7, 5))
    with pytest.raises(ConfigurationError, match="init_backtest"):
        manager.get_current_time()
    assert manager.init_backtest(market_db).date == date(2024, 7, 2)
    opens = [manager.get_current_time()]
    while manager.advance_to_market_open(market_db):
        opens.append(manager.get_current_time())
    assert [str(moment) for moment in opens] == [
        "2024-07-02 09:30:00-04:00", "2024-07-03 09:30:00-04:00", "2024-07-05 09:30:00-04:00",
    ]  # fmt: skip
    assert manager.get_current_time() == opens[-1]


def test_backtest_days_end_with_the_last_complete_day(market_db: Session) -> None:
    # today is Friday 2026-11-20 and still trading; the 26th of November 2026 is Thanksgiving
    manager = _backtest(market_db, backtest_days=5)
    assert manager.get_backtest_window(market_db) == (date(2026, 11, 13), date(2026, 11, 19))
    crypto = _backtest(market_db, exchange_group="CRYPTO", asset_class="CRYPTO", backtest_days=5)
    assert crypto.get_backtest_window(market_db) == (date(2026, 11, 15), date(2026, 11, 19))


def test_a_backtest_in_extended_hours_begins_with_the_pre_market(market_db: Session) -> None:
    manager = _backtest(
        market_db, first_date=date(2024, 7, 3), last_date=date(2024, 7, 5), extended_hours=True
    )
    manager.init_backtest(market_db)
    assert str(manager.get_current_time()) == "2024-07-03 04:00:00-04:00"
    manager.set_backtest_time(at("2024-07-03T17:00"))  # a half day's post-market
    with pytest.raises(ConfigurationError, match="17:00"):
        manager.set_backtest_time(at("2024-07-03T17:01"))
    manager.advance_to_market_open(market_db)
    assert str(manager.get_current_time()) == "2024-07-05 04:00:00-04:00"


def test_time_moves_only_forward(market_db: Session) -> None:
    manager = _backtest(market_db, first_date=date(2024, 7, 2), last_date=date(2024, 7, 5))
    manager.init_backtest(market_db)
    manager.set_backtest_time(at("2024-07-02T10:00"))
    manager.set_backtest_time(at("2024-07-02T10:00"))
    manager.set_backtest_time_ns(manager.now_ns() + 60 * 10**9)
    with pytest.raises(ConfigurationError, match=r"only forward.*10:00:59.*10:01"):
        manager.set_backtest_time(at("2024-07-02T10:00:59"))
    assert str(manager.get_current_time()) == "2024-07-02 10:01:00-04:00"


def test_time_stops_at_the_close(market_db: Session) -> None:
    manager = _backtest(market_db, first_date=date(2024, 7, 3), last_date=date(2024, 7, 5))
    manager.init_backtest(market_db)
    manager.set_backtest_time(at("2024-07-03T13:00"))  # half day
    with pytest.raises(ConfigurationError, match="after the session's close at 2024-07-03T13:00"):
        manager.set_backtest_time(at("2024-07-03T13:00:00.000001"))
    with pytest.raises(ConfigurationError, match="advance_to_market_open"):
        manager.set_backtest_time(at("2024-07-05T09:30"))
    manager.advance_to_market_open(market_db)
    assert str(manager.get_current_time()) == "2024-07-05 09:30:00-04:00"


def test_time_can_be_set_before_a_window_is_known(market_db: Session) -> None:
    manager = _backtest(market_db)
    manager.set_backtest_time(at("2025-07-02T09:30"))
    manager.set_backtest_time(datetime(2025, 7, 2, 20, 0, tzinfo=UTC))  # 16:00, the close
    manager.advance_to_market_open(market_db)
    assert str(manager.get_current_time()) == "2025-07-03 09:30:00-04:00"


def test_a_market_without_close_is_walked_day_by_day(market_db: Session) -> None:
    manager = _backtest(
        market_db,
        exchange_group="CRYPTO",
        asset_class="CRYPTO",
        first_date=date(2024, 7, 2),
        last_date=date(2024, 7, 4),
    )
    session = manager.init_backtest(market_db)
    days = []
    while session:
        days.append(session.date.day)
        manager.set_backtest_time_ns(session.open_ns + 60 * 10**9)
        manager.set_backtest_time_ns(session.close_ns)  # the next session's open
        with pytest.raises(ConfigurationError, match="after the session's close"):
            manager.set_backtest_time_ns(session.close_ns + 1)
        session = manager.advance_to_market_open(market_db)
    assert days == [2, 3, 4]
    assert manager.get_current_time() == datetime(2024, 7, 5, tzinfo=UTC)


def test_from_a_closed_market_the_next_open_is_the_next_one(market_db: Session) -> None:
    manager = _backtest(market_db)
    manager.set_backtest_time(at("2024-07-06T12:00"))  # a Saturday
    manager.advance_to_market_open(market_db)
    assert str(manager.get_current_time()) == "2024-07-08 09:30:00-04:00"


def test_the_calendar_ends_a_backtest_without_window(market_db: Session) -> None:
    manager = _backtest(market_db)
    manager.set_backtest_time(at("2028-12-29T15:00"))
    with pytest.raises(DataNotFoundError, match=r"2028-12-31.*import-holidays"):
        manager.advance_to_market_open(market_db)


def test_the_real_clock_cannot_be_set(market_time: MarketTime) -> None:
    with pytest.raises(ConfigurationError, match="mode live"):
        market_time().set_backtest_time(at("2025-07-02T09:30"))


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ({}, "start_date and end_date"),
        ({"first_date": date(2024, 7, 6), "last_date": date(2024, 7, 7)}, "no trading day from"),
        ({"backtest_days": 0}, "backtest_days 0"),
        ({"backtest_days": 20_000}, "backtest_days 20000.*from 1990-01-01"),
    ],
)
def test_a_window_without_sessions_is_refused(
    window: dict, message: str, market_db: Session
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        _backtest(market_db, **window).init_backtest(market_db)


def test_a_window_beyond_the_calendar_is_refused(market_db: Session) -> None:
    manager = _backtest(market_db, first_date=date(2024, 7, 6), last_date=date(2030, 1, 1))
    with pytest.raises(DataNotFoundError, match="2030-01-01"):
        manager.init_backtest(market_db)


def test_readers_see_whole_times_while_one_writes(market_db: Session) -> None:
    manager = _backtest(market_db, first_date=date(2024, 7, 2), last_date=date(2024, 7, 2))
    manager.init_backtest(market_db)
    begin, seen = manager.now_ns(), []

    def read() -> None:
        seen.extend(manager.now_ns() for _ in range(20_000))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for minute in range(390):
        manager.set_backtest_time_ns(begin + minute * 60 * 10**9)
    for reader in readers:
        reader.join()
    assert all((ns - begin) % (60 * 10**9) == 0 for ns in seen)
    assert len(seen) == 60_000


# ── the database behind it ───────────────────────────────────────────────────


def test_questions_without_a_session_use_the_configured_database(
    calendar_db: CalendarDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.config.settings import get_settings

    monkeypatch.setattr(get_settings(), "database_url", calendar_db.url)
    manager = TimeManager(exchange_group="IN_EQUITY", clock=FixedClock(TODAY))
    assert manager.timezone == "Asia/Kolkata"


def test_an_uninitialised_database_names_init_db(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.config.settings import get_settings

    monkeypatch.setattr(get_settings(), "database_url", f"sqlite:///{tmp_path / 'no.db'}")
    with pytest.raises(ConfigurationError, match=r"no\.db has not been initialised: run `init-db`"):
        TimeManager().get_current_time()
    assert list(tmp_path.iterdir()) == []
