"""Money adds up, whatever is traded: cash, positions, equity, trades and costs."""

import math
from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.costs import (
    NoCommission,
    NoSlippage,
    PercentOfValue,
    PercentSlippage,
    PerOrder,
    PerShare,
    TickSlippage,
)
from app.core.run_log import RunLog
from app.services.analytics.result import RunResult
from app.services.simulation.simulation import Simulation, Terms
from tests.engine_walks import Diary, Market, markets, new_simulation

TERMS = st.builds(
    Terms,
    cash=st.sampled_from([500.0, 3_000.0, 1_000_000.0]),
    commission=st.sampled_from(
        [NoCommission(), PerShare(0.01, 0.3), PerOrder(1.0), PercentOfValue(0.2)]
    ),
    slippage=st.sampled_from([NoSlippage(), TickSlippage(2), PercentSlippage(0.05)]),
    leverage=st.sampled_from([1.0, 3.0]),
)


def run(market: Market, terms: Terms) -> tuple[Simulation, RunLog]:
    diary: Diary = []
    simulation = new_simulation(market, diary, terms=terms)
    until_ns = int(market.sessions.close_ns[-1])
    return simulation, simulation.run(market.minutes, history_until_ns=0, until_ns=until_ns)


def rows(log: RunLog) -> list[tuple[int, int, int, float, float, float]]:
    """Bar end, strategy, symbol, quantity, price and commission of every fill, in order."""
    fills = log.fills
    names = ("bar_end_ns", "strategy", "symbol", "quantity", "price", "commission")
    return list(zip(*(getattr(fills, name).tolist() for name in names), strict=True))


def close(actual: float, expected: float, scale: float) -> bool:
    """Equal but for the rounding of sums whose terms are of size `scale`."""
    return math.isclose(actual, expected, rel_tol=1e-12, abs_tol=1e-11 * max(scale, 1.0))


@settings(max_examples=20, deadline=None)
@given(market=markets(), terms=TERMS)
def test_cash_and_positions_make_equity_at_every_bar(market: Market, terms: Terms) -> None:
    """Against a ledger of plain sums, kept minute by minute from the fills alone."""
    _, log = run(market, terms)
    curve = RunResult(log).equity_curve
    cash, held = terms.cash, defaultdict(float)
    pending, known = rows(log), dict.fromkeys(market.symbols, math.nan)
    prices = defaultdict(dict)
    for symbol, bars in market.minutes.items():
        for end_ns, price in zip(bars.end_ns.tolist(), bars.close.tolist(), strict=True):
            prices[end_ns][symbol] = price
    assert curve.time_ns.tolist() == sorted(prices)
    for row, end_ns in enumerate(sorted(prices)):
        while pending and pending[0][0] <= end_ns:
            _, _, symbol, quantity, price, fee = pending.pop(0)
            cash -= quantity * price + fee
            held[market.symbols[symbol]] += quantity
        known |= prices[end_ns]
        value = sum(units * known[symbol] for symbol, units in held.items())
        scale = terms.cash * terms.leverage
        assert close(curve.cash[row], cash, scale)
        assert close(curve.position_value[row], value, scale)
        assert close(curve.equity[row], cash + value, scale)
        assert curve.equity[row] == curve.cash[row] + curve.position_value[row]
    assert not pending
    assert close(log.final_cash, cash, terms.cash)


@settings(max_examples=20, deadline=None)
@given(market=markets(), terms=TERMS)
def test_what_strategies_see_of_the_account_is_the_curve(market: Market, terms: Terms) -> None:
    """Cash and equity asked for in a bar are what the curve shows at its end."""
    diary: Diary = []
    simulation = new_simulation(market, diary, terms=terms)
    until_ns = int(market.sessions.close_ns[-1])
    log = simulation.run(market.minutes, history_until_ns=0, until_ns=until_ns)
    curve = RunResult(log).equity_curve
    at = {time: row for row, time in enumerate(curve.time_ns.tolist())}
    asked = [entry for entry in diary if entry[3] in ("bar", "slice")]
    for time_ns, *_, cash, equity in asked:
        # A bar cut short by the close may end where no minute does.
        row = at.get(time_ns, int(np.searchsorted(curve.time_ns, time_ns)) - 1)
        assert close(cash, curve.cash[row], terms.cash)
        assert close(equity, curve.equity[row], terms.cash * terms.leverage)
    assert asked or not any(map(len, market.minutes.values()))


@settings(max_examples=20, deadline=None)
@given(market=markets(), terms=TERMS)
def test_trades_fills_and_positions_agree(market: Market, terms: Terms) -> None:
    simulation, log = run(market, terms)
    result = RunResult(log)
    trades, curve, fills = result.trade_columns, result.equity_curve, log.fills
    scale = terms.cash * terms.leverage + float(np.abs(fills.quantity * fills.price).sum())
    # The P&L of all trades, open ones marked, is what the account made.
    assert close(float(trades.net.sum()), curve.final_equity - terms.cash, scale)
    assert close(float(trades.commission.sum()), float(fills.commission.sum()), scale)
    assert close(float(trades.slippage.sum()), float(fills.slippage.sum()), scale)
    # What was bought less what was sold is what is held, by strategy and symbol and in all.
    sums: dict[tuple[int, int], float] = defaultdict(float)
    for _, strategy, symbol, quantity, _, _ in rows(log):
        sums[strategy, symbol] += quantity
    for number, positions in enumerate(simulation.exchange.ledger.positions):
        for symbol, position in enumerate(positions):
            assert close(position.quantity, sums[number, symbol], 1_000.0)
    open_units = float((trades.quantity * trades.direction)[trades.is_open].sum())
    assert close(open_units, sum(sums.values()), 10_000.0)


@settings(max_examples=20, deadline=None)
@given(market=markets(), terms=TERMS)
def test_every_fee_is_the_models_and_every_price_has_its_slippage(
    market: Market, terms: Terms
) -> None:
    _, log = run(market, terms)
    orders = {order.id: order for order in log.orders}
    fills = log.fills
    for row in range(len(fills)):
        order = orders[int(fills.order_id[row])]
        quantity, price = float(fills.quantity[row]), float(fills.price[row])
        bars = log.bars[log.symbols[order.symbol]]
        bar = int(np.searchsorted(bars.end_ns, fills.bar_end_ns[row]))
        # Only a closing order may fill in part here: there was no more to close.
        assert quantity == order.quantity or order.instructions.reduce_only
        assert 0.0 < quantity / order.quantity <= 1.0
        assert fills.commission[row] == terms.commission.charge(quantity, price)
        before = price - math.copysign(float(fills.slippage[row]) / abs(quantity), quantity)
        if order.type == "limit":
            assert fills.slippage[row] == 0.0
        else:
            expected = terms.slippage.adverse(before) * abs(quantity)
            assert math.isclose(fills.slippage[row], expected, rel_tol=1e-9, abs_tol=1e-9)
        assert bars.low[bar] - 1e-9 <= before <= bars.high[bar] + 1e-9
        assert bars.volume[bar] > 0
