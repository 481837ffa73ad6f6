"""Cross-sectional strategies: aligned vectors of all symbols, once per instant."""

import math

import numpy as np
import pytest

from app.core.strategy import Bars, Indicator, Slice, Strategy
from app.research import run_backtest
from tests.engine_bars import bars, closes, end_of, fills, grid

FIELDS = ("open", "high", "low", "close", "volume")


def test_one_call_per_instant_with_missing_symbols_as_nan() -> None:
    seen = []

    class Sees(Strategy):
        def on_slice(self, bars: Slice) -> None:
            seen.append((self.now_ns, bars.close.tolist(), bars.present.tolist()))

    minutes = {
        "A": closes([10.0, None, 12.0, None]),
        "B": closes([20.0, 21.0, None, None]),
        "C": closes([30.0, 31.0, 32.0, None]),
    }
    run_backtest(Sees, minutes, sessions=grid(1))
    expected = [
        (end_of(0), [10.0, 20.0, 30.0], [True, True, True]),
        (end_of(1), [math.nan, 21.0, 31.0], [False, True, True]),
        (end_of(2), [12.0, math.nan, 32.0], [True, False, True]),
    ]
    assert [row[0] for row in seen] == [row[0] for row in expected]
    assert [row[2] for row in seen] == [row[2] for row in expected]
    np.testing.assert_array_equal([row[1] for row in seen], [row[1] for row in expected])


def test_every_field_in_the_order_of_the_symbols() -> None:
    seen = []

    class Sees(Strategy):
        def on_slice(self, bars: Slice) -> None:
            assert bars.symbols == self.symbols == ("B", "A")
            seen.append({name: getattr(bars, name).tolist() for name in FIELDS})
            seen.append((bars.close_of("A"), bars.close_of("B"), f"{bars.time:%H:%M}"))

    minutes = {
        "A": bars([(1.0, 4.0, 0.5, 2.0, 10.0)]),
        "B": bars([(5.0, 8.0, 4.5, 6.0, 50.0)]),
    }
    run_backtest(Sees, minutes, symbols=["B", "A"], sessions=grid(1))
    assert seen == [
        {
            "open": [5.0, 1.0],
            "high": [8.0, 4.0],
            "low": [4.5, 0.5],
            "close": [6.0, 2.0],
            "volume": [50.0, 10.0],
        },
        (2.0, 6.0, "09:31"),
    ]


def test_indicators_have_one_value_a_symbol_as_of_now() -> None:
    seen = []

    class Ranks(Strategy):
        average = Indicator("SMA", timeperiod=2)

        def on_slice(self, bars: Slice) -> None:
            seen.append((self.average.values.tolist(), self.average["B"]))

    minutes = {"A": closes([10.0, 20.0, 40.0, 50.0]), "B": closes([1.0, None, 3.0, None])}
    run_backtest(Ranks, minutes, sessions=grid(1))
    nan = math.nan
    np.testing.assert_array_equal(
        [row for row, _ in seen], [[nan, nan], [15.0, nan], [30.0, 2.0], [45.0, 2.0]]
    )
    np.testing.assert_array_equal([b for _, b in seen], [nan, nan, 2.0, 2.0])


def test_slices_of_a_longer_interval() -> None:
    seen = []

    class Sees(Strategy):
        def on_slice(self, bars: Slice) -> None:
            seen.append((f"{self.now:%H:%M}", bars.close.tolist(), bars.volume.tolist()))

    minutes = {"A": closes([1.0, 2.0, 3.0, 4.0]), "B": closes([5.0, 6.0, 7.0, 8.0])}
    run_backtest(Sees, minutes, sessions=grid(1), parameters={"interval": "2m"})
    assert seen == [
        ("09:32", [2.0, 6.0], [2_000.0, 2_000.0]),
        ("09:34", [4.0, 8.0], [2_000.0, 2_000.0]),
    ]


def test_trading_the_strongest_symbol() -> None:
    """Holds one unit of the highest close: by hand B, then A, with a switch in one minute."""

    class Strongest(Strategy):
        def on_slice(self, bars: Slice) -> None:
            best = self.symbols[int(np.nanargmax(bars.close))]
            for symbol in self.symbols:
                held = self.positions[symbol].quantity
                if symbol != best and held:
                    self.close(symbol=symbol)
                elif symbol == best and not held:
                    self.buy(1, symbol=symbol)

    minutes = {"A": closes([10.0, 10.0, 30.0, 30.0]), "B": closes([20.0, 20.0, 20.0, 20.0])}
    result = run_backtest(Strongest, minutes, sessions=grid(1))
    assert [fill[1:] for fill in fills(result)] == [(1.0, 20.0), (1.0, 30.0), (-1.0, 20.0)]


def test_a_slices_vectors_stay_as_they_were_and_cannot_be_written_to() -> None:
    kept = []

    class Keeps(Strategy):
        def on_slice(self, bars: Slice) -> None:
            with pytest.raises(ValueError, match="read-only"):
                bars.close[0] = 1.0
            kept.append(bars.close)

    run_backtest(Keeps, {"A": closes([1.0, 2.0]), "B": closes([3.0, 4.0])}, sessions=grid(1))
    assert [row.tolist() for row in kept] == [[1.0, 3.0], [2.0, 4.0]]


def test_on_order_and_further_bars_of_a_cross_sectional_strategy() -> None:
    told = []

    class Buys(Strategy):
        market = Bars("1m", symbol="A")

        def on_slice(self, bars: Slice) -> None:
            if len(self.market) == 1:
                self.buy(1, symbol="B")

        def on_order(self, order: object) -> None:
            told.append((order.symbol, order.status.value, len(self.market)))

    run_backtest(Buys, {"A": closes([1.0] * 3), "B": closes([2.0] * 3)}, sessions=grid(1))
    assert told == [(1, "filled", 2)]
