"""Indicators against StockCharts' published tables.

TA-Lib seeds its smoothed averages with a simple average of the first values; the tables seed
theirs with the first value or with zero. Where that matters the same seed is brought about by
flat bars before the table's first, or the comparison begins where the seed has died away.
"""

import csv
from pathlib import Path

import numpy as np
import pytest

from app.core.data_structures import BarColumns
from app.core.indicators import IndicatorSpec
from app.core.types import MINUTE_NS, Floats
from app.services.indicators import create_indicator

FLAT = 300


class Table:
    """One published file, read by column; blanks are NaN."""

    def __init__(self, path: Path) -> None:
        with path.open(encoding="utf-8") as file:
            self._rows = list(csv.DictReader(file))

    def column(self, name: str) -> Floats:
        return np.array([float(row[name] or "nan") for row in self._rows])


@pytest.fixture
def table(shared_data: Path):
    return lambda name: Table(shared_data / "indicators_stockcharts" / f"cs-{name}.csv")


def bars_of(close: Floats, high=None, low=None, volume=None) -> BarColumns:
    start = np.arange(len(close)) * MINUTE_NS
    high, low = close if high is None else high, close if low is None else low
    volume = np.ones(len(close)) if volume is None else volume
    return BarColumns.of_minutes(start, close, high, low, close, volume)


def compute(bars: BarColumns, name: str, flat: int = 0, **parameters) -> list[Floats]:
    """The outputs over `bars` preceded by `flat` bars at the first close."""
    if flat:
        first = bars.close[:1].repeat(flat)
        columns = [np.concatenate((first, column)) for column in list(bars)[2:]]
        bars = BarColumns.of_minutes(np.arange(len(columns[0])) * MINUTE_NS, *columns)
    state = create_indicator(IndicatorSpec.of(name, **parameters))
    outputs = state.step(bars, np.zeros(len(bars), np.int64))
    return [output[flat:] for output in outputs]


def assert_published(actual: Floats, published: Floats, tolerance: float, rows: int) -> None:
    """Equal within `tolerance` wherever the table has a value, at no fewer than `rows` rows."""
    known = ~np.isnan(published)
    assert known.sum() >= rows
    np.testing.assert_allclose(actual[known], published[known], rtol=0, atol=tolerance)


def test_session_vwap(table):
    """The table looks back on 14 bars: those 14, taken as a session, end at its value."""
    data = table("vwap")
    columns = [data.column(name) for name in ("Close", "High", "Low", "Volume")]
    sessions = [[column[max(row - 13, 0) : row + 1] for column in columns] for row in range(30)]
    values = [compute(bars_of(*session), "session_vwap")[0][-1] for session in sessions]
    assert_published(np.array(values), data.column("vwap"), 1e-9, rows=30)
    first = compute(bars_of(*columns), "session_vwap")[0][:14]
    assert_published(first, data.column("vwap")[:14], 1e-9, rows=14)


def test_weighted_average(table):
    data = table("wma")
    published = data.column("WMA")
    published[:8] = np.nan  # the table knows earlier closes than it shows
    values = compute(bars_of(data.column("Close")), "WMA", timeperiod=9)[0]
    assert_published(values, published, 1e-4, rows=32)


def test_simple_average(table):
    data = table("bbands")
    values = compute(bars_of(data.column("Close")), "SMA", timeperiod=20)[0]
    assert_published(values, data.column("MiddleBand"), 1e-6, rows=23)


@pytest.mark.parametrize(
    ("file", "column", "period", "rows"),
    [("kc", "middle_band", 20, 30), ("ppo", "12 day EMA", 12, 40), ("ppo", "26 day EMA", 26, 40)],
)
def test_exponential_average(table, file, column, period, rows):
    data = table(file)
    values = compute(bars_of(data.column("Close")), "EMA", flat=FLAT, timeperiod=period)[0]
    assert_published(values, data.column(column), 1e-7, rows)


