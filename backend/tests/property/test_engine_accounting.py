"""Money adds up, whatever is traded: cash, positions, equity, trades and costs."""

import math
from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.carry import Carry
from app.core.costs import (
    NoCommission,
    NoSlippage,
    PercentOfValue,
    PercentSlippage,
    PerOrder,
    PerShare,
    RangeSlippage,
    TickSlippage,
)
from app.core.enums import OrderStatus
from app.core.fill_rules import FillRules
from app.core.orders import FINAL, TRANSITIONS
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
    slippage=st.sampled_from(
        [NoSlippage(), TickSlippage(2), PercentSlippage(0.05), RangeSlippage(5.0)]
    ),
    leverage=st.sampled_from([1.0, 3.0]),
    fill_rules=st.sampled_from(
        [
            FillRules(),
            FillRules(participation_pct=1.0),
            FillRules(participation_pct=3.3, latency_ns=1, touch_fills=True),
            FillRules(latency_bars=1),
        ]
    ),
    carry=st.sampled_from(
        [Carry(), Carry(borrow_rate_pct=50.0, margin_rate_pct=10.0, cash_rate_pct=4.0)]
    ),
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
    """Against a ledger of plain sums, kept minute by minute from what the run left behind."""
    _, log = run(market, terms)
    curve = RunResult(log).equity_curve
    cash, held = terms.cash, defaultdict(float)
    pending, flows, splits = rows(log), list(log.cash_flows), list(log.splits)
    known = dict.fromkeys(market.symbols, math.nan)
    prices = defaultdict(dict)
    for symbol, bars in market.minutes.items():
        for end_ns, price in zip(bars.end_ns.tolist(), bars.close.tolist(), strict=True):
            prices[end_ns][symbol] = price
    assert curve.time_ns.tolist() == sorted(prices)
    for row, end_ns in enumerate(sorted(prices)):
        # The curve ends with the last bar, and has there what comes after it.
        while flows and (flows[0].time_ns < end_ns or row == len(prices) - 1):
            cash += flows.pop(0).amount
        while splits and splits[0].time_ns < end_ns:
            split = splits.pop(0)
            held[market.symbols[split.symbol]] *= split.ratio
            known[market.symbols[split.symbol]] /= split.ratio
        while pending and pending[0][0] <= end_ns:
            _, _, symbol, quantity, price, fee = pending.pop(0)
            cash -= quantity * price + fee
            held[market.symbols[symbol]] += quantity
        known |= prices[end_ns]
        # A split may come before a symbol has a price; none of it is held then.
        value = sum(units * known[symbol] for symbol, units in held.items() if units)
        scale = terms.cash * terms.leverage
        assert close(curve.cash[row], cash, scale)
        assert close(curve.position_value[row], value, scale)
        assert close(curve.equity[row], cash + value, scale)
        assert curve.equity[row] == curve.cash[row] + curve.position_value[row]
    assert not pending
    assert close(log.final_cash, cash + sum(flow.amount for flow in flows), terms.cash)


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
    last_ns = int(curve.time_ns[-1]) if len(curve.time_ns) else 0
    later = sum(flow.amount for flow in log.cash_flows if flow.time_ns >= last_ns)
    for time_ns, *_, cash, equity in asked:
        # A bar cut short by the close may end where no minute does.
        row = at.get(time_ns, int(np.searchsorted(curve.time_ns, time_ns)) - 1)
        # The curve's last row also has what comes after the last bar.
        more = later if row in (-1, len(curve.time_ns) - 1) else 0.0
        assert close(cash, curve.cash[row] - more, terms.cash)
        assert close(equity, curve.equity[row] - more, terms.cash * terms.leverage)
    assert asked or not any(map(len, market.minutes.values()))


@settings(max_examples=20, deadline=None)
@given(market=markets(), terms=TERMS)
def test_trades_fills_and_positions_agree(market: Market, terms: Terms) -> None:
    simulation, log = run(market, terms)
    result = RunResult(log)
    trades, curve, fills = result.trade_columns, result.equity_curve, log.fills
    scale = terms.cash * terms.leverage + float(np.abs(fills.quantity * fills.price).sum())
    flows = sum(flow.amount for flow in log.cash_flows) if len(curve.time_ns) else 0.0
    # The P&L of all trades, open ones marked, and what came without one, is what was made.
    assert close(float(trades.net.sum()) + flows, curve.final_equity - terms.cash, scale)
    assert close(float(trades.commission.sum()), float(fills.commission.sum()), scale)
    assert close(float(trades.slippage.sum()), float(fills.slippage.sum()), scale)
    # What was bought less what was sold, in the units of the end, is what is held, by strategy
    # and symbol and in all; open trades are in the units of the bar they are marked at.
    sums: dict[tuple[int, int], float] = defaultdict(float)
    marked = 0.0
    for bar_end_ns, strategy, symbol, quantity, _, _ in rows(log):
        later = [s for s in log.splits if s.symbol == symbol and s.time_ns >= bar_end_ns]
        mark_ns = int(log.bars[log.symbols[symbol]].end_ns[-1])
        sums[strategy, symbol] += quantity * math.prod(split.ratio for split in later)
        marked += quantity * math.prod(s.ratio for s in later if s.time_ns < mark_ns)
    for number, positions in enumerate(simulation.exchange.ledger.positions):
        for symbol, position in enumerate(positions):
            assert close(position.quantity, sums[number, symbol], 10_000.0)
    open_units = float((trades.quantity * trades.direction)[trades.is_open].sum())
    assert close(open_units, marked, 100_000.0)


