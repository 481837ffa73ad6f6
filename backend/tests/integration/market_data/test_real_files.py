"""The real files: imported whole, their sessions and aggregates checked from outside."""

import csv
import gzip
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from app.core.data_structures import BarColumns
from app.core.intervals import Interval
from app.core.sessions import SessionGrid
from app.core.types import MINUTE_NS
from app.managers.data_manager import DataManager
from app.services.market_data.bar_aggregation import aggregate
from app.services.market_data.csv_import import import_bars
from app.services.market_data.parquet_storage import ParquetStorage

STOCKCHARTS = [f"stockcharts/us_equity_1m_{symbol}_2016.csv.gz" for symbol in ("AAPL", "MSFT")]
EXTENDED = "lwc/us_equity_1m_exthours_2023.csv.gz"
INDEX = "mplfinance/us_index_1m_SPX_2019.csv.gz"
CRYPTO = ["lean/crypto_1m.csv.gz", "nautilus/crypto_perp_1m_BTC-PERP_2022-01.csv.gz"]
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture
def manager(tmp_path, calendar_db, market_time):
    """``manager("CRYPTO")``: the data of a market, on a store of its own."""

    def make(exchange_group="US_EQUITY", **options):
        market = market_time(exchange_group, **options)
        return DataManager(ParquetStorage(tmp_path), market, open_database=calendar_db.sessions)

    return make


def rows_of(path):
    """The file's rows as Python reads them: (symbol, UTC datetime, five floats)."""
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            moment = datetime.fromisoformat(row["timestamp"])
            values = tuple(float(row[n]) for n in ("open", "high", "low", "close", "volume"))
            yield row["symbol"], moment, values


@pytest.mark.parametrize("name", [*STOCKCHARTS, EXTENDED, INDEX, *CRYPTO])
def test_every_row_is_stored_and_counted_as_the_manifest_says(shared_data, tmp_path, name):
    store = ParquetStorage(tmp_path)
    summary = import_bars(shared_data / name, store)
    manifest = pl.read_csv(shared_data / "MANIFEST.csv").filter(pl.col("file") == name)
    assert summary.rejected == 0
    assert summary.rows == manifest["rows"].sum()
    for symbol in summary.symbols:
        bars = store.read(symbol.symbol)
        days = bars.start_ns.astype("datetime64[ns]").astype("datetime64[D]").astype(str)
        counts = dict(zip(*np.unique(days, return_counts=True), strict=True))
        expected = manifest.filter(pl.col("symbol") == symbol.symbol)
        assert counts == dict(zip(expected["session_date"], expected["rows"], strict=True))
        assert (symbol.sessions, symbol.spikes) == (len(counts), 0)


def test_each_value_is_the_file_s_own(shared_data, tmp_path):
    store = ParquetStorage(tmp_path)
    import_bars(shared_data / STOCKCHARTS[0], store)
    bars = store.read("AAPL")
    values = zip(*(column.tolist() for column in list(bars)[2:]), strict=True)
    expected = [(moment, found) for _, moment, found in rows_of(shared_data / STOCKCHARTS[0])]
    starts = [datetime.fromtimestamp(ns / 1e9, UTC) for ns in bars.start_ns.tolist()]
    assert list(zip(starts, values, strict=True)) == expected


@pytest.mark.parametrize("name", STOCKCHARTS)
def test_the_closing_auction_stays_out_of_the_42_sessions(shared_data, manager, name):
    data = manager()
    (symbol,) = data.import_from_csv(shared_data / name).symbols
    assert (symbol.sessions, symbol.coverage_pct, symbol.outside) == (21, 100.0, 21)
    quality = data.get_quality(symbol.symbol)
    assert quality.present.tolist() == [390] * 21
    assert len(quality.gaps) == 0
    bars = data.get_bars(symbol.symbol, "1m", date(2016, 4, 15), date(2016, 5, 13))
    assert len(bars) == 21 * 390
    assert {bar.timestamp.strftime("%H:%M") for bar in bars[389::390]} == {"15:59"}
    assert len(data.stored_bars(symbol.symbol)) == 21 * 391


