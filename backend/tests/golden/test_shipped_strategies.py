"""MACD, VWAP reversion, opening range, pair spread and momentum on 21 real sessions.

Each strategy's fills are derived again in this file by plain Python from the CSV files: averages,
ranges and deviations written out, no numpy, no indicator library, nothing of the platform. Then
statistics and order hashes, which cannot be derived in a page, are pinned.
"""

import csv
import gzip
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import log, sqrt
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from app.managers.system_manager import SystemManager
from app.strategies.registry import SHIPPED
from tests.golden.test_real_sessions import GOLDEN as EARLIER
from tests.system_fixtures import Installation, session_config

NEW_YORK = ZoneInfo("America/New_York")
SYMBOLS = ("AAPL", "MSFT")
FEE_A_SHARE, LEAST_FEE, SLIP = 0.0125, 1.0, 0.01
COSTS = {
    "starting_cash": 100_000,
    "commission": {"model": "per_share", "rate": FEE_A_SHARE, "minimum": LEAST_FEE},
    "slippage": {"model": "ticks", "amount": 1, "tick_size": SLIP},
    "fill_model": {"participation_pct": 0},
    "carry": {"borrow_rate_pct": 0, "margin_rate_pct": 0},
}


def csv_of(shared_data: Path, symbol: str) -> Path:
    return shared_data / "stockcharts" / f"us_equity_1m_{symbol}_2016.csv.gz"


@pytest.fixture
def stocks(installation: Installation, shared_data: Path) -> Installation:
    """An installation that has imported the 42 sessions: 21 of each symbol."""
    for symbol in SYMBOLS:
        installation.import_file(csv_of(shared_data, symbol))
    return installation


# ── the tape ─────────────────────────────────────────────────────────────────


class Minute(NamedTuple):
    """A minute bar as the CSV says it; `minute` counts from 09:30."""

    start_ns: int
    day: date
    minute: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Fill(NamedTuple):
    time_ns: int
    symbol: str
    quantity: float
    price: float


Tape = dict[str, list[Minute]]


@pytest.fixture(scope="module")
def tape(shared_data: Path) -> Tape:
    """Per symbol the minutes of the regular session, 09:30 to 15:59."""
    return {symbol: minutes_of(csv_of(shared_data, symbol)) for symbol in SYMBOLS}


def minutes_of(path: Path) -> list[Minute]:
    found = []
    with gzip.open(path, "rt") as lines:
        for row in csv.DictReader(lines):
            moment = datetime.fromisoformat(row["timestamp"])
            local = moment.astimezone(NEW_YORK)
            minute = local.hour * 60 + local.minute - (9 * 60 + 30)
            numbers = (float(row[name]) for name in ("open", "high", "low", "close", "volume"))
            if minute < 390:
                start_ns = int(moment.timestamp()) * 1_000_000_000
                found.append(Minute(start_ns, local.date(), minute, *numbers))
    assert [bar.minute for bar in found] == list(range(390)) * 21  # no minute is missing
    return found


def filled_next(symbol: str, bars: Sequence[Minute], row: int, quantity: float) -> Fill:
    """A market order of the bar `row`: the next bar's open, one tick worse."""
    bar = bars[row + 1]
    assert bar.volume > 0
    return Fill(bar.start_ns, symbol, quantity, bar.open + (SLIP if quantity > 0 else -SLIP))


def opposite(fill: Fill) -> float:
    return -fill.quantity


# ── the strategies, again ────────────────────────────────────────────────────


def ema(values: Sequence[float], period: int) -> list[float]:
    """Exponential average that begins with the mean of the first `period` values."""
    average = sum(values[:period]) / period
    averages = [average]
    for value in values[period:]:
        average += 2.0 / (period + 1) * (value - average)
        averages.append(average)
    return averages


