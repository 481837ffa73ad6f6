"""Figures against empyrical-reloaded where it has them, against arithmetic elsewhere."""

import math
import statistics
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.sessions import SessionGrid
from app.core.types import DAY_NS, MINUTE_NS
from app.services.analytics.definitions import METRICS
from app.services.analytics.equity import account_curve
from app.services.analytics.statistics import (
    account_figures,
    periods_per_year,
    session_returns,
    symbol_figures,
)
from app.services.analytics.trades import round_trips

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import empyrical
    import pandas as pd


def figures_of(log):
    return account_figures(log, account_curve(log), round_trips(log))


def held_throughout(runs, closes, *, opens=None):
    """One bar to a session, everything invested at the first open: equity follows the closes."""
    opens = closes if opens is None else opens
    fills = [runs.Fill(0, 0, 10.0, opens[0])]
    return runs.one_symbol(closes, fills, per_session=1, opens=opens, cash=10.0 * opens[0])


prices = st.lists(st.floats(50, 200), min_size=8, max_size=40, unique=True)


@given(closes=prices, first=st.floats(50, 200))
def test_return_figures_are_empyricals(runs, closes, first):
    log = held_throughout(runs, closes, opens=[first, *closes[1:]])
    figures = figures_of(log)
    returns = pd.Series(np.diff([first, *closes]) / np.array([first, *closes[:-1]]))
    assert session_returns(account_curve(log), log.sessions) == pytest.approx(returns.to_numpy())
    expected = {
        "return_pct": 100 * empyrical.cum_returns_final(returns),
        "cagr_pct": 100 * empyrical.annual_return(returns, annualization=252),
        "volatility_pct": 100 * empyrical.annual_volatility(returns, annualization=252),
        "sharpe": empyrical.sharpe_ratio(returns, annualization=252),
        "max_drawdown_pct": 100 * empyrical.max_drawdown(returns),
    }
    if (returns < 0).any():
        expected["sortino"] = empyrical.sortino_ratio(returns, annualization=252)
        expected["calmar"] = empyrical.calmar_ratio(returns, annualization=252)
    for key, value in expected.items():
        assert figures[key] == pytest.approx(value, rel=1e-9, abs=1e-9), key


def test_the_drawdown_seen_within_a_session_counts(runs):
    log = runs.one_symbol([100, 50, 100, 90], [runs.Fill(0, 0, 1, 100.0)], per_session=2, cash=100)
    # session closes are 50 and 90; the minute curve saw 100 -> 50 -> 100 -> 90
    assert figures_of(log)["max_drawdown_pct"] == pytest.approx(-50)
    deeper = runs.one_symbol([100, 40, 100, 99], [runs.Fill(0, 0, 1, 100.0)], cash=100)
    assert figures_of(deeper)["max_drawdown_pct"] == pytest.approx(-60)


def test_lengths_of_drawdowns(runs):
    # peak in session 1 (110); falls to 80 in 3, back above in 5; then a shallow one to the end
    closes = [100, 110, 100, 80, 100, 111, 110, 109, 108, 107, 106, 105]
    figures = figures_of(held_throughout(runs, closes))
    assert figures["max_drawdown_days"] == 4.0  # from session 1 to session 5
    assert figures["max_drawdown_sessions"] == 4  # closes of sessions 2, 3, 4 and 5
    assert figures["longest_drawdown_days"] == 6.0  # from session 5 to session 11
    assert figures["max_drawdown_pct"] == pytest.approx(100 * (80 / 110 - 1))


def test_a_fall_from_the_start_begins_at_the_first_bar(runs):
    log = runs.one_symbol([9, 8, 9], [runs.Fill(0, 0, 100, 10.0)], per_session=1)
    figures = figures_of(log)
    assert figures["max_drawdown_pct"] == pytest.approx(-20)
    assert figures["max_drawdown_days"] == 2.0
    assert figures["longest_drawdown_days"] == 2.0


def test_figures_per_trade(runs):
    closes = [10.0] * 12
    results = [(30, 10), (-10, 10), (0, 10), (20, -10), (-5, 10)]
    fills = []
    for number, (gain, size) in enumerate(results):
        exit_price = 10.0 + gain / size
        fills += [
            runs.Fill(0, 2 * number, size, 10.0, commission=0.25, slippage=0.1),
            runs.Fill(0, 2 * number + 1, -size, exit_price, commission=0.25, slippage=0.1),
        ]
    fills.append(runs.Fill(0, 11, 7, 10.0))
    figures = figures_of(runs.one_symbol(closes, fills))
    net = [29.5, -10.5, -0.5, 19.5, -5.5]
    assert (figures["trades"], figures["open_trades"], figures["fills"]) == (5, 1, 11)
    assert figures["win_rate_pct"] == pytest.approx(40)
    assert figures["profit_factor"] == pytest.approx(49 / 16.5)
    assert figures["expectancy"] == pytest.approx(0.4 * 24.5 - 0.6 * 5.5)
    assert figures["sqn"] == pytest.approx(
        math.sqrt(5) * statistics.mean(net) / statistics.stdev(net)
    )
    assert figures["average_trade_pct"] == pytest.approx(statistics.mean(net))  # entry value 100
    assert (figures["best_trade_pct"], figures["worst_trade_pct"]) == pytest.approx((29.5, -10.5))
    assert (figures["average_win"], figures["average_loss"]) == pytest.approx((24.5, -5.5))
    assert figures["average_bars_held"] == 1
    assert (figures["long_trades"], figures["short_trades"]) == (4, 1)
    assert (figures["long_profit"], figures["short_profit"]) == pytest.approx((13, 19.5))
    assert (figures["commission"], figures["slippage"]) == pytest.approx((2.5, 1.0))


