import numpy as np
import pytest

from app.core.intervals import Interval
from app.services.market_data import anomalies
from app.services.market_data.bar_aggregation import aggregate
from app.services.market_data.parquet_storage import ParquetStorage, fingerprint
from app.services.market_data.quality_scoring import session_quality
from app.services.market_data.synthetic import SAMPLE_SYMBOLS, synthetic_minutes, write_sample


@pytest.fixture
def grid(new_york):
    """30 sessions of 2025-11-03 to 2025-12-15; the day after Thanksgiving closes at 13:00."""
    days = np.arange("2025-11-03", "2025-12-16", dtype="datetime64[D]")
    days = [str(day) for day in days[np.is_busday(days, holidays=["2025-11-27"])]]
    return new_york(*(f"{day} 13:00" if day == "2025-11-28" else day for day in days))


@pytest.mark.parametrize("symbol", SAMPLE_SYMBOLS, ids=lambda each: each.symbol)
def test_sample_bars_are_sound_and_complete(grid, symbol):
    bars = synthetic_minutes(symbol, grid)
    assert len(bars) == 29 * 390 + 210
    assert session_quality(bars, grid).total_pct == 100.0
    prices = (bars.open, bars.high, bars.low, bars.close)
    assert not any(anomalies.impossible_prices(column).any() for column in prices)
    assert not anomalies.not_enclosed(*prices).any()
    assert anomalies.spike_rows(bars).tolist() == []
    for column in prices:
        np.testing.assert_array_equal(column, np.round(column, 2))
    assert bars.volume.min() >= 100


@pytest.mark.parametrize("symbol", SAMPLE_SYMBOLS, ids=lambda each: each.symbol)
def test_sample_bars_look_like_a_market(grid, symbol):
    bars = synthetic_minutes(symbol, grid)
    returns = np.diff(np.log(bars.close))
    assert returns.std() * np.sqrt(252 * 390) == pytest.approx(symbol.volatility, rel=0.35)
    by_minute = bars.volume[: 18 * 390].reshape(18, 390).mean(axis=0)
    assert by_minute[:30].mean() > 1.5 * by_minute[150:240].mean() < by_minute[360:].mean()
    five = aggregate(bars, Interval.parse("5m"), grid).close
    fast, slow = (np.convolve(five, np.ones(n) / n, "valid") for n in (10, 30))
    crossings = np.count_nonzero(np.diff(np.sign(fast[20:] - slow)))
    assert 30 < crossings < 200


def test_the_same_seed_gives_the_same_bars(grid):
    first, second = SAMPLE_SYMBOLS[:2]
    whole = fingerprint(synthetic_minutes(first, grid))
    assert whole == fingerprint(synthetic_minutes(first, grid))
    assert whole != fingerprint(synthetic_minutes(first, grid, seed=8))
    assert whole != fingerprint(synthetic_minutes(second, grid))


def test_the_store_says_that_they_are_synthetic(grid, tmp_path):
    store = ParquetStorage(tmp_path)
    summaries = write_sample(store, grid)
    assert [summary.added for summary in summaries] == [29 * 390 + 210] * 3
    assert store.symbols() == ["ALPHA", "BRAVO", "CHARLIE"]
    assert all(store.coverage(symbol).labels == {"synthetic"} for symbol in store.symbols())