def macd_fills(tape: Tape, every: int) -> list[Fill]:
    """MACD of 12, 26 and 9 bars; both averages have their first value at bar 26."""
    fills = []
    for symbol, bars in tape.items():
        rows = range(every - 1, len(bars), every)
        closes = [bars[row].close for row in rows]
        slow, fast = ema(closes, 26), ema(closes[14:], 12)
        line = [f - s for f, s in zip(fast, slow, strict=True)]
        signal = ema(line, 9)
        own: list[Fill] = []
        for row, above in zip(
            rows[33:-1], (m - s for m, s in zip(line[8:-1], signal[:-1], strict=True)), strict=True
        ):
            assert not 0.99e-6 < abs(above) < 1.01e-6  # no case hangs on floating point
            held = len(own) % 2
            if above > 1e-6 and not held:
                own.append(filled_next(symbol, bars, row, 100))
            elif above < -1e-6 and held:
                own.append(filled_next(symbol, bars, row, -100))
        fills += own
    return fills


def vwap_fills(tape: Tape) -> list[Fill]:
    """VWAP reversion at its defaults, each session from flat to flat."""
    fills = []
    for symbol, bars in tape.items():
        for first in range(0, len(bars), 390):
            session = bars[first : first + 390]
            fills += vwap_session(symbol, session)
    return fills


def vwap_session(symbol: str, bars: Sequence[Minute]) -> list[Fill]:
    fills: list[Fill] = []
    armed = True
    paid = traded = 0.0
    for row, bar in enumerate(bars[:-1]):
        paid += (bar.high + bar.low + bar.close) / 3 * bar.volume
        traded += bar.volume
        away = 100 * (bar.close * traded / paid - 1)
        if len(fills) % 2:
            entry = fills[-1]
            side = 1 if entry.quantity > 0 else -1
            back = away * side >= 0
            loss = side * 100 * (1 - bar.close / entry.price)
            if back or loss >= 0.5 or row + 1 >= 375:
                fills.append(filled_next(symbol, bars, row, opposite(entry)))
                armed = back
        elif abs(away) < 0.5:
            armed = True
        elif armed and 30 <= row + 1 < 375:
            fills.append(filled_next(symbol, bars, row, -100 if away > 0 else 100))
    assert len(fills) % 2 == 0
    return fills


def opening_range_fills(tape: Tape) -> list[Fill]:
    """Opening range of 30 minutes, each session from flat to flat."""
    fills = []
    for symbol, bars in tape.items():
        for first in range(0, len(bars), 390):
            session = bars[first : first + 390]
            top = max(bar.high for bar in session[:30])
            bottom = min(bar.low for bar in session[:30])
            own: list[Fill] = []
            for row in range(29, 389):
                close, late = session[row].close, row + 1 >= 375
                if len(own) == 1:
                    beaten = close < bottom if own[0].quantity > 0 else close > top
                    if beaten or late:
                        own.append(filled_next(symbol, session, row, opposite(own[0])))
                elif not own and not late and not bottom <= close <= top:
                    own.append(filled_next(symbol, session, row, 100 if close > top else -100))
            assert len(own) in (0, 2)
            fills += own
    return fills


