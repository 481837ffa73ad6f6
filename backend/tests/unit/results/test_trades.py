"""Round trips against FIFO matching done by hand, and identities on random runs."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.analytics.equity import account_curve
from app.services.analytics.trades import excursions_pct, round_trips


def rows_of(trades):
    names = ("quantity", "direction", "entry_price", "exit_price", "gross", "commission", "net")
    return [tuple(getattr(trades, name)[row] for name in names) for row in range(len(trades))]


def test_one_round_trip(runs):
    fills = [
        runs.Fill(0, 1, 10, 11.0, commission=1.0, slippage=0.5),
        runs.Fill(0, 3, -10, 13.0, commission=2.0, slippage=0.25),
    ]
    trades = round_trips(runs.one_symbol([10, 11, 12, 13], fills))
    assert rows_of(trades) == [(10, 1, 11, 13, 20, 3, 17)]
    assert trades.slippage.tolist() == [0.75]
    assert trades.bars_held.tolist() == [2]
    assert trades.return_pct.tolist() == pytest.approx([17 / 110 * 100])
    assert not trades.is_open.any()


def test_partial_closes_split_costs_pro_rata_first_in_first_out(runs):
    fills = [
        runs.Fill(0, 0, 10, 10.0, commission=1.0),
        runs.Fill(0, 1, 30, 20.0, commission=3.0),
        runs.Fill(0, 2, -20, 30.0, commission=4.0),
        runs.Fill(0, 3, -20, 40.0, commission=2.0),
    ]
    trades = round_trips(runs.one_symbol([10, 20, 30, 40], fills))
    # first 10 @ 10 -> 30; then 10 of the 30 @ 20 -> 30; then the other 20 @ 20 -> 40
    assert rows_of(trades) == [
        (10, 1, 10, 30, 200, 1 + 4 / 2, 197),
        (10, 1, 20, 30, 100, 1 + 4 / 2, 97),
        (20, 1, 20, 40, 400, 2 + 2, 396),
    ]


def test_a_fill_that_reverses_the_position_ends_one_trade_and_begins_another(runs):
    fills = [
        runs.Fill(0, 0, 10, 10.0),
        runs.Fill(0, 1, -30, 12.0, commission=3.0),
        runs.Fill(0, 2, 20, 11.0),
    ]
    trades = round_trips(runs.one_symbol([10, 12, 11], fills))
    assert rows_of(trades) == [(10, 1, 10, 12, 20, 1, 19), (20, -1, 12, 11, 20, 2, 18)]


def test_what_is_still_held_is_an_open_trade_marked_at_the_last_close(runs):
    fills = [runs.Fill(0, 0, -10, 10.0, commission=1.0), runs.Fill(0, 1, 4, 9.0)]
    trades = round_trips(runs.one_symbol([10, 9, 8], fills))
    assert rows_of(trades) == [(4, -1, 10, 9, 4, 0.4, 3.6), (6, -1, 10, 8, 12, 0.6, 11.4)]
    assert trades.is_open.tolist() == [False, True]


def test_strategies_and_symbols_are_matched_apart(runs):
    bars = {"A": runs.bars([10, 11], per_session=2), "B": runs.bars([5, 6], per_session=2)}
    fills = [
        runs.Fill(0, 0, 10, 10.0, strategy=0),
        runs.Fill(0, 0, -10, 10.0, strategy=1),
        runs.Fill(1, 0, 1, 5.0, strategy=1),
        runs.Fill(0, 1, -10, 11.0, strategy=0),
    ]
    trades = round_trips(runs.log(bars, fills, sessions=runs.sessions(1, 2)))
    found = set(
        zip(
            trades.strategy.tolist(),
            trades.symbol.tolist(),
            trades.net.tolist(),
            trades.is_open.tolist(),
            strict=True,
        )
    )
    assert found == {(0, 0, 10.0, False), (1, 0, -10.0, True), (1, 1, 1.0, True)}


def test_fractions_that_do_not_add_up_in_binary_still_end_flat(runs):
    fills = [
        runs.Fill(0, 0, 0.1, 10.0),
        runs.Fill(0, 1, 0.2, 10.0),
        runs.Fill(0, 2, -0.3, 11.0),  # 0.1 + 0.2 - 0.3 is 5.6e-17 in binary
    ]
    trades = round_trips(runs.one_symbol([10, 10, 11], fills))
    assert trades.quantity.tolist() == pytest.approx([0.1, 0.2])
    assert not trades.is_open.any()


def test_one_share_is_not_rounding_beside_a_billion(runs):
    fills = [runs.Fill(0, 0, 1_000_000_001, 1.0), runs.Fill(0, 1, -1_000_000_000, 1.0)]
    trades = round_trips(runs.one_symbol([1, 1], fills))
    assert trades.quantity.tolist() == [1_000_000_000, 1]
    assert trades.is_open.tolist() == [False, True]


def test_no_fill_no_trade(runs):
    assert len(round_trips(runs.one_symbol([10, 11]))) == 0


def test_excursions_count_only_bars_held_in_full(runs):
    closes, opens = [10, 20, 5, 30, 1], [10, 10, 20, 5, 30]
    fills = [runs.Fill(0, 1, 1, 10.0), runs.Fill(0, 3, -1, 5.0)]
    log = runs.one_symbol(closes, fills, opens=opens)
    # held over bars 1 (10..20) and 2 (5..20); bar 3, up to 30, came after the exit at its open
    adverse, favourable = excursions_pct(log, round_trips(log))
    assert adverse.tolist() == pytest.approx([-50])
    assert favourable.tolist() == pytest.approx([100])


def test_excursions_of_a_short_trade_entered_within_a_bar_and_still_open(runs):
    closes, opens = [10, 20, 8, 16], [10, 10, 20, 8]
    log = runs.one_symbol(closes, [runs.Fill(0, 1, -1, 16.0, within=True)], opens=opens)
    # held over bars 2 (8..20) and 3 (8..16), marked at 16
    adverse, favourable = excursions_pct(log, round_trips(log))
    assert adverse.tolist() == pytest.approx([-25])
    assert favourable.tolist() == pytest.approx([50])


def test_excursions_of_a_trade_within_one_bar_are_its_exit_price(runs):
    fills = [runs.Fill(0, 0, 1, 10.0), runs.Fill(0, 0, -1, 9.0, within=True)]
    log = runs.one_symbol([20], fills, opens=[5])
    adverse, favourable = excursions_pct(log, round_trips(log))
    assert adverse.tolist() == pytest.approx([-10])
    assert favourable.tolist() == [0]


BARS = 12
fill_plans = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(0, 1),
        st.integers(0, BARS - 1),
        st.sampled_from([-30, -20, -10, -1, 1, 10, 20, 30]),
        st.integers(50, 150),
        st.integers(0, 5),
        st.booleans(),
    ),
    max_size=30,
)


def random_run(runs, plan, unit):
    closes = [100 + (7 * row) % 11 for row in range(BARS)]
    bars = {"A": runs.bars(closes, per_session=4), "B": runs.bars(closes[::-1], per_session=4)}
    plan = sorted(plan, key=lambda item: (item[2], item[6]))
    fills = [
        runs.Fill(symbol, row, size * unit, float(price), float(fee), 0.0, within, strategy)
        for strategy, symbol, row, size, price, fee, within in plan
    ]
    return runs.log(bars, fills, sessions=runs.sessions(3, 4), cash=100_000.0)


@given(plan=fill_plans, unit=st.sampled_from([1.0, 0.1, 1 / 3]))
def test_net_of_all_trades_is_what_the_account_gained(runs, plan, unit):
    log = random_run(runs, plan, unit)
    gained = account_curve(log).final_equity - log.starting_cash
    assert round_trips(log).net.sum() == pytest.approx(gained, abs=1e-6)


def lots_by_hand(log):
    """FIFO the textbook way: a queue of lots per strategy and symbol."""
    queues, done = {}, []
    fills = log.fills
    for row in range(len(fills)):
        lots = queues.setdefault((int(fills.strategy[row]), int(fills.symbol[row])), deque())
        left = float(fills.quantity[row])
        while lots and lots[0][0] * left < 0:
            size = min(abs(left), abs(lots[0][0]))
            done.append((lots[0][1], row, size))
            sign = 1 if left > 0 else -1
            left, lots[0][0] = left - sign * size, lots[0][0] + sign * size
            if lots[0][0] == 0:
                lots.popleft()
        if left:
            lots.append([left, row])
    still = [(lot[1], -1, abs(lot[0])) for lots in queues.values() for lot in lots]
    return done, still


@given(plan=fill_plans)
def test_lots_are_those_of_a_queue(runs, plan):
    log = random_run(runs, plan, 1.0)
    done, still = lots_by_hand(log)
    trades = round_trips(log)
    prices = log.fills.price
    expected = sorted(
        (int(log.fills.strategy[a]), int(log.fills.symbol[a]), prices[a], prices[b], size)
        for a, b, size in done
    )
    closed = trades.take(~trades.is_open)
    found = sorted(
        zip(
            closed.strategy.tolist(),
            closed.symbol.tolist(),
            closed.entry_price.tolist(),
            closed.exit_price.tolist(),
            closed.quantity.tolist(),
            strict=True,
        )
    )
    assert found == expected
    assert sorted(trades.quantity[trades.is_open].tolist()) == sorted(size for *_, size in still)


@given(plan=fill_plans)
def test_equity_is_cash_plus_positions_counted_bar_by_bar(runs, plan):
    log = random_run(runs, plan, 1.0)
    curve = account_curve(log)
    for row, time_ns in enumerate(curve.time_ns.tolist()):
        past = log.fills.take(log.fills.bar_end_ns <= time_ns)
        equity = log.starting_cash - float((past.quantity * past.price + past.commission).sum())
        for index, name in enumerate(log.symbols):
            units = float(past.quantity[past.symbol == index].sum())
            equity += units * float(log.bars[name].close[row])
        assert curve.equity[row] == pytest.approx(equity, abs=1e-6)
    assert np.all(np.diff(curve.time_ns) > 0)
