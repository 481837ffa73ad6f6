"""The report: whole, offline, safe, and true to what it was thinned from."""

import json
import re
from time import process_time

import numpy as np
import pytest

from app.core.data_structures import BarColumns
from app.core.types import MINUTE_NS
from app.services.analytics.equity import account_curve
from app.services.analytics.result import RunInfo, RunResult
from app.services.reporting.charts import distribution, monthly_returns, monthly_table
from app.services.reporting.data import CurveData
from app.services.reporting.sampling import (
    WallClock,
    candle_minutes,
    curve_rows,
    decimals_of,
    encode_candles,
    join,
)

EVIL = "</script><script>alert('x')</script>{{config}}"


@pytest.fixture(scope="module")
def year(runs):
    """252 sessions of 390 minutes, 3,840 fills: as large as a year of one symbol gets."""
    count = 252 * 390
    steps = np.random.default_rng(7).normal(0, 0.03, count)
    closes = np.round(100 + np.cumsum(steps) % 20, 2)
    bars = {"ABC": runs.bars(closes, per_session=390, opens=np.roll(closes, 1))}
    rows = np.linspace(1, count - 2, 3_840).astype(int)
    fills = [
        runs.Fill(0, row, 100.0 if number % 2 == 0 else -100.0, closes[row - 1], 0.5)
        for number, row in enumerate(rows.tolist())
    ]
    log = runs.log(bars, fills, sessions=runs.sessions(252, 390), cash=1_000_000.0)
    return RunResult(log, RunInfo(name=EVIL, config={"key": EVIL}, is_synthetic=True))


def payload(page):
    text = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1]
    return json.loads(text)


def test_a_year_of_minutes_is_a_small_file_quickly_made(year):
    began = process_time()
    page = year.to_html()
    assert process_time() - began < 2.0  # 0.05 s on a quiet machine
    assert len(page.encode()) < 3_000_000


def test_nothing_is_fetched(year):
    page = year.to_html()
    assert not re.search(r'(?:src|href)="?(?:https?:)?//(?!www\.tradingview\.com/)', page)
    assert "default-src 'none'" in page
    assert "Licensed under Apache License 2.0" in page
    assert "Copyright (c) 2026 TradingView, Inc." in page


def test_what_users_wrote_cannot_become_markup(year):
    page = year.to_html()
    assert "<script>alert" not in page
    assert page.count("<script") == 3
    assert page.count("</script") == 3
    assert "{{config}}" in page  # shown as it was written, not filled in


def test_synthetic_data_are_announced(year, runs):
    assert "class=synthetic" in year.to_html()
    assert "class=synthetic" not in RunResult(runs.one_symbol([10, 11])).to_html()


def test_the_page_holds_what_the_run_was(year):
    data = payload(year.to_html())
    assert len(data["trades"]) == data["trade_count"] == 1_920
    assert len(data["fills"]["ABC"]) == 3_840
    assert len(data["candles"]["ABC"]["t"]) <= 40_000
    assert data["curve"]["equity"][-1] == pytest.approx(year.metrics["final_equity"], abs=0.01)
    lowest = min(data["curve"]["drawdown"])
    assert lowest == pytest.approx(year.metrics["max_drawdown_pct"], abs=1e-4)


def test_fills_and_trades_point_at_the_candle_they_happened_in(year):
    data = payload(year.to_html())
    candles, log = data["candles"]["ABC"], year.log
    starts = np.cumsum(candles["t"])
    clock = WallClock(log.sessions.timezone, log.bars["ABC"].end_ns)
    happened = clock.seconds(log.fills.time_ns)
    shown = starts[[fill[0] for fill in data["fills"]["ABC"]]]
    assert ((happened >= shown) & (happened < shown + 60 * candles["minutes"])).all()
    entries = starts[[trade[10] for trade in data["trades"]]]
    assert (entries <= [trade[3] for trade in data["trades"]]).all()


@pytest.mark.parametrize("closes", [[], [10.0], [10.0, 11.0]])
def test_tiny_runs_make_a_page(runs, closes):
    page = RunResult(runs.one_symbol(closes, per_session=1)).to_html()
    assert "Return and risk" in page
    assert payload(page)["trades"] == []


def test_thinning_a_curve_keeps_its_ends_and_extremes():
    rng = np.random.default_rng(3)
    equity = 1e6 + np.cumsum(rng.normal(0, 10, 50_000))
    benchmark = 1e6 + np.cumsum(rng.normal(0, 10, 50_000))
    peak = np.maximum.accumulate(equity)
    curve = CurveData(np.arange(50_000), equity, benchmark, peak)
    rows = curve_rows(curve, 500)
    assert len(rows) <= 7 * 500 + 2
    assert (rows[0], rows[-1]) == (0, 49_999)
    assert (np.diff(rows) > 0).all()
    for values in (equity, benchmark, equity / peak):
        assert values[rows].min() == values.min()
        assert values[rows].max() == values.max()