def pair_fills(tape: Tape) -> list[Fill]:
    """Pair spread at its defaults: five-minute bars, 78 of them, in at 2, out at 0.5 or 4."""
    fills: list[Fill] = []
    spreads: list[float] = []
    held: list[Fill] = []
    bars_held = 0
    for row in range(4, 21 * 390 - 1, 5):
        closes = [tape[symbol][row].close for symbol in SYMBOLS]
        spreads.append(log(closes[0]) - log(closes[1]))
        if len(spreads) < 78:
            continue
        window = spreads[-78:]
        mean = sum(window) / 78
        away = (window[-1] - mean) / sqrt(sum((s - mean) ** 2 for s in window) / 78)
        if held:
            bars_held += 1
            if not 0.5 < abs(away) < 4 or bars_held >= 390:
                fills += [filled_next(f.symbol, tape[f.symbol], row, opposite(f)) for f in held]
                held = []
        elif 2 < abs(away) < 4:
            sides = (-1, 1) if away > 0 else (1, -1)
            held = [
                filled_next(symbol, tape[symbol], row, side * (10_000 // close))
                for symbol, side, close in zip(SYMBOLS, sides, closes, strict=True)
            ]
            fills += held
            bars_held = 0
    return fills


def momentum_fills(tape: Tape) -> list[Fill]:
    """The stronger of the two over 13 half hours, chosen anew every 13, if it has risen."""
    fills: list[Fill] = []
    held: Fill | None = None
    ends = list(range(29, 21 * 390, 30))
    for number in range(13, len(ends), 13):
        row, before = ends[number], ends[number - 13]
        change = {s: tape[s][row].close / tape[s][before].close - 1 for s in SYMBOLS}
        best = max(SYMBOLS, key=change.__getitem__)
        wanted = best if change[best] > 0 else None
        if held and held.symbol != wanted:
            fills.append(filled_next(held.symbol, tape[held.symbol], row, opposite(held)))
            held = None
        if wanted and not held:
            held = filled_next(wanted, tape[wanted], row, 10_000 // tape[wanted][row].close)
            fills.append(held)
    return fills


# ── the same as the platform ─────────────────────────────────────────────────


@dataclass(frozen=True)
class Golden:
    """A strategy, its parameters, its fills derived by hand, and what became of it."""

    strategy: str
    parameters: dict[str, Any]
    derive: Callable[[Tape], list[Fill]]
    order_hash: str
    metrics: dict[str, float]

    def run(self, stocks: Installation) -> SystemManager:
        system = stocks.run(
            session_config(
                *SYMBOLS,
                first="2016-04-15",
                last="2016-05-13",
                strategies={self.strategy: (self.strategy, self.parameters)},
                execution=COSTS,
                name="shipped",
            )
        )
        assert (system.state, system.reason) == ("STOPPED", None)
        return system


GOLDEN: dict[str, Golden] = {
    "macd": Golden(
        "macd",
        {},
        lambda tape: macd_fills(tape, 1),
        "110a1f0ce443a9ead34ccc67659d82cb200b9099e73c1129336177fac9e7c866",
        {
            "final_equity": 95356.59999999992,
            "return_pct": -4.643400000000087,
            "benchmark_return_pct": -13.38397422900493,
            "volatility_pct": 2.0487505496946032,
            "sharpe": -27.807845486641117,
            "sortino": -13.867675665127587,
            "calmar": -9.303623422544607,
            "max_drawdown_pct": -4.673350913564578,
            "trades": 688,
            "long_trades": 688,
            "short_trades": 0,
            "win_rate_pct": 20.930232558139537,
            "profit_factor": 0.30254983718050327,
            "expectancy": -6.749127906977065,
            "sqn": -8.417102786065874,
            "average_trade_pct": -0.0998080320351793,
            "average_bars_held": 11.780523255813954,
            "exposure_pct": 67.72893772893774,
            "turnover": 106.19000057681455,
            "fills": 1376,
            "commission": 1720.0,
            "slippage": 1376.0,
        },
    ),
    "macd_5m": Golden(
        "macd",
        {"interval": "5m"},
        lambda tape: macd_fills(tape, 5),
        "670613a42415d2bc1a52e9d8a1d7a78ab515fc5914d4c48d332083420b0b5d78",
        {
            "final_equity": 98366.83000000002,
            "return_pct": -1.6331699999999838,
            "benchmark_return_pct": -13.38397422900493,
            "volatility_pct": 1.8620631249431963,
            "sharpe": -10.598757814188792,
            "sortino": -9.199720401169635,
            "calmar": -10.411017404980695,
            "max_drawdown_pct": -1.7222198615773343,
            "trades": 125,
            "long_trades": 125,
            "short_trades": 0,
            "win_rate_pct": 24.8,
            "profit_factor": 0.3645309907045234,
            "expectancy": -13.14216000000019,
            "sqn": -3.237346306783987,
            "average_trade_pct": -0.1834551291476049,
            "average_bars_held": 65.24,
            "exposure_pct": 70.51282051282051,
            "turnover": 18.255477656530008,
            "fills": 252,
            "commission": 315.0,
            "slippage": 252.0,
        },
    ),
    "vwap_reversion": Golden(
        "vwap_reversion",
        {},
        vwap_fills,
        "afad161fa9f381587ad25b7ad48a331726de0d595b0f16d76b98d2f514fcd017",
        {
            "final_equity": 99626.56,
            "return_pct": -0.37344000000000266,
            "benchmark_return_pct": -13.38397422900493,
            "volatility_pct": 0.8720788720213244,
            "sharpe": -5.143624225667239,
            "sortino": -5.7177713556926815,
            "calmar": -9.93908899959851,
            "max_drawdown_pct": -0.44172803583658604,
            "trades": 68,
            "long_trades": 34,
            "short_trades": 34,
            "win_rate_pct": 50.0,
            "profit_factor": 0.6943325802966168,
            "expectancy": -5.491764705882631,
            "sqn": -1.3203094419997499,
            "average_trade_pct": -0.08189488519130643,
            "average_bars_held": 73.3529411764706,
            "exposure_pct": 49.633699633699635,
            "turnover": 9.814299336258937,
            "fills": 136,
            "commission": 170.0,
            "slippage": 136.0,
        },
    ),
    "opening_range": Golden(
        "opening_range",
        {},
        opening_range_fills,
        "1258c9573da3bdd594315d1de78d5d18afae410905c4dc2427a80a0052e750b7",
        {
            "final_equity": 99362.37,
            "return_pct": -0.6376300000000001,
            "benchmark_return_pct": -13.38397422900493,
            "volatility_pct": 1.2263922784313217,
            "sharpe": -6.252262186097997,
            "sortino": -6.878446899890998,
            "calmar": -7.706725370112474,
            "max_drawdown_pct": -0.9587528365203157,
            "trades": 38,
            "long_trades": 17,
            "short_trades": 21,
            "win_rate_pct": 39.473684210526315,
            "profit_factor": 0.4902670855617071,
            "expectancy": -16.77973684210554,
            "sqn": -1.6041842649514348,
            "average_trade_pct": -0.16897000247123053,
            "average_bars_held": 268.05263157894734,
            "exposure_pct": 82.10012210012209,
            "turnover": 5.600057871146586,
            "fills": 76,
            "commission": 95.0,
            "slippage": 76.0,
        },
    ),
    "pair_spread": Golden(
        "pair_spread",
        {},
        pair_fills,
        "22494795efbd8ab1f084b50bb949820de63c211685ca11ce838dce6ec4831f3f",
        {
            "final_equity": 99833.67709999991,
            "return_pct": -0.1663229000000821,
            "benchmark_return_pct": -13.38397422900493,
            "volatility_pct": 2.075368761569958,
            "sharpe": -0.9525714229632171,
            "sortino": -1.2297282884848597,
            "calmar": -3.3418734926062137,
            "max_drawdown_pct": -0.5917991410594126,
            "trades": 44,
            "long_trades": 22,
            "short_trades": 22,
            "win_rate_pct": 52.27272727272727,
            "profit_factor": 0.8818957810929007,
            "expectancy": -3.7800659090909807,
            "sqn": -0.29364337254352196,
            "average_trade_pct": -0.037706986958902976,
            "average_bars_held": 191.36363636363637,
            "exposure_pct": 51.4041514041514,
            "turnover": 8.773842930062246,
            "fills": 88,
            "commission": 162.72500000000008,
            "slippage": 130.17999999999995,
        },
    ),
    "momentum": Golden(
        "momentum",
        {"interval": "30m", "lookback": 13, "every": 13},
        momentum_fills,
        "dd844ec26bf8778b8b8f56a3fa931d9e047a8fefea8efe30c5b01e6fa84e9148",
        {
            "final_equity": 98451.3857,
            "return_pct": -1.5486143000000063,
            "benchmark_return_pct": -13.38397422900493,
            "volatility_pct": 2.777549514467034,
            "sharpe": -6.727131101915547,
            "sortino": -6.482564554995382,
            "calmar": -10.463246181666358,
            "max_drawdown_pct": -1.6323312330441708,
            "trades": 9,
            "long_trades": 9,
            "short_trades": 0,
            "win_rate_pct": 22.22222222222222,
            "profit_factor": 0.08752415280481486,
            "expectancy": -157.53964444444455,
            "sqn": -1.7027302853127364,
            "average_trade_pct": -1.5797528024139715,
            "average_bars_held": 563.3333333333334,
            "exposure_pct": 66.30036630036629,
            "turnover": 1.8979158795090663,
            "fills": 19,
            "commission": 36.4375,
            "slippage": 29.15,
        },
    ),
}


def engine_fills(system: SystemManager) -> list[Fill]:
    log_ = system.result.log
    fills = log_.fills
    columns = (fills.time_ns, fills.symbol, fills.quantity, fills.price)
    return [
        Fill(int(t), log_.symbols[s], float(q), float(p))
        for t, s, q, p in zip(*columns, strict=True)
    ]


@pytest.mark.parametrize("name", GOLDEN)
def test_fills_as_derived_from_the_csv(name: str, stocks: Installation, tape: Tape) -> None:
    system = GOLDEN[name].run(stocks)
    got, wanted = sorted(engine_fills(system)), sorted(GOLDEN[name].derive(tape))
    assert [fill[:3] for fill in got] == [fill[:3] for fill in wanted]
    assert [fill.price for fill in got] == pytest.approx([fill.price for fill in wanted], abs=1e-9)
    fees = [max(LEAST_FEE, FEE_A_SHARE * abs(fill.quantity)) for fill in wanted]
    paid = sum(fill.quantity * fill.price for fill in wanted) + sum(fees)
    assert system.result.log.final_cash == pytest.approx(100_000 - paid, abs=1e-6)
    assert system.result.metrics["commission"] == pytest.approx(sum(fees))


@pytest.mark.parametrize("name", GOLDEN)
def test_statistics_and_orders_are_as_pinned(name: str, stocks: Installation) -> None:
    golden = GOLDEN[name]
    system = golden.run(stocks)
    found = {key: system.result.metrics[key] for key in golden.metrics}
    assert found == pytest.approx(golden.metrics, rel=1e-9)
    assert system.result.order_hash == golden.order_hash
    assert stocks.records()[0].order_hash == golden.order_hash


def test_the_page_of_strategies_tells_these_figures() -> None:
    page = (Path(__file__).parents[3] / "docs" / "strategies.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `(\w+)` \| ([\d,]+) \| (\S+) % \| (\S+) % \| (\S+) \|$", page, re.MULTILINE
    )
    pinned = {name: case.metrics for name, case in {**EARLIER, **GOLDEN}.items()}
    pinned["sma_cross"] = pinned["sma_cross_1m"]
    assert {name for name, *_ in rows} == set(SHIPPED)
    for name, *texts in rows:
        trades, gain, won, costs = (float(t.replace(",", "").replace("−", "-")) for t in texts)
        figures = pinned[name]
        assert trades == figures["trades"]
        assert gain == pytest.approx(figures["return_pct"], abs=0.00501)
        assert won == pytest.approx(figures["win_rate_pct"], abs=0.0501)
        assert costs == pytest.approx(figures["commission"] + figures["slippage"], abs=0.00501)
