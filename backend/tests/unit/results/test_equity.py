"""The equity curve against sums done by hand."""

import numpy as np
import pytest

from app.services.analytics.equity import account_curve, buy_and_hold, symbol_curves, time_grid


def test_fill_at_the_open_and_fill_within_show_from_the_end_of_their_bar(runs):
    fills = [
        runs.Fill(0, 1, 10, 10.0, commission=1.0),
        runs.Fill(0, 2, -10, 12.0, commission=1.0, within=True),
    ]
    curve = account_curve(runs.one_symbol([10, 11, 12, 13], fills))
    # bar 1: paid 100 + 1, holds 10 at 11; bar 2: got 120 - 1, holds nothing
    assert curve.cash.tolist() == [1000, 899, 1018, 1018]
    assert curve.position_value.tolist() == [0, 110, 0, 0]
    assert curve.equity.tolist() == [1000, 1009, 1018, 1018]
    assert curve.gross_exposure.tolist() == [0, 110, 0, 0]


def test_drawdown_is_measured_from_the_highest_equity_so_far_starting_cash_included(runs):
    curve = account_curve(runs.one_symbol([10, 9, 12, 6], [runs.Fill(0, 0, 100, 10.0)]))
    assert curve.equity.tolist() == [1000, 900, 1200, 600]
    assert curve.drawdown_pct.tolist() == pytest.approx([0, -10, 0, -50])


def test_a_short_position_is_worth_less_than_nothing(runs):
    curve = account_curve(runs.one_symbol([10, 8], [runs.Fill(0, 0, -10, 10.0)]))
    assert curve.cash.tolist() == [1100, 1100]
    assert curve.position_value.tolist() == [-100, -80]
    assert curve.gross_exposure.tolist() == [100, 80]


def test_a_symbol_without_a_bar_keeps_its_last_close(runs):
    full = runs.bars([10, 11, 12], per_session=3)
    holed = runs.bars([20, 21, 22], per_session=3).take(np.array([0, 2]))
    fills = [runs.Fill(1, 0, 5, 20.0), runs.Fill(0, 0, 1, 10.0)]
    log = runs.log({"FULL": full, "HOLED": holed}, fills, sessions=runs.sessions(1, 3))
    curve = account_curve(log)
    assert len(curve) == 3
    # 5 × 20, 5 × 20 carried over the hole, 5 × 22; and 1 × 10, 11, 12
    assert curve.position_value.tolist() == [110, 111, 122]
    parts = list(symbol_curves(log, curve.time_ns))
    assert sum(part.equity - 1000 for part in parts).tolist() == (curve.equity - 1000).tolist()


def test_the_grid_is_every_bar_end_once(runs):
    early, late = runs.bars([1, 1, 1], per_session=3), runs.bars([1, 1, 1, 1], per_session=4)
    grid = time_grid([early.take(np.array([0, 2])), late.take(np.array([1, 2, 3]))])
    assert np.diff(grid).tolist() == [60_000_000_000] * 3
    assert time_grid([]).tolist() == []


def test_equity_at_a_time_is_that_of_the_last_bar_ended(runs):
    log = runs.one_symbol([10, 11], [runs.Fill(0, 0, 1, 10.0)])
    curve = account_curve(log)
    first, second = curve.time_ns.tolist()
    times = np.array([first - 1, first, second - 1, second, second + 10**12])
    assert curve.at(times).tolist() == [1000, 1000, 1000, 1001, 1001]


def test_buy_and_hold_spreads_the_cash_evenly_and_buys_at_the_first_open(runs):
    log = runs.log(
        {
            "UP": runs.bars([12, 15], per_session=2, opens=[10, 12]),
            "FLAT": runs.bars([20, 20], per_session=2),
        },
        sessions=runs.sessions(1, 2),
    )
    curve = buy_and_hold(log, time_grid(list(log.bars.values())))
    # 500 / 10 = 50 of UP, 500 / 20 = 25 of FLAT
    assert curve.equity.tolist() == pytest.approx([50 * 12 + 500, 50 * 15 + 500])


def test_a_run_without_bars_stays_at_its_cash(runs):
    curve = account_curve(runs.one_symbol([], per_session=1))
    assert len(curve) == 0
    assert curve.final_equity == 1000
    assert curve.at(np.array([5])).tolist() == [1000]
