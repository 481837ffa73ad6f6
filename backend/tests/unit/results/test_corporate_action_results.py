"""Equity, trades and the benchmark over splits and dividends, against sums done by hand.

The numbers are those of Apple's split of four for one on 2020-08-31: closes of 499.23 before
and 129.04 after, opened at 127.58.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.run_log import CashFlow, Dividend, Split
from app.core.types import DAY_NS
from app.services.analytics.equity import account_curve, buy_and_hold, symbol_position
from app.services.analytics.result import RunResult
from app.services.analytics.trades import excursions_pct, round_trips

CLOSES = (500.0, 499.23, 129.04, 130.0)
OPENS = (498.0, 500.0, 127.58, 129.0)


def apple(runs, fills, *, cash=100_000.0):
    """Two sessions of two bars; four for one before the second, at its open."""
    log = runs.one_symbol(CLOSES, fills, per_session=2, opens=OPENS, cash=cash)
    return replace(log, splits=[Split(int(log.sessions.open_ns[1]), 0, 4.0)])


def test_equity_is_continuous_over_a_split(runs):
    log = apple(runs, [runs.Fill(0, 0, 100, 498.0)])
    curve = account_curve(log)
    # cash 100,000 - 49,800; 100 at 500 and 499.23, then 400 at 129.04 and 130
    assert curve.cash.tolist() == [50_200.0] * 4
    assert curve.position_value.tolist() == pytest.approx([50_000, 49_923, 51_616, 52_000])
    assert symbol_position(log, 0, curve.time_ns).tolist() == [100, 100, 400, 400]


def test_a_symbol_without_a_bar_yet_after_its_split_is_worth_what_it_was(runs):
    log = apple(runs, [runs.Fill(0, 0, 100, 498.0)])
    bars = log.bars["ABC"]
    late = bars.take(np.array([0, 1, 3]))  # no trade in the first minute after the split
    grid = bars.end_ns
    value = account_curve(replace(log, bars={"ABC": late}), grid).position_value
    assert value.tolist() == pytest.approx([50_000, 49_923, 49_923, 52_000])


def test_lots_are_scaled_first_in_first_out(runs):
    # 100 at 498 are 400 at 124.5; 150 sold at 129 leave 250, marked at 130
    log = apple(runs, [runs.Fill(0, 0, 100, 498.0), runs.Fill(0, 3, -150, 129.0)])
    trades = round_trips(log)
    assert trades.quantity.tolist() == [150, 250]
    assert trades.entry_price.tolist() == [124.5, 124.5]
    assert trades.exit_price.tolist() == [129, 130]
    assert trades.net.tolist() == pytest.approx([150 * 4.5, 250 * 5.5])
    assert trades.net.sum() == pytest.approx(account_curve(log).final_equity - 100_000)
    assert trades.bars_held.tolist()[0] == 3
    # in prices after the split the bars held saw 124.5 to 130, the exit 129 and 130
    worst, best = excursions_pct(log, trades)
    assert worst.tolist() == pytest.approx([0, 0])
    assert best.tolist() == pytest.approx([(129.04 / 124.5 - 1) * 100, (130 / 124.5 - 1) * 100])


def test_a_trade_closed_before_the_split_keeps_its_own_units(runs):
    log = apple(runs, [runs.Fill(0, 0, 100, 498.0), runs.Fill(0, 1, -100, 500.0)])
    trades = round_trips(log)
    assert (trades.quantity.tolist(), trades.net.tolist()) == ([100], [200])
    assert (trades.entry_price.tolist(), trades.exit_price.tolist()) == ([498], [500])


def test_an_open_trade_whose_last_bar_came_before_the_split_is_marked_in_its_units(runs):
    log = apple(runs, [runs.Fill(0, 0, 10, 498.0)])
    short = replace(log, bars={"ABC": log.bars["ABC"].slice(0, 2)})
    (quantity,), (price,) = round_trips(short).quantity, round_trips(short).exit_price
    assert (quantity, price) == (10, 499.23)


def test_a_reverse_split_pays_its_fraction_as_a_fill(runs):
    # 1,005 units at 1.00, one for ten: 100.5; the half is paid at 10 × 1.00 = 10
    log = runs.one_symbol(
        [1.0, 1.0, 10.5, 11.0],
        [runs.Fill(0, 0, 1_005, 1.0), runs.Fill(0, 2, -0.5, 10.0)],
        per_session=2,
        cash=2_000.0,
    )
    log = replace(log, splits=[Split(int(log.sessions.open_ns[1]), 0, 0.1)])
    curve = account_curve(log)
    assert symbol_position(log, 0, curve.time_ns).tolist() == pytest.approx([1005, 1005, 100, 100])
    assert curve.equity.tolist() == pytest.approx([2_000, 2_000, 2_050, 2_100])
    trades = round_trips(log)
    assert trades.quantity.tolist() == pytest.approx([0.5, 100])
    assert trades.net.tolist() == pytest.approx([0, 100])


def test_dividends_are_cash_and_not_part_of_a_trade(runs):
    log = runs.one_symbol([100, 98, 97, 99], [runs.Fill(0, 0, 10, 100.0)], per_session=2)
    open_ns = int(log.sessions.open_ns[1])
    flows = [CashFlow(open_ns, "dividend", 20.0, 0, 0), CashFlow(open_ns, "interest", -1.5, -1, -1)]
    log = replace(log, cash_flows=flows, dividends=[Dividend(open_ns, 0, 2.0)])
    result = RunResult(log)
    assert result.equity_curve.cash.tolist() == [0, 0, 18.5, 18.5]
    assert result.metrics["dividends"] == 20
    assert result.metrics["interest"] == -1.5
    assert (result.metrics["borrow"], result.metrics["fees"]) == (0, 0)
    # 10 × (99 - 100) on the trade, 18.5 in flows
    assert result.metrics["net_profit"] == pytest.approx(-10 + 18.5)
    assert result.trade_columns.net.sum() == pytest.approx(-10)
    # bought and held: 99 / 100 and a dividend of 2 on each 100
    assert result.metrics["benchmark_return_pct"] == pytest.approx(1.0)
    assert result.benchmark_curve.equity.tolist() == pytest.approx([1000, 980, 990, 1010])


def test_interest_after_the_last_bar_is_in_the_final_equity(runs):
    log = runs.one_symbol([100, 98], [])
    late = int(log.bars["ABC"].end_ns[-1]) + DAY_NS
    log = replace(log, cash_flows=[CashFlow(late, "interest", -3.0, -1, -1)])
    assert account_curve(log).equity.tolist() == [1000, 997]


def test_the_benchmark_holds_through_splits_and_dividends_per_unit_of_the_time(runs):
    log = apple(runs, [])
    open_ns = int(log.sessions.open_ns[1])
    log = replace(log, dividends=[Dividend(open_ns, 0, 0.25)])
    # one unit at 498 is four at 130 and four dividends of 0.25
    expected = (4 * 130 + 4 * 0.25) / 498
    assert buy_and_hold(log, log.bars["ABC"].end_ns).final_equity == pytest.approx(
        100_000 * expected
    )
    assert RunResult(log).metrics["benchmark_return_pct"] == pytest.approx((expected - 1) * 100)


@settings(max_examples=60)
@given(
    quantities=st.lists(st.integers(-40, 40).filter(bool), min_size=1, max_size=12),
    ratios=st.lists(st.sampled_from([0.1, 0.5, 2.0, 3.0, 4.0, 20.0]), min_size=1, max_size=3),
    amounts=st.lists(st.floats(-50, 50), max_size=4),
    seed=st.integers(0, 2**32 - 1),
)
def test_trades_and_cash_flows_add_up_to_what_equity_gained(
    runs, quantities, ratios, amounts, seed
):
    rng = np.random.default_rng(seed)
    closes = rng.uniform(20, 200, 16)
    rows = np.sort(rng.integers(0, 16, 12)).tolist()
    fills = [
        runs.Fill(0, row, float(quantity), float(closes[row]) * 1.01, commission=0.35)
        for row, quantity in zip(rows, quantities, strict=False)
    ]
    log = runs.one_symbol(closes, fills, per_session=4, cash=50_000.0)
    opens = log.sessions.open_ns
    log = replace(
        log,
        splits=[Split(int(opens[k + 1]), 0, ratio) for k, ratio in enumerate(ratios)],
        cash_flows=[CashFlow(int(opens[k % 4]), "borrow", a, 0, 0) for k, a in enumerate(amounts)],
    )
    log = replace(log, cash_flows=sorted(log.cash_flows))
    result = RunResult(log)
    gained = result.trade_columns.net.sum() + sum(amounts)
    assert result.metrics["net_profit"] == pytest.approx(gained, abs=1e-6)
    # by hand: the position after the last fill and split, at the last close
    held = 0.0
    for fill_row, quantity in zip(rows, quantities, strict=False):
        later = [r for k, r in enumerate(ratios) if (k + 1) * 4 > fill_row]
        held += quantity * float(np.prod(later))
    assert symbol_position(log, 0, result.equity_curve.time_ns)[-1] == pytest.approx(held)
    cash = 50_000 - sum(f.quantity * f.price + f.commission for f in fills) + sum(amounts)
    assert result.metrics["final_equity"] == pytest.approx(cash + held * closes[-1])
