"""A woken strategy does what it would do if it were called on every bar and checked itself."""

import math
from typing import Any

import numpy as np
import pytest

from app.core.data_structures import BarColumns
from app.core.exceptions import ConfigurationError
from app.core.strategy import (
    BarCursor,
    Float,
    Indicator,
    Slice,
    Strategy,
    above,
    below,
    crosses,
    crosses_above,
    crosses_below,
)
from app.research import run_backtest
from tests.engine_bars import bars, grid


def wavy(seed: int, count: int = 400) -> BarColumns:
    """A walk in whole cents with flat stretches, so that averages often touch and tie."""
    random = np.random.default_rng(seed)
    steps = random.integers(-2, 3, count) * (random.random(count) < 0.5)
    close = (10_000 + np.cumsum(steps)) / 100.0
    open_ = np.roll(close, 1)
    open_[0] = close[0]
    high, low = np.maximum(open_, close) + 0.01, np.minimum(open_, close) - 0.01
    rows = [tuple(row) for row in np.column_stack((open_, high, low, close)).tolist()]
    return bars(rows)


class _Base(Strategy):
    fast = Indicator("SMA", timeperiod=3)
    slow = Indicator("SMA", timeperiod=8)
    high_line = Indicator("MAX", "close", timeperiod=5)
    longer = Indicator("SMA", timeperiod=2, interval="5m")

    def act(self, bar: BarCursor) -> None:
        if self.position:
            self.close()
        else:
            self.buy(1, tag=f"{bar.close:.2f} {self.fast.value:.6f} {bar.row}")


class Side:
    """Which side of a difference a series is on, remembered over bars: arithmetic by hand."""

    def __init__(self) -> None:
        self.last = 0

    def change(self, difference: float, tolerance: float = 1e-6) -> tuple[int, int]:
        """Side before and side now; now is 0 where there is none (tie or NaN)."""
        now = 1 if difference > tolerance else -1 if difference < -tolerance else 0
        before = self.last
        self.last = now or self.last
        return before, now


def _crosses(s: Any, bar: Any) -> bool:
    before, now = s.side.change(s.fast.value - s.slow.value)
    return now != 0 and now != before


def _crosses_above(s: Any, bar: Any) -> bool:
    before, now = s.side.change(s.fast.value - s.slow.value)
    return (before, now) == (-1, 1)


def _crosses_below(s: Any, bar: Any) -> bool:
    before, now = s.side.change(s.fast.value - s.slow.value)
    return (before, now) == (1, -1)


def _crosses_level(s: Any, bar: Any) -> bool:
    before, now = s.side.change(bar.close - 100.0, tolerance=0.015)
    return now != 0 and now != before


B = _Base
CASES = [
    ("crosses", crosses(B.fast, B.slow), _crosses),
    ("crosses_above", crosses_above(B.fast, B.slow), _crosses_above),
    ("crosses_below", crosses_below(B.fast, B.slow), _crosses_below),
    ("crosses a number", crosses("close", 100.0, tolerance=0.015), _crosses_level),
    ("above", above(B.fast, B.slow), lambda s, b: s.fast.value > s.slow.value),
    ("below", below("close", B.slow), lambda s, b: b.close < s.slow.value),
    ("a field, a number", above("close", 100.05), lambda s, b: b.close > 100.05),
    ("a longer interval", above("low", B.longer), lambda s, b: b.low > s.longer.value),
    (
        "and",
        above(B.fast, B.slow) & above("close", B.fast),
        lambda s, b: s.fast.value > s.slow.value and b.close > s.fast.value,
    ),
    (
        "or",
        above("high", B.high_line) | below(B.fast, 99.9),
        lambda s, b: b.high > s.high_line.value or s.fast.value < 99.9,
    ),
    ("not", ~above(B.fast, B.slow), lambda s, b: not s.fast.value > s.slow.value),
    (
        "all together",
        crosses(B.fast, B.slow) & ~below("close", 99.95) | above("close", 100.3),
        lambda s, b: (_crosses(s, b) and not b.close < 99.95) or b.close > 100.3,
    ),
]


