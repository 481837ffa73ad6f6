"""Whatever a run did, the record gives it back: random sessions, on SQLite and on PostgreSQL.

Prices are recorded in steps of 0.00000001 here, so that what comes back is what the run had, to
half such a step; sums over a run are compared to a thousandth of a cent.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.core.enums import OrderStatus
from app.core.orders import Order
from app.core.run_log import RunLog
from app.core.trading_record import AccountRecord, OrderRecord, StrategyDefinition
from app.repositories.run_repository import RunRepository
from app.repositories.run_trading_repository import RunTradingRepository
from app.repositories.trading_repository import TradingRepository
from app.services.analytics.result import RunResult
from app.services.execution.exchange import SimulatedExchange
from app.services.recording.run_trading import run_trading
from app.services.recording.units import restated
from tests.integration.database.test_run_repository import RECORD
from tests.random_sessions import draw_session, simulate
from tests.system_fixtures import utc_ns

SEEDS = (*range(12), *range(100, 112))
STEP = 0.51e-8
MANY = 100_000
Numbers = Mapping[UUID | None, int]
"""An order's number in the run, by its id in the record."""


def _recorded(sessions: sessionmaker[Session], log: RunLog, result: RunResult) -> None:
    trading = run_trading(
        result,
        strategies=[
            StrategyDefinition(name=name, class_="Scripted", parameters={}, timeframe="1m")
            for name in log.strategies
        ],
        ended=(),
        seen=(),
        kept=(),
        mode="backtest",
        until_ns=int(log.sessions.close_ns[-1]),
        price_step=1e-8,
    )
    with sessions.begin() as db:
        RunRepository(db).add(RECORD)
        RunTradingRepository(db).add(RECORD.id, trading, finished=RECORD.finished_at)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> dict[int, float]:
    """What strategies asked for, by the number of the order, as they asked for it."""
    quantities: dict[int, float] = {}
    submit = SimulatedExchange.submit

    def noted(*arguments: Any) -> Order:
        order = submit(*arguments)
        quantities[order.id] = abs(arguments[3])
        return order

    monkeypatch.setattr(SimulatedExchange, "submit", noted)
    return quantities


def _ns(time: datetime | None) -> int:
    return utc_ns(time) if time else 0


def _require_the_same_order(told: OrderRecord, order: Order, log: RunLog) -> None:
    assert (told.client_order_id, told.symbol) == (str(order.id), log.symbols[order.symbol])
    assert (told.side, told.type, told.status) == (order.side, order.type, order.status)
    assert (told.time_in_force, told.tag) == (order.time_in_force, order.tag)
    assert (told.reason or "", told.exclusive_group or 0) == (order.reason, order.group)
    assert float(told.quantity) == pytest.approx(abs(order.quantity), abs=STEP)
    assert float(told.filled_quantity) == pytest.approx(abs(order.filled_quantity), abs=STEP)
    assert float(told.limit_price or 0) == pytest.approx(order.limit_price, abs=STEP)
    assert float(told.stop_price or 0) == pytest.approx(order.stop_price, abs=STEP)
    assert float(told.average_fill_price or 0) == pytest.approx(
        order.fill_price if order.filled_quantity else 0, abs=STEP
    )
    assert _ns(told.submitted) == order.submitted_ns // 1_000 * 1_000
    assert _ns(told.filled) == order.filled_ns // 1_000 * 1_000


def _require_the_same_trading(
    trading: TradingRepository, log: RunLog, result: RunResult, sent: Mapping[int, float]
) -> None:
    account = trading.account_of_run(RECORD.id)
    orders = trading.orders(account.id, limit=MANY)
    assert len(orders) == len(log.orders)
    numbers: dict[UUID | None, int] = {
        told.id: order.id for told, order in zip(orders, log.orders, strict=True)
    }
    for told, order in zip(orders, log.orders, strict=True):
        _require_the_same_order(told, order, log)
        assert numbers.get(told.parent_order_id, 0) == order.parent
        assert numbers.get(told.replaces_order_id, 0) == order.replaces
    _require_the_same_events(trading, orders, numbers, log)
    _require_the_same_fills(trading, account, numbers, log)
    _require_the_same_trades(trading, account, numbers, result)
    _require_the_same_money(trading, account, log, result)
    signals = trading.signals(RECORD.id, limit=MANY)
    wanted = [order.id for order in log.orders if not order.parent]
    assert [numbers[signal.order_id] for signal in signals] == wanted
    for signal in signals:
        if (number := numbers[signal.order_id]) in sent:
            assert float(signal.quantity or 0) == pytest.approx(sent[number], rel=1e-9, abs=STEP)


