"""The shipped strategies on real minute bars, through the path of `system start`.

Two kinds of expectation. SMA cross and RSI reversion are derived again in this file by plain
Python from the CSV files (no numpy, no indicator library, the averages in exact integers) and
compared fill by fill. What cannot be derived in a page (every statistic, the order hash) is
pinned: a change of any of them is a change of what users get, and must be meant.
"""

import csv
import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from app.core.costs import PerShare, TickSlippage
from app.managers.system_manager import SystemManager
from app.research import run_backtest
from app.strategies.rsi_reversion import RsiReversion
from app.strategies.sma_cross import SmaCross
from app.threads import session_coordinator
from tests.system_fixtures import Installation, session_config

NEW_YORK = ZoneInfo("America/New_York")
SYMBOLS = ("AAPL", "MSFT")
QUANTITY = 100
COSTS = {
    "starting_cash": 100_000,
    "commission": {"model": "per_share", "rate": 0.0125, "minimum": 1.0},
    "slippage": {"model": "ticks", "amount": 1, "tick_size": 0.01},
}
FEE = 1.25  # 100 shares at 0.0125, above the minimum of 1
SLIP = 0.01  # one tick of 0.01


def stock_config(
    strategy: str, parameters: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    return session_config(
        *SYMBOLS,
        first="2016-04-15",
        last="2016-05-13",
        strategies={strategy: (strategy, {"quantity": QUANTITY} | parameters)},
        execution=COSTS,
        name="real_sessions",
        **more,
    )


@pytest.fixture
def stocks(installation: Installation, shared_data: Path) -> Installation:
    """An installation that has imported the 42 sessions: 21 of each symbol."""
    for symbol in SYMBOLS:
        installation.import_file(csv_of(shared_data, symbol))
    return installation


def csv_of(shared_data: Path, symbol: str) -> Path:
    return shared_data / "stockcharts" / f"us_equity_1m_{symbol}_2016.csv.gz"


# ── by hand ──────────────────────────────────────────────────────────────────


class Minute(NamedTuple):
    """A bar as the CSV says it; prices in ten-thousandths of a dollar, exactly."""

    start_ns: int
    day: date
    minute: int
    open: int
    close: int
    volume: float


class Fill(NamedTuple):
    time_ns: int
    symbol: str
    quantity: float
    price: float


def csv_rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt") as lines:
        yield from csv.DictReader(lines)


def ten_thousandths(text: str) -> int:
    whole, _, part = text.partition(".")
    assert len(part) <= 4, text
    return int(whole) * 10_000 + int(part.ljust(4, "0"))


@pytest.fixture(scope="module")
def tape(shared_data: Path) -> dict[str, list[Minute]]:
    """Per symbol the minutes of the regular session, 09:30 to 15:59."""
    found: dict[str, list[Minute]] = {}
    for symbol in SYMBOLS:
        found[symbol] = []
        for row in csv_rows(csv_of(shared_data, symbol)):
            moment = datetime.fromisoformat(row["timestamp"])
            local = moment.astimezone(NEW_YORK)
            minute = local.hour * 60 + local.minute - (9 * 60 + 30)
            if minute < 390:
                found[symbol].append(
                    Minute(
                        int(moment.timestamp()) * 1_000_000_000,
                        local.date(),
                        minute,
                        ten_thousandths(row["open"]),
                        ten_thousandths(row["close"]),
                        float(row["volume"]),
                    )
                )
    return found


def filled_next(symbol: str, bars: Sequence[Minute], row: int, quantity: float) -> Fill:
    """A market order of the bar `row`: the next bar's open, one tick worse."""
    bar = bars[row + 1]
    assert bar.volume > 0
    price = bar.open / 10_000
    return Fill(bar.start_ns, symbol, quantity, price + (SLIP if quantity > 0 else -SLIP))


def crossings(symbol: str, bars: Sequence[Minute], every: int, fast: int, slow: int) -> list[Fill]:
    """Fills of the SMA cross on bars of `every` minutes, by rolling sums of integers."""
    closes: list[int] = []
    fast_sum = slow_sum = 0
    fills: list[Fill] = []
    for row, bar in enumerate(bars):
        if bar.minute % every != every - 1:
            continue
        closes.append(bar.close)
        fast_sum += bar.close - (closes[-fast - 1] if len(closes) > fast else 0)
        slow_sum += bar.close - (closes[-slow - 1] if len(closes) > slow else 0)
        if len(closes) < slow or row + 1 == len(bars):
            continue
        difference = (fast_sum * slow - slow_sum * fast) / (fast * slow * 10_000)
        assert not 0.99e-6 < abs(difference) < 1.01e-6  # no case hangs on floating point
        held = len(fills) % 2
        if difference > 1e-6 and not held:
            fills.append(filled_next(symbol, bars, row, QUANTITY))
        elif difference < -1e-6 and held:
            fills.append(filled_next(symbol, bars, row, -QUANTITY))
    return fills


def wilder_rsi(closes: Sequence[float], period: int) -> list[float]:
    """Wilder's relative strength index (New Concepts in Technical Trading Systems, 1978)."""
    changes = [after - before for before, after in pairwise(closes)]
    gain = sum(max(c, 0.0) for c in changes[:period]) / period
    loss = sum(max(-c, 0.0) for c in changes[:period]) / period
    values = [float("nan")] * period
    for number in range(period, len(closes)):
        if number > period:
            change = changes[number - 1]
            gain = (gain * (period - 1) + max(change, 0.0)) / period
            loss = (loss * (period - 1) + max(-change, 0.0)) / period
        values.append(100.0 * gain / (gain + loss) if gain + loss else 0.0)
    return values


def reversions(symbol: str, bars: Sequence[Minute]) -> list[Fill]:
    """Fills of the RSI reversion at its defaults: 14 bars, in below 30, out above 55 or at 60."""
    fills: list[Fill] = []
    held_bars = 0
    for row, rsi in enumerate(wilder_rsi([bar.close / 10_000 for bar in bars], 14)[:-1]):
        if len(fills) % 2:
            held_bars += 1
            if rsi > 55 or held_bars >= 60:
                fills.append(filled_next(symbol, bars, row, -QUANTITY))
        elif rsi < 30:
            held_bars = 0
            fills.append(filled_next(symbol, bars, row, QUANTITY))
    return fills


def engine_fills(system: SystemManager) -> list[Fill]:
    log = system.result.log
    fills = log.fills
    return [
        Fill(int(t), log.symbols[s], float(q), float(p))
        for t, s, q, p in zip(fills.time_ns, fills.symbol, fills.quantity, fills.price, strict=True)
    ]


def require_same(got: list[Fill], *expected: list[Fill]) -> None:
    wanted = sorted(fill for fills in expected for fill in fills)
    got = sorted(got)
    assert len(got) == len(wanted)
    for mine, theirs in zip(got, wanted, strict=True):
        assert mine[:3] == theirs[:3]
        assert mine.price == pytest.approx(theirs.price, abs=1e-9)


def cash_after(fills: Sequence[Fill]) -> float:
    return 100_000 - sum(fill.quantity * fill.price + FEE for fill in fills)


# ── pinned ───────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Golden:
    """A strategy, its parameters, and what became of it."""

    strategy: str
    parameters: dict[str, Any]
    order_hash: str
    metrics: dict[str, float]

    def config(self, **more: Any) -> dict[str, Any]:
        return stock_config(self.strategy, self.parameters, **more)


GOLDEN = {
    "sma_cross_1m": Golden(
        "sma_cross",
        {},
        "afee8a7ef355b595e03a5abc2736f290136522f5ebc2315eea1c2d07d11cb2f6",
        {
            "final_equity": 97228.68999999997,
            "return_pct": -2.771310000000027,
            "benchmark_return_pct": -13.38397422900493,
            "volatility_pct": 1.9535084508088343,
            "sharpe": -17.24305668897818,
            "sortino": -11.948025327591989,
            "calmar": -10.236386516898051,
            "max_drawdown_pct": -2.7966041963159882,
            "trades": 327,
            "win_rate_pct": 21.100917431192663,
            "profit_factor": 0.31230613470441987,
            "expectancy": -8.474954128440647,
            "sqn": -5.285198273211297,
            "average_trade_pct": -0.1224780211499915,
            "average_bars_held": 23.44954128440367,
            "exposure_pct": 65.7997557997558,
            "turnover": 49.41155617019085,
            "commission": 817.5,
            "slippage": 654.0,
        },
    ),
    "sma_cross_5m": Golden(
        "sma_cross",
        {"interval": "5m"},
        "bfe0988ab3620fed73f23439386f6cf40b95cfae2dda16ff49a2fe5c7abf80db",
        {
            "final_equity": 98820.56999999996,
            "return_pct": -1.1794300000000368,
            "benchmark_return_pct": -13.38397422900493,
            "volatility_pct": 1.825397221264672,
            "sharpe": -7.788644033858584,
            "sortino": -7.422612775860115,
            "calmar": -9.604789826736537,
            "max_drawdown_pct": -1.3816250216043269,
            "trades": 65,
            "win_rate_pct": 24.615384615384617,
            "profit_factor": 0.35380987017566595,
            "expectancy": -18.041230769231046,
            "sqn": -2.2908420574163118,
            "average_trade_pct": -0.2579297926063599,
            "average_bars_held": 103.92307692307692,
            "exposure_pct": 62.82051282051282,
            "turnover": 9.796561560124223,
            "commission": 163.75,
            "slippage": 131.0,
        },
    ),
    "rsi_reversion": Golden(
        "rsi_reversion",
        {},
        "f6cd006bd3d3651af708a9c3103ba8bcd15fbf395520362b60c6c816cd36ef8f",
        {
            "final_equity": 98671.05999999992,
            "return_pct": -1.3289400000000784,
            "benchmark_return_pct": -13.38397422900493,
            "volatility_pct": 2.5472968512162284,
            "sharpe": -6.288269673532373,
            "sortino": -6.168056266131452,
            "calmar": -11.020284545548954,
            "max_drawdown_pct": -1.3458626128998286,
            "trades": 109,
            "win_rate_pct": 54.12844036697248,
            "profit_factor": 0.46007678712900096,
            "expectancy": -12.192110091743524,
            "sqn": -1.4914780248150619,
            "average_trade_pct": -0.13291545821625328,
            "average_bars_held": 32.1651376146789,
            "exposure_pct": 36.34920634920635,
            "turnover": 17.438366067616418,
            "commission": 272.5,
            "slippage": 218.0,
        },
    ),
}


def require_pinned(system: SystemManager, order_hash: str, metrics: dict[str, float]) -> None:
    found = {key: system.result.metrics[key] for key in metrics}
    assert found == pytest.approx(metrics, rel=1e-9)
    assert system.result.order_hash == order_hash


@pytest.mark.parametrize("name", GOLDEN)
def test_statistics_and_orders_are_as_pinned(name: str, stocks: Installation) -> None:
    golden = GOLDEN[name]
    system = stocks.run(golden.config())
    assert (system.state, system.reason) == ("STOPPED", None)
    require_pinned(system, golden.order_hash, golden.metrics)
    assert stocks.records()[0].order_hash == golden.order_hash
    assert stocks.records()[0].metrics == pytest.approx(dict(system.result.metrics), nan_ok=True)


@pytest.mark.parametrize(("name", "every"), [("sma_cross_1m", 1), ("sma_cross_5m", 5)])
def test_sma_cross_as_derived_from_the_csv(
    name: str, every: int, stocks: Installation, tape: dict[str, list[Minute]]
) -> None:
    system = stocks.run(GOLDEN[name].config())
    fills = [crossings(s, tape[s], every, fast=10, slow=30) for s in SYMBOLS]
    require_same(engine_fills(system), *fills)
    everything = [fill for each in fills for fill in each]
    assert system.result.log.final_cash == pytest.approx(cash_after(everything), abs=1e-6)
    metrics = system.result.metrics
    assert metrics["commission"] == pytest.approx(FEE * len(everything))
    assert metrics["slippage"] == pytest.approx(SLIP * QUANTITY * len(everything))
    assert metrics["trades"] == sum(len(each) // 2 for each in fills)


def test_rsi_reversion_as_derived_from_the_csv(
    stocks: Installation, tape: dict[str, list[Minute]]
) -> None:
    system = stocks.run(GOLDEN["rsi_reversion"].config())
    fills = [reversions(s, tape[s]) for s in SYMBOLS]
    require_same(engine_fills(system), *fills)
    everything = [fill for each in fills for fill in each]
    assert system.result.log.final_cash == pytest.approx(cash_after(everything), abs=1e-6)


def test_the_bar_labelled_16_00_is_stored_but_not_in_the_session(stocks: Installation) -> None:
    assert [stocks.storage.coverage(symbol).rows for symbol in SYMBOLS] == [21 * 391] * 2
    system = stocks.run(GOLDEN["sma_cross_5m"].config())
    for symbol in SYMBOLS:
        bars = system.result.log.bars[symbol]
        assert len(bars) == 21 * 390
        assert local_times(bars.start_ns) == [(9 + m // 60, m % 60) for m in range(30, 420)] * 21
        fives = system.get_session_data().get_bars(symbol, "5m")
        assert len(fives) == 21 * 78
        assert max(local_times(fives.start_ns)) == (15, 55)
    assert system.record.bars == 2 * 21 * 390
    assert system.record.data_quality["AAPL"]["quality_pct"] == 100.0


def local_times(start_ns: np.typing.NDArray[np.int64]) -> list[tuple[int, int]]:
    moments = [datetime.fromtimestamp(ns // 10**9, NEW_YORK) for ns in start_ns.tolist()]
    return [(moment.hour, moment.minute) for moment in moments]


@pytest.mark.parametrize("name", GOLDEN)
def test_session_and_run_backtest_agree_to_the_bit(name: str, stocks: Installation) -> None:
    golden = GOLDEN[name]
    system = stocks.run(golden.config())
    threaded = system.result
    inline = run_backtest(
        {"sma_cross": SmaCross, "rsi_reversion": RsiReversion}[golden.strategy],
        {symbol: stocks.storage.read(symbol) for symbol in SYMBOLS},
        parameters={"quantity": QUANTITY} | golden.parameters,
        cash=100_000.0,
        commission=PerShare(0.0125, 1.0),
        slippage=TickSlippage(1, 0.01),
        sessions=threaded.log.sessions,
        name=golden.strategy,
    )
    assert inline.order_hash == threaded.order_hash
    assert columns_of(inline.log.fills) == columns_of(threaded.log.fills)
    assert columns_of(inline.equity_curve) == columns_of(threaded.equity_curve)
    assert inline.log.final_cash == threaded.log.final_cash
    assert repr(dict(inline.metrics)) == repr(dict(threaded.metrics))


def columns_of(value: Any) -> dict[str, bytes]:
    """Every array of a value, to the bit."""
    columns = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: np.asarray(column).tobytes() for name, column in columns.items()}


@pytest.mark.parametrize("prefetch_days", [1, 2, 250])
@pytest.mark.parametrize("slab_bars", [1, 5_000])
def test_reading_ahead_changes_nothing(
    prefetch_days: int, slab_bars: int, stocks: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_coordinator, "_FIRST_SLAB_BARS", slab_bars)
    monkeypatch.setattr(session_coordinator, "_LARGEST_SLAB_BARS", slab_bars)
    golden = GOLDEN["sma_cross_5m"]
    system = stocks.run(golden.config(prefetch_days=prefetch_days))
    require_pinned(system, golden.order_hash, golden.metrics)


def test_the_same_run_twice_is_the_same(stocks: Installation) -> None:
    first, second = (stocks.run(GOLDEN["rsi_reversion"].config()).record for _ in range(2))
    assert first.id != second.id
    assert first.order_hash == second.order_hash
    assert first.data_fingerprint == second.data_fingerprint
    assert first.metrics == second.metrics


def test_another_bar_changes_the_fingerprint(stocks: Installation) -> None:
    before = stocks.run(GOLDEN["sma_cross_5m"].config()).record
    bar = stocks.storage.read("MSFT").slice(100, 101)
    stocks.store("MSFT", replace(bar, volume=bar.volume + 1))
    after = stocks.run(GOLDEN["sma_cross_5m"].config()).record
    assert before.order_hash == after.order_hash
    assert before.data_fingerprint != after.data_fingerprint


# ── around the clock ─────────────────────────────────────────────────────────

PERP_HASH = "8c6f9bd01e0e4174d01a29514f218de59ec078287fb141ecbf122f386395787f"
PERP_METRICS = {
    "final_equity": 95444.981141775,
    "return_pct": -4.555018858225002,
    "benchmark_return_pct": -18.65140540198087,
    "volatility_pct": 5.619261889231933,
    "sharpe": -10.406614294303205,
    "sortino": -10.445396858581349,
    "calmar": -8.330071332751062,
    "max_drawdown_pct": -5.328649392924212,
    "trades": 26,
    "win_rate_pct": 15.384615384615385,
    "profit_factor": 0.16663729017536505,
    "expectancy": -195.22233930000024,
    "sqn": -3.9350949998306666,
    "average_trade_pct": -0.9451829126785197,
    "average_bars_held": 736.1538461538462,
    "exposure_pct": 47.12643678160919,
    "turnover": 11.140380282866047,
    "commission": 542.5159082250001,
    "slippage": 108.50295000000003,
}


def test_a_perpetual_around_the_clock(installation: Installation, shared_data: Path) -> None:
    """29 days of 1,440 minutes, hourly averages that are warm when the first day begins."""
    path = shared_data / "nautilus" / "crypto_perp_1m_BTC-PERP_2022-01.csv.gz"
    installation.import_file(path, "CRYPTO")
    parameters = {"interval": "1h", "fast": 5, "slow": 20, "quantity": 0.5}
    system = installation.run(
        session_config(
            "BTC-PERP",
            first="2022-01-03",
            last="2022-01-31",
            market=("CRYPTO", "CRYPTO"),
            historical={"data": [{"intervals": ["1m"], "trailing_days": 2}]},
            strategies={"cross": ("sma_cross", parameters)},
            execution={
                "starting_cash": 100_000,
                "commission": {"model": "percent", "rate": 0.05},
                "slippage": {"model": "percent", "amount": 0.01},
            },
            name="perpetual",
        )
    )
    assert (system.state, system.reason) == ("STOPPED", None)
    assert system.record.sessions == 29
    assert system.record.bars == 29 * 1_440
    expected = hourly_crossings(path, date(2022, 1, 1), date(2022, 1, 3), date(2022, 1, 31))
    require_same(engine_fills(system), expected)
    paid = sum(fill.price * fill.quantity * (1 + 0.0005 * sign(fill)) for fill in expected)
    assert system.result.log.final_cash == pytest.approx(100_000 - paid, abs=1e-6)
    require_pinned(system, PERP_HASH, PERP_METRICS)


def sign(fill: Fill) -> int:
    return 1 if fill.quantity > 0 else -1


def hourly_crossings(path: Path, warm_from: date, first: date, last: date) -> list[Fill]:
    """SMA cross of 5 and 20 hours; prices of this market are whole dollars."""
    closes: list[int] = []
    fills: list[Fill] = []
    side = 0
    for row in csv_rows(path):
        moment = datetime.fromisoformat(row["timestamp"])
        if not warm_from <= moment.date() <= last:
            continue
        if side:
            price = float(row["open"]) * (1 + 0.0001 * side)
            fills.append(Fill(int(moment.timestamp()) * 10**9, "BTC-PERP", 0.5 * side, price))
            side = 0
        if moment.minute == 59:
            closes.append(int(float(row["close"])))
            difference = 4 * sum(closes[-5:]) - sum(closes[-20:])
            held = len(fills) % 2
            decides = moment.date() >= first and len(closes) >= 20
            side = int(difference > 0 and not held) - int(difference < 0 and held)
            side *= decides
    return fills