def test_exposure_turnover_and_benchmark(runs):
    fills = [runs.Fill(0, 1, 10, 10.0), runs.Fill(0, 3, -10, 10.0)]
    figures = figures_of(runs.one_symbol([10, 10, 10, 12], fills, opens=[8, 10, 10, 10]))
    assert figures["exposure_pct"] == 50  # held at the end of bars 1 and 2 of 4
    assert figures["turnover"] == pytest.approx(0.2)  # 100 bought + 100 sold over 1,000
    assert figures["benchmark_return_pct"] == pytest.approx(50)  # 8 -> 12


def test_what_is_not_defined_is_nan_never_zero_or_infinite(runs):
    idle = figures_of(runs.one_symbol([10, 11, 12], per_session=1))
    undefined = {key for key, value in idle.items() if math.isnan(value)}
    assert undefined == {
        *("sharpe", "sortino", "calmar", "win_rate_pct", "profit_factor", "expectancy", "sqn"),
        *("average_trade_pct", "best_trade_pct", "worst_trade_pct", "average_win"),
        *("average_loss", "average_bars_held"),
    }
    fills = [runs.Fill(0, 0, 10, 10.0), runs.Fill(0, 1, -10, 11.0)]
    winner = figures_of(runs.one_symbol([10, 11, 12], fills))
    assert math.isnan(winner["profit_factor"])
    assert math.isnan(winner["sqn"])
    for figures in (idle, winner, figures_of(runs.one_symbol([], per_session=1))):
        assert not any(math.isinf(value) for value in figures.values())


def test_an_account_that_lost_everything_has_no_growth_rate(runs):
    log = runs.one_symbol([10, 4, 5], [runs.Fill(0, 0, 200, 10.0)], per_session=1)
    figures = figures_of(log)
    assert figures["final_equity"] == 0
    assert figures["return_pct"] == -100
    assert math.isnan(figures["cagr_pct"])
    assert math.isnan(figures["sharpe"])


def test_symbols_add_up_to_the_account(runs):
    bars = {
        "A": runs.bars([10, 11, 12, 11], per_session=2),
        "B": runs.bars([20, 19, 18, 21], per_session=2),
        "C": runs.bars([5, 5, 5, 5], per_session=2),
    }
    fills = [
        runs.Fill(0, 0, 10, 10.0, commission=1.0),
        runs.Fill(1, 1, -5, 20.0, commission=1.0),
        runs.Fill(0, 2, -10, 11.0, commission=1.0),
    ]
    log = runs.log(bars, fills, sessions=runs.sessions(2, 2))
    curve, trades = account_curve(log), round_trips(log)
    account = account_figures(log, curve, trades)
    symbols = symbol_figures(log, curve, trades)
    assert list(symbols) == ["A", "B", "C"]
    for key in ("net_profit", "trades", "open_trades", "fills", "commission", "turnover"):
        assert sum(figures[key] for figures in symbols.values()) == pytest.approx(account[key])
    assert symbols["A"]["net_profit"] == pytest.approx(8)  # 10 × (11 - 10) - 2
    assert symbols["B"]["net_profit"] == pytest.approx(-6)  # 5 × (20 - 21) - 1
    assert symbols["C"]["return_pct"] == 0
    # buy and hold: A 10 %, B 5 %, C 0 %
    assert account["benchmark_return_pct"] == pytest.approx(5)


def test_with_one_symbol_its_figures_are_the_accounts(runs):
    fills = [runs.Fill(0, 0, 10, 10.0, commission=1.0), runs.Fill(0, 2, -10, 11.0)]
    log = runs.one_symbol([10, 9, 12, 11], fills, per_session=2)
    curve, trades = account_curve(log), round_trips(log)
    account = account_figures(log, curve, trades)
    assert symbol_figures(log, curve, trades)["ABC"] == pytest.approx(account, nan_ok=True)


@pytest.mark.parametrize(("hours", "expected"), [(6.5, 252), (16, 252), (24, 365)])
def test_sessions_in_a_year_follow_from_their_length(hours, expected):
    opens = np.arange(5, dtype=np.int64) * DAY_NS
    closes = opens + int(hours * 60) * MINUTE_NS
    dates = np.datetime64("2024-01-01") + np.arange(5)
    assert periods_per_year(SessionGrid("UTC", dates, opens, closes, opens, closes)) == expected


def test_every_figure_is_defined_once_and_computed(runs):
    keys = [metric.key for metric in METRICS]
    assert len(set(keys)) == len(keys)
    assert list(figures_of(runs.one_symbol([10, 11]))) == keys
