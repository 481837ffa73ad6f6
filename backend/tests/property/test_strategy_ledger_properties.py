"""Whatever several strategies do on one account, their ledgers add up to it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.costs import PerShare, TickSlippage
from app.core.data_structures import BarColumns
from app.core.run_log import CashFlow, FillColumns, RunLog, Split
from app.core.sessions import SessionGrid
from app.core.types import MINUTE_NS
from app.services.analytics.result import RunResult
from app.services.analytics.strategies import ACCOUNT
from app.services.simulation.plan import StrategyEntry
from app.services.simulation.simulation import Simulation, Terms
from app.strategies import Float, Int, Strategy

FIRST_NS = 1_704_205_800_000_000_000  # 2024-01-02 14:30 UTC
BARS = 24
CENT = 0.005
SYMBOLS = ("AAA", "BBB")


def bars_of(closes: list[float]) -> BarColumns:
    close = np.array(closes)
    open_ = np.concatenate((close[:1], close[:-1]))
    starts = FIRST_NS + np.arange(len(close)) * MINUTE_NS
    high, low = np.maximum(open_, close), np.minimum(open_, close)
    return BarColumns.of_minutes(starts, open_, high, low, close, np.full(len(close), 1e4))


def one_session() -> SessionGrid:
    open_ns = np.array([FIRST_NS], np.int64)
    close_ns = open_ns + BARS * MINUTE_NS
    dates = np.array(["2024-01-02"], "datetime64[D]")
    return SessionGrid("America/New_York", dates, open_ns, close_ns, open_ns, close_ns)


def require_sums(result: RunResult) -> None:
    """Every sum of the ledgers is the account's to the cent, at every bar and at the end."""
    log, ledgers = result.log, result.strategy_ledgers
    parts = list(ledgers.values())
    start, curve = log.starting_cash, result.equity_curve
    total = sum(part.contribution for part in parts) + start
    assert np.abs(total - curve.equity).max(initial=0) < CENT
    assert sum(part.cash_change for part in parts) == pytest.approx(
        log.final_cash - start, abs=CENT
    )
    profit = curve.final_equity - start
    assert sum(part.profit for part in parts) == pytest.approx(profit, abs=CENT)
    for part in parts:
        assert part.profit == pytest.approx(part.contribution[-1], abs=CENT)
        assert part.cash_used >= 0
    assert sum(part.fills for part in parts) == len(log.fills)
    assert sum(part.orders for part in parts) == len(log.orders)
    assert sum(part.trades + part.open_trades for part in parts) == len(result.trade_columns)
    for key in ("commission", "slippage"):
        whole = float(getattr(log.fills, key).sum())
        assert sum(getattr(part, key) for part in parts) == pytest.approx(whole, abs=CENT)
    named = {name: part for name, part in ledgers.items() if name != ACCOUNT}
    assert list(named) == list(result.strategy_metrics)
    for name, part in named.items():
        own = result.strategy_metrics[name]
        assert own["net_profit"] == pytest.approx(part.profit, abs=CENT)
        assert (own["fills"], own["trades"]) == (part.fills, part.trades)
        assert own["open_trades"] == part.open_trades
    for key in ("turnover", "commission", "fills", "trades"):
        figures = [own[key] for own in result.strategy_metrics.values()]
        assert sum(figures) == pytest.approx(result.metrics[key], abs=1e-6)


# ── over whatever a log may hold ─────────────────────────────────────────────

a_close = st.floats(5, 500).map(lambda price: round(price, 2))
a_fill = st.tuples(
    st.integers(0, 2),  # strategy
    st.integers(0, 1),  # symbol
    st.integers(0, BARS - 1),  # bar
    st.sampled_from([-150.0, -100.0, -0.5, 0.25, 50.0, 100.0]),
    st.floats(0, 3).map(lambda fee: round(fee, 2)),
)
a_flow = st.tuples(
    st.integers(0, BARS - 1),
    st.sampled_from(["dividend", "borrow", "interest"]),
    st.floats(-50, 50),
    st.integers(-1, 2),
)
a_split = st.none() | st.tuples(st.integers(1, BARS - 1), st.integers(0, 1))


