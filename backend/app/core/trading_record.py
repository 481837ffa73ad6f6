"""What is kept of trading, as values: read one by one, written by a run as columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias
from uuid import UUID

import numpy as np

from app.core.enums import OrderStatus, OrderType, Side, TimeInForce

Lifecycle: TypeAlias = Literal["RESEARCH", "PAPER", "LIVE", "RETIRED"]
Action: TypeAlias = Literal["BUY", "SELL", "HOLD"]
Direction: TypeAlias = Literal["long", "short"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyDefinition:
    """A strategy with its parameters: with others it is another strategy.

    `timeframe` is the interval it decides on; `class_` is what a config calls it.
    """

    name: str
    class_: str
    parameters: Mapping[str, Any]
    timeframe: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyRecord:
    """A strategy that is known: `regime_notes` say in which markets it is meant to trade."""

    id: UUID
    definition: StrategyDefinition
    lifecycle: Lifecycle
    regime_notes: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyEvent:
    """Something that happened to a strategy: created, lifecycle, note or ended."""

    id: UUID
    strategy_id: UUID
    run_id: UUID | None
    time: datetime
    kind: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """Money at a broker, in the quote currency. `run_id` is that of its run, if it is simulated."""

    id: UUID
    run_id: UUID | None
    broker: str
    number: str
    mode: str
    starting_cash: Decimal
    cash: Decimal
    equity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRecord:
    """What a strategy wanted at a moment, and what it saw.

    `quantity` and `price`, the symbol's last close, are in the units of then; `indicators` are
    those the strategy declares, by the name of its attribute, as known then, None where there
    was no value yet. `refusal` says why nothing of it was executed.
    """

    id: UUID
    run_id: UUID | None
    strategy_id: UUID
    order_id: UUID | None
    symbol: str
    time: datetime
    action: Action
    quantity: Decimal | None
    price: Decimal | None
    reasons: Sequence[str]
    indicators: Mapping[str, float | None]
    executed: bool
    refusal: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRecord:
    """An order and where it stands; quantities are above zero, prices None where it has none.

    A split while it works restates both: one that has ended is in the units of its end.

    `client_order_id` names it in its account. `take_profit` and `stop_loss` are the prices of
    the exits it brings with it, `parent_order_id` is the order whose exit it is itself;
    `exclusive_group` numbers orders of which one cancels the others.
    """

    id: UUID
    account_id: UUID
    strategy_id: UUID
    client_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    type: OrderType
    time_in_force: TimeInForce
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail: Decimal | None
    trail_pct: float | None
    take_profit: Decimal | None
    stop_loss: Decimal | None
    good_till: datetime | None
    reduce_only: bool
    tag: str
    submitted: datetime
    status: OrderStatus
    reason: str | None
    filled_quantity: Decimal
    filled: datetime | None
    average_fill_price: Decimal | None
    parent_order_id: UUID | None
    replaces_order_id: UUID | None
    exclusive_group: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEventRecord:
    """One transition of one order; `sequence` counts those of the order from 1."""

    id: UUID
    order_id: UUID
    sequence: int
    time: datetime
    status: OrderStatus
    cause: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRecord:
    """One execution, under the broker's `execution_id`; costs in the quote currency."""

    id: UUID
    account_id: UUID
    order_id: UUID
    execution_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    commission: Decimal
    slippage: Decimal
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRecord:
    """One round trip, first in first out; without an exit it is open, and marked at the close.

    Everything is in the units of the exit, the `stop_price` and `target_price` that its entry
    brought with it too; but `market_context` is what its entry's signal saw, as it saw it.
    """

    id: UUID
    account_id: UUID
    strategy_id: UUID
    number: int
    symbol: str
    direction: Direction
    quantity: Decimal
    entry_order_id: UUID | None
    entry: datetime
    entry_price: Decimal
    exit_order_id: UUID | None
    exit: datetime | None
    exit_price: Decimal | None
    stop_price: Decimal | None
    target_price: Decimal | None
    gross_pnl: Decimal
    commission: Decimal
    slippage: Decimal
    net_pnl: Decimal
    return_pct: float
    bars_held: int
    market_context: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRecord:
    """What a strategy holds in a symbol (short: below zero) at `time`."""

    id: UUID
    account_id: UUID
    strategy_id: UUID
    symbol: str
    quantity: Decimal
    average_price: Decimal
    last_price: Decimal
    unrealized_pnl: Decimal
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPoint:
    """What an account was worth at `time`; `drawdown_pct` is zero or less."""

    id: UUID
    account_id: UUID
    time: datetime
    is_session_close: bool
    cash: Decimal
    position_value: Decimal
    gross_exposure: Decimal
    equity: Decimal
    drawdown_pct: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorSnapshot:
    """The value of one output of an indicator on a series of bars, as known at `time`."""

    id: UUID
    run_id: UUID | None
    symbol: str
    interval: str
    name: str
    time: datetime
    value: float


Columns: TypeAlias = Mapping[str, Sequence[Any] | np.typing.NDArray[Any]]
"""The rows of one table, column by column: arrays or lists of equal length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTrading:
    """Everything a run leaves in the record of trading, as columns.

    Columns are named as the tables' are, but: times end in ``_ns`` (UTC nanoseconds, 0 for
    none) instead of ``_at``; ``strategy`` is a position in `strategies`; ``order``,
    ``parent_order``, ``replaces_order``, ``entry_order`` and ``exit_order`` are numbers of
    orders, counted from 1 in the order of `orders`, zero or less for none. A number that is
    NaN is none. JSON is text already. Every price is rounded to `price_step`.

    `mode` is the session's. `ended` has, for each strategy that was ended before its run, its
    position, when and why.
    """

    mode: str
    price_step: float
    starting_cash: float
    final_cash: float
    final_equity: float
    strategies: Sequence[StrategyDefinition]
    ended: Sequence[tuple[int, int, str]]
    orders: Columns
    order_events: Columns
    fills: Columns
    trades: Columns
    positions: Columns
    equity_points: Columns
    signals: Columns
    indicator_snapshots: Columns