def _require_the_same_events(
    trading: TradingRepository, orders: Sequence[OrderRecord], numbers: Numbers, log: RunLog
) -> None:
    happened = defaultdict(list)
    for event in log.events:
        if event.status is not OrderStatus.PENDING_NEW:
            moment = event.time_ns // 1_000 * 1_000
            happened[event.order_id].append((moment, event.status, event.cause))
    for told in orders:
        events = trading.order_events(told.id)
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        assert [(_ns(e.time), e.status, e.cause or "") for e in events] == happened[
            numbers[told.id]
        ]


def _require_the_same_fills(
    trading: TradingRepository, account: AccountRecord, numbers: Numbers, log: RunLog
) -> None:
    fills = trading.fills(account.id, limit=MANY)
    assert [numbers[fill.order_id] for fill in fills] == log.fills.order_id.tolist()
    signs = [1 if fill.side == "buy" else -1 for fill in fills]
    bought = [sign * float(fill.quantity) for sign, fill in zip(signs, fills, strict=True)]
    assert bought == pytest.approx(log.fills.quantity.tolist(), abs=STEP)
    assert [float(fill.price) for fill in fills] == pytest.approx(log.fills.price, abs=STEP)
    for cost in ("commission", "slippage"):
        told_cost = float(sum(getattr(fill, cost) for fill in fills))
        assert told_cost == pytest.approx(float(getattr(log.fills, cost).sum()), abs=1e-5)


def _require_the_same_trades(
    trading: TradingRepository, account: AccountRecord, numbers: Numbers, result: RunResult
) -> None:
    columns = result.trade_columns
    trades = trading.trades(account.id, limit=MANY)
    assert [numbers[trade.entry_order_id] for trade in trades] == columns.entry_order.tolist()
    assert [trade.exit is None for trade in trades] == columns.is_open.tolist()
    for name, whole in (("net_pnl", columns.net), ("gross_pnl", columns.gross)):
        told_sum = float(sum(getattr(trade, name) for trade in trades))
        assert told_sum == pytest.approx(float(whole.sum()), abs=1e-5)
    held = defaultdict(float)
    for trade in trades:
        if trade.exit is None:
            signed = trade.quantity if trade.direction == "long" else -trade.quantity
            held[trade.strategy_id, trade.symbol] += float(signed)
    positions = trading.positions(account.id)
    assert {(each.strategy_id, each.symbol): float(each.quantity) for each in positions} == (
        pytest.approx(dict(held), abs=1e-6)
    )


def _require_the_same_money(
    trading: TradingRepository, account: AccountRecord, log: RunLog, result: RunResult
) -> None:
    curve, points = result.equity_curve, trading.equity(account.id)
    rows = curve.time_ns.searchsorted([_ns(point.time) for point in points])
    assert [float(point.equity) for point in points] == pytest.approx(curve.equity[rows], abs=1e-6)
    assert [float(point.cash) for point in points] == pytest.approx(curve.cash[rows], abs=1e-6)
    final = curve.final_equity
    assert float(points[-1].equity) == pytest.approx(final, abs=1e-6)
    assert float(account.equity) == pytest.approx(final, abs=1e-6)
    assert float(account.cash) == pytest.approx(log.final_cash, abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_read_back_is_what_the_run_did(
    seed: int, database_sessions: sessionmaker[Session], sent: dict[int, float]
) -> None:
    log, _ = simulate(draw_session(seed))
    result = RunResult(log).compute()
    _recorded(database_sessions, log, result)
    with database_sessions() as db:
        _require_the_same_trading(TradingRepository(db), log, result, sent)


def test_the_random_runs_have_everything_in_them() -> None:
    """Runs in which nothing happens would be read back as well."""
    logs = [simulate(draw_session(seed))[0] for seed in SEEDS]
    assert sum(len(log.orders) for log in logs) > 500
    assert any(order.parent for log in logs for order in log.orders)
    assert any(order.replaces for log in logs for order in log.orders)
    assert any(order.group for log in logs for order in log.orders)
    assert any(log.fills.slippage.sum() > 0 for log in logs)
    assert any(RunResult(log).trade_columns.is_open.any() for log in logs)
    assert sum((restated(log) != 1.0).sum() for log in logs) > 10