def log_of(closes, fills, flows, split) -> RunLog:
    bars = dict(zip(SYMBOLS, map(bars_of, closes), strict=True))
    fills = sorted(fills, key=lambda fill: fill[2])
    strategy, symbol, row = (np.array([f[k] for f in fills], np.int64) for k in range(3))
    quantity, fee = (np.array([f[k] for f in fills], np.float64) for k in (3, 4))
    times = FIRST_NS + row * MINUTE_NS
    price = np.array([bars[SYMBOLS[s]].open[r] for s, r in zip(symbol, row, strict=True)])
    columns = FillColumns(
        *(times, times + MINUTE_NS, np.arange(len(fills)), strategy, symbol),
        *(quantity, price.astype(np.float64), fee, fee / 2),
    )
    flows = [
        CashFlow(FIRST_NS + row * MINUTE_NS, kind, amount, owner, 0 if owner >= 0 else -1)
        for row, kind, amount, owner in sorted(flows)
    ]
    paid = float(np.sum(quantity * price + fee)) - sum(flow.amount for flow in flows)
    splits = [Split(FIRST_NS + split[0] * MINUTE_NS, split[1], 2.0)] if split else []
    return RunLog(
        *(1e5, 1e5 - paid, SYMBOLS, ("one", "two", "three"), bars, one_session()),
        *(columns, [], [], flows, splits),
    )


@settings(max_examples=60, deadline=None)
@given(
    closes=st.tuples(*(st.lists(a_close, min_size=BARS, max_size=BARS) for _ in SYMBOLS)),
    fills=st.lists(a_fill, max_size=14),
    flows=st.lists(a_flow, max_size=4),
    split=a_split,
)
def test_ledgers_add_up_to_the_account(closes, fills, flows, split) -> None:
    require_sums(RunResult(log_of(closes, fills, flows, split)))


# ── over what strategies really do ───────────────────────────────────────────


class Chaotic(Strategy):
    """Buys, sells, closes and goes short by a fixed pattern of its seed."""

    seed = Int(0, low=0)
    size = Float(10.0, low=0.1)

    def on_start(self) -> None:
        self.step = self.seed

    def on_bar(self, bar) -> None:
        self.step = (self.step * 1_103_515_245 + 12_345) % 2**31
        action = self.step >> 16
        if action % 4 == 0:
            self.buy(self.size)
        elif action % 4 == 1:
            self.sell(self.size)
        elif action % 4 == 2:
            self.close()


@settings(max_examples=25, deadline=None)
@given(
    closes=st.tuples(*(st.lists(a_close, min_size=BARS, max_size=BARS) for _ in SYMBOLS)),
    seeds=st.lists(st.integers(0, 2**20), min_size=1, max_size=4),
)
def test_strategies_on_one_account(closes, seeds) -> None:
    entries = [
        StrategyEntry(
            name=f"s{k}",
            strategy=Chaotic,
            symbols=SYMBOLS if k % 2 else SYMBOLS[:1],
            parameters={"seed": seed, "size": 10.0 + k / 4},
        )
        for k, seed in enumerate(seeds)
    ]
    terms = Terms(cash=20_000.0, commission=PerShare(0.01, 1.0), slippage=TickSlippage(1, 0.01))
    sessions = one_session()
    simulation = Simulation(entries=entries, symbols=SYMBOLS, sessions=sessions, terms=terms)
    bars = dict(zip(SYMBOLS, map(bars_of, closes), strict=True))
    log = simulation.run(bars, history_until_ns=0, until_ns=int(sessions.close_ns[-1]))
    result = RunResult(log)
    require_sums(result)
    for number, name in enumerate(log.strategies):
        held = [position.quantity for position in simulation.exchange.ledger.positions[number]]
        fills = log.fills.take(log.fills.strategy == number)
        sums = [float(fills.quantity[fills.symbol == s].sum()) for s in range(len(SYMBOLS))]
        assert sums == pytest.approx(held, abs=1e-6)
        assert (result.strategy_ledgers[name].open_trades > 0) == any(held)