def test_bollinger_bands(table):
    data = table("bbands")
    outputs = compute(bars_of(data.column("Close")), "BBANDS", timeperiod=20)
    for values, name in zip(outputs, ("HighBand", "MiddleBand", "LowBand"), strict=True):
        assert_published(values, data.column(name), 1e-6, rows=23)


def test_relative_strength(table):
    data = table("rsi")
    values = compute(bars_of(data.column("Close")), "RSI", flat=FLAT, timeperiod=14)[0]
    assert_published(values, data.column("RSI"), 1e-6, rows=19)


def test_macd(table):
    data = table("macd")
    outputs = compute(bars_of(data.column("Close")), "MACD", flat=FLAT)
    assert_published(outputs[0], data.column("MACD_line"), 1e-8, rows=123)
    for values, name in zip(outputs[1:], ("MACD_signal", "MACD_diff"), strict=True):
        published = data.column(name)
        published[:90] = np.nan  # seeded with its first value: 0.14 · 0.8^90 remains
        assert_published(values, published, 1e-8, rows=34)


def test_percentage_price_oscillator(table):
    data = table("ppo")
    bars = bars_of(data.column("Close"))
    values = compute(bars, "PPO", flat=FLAT, fastperiod=12, slowperiod=26, matype="EMA")[0]
    assert_published(values, data.column("PPO"), 1e-8, rows=40)


def test_average_true_range(table):
    """A bar before the first makes the first true range high minus low, as in the table."""
    data = table("atr")
    high, low, close = (data.column(name) for name in ("High", "Low", "Close"))
    published = data.column("ATR")
    published[:13] = np.nan  # zeros while it warms up
    bars = bars_of(close, high, low)
    assert_published(compute(bars, "ATR", flat=1, timeperiod=14)[0], published, 1e-8, rows=17)


def test_directional_movement(table):
    data = table("adx")
    bars = bars_of(data.column("Close"), data.column("High"), data.column("Low"))
    for name, column in (("ADX", "ADX"), ("PLUS_DI", "+DI14"), ("MINUS_DI", "-DI14")):
        published = data.column(column)
        published[:300] = np.nan  # another seed: less than (13/14)^300 of it remains
        assert_published(compute(bars, name, timeperiod=14)[0], published, 1e-6, rows=200)


def test_commodity_channel_index(table):
    data = table("cci")
    bars = bars_of(data.column("Close"), data.column("High"), data.column("Low"))
    assert_published(compute(bars, "CCI", timeperiod=20)[0], data.column("CCI"), 1e-4, rows=11)


def test_rate_of_change(table):
    data = table("roc")
    values = compute(bars_of(data.column("Close")), "ROC", timeperiod=12)[0]
    assert_published(values, data.column("ROC"), 1e-7, rows=8)


def test_money_flow_index(table):
    data = table("mfi")
    close, high, low = (data.column(name) for name in ("Close", "High", "Low"))
    bars = bars_of(close, high, low, data.column("Volume"))
    assert_published(compute(bars, "MFI", timeperiod=14)[0], data.column("MFI"), 1e-5, rows=16)


def test_on_balance_volume(table):
    data = table("obv")
    bars = bars_of(data.column("Close"), volume=np.nan_to_num(data.column("Volume")))
    assert_published(compute(bars, "OBV")[0], data.column("OBV"), 0, rows=29)


def test_williams_percent_r(table):
    data = table("percentr")
    high, low = data.column("High"), data.column("Low")
    close = np.where(np.isnan(data.column("Close")), low, data.column("Close"))
    values = compute(bars_of(close, high, low), "WILLR", timeperiod=14)[0]
    assert_published(values, data.column("Williams_%R"), 1e-6, rows=17)


def test_donchian_channel(table):
    data = table("dc")
    bars = bars_of(data.column("close"), data.column("high"), data.column("low"))
    outputs = compute(bars, "DONCHIAN", timeperiod=20)
    for values, name in zip(outputs, ("upper_band", "middle_band", "lower_band"), strict=True):
        assert_published(values, data.column(name), 0.0051, rows=11)  # the middle has two decimals
