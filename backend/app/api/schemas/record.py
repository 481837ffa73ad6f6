"""The record of trading as the API tells it; prices, quantities and money as decimal text."""

from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas.examples import (
    EQUITY,
    FILL,
    ORDER,
    ORDER_EVENT,
    POSITION,
    SIGNAL,
    STRATEGY,
    STRATEGY_EVENT,
    TRADE,
)
from app.api.schemas.values import Asked, Exact, Moment, shown_as
from app.core.enums import OrderStatus, OrderType, Side, TimeInForce
from app.core.trading_record import (
    AccountRecord,
    OrderEventRecord,
    StrategyEvent,
    StrategyRecord,
)

Lifecycle = Literal["RESEARCH", "PAPER", "LIVE", "RETIRED"]


class Recorded(BaseModel):
    """Something in the record, made from its value."""

    model_config = ConfigDict(from_attributes=True)


class Strategy(BaseModel):
    """A strategy with its parameters; with others it is another one."""

    model_config = shown_as(**STRATEGY)

    id: UUID
    name: str = Field(examples=["sma_cross"])
    class_: str = Field(serialization_alias="class", examples=["sma_cross"])
    parameters: dict[str, Any]
    timeframe: str = Field(examples=["5m"])
    lifecycle: Lifecycle
    regime_notes: str | None = Field(description="In which markets it is meant to trade.")

    @classmethod
    def of(cls, record: StrategyRecord) -> Self:
        """As the API tells it."""
        definition = record.definition
        return cls(
            id=record.id,
            name=definition.name,
            class_=definition.class_,
            parameters=dict(definition.parameters),
            timeframe=definition.timeframe,
            lifecycle=record.lifecycle,
            regime_notes=record.regime_notes,
        )


class StrategyChange(Asked):
    """What is to change of a strategy; what is left out stays."""

    lifecycle: Lifecycle | None = Field(None, examples=["PAPER"])
    regime_notes: str | None = Field(
        None,
        max_length=10_000,
        pattern=r"^[^\x00]*$",
        description="Null takes them away.",
        examples=["Trending days; stands aside around rate decisions."],
    )


class Event(BaseModel):
    """Something that happened to a strategy or to an order."""

    model_config = shown_as(**STRATEGY_EVENT)

    id: UUID
    of: Literal["strategies", "orders"]
    time: Moment
    kind: str = Field(description="What happened; for an order, its status from then on.")
    message: str | None
    strategy_id: UUID | None = None
    run_id: UUID | None = None
    order_id: UUID | None = None
    sequence: int | None = Field(None, description="Counts those of the order from 1.")

    @classmethod
    def of_strategy(cls, event: StrategyEvent) -> Self:
        """What happened to a strategy."""
        return cls(
            id=event.id,
            of="strategies",
            time=event.time,
            kind=event.kind,
            message=event.message,
            strategy_id=event.strategy_id,
            run_id=event.run_id,
        )

    @classmethod
    def of_order(cls, event: OrderEventRecord) -> Self:
        """What became of an order."""
        return cls(
            id=event.id,
            of="orders",
            time=event.time,
            kind=event.status.value,
            message=event.cause,
            order_id=event.order_id,
            sequence=event.sequence,
        )


class Signal(Recorded):
    """What a strategy wanted at a moment, what it saw, and what came of it."""

    model_config = shown_as(**SIGNAL)

    id: UUID
    run_id: UUID | None
    strategy_id: UUID
    order_id: UUID | None
    symbol: str
    time: Moment
    action: Literal["BUY", "SELL", "HOLD"]
    quantity: Exact | None
    price: Exact | None = Field(description="The symbol's last close then.")
    reasons: list[str]
    indicators: dict[str, float | None]
    executed: bool
    refusal: str | None


