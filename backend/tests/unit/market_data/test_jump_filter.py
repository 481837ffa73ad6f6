"""Bars far from all that was just paid are found by the past alone, however they are cut."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.core.data_structures import BarColumns
from app.research import run_backtest
from app.services.market_data.anomalies import JumpFilter
from app.strategies import BarCursor, Strategy


def bars_of(closes: list[float]) -> BarColumns:
    close = np.array(closes, float)
    starts = np.arange(len(close), dtype=np.int64) * 60_000_000_000
    return BarColumns.of_minutes(starts, close, close * 1.001, close * 0.999, close, close)


def test_a_tenfold_spike_is_suspect_and_its_neighbours_are_not() -> None:
    assert JumpFilter().step(bars_of([10, 10, 10, 100, 10, 10])).tolist() == [3]
    assert JumpFilter().step(bars_of([10, 10, 10, 1, 10, 10])).tolist() == [3]


def test_a_gap_of_half_the_price_is_not_suspect() -> None:
    assert JumpFilter().step(bars_of([10, 10, 10, 5, 5, 20])).tolist() == []


def test_after_a_split_the_new_price_is_usual_within_three_bars() -> None:
    assert JumpFilter().step(bars_of([100] * 6 + [10] * 6)).tolist() == [6, 7, 8]


class _BuysAtOnce(Strategy):
    def on_bar(self, bar: BarCursor) -> None:
        if bar.row == 2:
            self.buy(1)


def test_no_order_trades_in_a_suspect_bar() -> None:
    result = run_backtest(_BuysAtOnce, {"A": bars_of([10, 10, 10, 100, 11, 11])})
    assert result.log.fills.price.tolist() == [11.0]  # the bar after the spike


@given(
    st.lists(st.sampled_from([10.0, 11.0, 100.0, 1.0]), min_size=1, max_size=30),
    st.sets(st.integers(0, 29)),
)
def test_cuts_change_nothing(closes: list[float], cuts: set[int]) -> None:
    whole = bars_of(closes)
    edges = sorted({0, len(closes), *(cut for cut in cuts if cut < len(closes))})
    jumps, found = JumpFilter(), []
    for first, last in pairwise(edges):
        found += [first + row for row in jumps.step(whole.slice(first, last)).tolist()]
    assert found == JumpFilter().step(whole).tolist()
