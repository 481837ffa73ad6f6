"""The lists of the record: what each is sorted and filtered by.

Keys of what a run leaves ascend in the order in which things happened, run after run, so the key
is the order of a list over all accounts: ``recorded``. Within an account more is indexed
(`app.models.trading_record` says what), and its lists may be sorted by that too.
"""

from functools import partial
from typing import Any

from app.core.run_record import RunRecord
from app.core.trading_record import (
    EquityPoint,
    FillRecord,
    OrderEventRecord,
    OrderRecord,
    PositionRecord,
    SignalRecord,
    StrategyEvent,
    StrategyRecord,
    TradeRecord,
)
from app.models.backtest_run import BacktestRunRow
from app.models.strategy_record import SignalRow, StrategyEventRow, StrategyRow
from app.models.trading_record import (
    EquityPointRow,
    FillRow,
    OrderEventRow,
    OrderRow,
    PositionRow,
    TradeRow,
)
from app.repositories.json_conditions import holds, names
from app.repositories.listing import Condition, Listing, before, equals, from_
from app.repositories.run_repository import run_of
from app.repositories.strategy_repository import event_of, strategy_of
from app.repositories.trading_repository import value_of


def _times(column: Any) -> dict[str, Condition]:
    return {"from": from_(column), "to": before(column)}


RUNS: Listing[BacktestRunRow, RunRecord] = Listing(
    row=BacktestRunRow,
    value=run_of,
    sorts={"finished_at": BacktestRunRow.finished_at, "started_at": BacktestRunRow.started_at},
    conditions={
        "session_name": equals(BacktestRunRow.session_name),
        "status": equals(BacktestRunRow.status),
        "mode": equals(BacktestRunRow.mode),
        "strategy": names(BacktestRunRow.strategies),
        "symbol": holds(BacktestRunRow.symbols),
        **_times(BacktestRunRow.finished_at),
    },
    default_sort="-finished_at",
)
STRATEGIES: Listing[StrategyRow, StrategyRecord] = Listing(
    row=StrategyRow,
    value=strategy_of,
    sorts={"name": StrategyRow.name},
    conditions={
        "name": equals(StrategyRow.name),
        "class": equals(StrategyRow.class_),
        "timeframe": equals(StrategyRow.timeframe),
        "lifecycle": equals(StrategyRow.lifecycle),
    },
    default_sort="name",
)
STRATEGY_EVENTS: Listing[StrategyEventRow, StrategyEvent] = Listing(
    row=StrategyEventRow,
    value=event_of,
    sorts={"time": StrategyEventRow.time_at},
    conditions={
        "run_id": equals(StrategyEventRow.run_id),
        "strategy_id": equals(StrategyEventRow.strategy_id),
        "kind": equals(StrategyEventRow.kind),
        **_times(StrategyEventRow.time_at),
    },
    default_sort="-time",
)
ORDER_EVENTS: Listing[OrderEventRow, OrderEventRecord] = Listing(
    row=OrderEventRow,
    value=partial(value_of, OrderEventRecord),
    sorts={"recorded": OrderEventRow.id},
    conditions={
        "order_id": equals(OrderEventRow.order_id),
        "kind": equals(OrderEventRow.status),
        **_times(OrderEventRow.time_at),
    },
    default_sort="-recorded",
)

_ORDER_CONDITIONS = {
    "strategy_id": equals(OrderRow.strategy_id),
    "symbol": equals(OrderRow.symbol),
    "side": equals(OrderRow.side),
    "status": equals(OrderRow.status),
    **_times(OrderRow.submitted_at),
}
_FILL_CONDITIONS = {
    "order_id": equals(FillRow.order_id),
    "symbol": equals(FillRow.symbol),
    "side": equals(FillRow.side),
    **_times(FillRow.time_at),
}
_TRADE_CONDITIONS: dict[str, Condition] = {
    "strategy_id": equals(TradeRow.strategy_id),
    "symbol": equals(TradeRow.symbol),
    "direction": equals(TradeRow.direction),
    "is_open": lambda wanted: (
        TradeRow.exit_at.is_(None) if wanted else TradeRow.exit_at.isnot(None)
    ),
    **_times(TradeRow.entry_at),
}
_SIGNAL_CONDITIONS = {
    "strategy_id": equals(SignalRow.strategy_id),
    "symbol": equals(SignalRow.symbol),
    "action": equals(SignalRow.action),
    "executed": equals(SignalRow.executed),
    **_times(SignalRow.time_at),
}
_POSITION_CONDITIONS = {
    "strategy_id": equals(PositionRow.strategy_id),
    "symbol": equals(PositionRow.symbol),
}


def _both(row: Any, value: type, conditions: dict[str, Condition], **by: Any) -> Any:
    """A list over all accounts, by key, and one within an account, by what is indexed there."""
    every: dict[str, Any] = {"recorded": row.id}
    shared = {"row": row, "value": partial(value_of, value), "conditions": conditions}
    within = by | every
    return (
        Listing(sorts=every, default_sort="-recorded", **shared),
        Listing(sorts=within, default_sort=f"-{next(iter(within))}", **shared),
    )


ORDERS: tuple[Listing[OrderRow, OrderRecord], Listing[OrderRow, OrderRecord]]
FILLS: tuple[Listing[FillRow, FillRecord], Listing[FillRow, FillRecord]]
TRADES: tuple[Listing[TradeRow, TradeRecord], Listing[TradeRow, TradeRecord]]
SIGNALS: tuple[Listing[SignalRow, SignalRecord], Listing[SignalRow, SignalRecord]]
POSITIONS: tuple[Listing[PositionRow, PositionRecord], Listing[PositionRow, PositionRecord]]
ORDERS = _both(OrderRow, OrderRecord, _ORDER_CONDITIONS)
FILLS = _both(FillRow, FillRecord, _FILL_CONDITIONS, time=FillRow.time_at)
TRADES = _both(TradeRow, TradeRecord, _TRADE_CONDITIONS, number=TradeRow.number)
SIGNALS = _both(SignalRow, SignalRecord, _SIGNAL_CONDITIONS, time=SignalRow.time_at)
POSITIONS = _both(
    PositionRow, PositionRecord, _POSITION_CONDITIONS, strategy_id=PositionRow.strategy_id
)
EQUITY: Listing[EquityPointRow, EquityPoint] = Listing(
    row=EquityPointRow,
    value=partial(value_of, EquityPoint),
    sorts={"time": EquityPointRow.time_at},
    conditions={
        "session_closes": EquityPointRow.is_session_close.is_,
        **_times(EquityPointRow.time_at),
    },
    default_sort="time",
)