class Order(Recorded):
    """An order and where it stands."""

    model_config = shown_as(**ORDER)

    id: UUID
    account_id: UUID
    strategy_id: UUID
    client_order_id: str
    symbol: str
    side: Side
    quantity: Exact
    type: OrderType
    time_in_force: TimeInForce
    limit_price: Exact | None
    stop_price: Exact | None
    trail: Exact | None
    trail_pct: float | None
    take_profit: Exact | None
    stop_loss: Exact | None
    good_till: Moment | None
    reduce_only: bool
    tag: str
    submitted: Moment
    status: OrderStatus
    reason: str | None
    filled_quantity: Exact
    filled: Moment | None
    average_fill_price: Exact | None
    parent_order_id: UUID | None
    replaces_order_id: UUID | None
    exclusive_group: int | None


class Fill(Recorded):
    """One execution; costs in the quote currency."""

    model_config = shown_as(**FILL)

    id: UUID
    account_id: UUID
    order_id: UUID
    execution_id: str
    symbol: str
    side: Side
    quantity: Exact
    price: Exact
    commission: Exact
    slippage: Exact
    time: Moment


class OrderDetails(Order):
    """An order, what became of it, and what it bought or sold."""

    model_config = shown_as(
        **ORDER, events=[ORDER_EVENT], next_events_cursor=None, fills=[FILL], next_fills_cursor=None
    )

    events: list[Event] = Field(description="Oldest first; the first thousand.")
    next_events_cursor: str | None = Field(
        description="Of more, the `cursor` of `/events?of=orders&order_id=…&sort=recorded`."
    )
    fills: list[Fill] = Field(description="Oldest first; the first thousand.")
    next_fills_cursor: str | None = Field(
        description="Of more, the `cursor` of `/fills?order_id=…&sort=recorded`."
    )


class Trade(Recorded):
    """One round trip; without an exit it is open, and marked at the close."""

    model_config = shown_as(**TRADE)

    id: UUID
    account_id: UUID
    strategy_id: UUID
    number: int
    symbol: str
    direction: Literal["long", "short"]
    quantity: Exact
    entry_order_id: UUID | None
    entry: Moment
    entry_price: Exact
    exit_order_id: UUID | None
    exit: Moment | None
    exit_price: Exact | None
    stop_price: Exact | None
    target_price: Exact | None
    gross_pnl: Exact
    commission: Exact
    slippage: Exact
    net_pnl: Exact
    return_pct: float
    bars_held: int
    market_context: dict[str, Any]


class Position(Recorded):
    """What a strategy holds in a symbol; short: below zero."""

    model_config = shown_as(**POSITION)

    id: UUID
    account_id: UUID
    strategy_id: UUID
    symbol: str
    quantity: Exact
    average_price: Exact
    last_price: Exact
    unrealized_pnl: Exact
    time: Moment


class Equity(Recorded):
    """What an account was worth at a moment."""

    model_config = shown_as(**EQUITY)

    time: Moment
    is_session_close: bool
    cash: Exact
    position_value: Exact
    gross_exposure: Exact
    equity: Exact
    drawdown_pct: float


class Portfolio(BaseModel):
    """An account: money and what it holds."""

    model_config = shown_as(
        account_id=POSITION["account_id"],
        run_id=SIGNAL["run_id"],
        broker="simulated",
        mode="backtest",
        starting_cash="100000.000000",
        cash="89990.420000",
        equity="100022.420000",
        pnl="22.420000",
        positions=[POSITION],
    )

    account_id: UUID
    run_id: UUID | None
    broker: str = Field(examples=["simulated"])
    mode: str = Field(examples=["backtest"])
    starting_cash: Exact
    cash: Exact
    equity: Exact
    pnl: Exact = Field(description="Equity less starting cash.")
    positions: list[Position]

    @classmethod
    def of(cls, account: AccountRecord, positions: list[Position]) -> Self:
        """As the API tells it."""
        return cls(
            account_id=account.id,
            run_id=account.run_id,
            broker=account.broker,
            mode=account.mode,
            starting_cash=account.starting_cash,
            cash=account.cash,
            equity=account.equity,
            pnl=account.equity - account.starting_cash,
            positions=positions,
        )