@pytest.mark.parametrize(("condition", "rule"), [pytest.param(*c[1:], id=c[0]) for c in CASES])
@pytest.mark.parametrize("seed", [1, 2])
def test_woken_and_called_on_every_bar_are_equal(condition: Any, rule: Any, seed: int) -> None:
    class Woken(_Base):
        wake = condition

        def on_bar(self, bar: BarCursor) -> None:
            self.act(bar)

    class EveryBar(_Base):
        def on_start(self) -> None:
            self.side = Side()

        def on_bar(self, bar: BarCursor) -> None:
            if rule(self, bar):
                self.act(bar)

    minutes = {"A": wavy(seed), "B": wavy(seed + 10)}
    woken, every = (
        run_backtest(strategy, minutes, sessions=grid(40), name="same").log
        for strategy in (Woken, EveryBar)
    )
    assert len(every.orders) > 4
    described = [
        [(o.id, o.symbol, o.quantity, o.submitted_ns, o.tag, o.fill_price) for o in log.orders]
        for log in (woken, every)
    ]
    assert described[0] == described[1]
    assert woken.final_cash == every.final_cash


@pytest.mark.parametrize("field", ["open", "high", "low", "close", "volume"])
def test_every_field_can_be_watched(field: str) -> None:
    seen = []

    class Woken(Strategy):
        wake = above(field, 50.0)

        def on_bar(self, bar: BarCursor) -> None:
            seen.append(bar.row)

    low, high = (20.0, 30.0, 10.0, 25.0, 1.0), (60.0, 70.0, 55.0, 65.0, 99.0)
    run_backtest(Woken, bars([low, high, low, high]), sessions=grid(1))
    assert seen == [1, 3]


def test_conditions_on_nan_do_not_hold_and_their_negation_does() -> None:
    calls: dict[str, list[int]] = {"above": [], "not": []}

    class Woken(Strategy):
        average = Indicator("SMA", timeperiod=3)
        wake = above("close", average)

        def on_bar(self, bar: BarCursor) -> None:
            assert not math.isnan(self.average.value)
            calls["above"].append(bar.row)

    class Negated(Woken):
        wake = ~above("close", Woken.average)

        def on_bar(self, bar: BarCursor) -> None:
            calls["not"].append(bar.row)

    minutes = wavy(1, 50)
    for strategy in (Woken, Negated):
        run_backtest(strategy, minutes, sessions=grid(5))
    assert calls["not"][:2] == [0, 1]
    assert sorted(calls["above"] + calls["not"]) == list(range(50))


def test_state_of_a_condition_belongs_to_one_symbol_of_one_run() -> None:
    """The same class again, and over other symbols, starts with a side of its own."""

    class Woken(_Base):
        wake = crosses(_Base.fast, _Base.slow)

        def on_bar(self, bar: BarCursor) -> None:
            self.act(bar)

    alone = [run_backtest(Woken, {"A": wavy(seed)}, sessions=grid(40)).log for seed in (1, 2)]
    again = run_backtest(Woken, {"A": wavy(1), "B": wavy(2)}, sessions=grid(40)).log
    for symbol, log in enumerate(alone):
        own = [o.submitted_ns for o in again.orders if o.symbol == symbol]
        assert own == [o.submitted_ns for o in log.orders]


class _Quiet(Strategy):
    def on_bar(self, bar: BarCursor) -> None:
        """Nothing."""


class _QuietSlices(Strategy):
    def on_slice(self, bars: Slice) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    ("base", "condition", "named"),
    [
        pytest.param(_QuietSlices, above("close", 1.0), "on_slice", id="on_slice"),
        pytest.param(_Quiet, above("clsoe", 1.0), "clsoe", id="unknown field"),
        pytest.param(
            _Quiet, above("close", Indicator("SMA", timeperiod=2)), "SMA", id="not declared"
        ),
        pytest.param(_Quiet, above("close", Float(3.0)), "wake", id="parameter"),
    ],
)
def test_a_condition_that_cannot_be_is_refused(
    base: type[Strategy], condition: Any, named: str
) -> None:
    strategy = type("Woken", (base,), {"wake": condition})
    with pytest.raises(ConfigurationError, match=named):
        run_backtest(strategy, wavy(1, 30), sessions=grid(3))