@settings(max_examples=20, deadline=None)
@given(market=markets(), terms=TERMS)
def test_every_fee_is_the_models_and_every_price_has_its_slippage(
    market: Market, terms: Terms
) -> None:
    _, log = run(market, terms)
    orders = {order.id: order for order in log.orders}
    fills = log.fills
    units: dict[int, float] = defaultdict(float)
    values: dict[int, float] = defaultdict(float)
    fees: dict[int, float] = defaultdict(float)
    for row in range(len(fills)):
        order = orders[int(fills.order_id[row])]
        quantity, price = float(fills.quantity[row]), float(fills.price[row])
        bars = log.bars[log.symbols[order.symbol]]
        bar = int(np.searchsorted(bars.end_ns, fills.bar_end_ns[row]))
        assert quantity * order.quantity > 0.0
        # A fee is for an order, however many fills it has and whatever took its place.
        first = order
        while first.replaces:
            first = orders[first.replaces]
        units[first.id] += abs(quantity)
        values[first.id] += abs(quantity) * price
        fees[first.id] += float(fills.commission[row])
        before = price - math.copysign(float(fills.slippage[row]) / abs(quantity), quantity)
        if order.type in ("limit", "stop_limit"):
            assert fills.slippage[row] == 0.0
        else:
            known = bars.high[bar], bars.low[bar], bars.volume[bar]
            expected = terms.slippage.adverse(before, quantity, *known) * abs(quantity)
            assert math.isclose(fills.slippage[row], expected, rel_tol=1e-7, abs_tol=1e-7)
        assert bars.low[bar] - 1e-9 <= before <= bars.high[bar] + 1e-9
        assert bars.volume[bar] > 0
    if not log.splits:  # else an order's units are of two kinds
        for order_id, fee in fees.items():
            expected = terms.commission.fee(units[order_id], values[order_id])
            assert math.isclose(fee, expected, rel_tol=1e-9, abs_tol=1e-9)


@settings(max_examples=20, deadline=None)
@given(market=markets(), terms=TERMS)
def test_no_bar_gives_more_than_its_share(market: Market, terms: Terms) -> None:
    _, log = run(market, terms)
    taken: dict[tuple[int, int], float] = defaultdict(float)
    for end_ns, _, symbol, quantity, _, _ in rows(log):
        taken[symbol, end_ns] += abs(quantity)
    share = terms.fill_rules.participation_pct / 100.0
    for (symbol, end_ns), units in taken.items() if share else ():
        bars = log.bars[log.symbols[symbol]]
        volume = bars.volume[int(np.searchsorted(bars.end_ns, end_ns))]
        assert units <= share * volume + 1e-9


@settings(max_examples=20, deadline=None)
@given(market=markets(), terms=TERMS)
def test_orders_and_events_agree_with_the_fills(market: Market, terms: Terms) -> None:
    """What an order says it has filled is the sum of its fills and of those it went on from."""
    _, log = run(market, terms)
    filled: dict[int, float] = defaultdict(float)
    for row, order_id in enumerate(log.fills.order_id.tolist()):
        filled[order_id] += float(log.fills.quantity[row])
    last: dict[int, OrderStatus] = {}
    times: dict[int, int] = {}
    for event in log.events:
        before = last.get(event.order_id)
        if before is None:
            assert event.status == "pending_new"
        elif not event.cause.startswith(("split", "order")) or event.status != before:
            assert event.status in TRANSITIONS[before]
        assert event.time_ns >= times.get(event.order_id, 0)
        last[event.order_id], times[event.order_id] = event.status, event.time_ns
    for order in log.orders:
        assert order.status is last[order.id]
        assert order.status in FINAL
        carried = log.orders[order.replaces - 1].filled_quantity if order.replaces else 0.0
        refused = order.status == "rejected" or order.reason == "the run ended"
        if not (log.splits or refused):
            assert close(order.filled_quantity, filled[order.id] + carried, 100.0)
        assert abs(order.filled_quantity) <= abs(order.quantity) + 1e-9
        if order.status == "filled":
            assert close(order.filled_quantity, order.quantity, 100.0)
        elif order.status != "replaced":
            assert order.reason