@pytest.mark.parametrize(("interval", "minutes"), [("15m", 15), ("1h", 60), ("1d", 1_440)])
def test_aggregates_by_plain_python(shared_data, manager, interval, minutes):
    data = manager()
    data.import_from_csv(shared_data / STOCKCHARTS[1])
    groups = defaultdict(list)
    for _, moment, values in rows_of(shared_data / STOCKCHARTS[1]):
        local = moment.astimezone(NEW_YORK)
        since_open = local.hour * 60 + local.minute - 570
        if since_open < 390:
            bar = since_open // minutes * minutes
            begin = local.replace(hour=9, minute=30) + timedelta(minutes=bar)
            groups[begin].append(values)
    bars = data.get_bars("MSFT", interval, date(2016, 4, 1), date(2016, 5, 31))
    assert [bar.timestamp for bar in bars] == list(groups)
    for bar, rows in zip(bars, groups.values(), strict=True):
        opens, highs, lows, closes, volumes = zip(*rows, strict=True)
        assert (bar.open, bar.high, bar.low, bar.close) == (
            opens[0],
            max(highs),
            min(lows),
            closes[-1],
        )
        assert bar.volume == pytest.approx(sum(volumes), rel=1e-12)


def test_extended_hours_only_when_asked_for(shared_data, manager):
    data = manager()
    tesla = data.import_from_csv(shared_data / EXTENDED).symbols[1]
    assert (tesla.rows, tesla.outside, tesla.sessions) == (2_086, 2_086 - 2 * 390, 2)
    day = date(2023, 5, 25)
    assert len(data.get_bars("TSLA", "1m", day, day)) == 390
    extended = data.get_bars("TSLA", "1m", day, day, extended_hours=True)
    assert len(extended) == 960  # the manifest's count: 04:00 to 20:00 without a gap
    assert str(extended[0].timestamp) == "2023-05-25 04:00:00-04:00"
    assert len(data.get_bars("TSLA", "1h", day, day, extended_hours=True)) == 16


def test_a_market_that_never_closes(shared_data, manager):
    data = manager("CRYPTO")
    (perp,) = data.import_from_csv(shared_data / CRYPTO[1]).symbols
    quality = data.get_quality("BTC-PERP")
    # MANIFEST: 59 minutes on the first day, 332 on the last, every minute between
    assert quality.present.tolist() == [59, *[1_440] * 31, 332]
    assert (perp.outside, perp.sessions) == (0, 33)
    weeks = data.get_bars("BTC-PERP", "1w", date(2022, 1, 3), date(2022, 1, 30))
    assert [str(bar.timestamp.date()) for bar in weeks] == [
        f"2022-01-{day:02}" for day in (3, 10, 17, 24)
    ]


def published_sessions(shared_data, first, last):
    """XNYS opens and closes as exchange_calendars publishes them."""
    frame = pl.read_csv(shared_data / "calendars" / "xnys.csv.gz", infer_schema=False)
    frame = frame.rename({frame.columns[0]: "session"})
    frame = frame.filter(pl.col("session").str.slice(0, 10).is_between(pl.lit(first), pl.lit(last)))
    instants = frame.select(
        pl.col("open", "close").str.slice(0, 19).str.to_datetime(time_unit="ns")
    )
    opens, closes = (instants[name].dt.epoch("ns").to_numpy() for name in ("open", "close"))
    days = frame["session"].str.slice(0, 10).to_numpy().astype("datetime64[D]")
    return SessionGrid("America/New_York", days, opens, closes, opens, closes)


@pytest.mark.parametrize("interval", ["7m", "1h", "4h", "1d"])
def test_published_sessions_of_ten_years(shared_data, interval):
    """Clock changes, half days and unusual closures: every last bar ends at the published close."""
    grid = published_sessions(shared_data, "2013-01-01", "2022-12-31")
    # sessions a year, 2013 to 2022, as the exchange held them
    assert len(grid) == 252 + 252 + 252 + 252 + 251 + 251 + 252 + 253 + 252 + 251
    spans = zip(grid.open_ns, grid.close_ns, strict=True)
    starts = np.concatenate([np.arange(first, last, MINUTE_NS) for first, last in spans])
    ones = np.ones(len(starts))
    step = Interval.parse(interval)
    bars = aggregate(BarColumns.of_minutes(starts, ones, ones, ones, ones, ones), step, grid)
    lengths = (grid.close_ns - grid.open_ns) // MINUTE_NS
    counts = -(-lengths // (step.minutes or 1_440))
    lasts = np.cumsum(counts) - 1
    assert len(bars) == counts.sum()
    np.testing.assert_array_equal(bars.end_ns[lasts], grid.close_ns)
    np.testing.assert_array_equal(bars.start_ns[lasts - counts + 1], grid.open_ns)
    assert set(lengths.tolist()) == {210, 390}
    np.testing.assert_array_equal(np.add.reduceat(bars.volume, lasts - counts + 1), lengths)
