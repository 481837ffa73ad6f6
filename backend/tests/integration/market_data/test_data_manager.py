from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from app.core.data_structures import BarColumns
from app.core.enums import OperationMode
from app.core.exceptions import ConfigurationError, DataNotFoundError
from app.core.types import MINUTE_NS
from app.managers.data_manager import Bars, DataManager
from app.services.market_data.parquet_storage import ParquetStorage

NEW_YORK = ZoneInfo("America/New_York")


def utc_ns(text):
    return int(np.datetime64(text, "ns").astype(np.int64))


@pytest.fixture
def store(tmp_path):
    """Whole sessions of 2024-07-01 to 2024-07-05: the third is a half day, the fourth a holiday."""
    storage = ParquetStorage(tmp_path)
    for day, count in (("01", 390), ("02", 390), ("03", 210), ("05", 390)):
        starts = utc_ns(f"2024-07-{day}T13:30") + np.arange(count) * MINUTE_NS
        close = 100.0 + np.arange(count) / 100
        columns = BarColumns.of_minutes(starts, close, close + 1, close - 1, close, np.ones(count))
        storage.write("AAPL", columns)
    return storage


@pytest.fixture
def manager(store, market_time, calendar_db):
    def make(**options):
        return DataManager(store, market_time(**options), open_database=calendar_db.sessions)

    return make


def test_bars_in_market_time(manager):
    bars = manager().get_bars("AAPL", "30m", date(2024, 7, 2), date(2024, 7, 3))
    assert len(bars) == 13 + 7
    first, last = bars[0], bars[-1]
    assert str(first.timestamp) == "2024-07-02 09:30:00-04:00"
    assert (first.open, first.high, first.low, first.close, first.volume) == (
        100.0, 101.29, 99.0, 100.29, 30.0,
    )  # fmt: skip
    assert (str(last.timestamp), str(last.end)[11:16]) == ("2024-07-03 12:30:00-04:00", "13:00")
    assert [bar.volume for bar in bars] == [30.0] * 20
    assert isinstance(bars[2:4], Bars)
    assert repr(bars[2:4]).startswith("Bars(AAPL 30m: 2, 2024-07-02 10:30:00-04:00 to")
    with pytest.raises(IndexError):
        bars[20]


def test_as_a_frame(manager):
    frame = manager().get_bars("AAPL", "1d", date(2024, 7, 1), date(2024, 7, 5)).to_polars()
    assert frame.columns == ["timestamp", "open", "high", "low", "close", "volume"]
    assert frame["timestamp"].dtype.time_zone == "America/New_York"
    assert frame["volume"].to_list() == [390.0, 390.0, 210.0, 390.0]


def test_a_week_is_whole_even_if_asked_for_from_its_middle(manager):
    data = manager()
    (week,) = data.get_bars("AAPL", "1w", date(2024, 7, 1), date(2024, 7, 3))
    assert (week.volume, str(week.end)) == (1_380.0, "2024-07-05 16:00:00-04:00")
    assert len(data.get_bars("AAPL", "1w", date(2024, 7, 2), date(2024, 7, 5))) == 0


def test_ranges_by_datetime(manager):
    data = manager()
    naive = data.get_bars("AAPL", "5m", datetime(2024, 7, 2, 10), datetime(2024, 7, 2, 10, 15))  # noqa: DTZ001
    assert [str(bar.timestamp)[11:16] for bar in naive] == ["10:00", "10:05", "10:10"]
    aware = data.get_bars(
        "AAPL", "5m", datetime(2024, 7, 2, 14, tzinfo=UTC), datetime(2024, 7, 2, 14, 15, tzinfo=UTC)
    )
    assert list(aware) == list(naive)
    with pytest.raises(ConfigurationError, match="holds no time"):
        data.get_bars("AAPL", "5m", date(2024, 7, 3), date(2024, 7, 1))


def test_nothing_later_than_the_present_is_given_out(manager):
    at = datetime(2024, 7, 2, 10, 7, 30, tzinfo=NEW_YORK)
    data = manager(now=at)
    minutes = data.get_bars("AAPL", "1m", date(2024, 7, 1), date(2024, 7, 5))
    assert str(minutes[-1].end)[:16] == "2024-07-02 10:07"
    five = data.get_bars("AAPL", "5m", date(2024, 7, 2), date(2024, 7, 5))
    assert str(five[-1].end)[:16] == "2024-07-02 10:05"
    assert len(data.get_bars("AAPL", "1d", date(2024, 7, 1), date(2024, 7, 5))) == 1
    assert data.get_quality("AAPL").expected.tolist() == [390, 37, 0, 0]
    assert data.get_quality("AAPL").present.tolist() == [390, 37, 0, 0]


def test_the_present_of_a_backtest_is_the_backtest_s(store, market_time, market_db, calendar_db):
    market = market_time()
    market.configure(
        market_db,
        exchange_group="US_EQUITY",
        asset_class="EQUITY",
        mode=OperationMode.BACKTEST,
        first_date=date(2024, 7, 2),
        last_date=date(2024, 7, 5),
    )
    data = DataManager(store, market, open_database=calendar_db.sessions)
    market.init_backtest(market_db)
    market.set_backtest_time(datetime(2024, 7, 2, 11, tzinfo=NEW_YORK))
    bars = data.get_bars("AAPL", "1h", date(2024, 7, 1), date(2024, 7, 5))
    assert str(bars[-1].end)[:16] == "2024-07-02 10:30"
    assert str(data.get_current_time()) == "2024-07-02 11:00:00-04:00"
    assert str(data.get_current_time("UTC")) == "2024-07-02 15:00:00+00:00"


def test_what_is_not_stored_is_said_so(manager):
    data = manager()
    for ask in (
        lambda: data.get_bars("MSFT", "1m", date(2024, 7, 1), date(2024, 7, 2)),
        lambda: data.get_quality("MSFT"),
        lambda: data.stored_bars("MSFT"),
    ):
        with pytest.raises(DataNotFoundError, match=r"'MSFT'.*stored: AAPL"):
            ask()
    assert len(data.get_bars("AAPL", "1m", date(2023, 7, 3), date(2023, 7, 5))) == 0
    assert [each.symbol for each in data.list_symbols()] == ["AAPL"]


def test_times_without_a_zone_are_the_market_s(manager, tmp_path):
    path = tmp_path / "bars.csv"
    path.write_text(
        "time,open,high,low,close,volume\n2024-07-08 09:30,1,1,1,1,1\n2024-07-08 16:00,1,1,1,1,1\n"
    )
    data = manager()
    summary = data.import_from_csv(path, symbol="MSFT")
    (symbol,) = summary.symbols
    assert (summary.timezone, symbol.sessions, symbol.outside) == ("America/New_York", 1, 1)
    assert symbol.coverage_pct == pytest.approx(100 / 390)
    data.import_from_csv(str(path), symbol="UTC", timezone="UTC")
    assert data.coverage("UTC").first_ns == utc_ns("2024-07-08T09:30")
    with pytest.raises(ConfigurationError, match="timezone 'Mars' is not known"):
        data.import_from_csv(path, symbol="MSFT", timezone="Mars")


def test_bars_older_than_the_calendar_are_stored_in_no_session(manager, tmp_path):
    path = tmp_path / "old.csv"
    path.write_text("time,open,high,low,close,volume\n1985-07-08 09:30,1,1,1,1,1\n")
    (symbol,) = manager().import_from_csv(path, symbol="OLD").symbols
    assert (symbol.rows, symbol.sessions) == (1, 0)
    assert np.isnan(symbol.coverage_pct)
