"""The published workloads to the fill and the cent, beside the same done by hand in a loop.

W1: one symbol, 252 sessions, SMA 10/30 on minutes. W2: fifty symbols in one account, 20
sessions, SMA 10/30 on five minutes, filled on the minute. 100 shares, long only, half a cent a
share, 1,000,000 to begin with; an order decided on at a close fills at the symbol's next open.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from app.core.costs import PerShare
from app.core.run_log import RunLog
from app.core.strategy import BarCursor, BarInterval, Indicator, Strategy, crosses
from app.research import run_backtest
from app.services.analytics.result import RunResult

_GENERATOR = Path(__file__).resolve().parents[3] / "benchmarks" / "data.py"
CASH, SHARES, TIE = 1_000_000.0, 100, 1e-6

W1_HASH = "1612b103f2c46c5389312e5cdd2dee2f563f39133f2276469f86e7b12ff003ba"
W2_HASH = "7e58be04dcadf40fc8607f04f7dc43e454fa96b826ac08176a65d73fadc4305f"
"""Order hashes: they change when any order, fill or time of one does, and only then."""

Fill = tuple[int, str, int, float]
"""Time (UTC ns), symbol, signed quantity, price."""


class Cross(Strategy):
    """Long while the fast average is above the slow one."""

    fast = Indicator("SMA", timeperiod=10)
    slow = Indicator("SMA", timeperiod=30)

    def on_bar(self, bar: BarCursor) -> None:
        difference = self.fast.value - self.slow.value
        if difference > TIE and not self.position:
            self.buy(SHARES)
        elif difference < -TIE and self.position:
            self.sell(SHARES)


class WokenCross(Cross):
    """The same, called only where the averages change sides."""

    wake = crosses(Cross.fast, Cross.slow, tolerance=TIE)


class FiveMinuteCross(Cross):
    """The same on five-minute bars."""

    interval = BarInterval("5m")


class WokenFiveMinuteCross(FiveMinuteCross):
    """The same, called only where the averages change sides."""

    wake = crosses(Cross.fast, Cross.slow, tolerance=TIE)


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_bars", _GENERATOR)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def d1(generator: ModuleType) -> dict[str, np.ndarray]:
    return generator.make_d1()


@pytest.fixture(scope="module")
def d2(generator: ModuleType) -> dict[str, np.ndarray]:
    return generator.make_d2()


def by_hand(times: list, opens: list, closes: list, symbol: str, every: int) -> list[Fill]:
    """The fills, by a loop that knows sums and comparisons and nothing of the engine.

    Decides at the close of each `every`-th minute; cents are summed as whole numbers, so that
    no rounding can decide for us.
    """
    cents = [round(close * 100) for close in closes[every - 1 :: every]]
    fills: list[Fill] = []
    held = 0
    for bar in range(29, len(cents)):
        # Averages of 10 and 30 compare as three times the short sum to the long one.
        difference = 3 * sum(cents[bar - 9 : bar + 1]) - sum(cents[bar - 29 : bar + 1])
        following = (bar + 1) * every
        if following == len(opens):
            break
        if difference > 0 and not held:
            held = SHARES
            fills.append((times[following], symbol, SHARES, opens[following]))
        elif difference < 0 and held:
            held = 0
            fills.append((times[following], symbol, -SHARES, opens[following]))
    return fills


def cash_after(fills: list[Fill]) -> float:
    return round(CASH - sum(q * price for _, _, q, price in fills) - 0.50 * len(fills), 2)


def fills_of(log: RunLog) -> list[Fill]:
    fills = log.fills
    names = [log.symbols[symbol] for symbol in fills.symbol.tolist()]
    columns = (fills.time_ns.tolist(), names, fills.quantity.tolist(), fills.price.tolist())
    return list(zip(*columns, strict=True))


def backtest(strategy: type[Strategy], bars: dict[str, np.ndarray]) -> RunResult:
    return run_backtest(strategy, bars, cash=CASH, commission=PerShare(0.005), name="Cross")


def assert_nothing_was_refused(log: RunLog) -> None:
    """Every order filled, but for those of the very last bar that no bar follows."""
    ends = {order.status.value for order in log.orders[: len(log.fills)]}
    assert ends == {"filled"}
    assert len(log.orders) - len(log.fills) <= len(log.symbols)


@pytest.fixture(scope="module")
def w1_by_hand(d1: dict[str, np.ndarray]) -> list[Fill]:
    return by_hand(d1["ts"].tolist(), d1["open"].tolist(), d1["close"].tolist(), "AAA", 1)


@pytest.fixture(scope="module")
def w2_by_hand(d2: dict[str, np.ndarray]) -> list[Fill]:
    """Of all symbols, in the order in which one account makes them: by time, then symbol."""
    per_symbol = 20 * 390
    fills: list[Fill] = []
    for first in range(0, len(d2["ts"]), per_symbol):
        rows = slice(first, first + per_symbol)
        times, opens, closes = (d2[name][rows].tolist() for name in ("ts", "open", "close"))
        fills += by_hand(times, opens, closes, str(d2["symbol"][first]), 5)
    return sorted(fills, key=lambda fill: fill[:2])


def test_by_hand_gives_the_published_answers(
    w1_by_hand: list[Fill], w2_by_hand: list[Fill]
) -> None:
    assert (len(w1_by_hand), cash_after(w1_by_hand)) == (3_840, 997_461.00)
    assert (len(w2_by_hand), cash_after(w2_by_hand)) == (3_023, 573_039.50)


@pytest.mark.parametrize("strategy", [Cross, WokenCross])
def test_w1(strategy: type[Strategy], d1: dict[str, np.ndarray], w1_by_hand: list[Fill]) -> None:
    result = backtest(strategy, d1)
    log = result.log
    assert fills_of(log) == w1_by_hand
    assert len(log.fills) == 3_840
    assert round(log.final_cash, 2) == 997_461.00
    assert log.fills.quantity.sum() == 0
    assert_nothing_was_refused(log)
    assert result.order_hash == W1_HASH


@pytest.mark.parametrize("strategy", [FiveMinuteCross, WokenFiveMinuteCross])
def test_w2(strategy: type[Strategy], d2: dict[str, np.ndarray], w2_by_hand: list[Fill]) -> None:
    result = backtest(strategy, d2)
    log = result.log
    assert fills_of(log) == w2_by_hand
    assert len(log.fills) == 3_023
    assert round(log.final_cash, 2) == 573_039.50
    assert_nothing_was_refused(log)
    assert result.order_hash == W2_HASH


def test_the_hash_is_the_same_in_another_process(tmp_path: Path) -> None:
    """With other hashes of strings, so that no order of a set or a dictionary can matter."""
    script = tmp_path / "again.py"
    script.write_text(
        "import sys\n"
        "from importlib.util import module_from_spec, spec_from_file_location\n"
        "modules = []\n"
        "for name, path in zip(('workloads', 'bars'), sys.argv[1:]):\n"
        "    spec = spec_from_file_location(name, path)\n"
        "    modules.append(module_from_spec(spec))\n"
        "    sys.modules[name] = modules[-1]\n"
        "    spec.loader.exec_module(modules[-1])\n"
        "workloads, bars = modules\n"
        "print(workloads.backtest(workloads.Cross, bars.make_d1()).order_hash)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script), __file__, str(_GENERATOR)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "20241107"},
    )
    assert done.stdout.strip() == W1_HASH


def test_equity_of_w1_ends_with_the_cash_and_trades_add_up(d1: dict[str, np.ndarray]) -> None:
    result = backtest(Cross, d1)
    assert round(result.equity_curve.final_equity, 2) == 997_461.00
    assert len(result.trade_columns) == 1_920
    # 1,000,000 − 997,461 lost; 3,840 fills at half a dollar each are 1,920 of it.
    assert round(float(result.trade_columns.net.sum()), 2) == -2_539.00
    assert round(float(result.trade_columns.commission.sum()), 2) == 1_920.00


def test_the_hash_changes_with_the_fills(d1: dict[str, np.ndarray]) -> None:
    """One price of one bar that traded, a cent off, and the hash is another."""
    changed = {name: column.copy() for name, column in d1.items()}
    row = int(np.searchsorted(changed["ts"], backtest(Cross, d1).log.fills.time_ns[0]))
    changed["open"][row] += 0.01
    changed["high"][row] += 0.01
    result = backtest(Cross, changed)
    assert len(result.log.fills) == 3_840
    assert result.order_hash != W1_HASH