def test_joining_minutes_begins_anew_with_every_session(runs):
    bars = runs.bars([1, 5, 2, 4, 3, 9, 8], per_session=5)
    joined = join(bars, runs.sessions(2, 5), 2).bars
    # sessions of 5 and 2 minutes: 2 + 2 + 1, then 2
    assert joined.open.tolist() == [1, 2, 3, 9]
    assert joined.high.tolist() == [5, 4, 3, 9]
    assert joined.low.tolist() == [1, 2, 3, 8]
    assert joined.close.tolist() == [5, 4, 3, 8]
    assert joined.volume.tolist() == [2, 2, 1, 2]


def test_encoded_candles_can_be_read_back(runs):
    close = np.array([10.25, 10.5, 9.75])
    open_ = np.array([10.0, 10.25, 10.5])
    start = np.arange(3) * MINUTE_NS
    volume = np.ones(3)
    bars = BarColumns.of_minutes(
        start, open_, np.array([10.5, 10.75, 10.5]), np.array([9.9, 10.0, 9.5]), close, volume
    )
    packed = encode_candles(join(bars, runs.sessions(0, 1), 1), start // 10**9, 2)
    closes = np.cumsum(packed["c"])
    opens = np.concatenate(([0], closes[:-1])) + packed["o"]
    assert (closes / 100).tolist() == close.tolist()
    assert (opens / 100).tolist() == open_.tolist()
    assert ((np.maximum(opens, closes) + packed["h"]) / 100).tolist() == [10.5, 10.75, 10.5]
    assert ((np.minimum(opens, closes) - packed["l"]) / 100).tolist() == [9.9, 10.0, 9.5]
    assert np.cumsum(packed["t"]).tolist() == [0, 60, 120]


@pytest.mark.parametrize(
    ("bars", "minutes"), [(100, 1), (40_000, 1), (98_280, 3), (390_000, 10), (10**9, 1_440)]
)
def test_candles_are_the_shortest_that_fit(bars, minutes):
    assert candle_minutes(bars, 40_000) == minutes


@pytest.mark.parametrize(
    ("prices", "places"),
    [([10.25, 11.5], 2), ([1.2345, 1.1], 4), ([0.00001234], 8), ([64_123.123456], 2), ([], 2)],
)
def test_decimals_follow_the_prices(prices, places):
    assert decimals_of(np.array(prices)) == places


def test_wall_clock_follows_daylight_saving_time():
    # 2024-03-08 and 2024-03-11, 14:30 UTC: 09:30 in winter, 10:30 in summer time
    times = np.array([1_709_908_200, 1_710_167_400]) * 10**9
    local = WallClock("America/New_York", times).seconds(times)
    assert [second % 86_400 for second in local.tolist()] == [9 * 3600 + 1800, 10 * 3600 + 1800]


def test_an_hour_that_comes_twice_is_shown_in_utc():
    # America/New_York, 2024-11-03: 05:30 UTC is 01:30 EDT, 06:30 UTC is 01:30 EST
    times = (1_730_611_800 + 60 * np.arange(90)) * 10**9
    clock = WallClock("America/New_York", times)
    assert clock.name == "UTC"
    assert clock.seconds(times).tolist() == (times // 10**9).tolist()


def test_months_compound_their_sessions():
    dates = np.array(["2024-01-30", "2024-01-31", "2024-02-01", "2025-02-03"], "datetime64[D]")
    table = monthly_returns(dates, np.array([0.1, 0.1, -0.5, np.nan]))
    assert table[2024][1] == pytest.approx(21)
    assert table[2024][2] == pytest.approx(-50)
    assert table[2025] == {2: 0.0}
    assert "-39.50" in monthly_table(dates, np.array([0.1, 0.1, -0.5, np.nan]))  # 1.21 × 0.5


def test_the_distribution_counts_every_trade():
    returns = np.concatenate((np.random.default_rng(1).normal(0, 1, 500), [-50.0, 80.0, 0.0]))
    counts = [int(count) for count in re.findall(r": (\d+) trades?<", distribution(returns))]
    assert sum(counts) == 503


def test_equity_curve_points_of_a_month_are_all_shown(runs):
    log = runs.one_symbol(list(range(10, 110)), [runs.Fill(0, 0, 1, 10.0)], per_session=50)
    data = payload(RunResult(log).to_html())
    assert data["curve"]["equity"] == account_curve(log).equity.tolist()


def test_settings_and_quality_are_shown_as_people_read_them(runs):
    info = RunInfo(
        parameters={"sma": {"fast": 10, "slow": 30}, "rsi": {"period": 14}},
        data_quality={"ABC": {"quality_pct": 99.614, "present_minutes": 11_700, "gaps": None}},
    )
    page = RunResult(runs.one_symbol([10, 11]), info).to_html()
    assert "sma: fast = 10, slow = 30;  rsi: period = 14" in page
    assert "<td>ABC</td><td>99.61</td><td>11,700</td><td>–</td>" in page
