"""Tables of trading: accounts, orders and what became of them, trades, positions, equity.

What belongs to a backtest belongs to its account. Times are indexed within an account: runs
over the same days would otherwise scatter their rows over one index, and each would cost more
than the one before.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.core.enums import OrderStatus, OrderType, TimeInForce
from app.models.database import Base, UtcDateTime
from app.models.record_types import (
    MODES,
    SIDES,
    Holding,
    Money,
    Price,
    Quantity,
    above_zero,
    never_negative,
    numbers,
    one_of,
    positive,
)


def _account_key() -> Mapped[UUID]:
    return mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))


def _strategy_key() -> Mapped[UUID]:
    return mapped_column(ForeignKey("strategies.id"))


def _some(column: str) -> Index:
    """An index on the rows that have a value in `column`."""
    where = text(f"{column} IS NOT NULL")
    return Index(None, column, sqlite_where=where, postgresql_where=where)


class AccountRow(Base):
    """Money at a broker; each backtest and paper session has a simulated account of its own."""

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("broker", "number"),
        UniqueConstraint("run_id"),
        one_of("mode", MODES),
        *positive("starting_cash"),
        *numbers("cash", "equity"),
        CheckConstraint(
            "(mode <> 'backtest' OR run_id IS NOT NULL) AND (mode <> 'live' OR run_id IS NULL)",
            name="run_by_mode",
        ),
    )

    run_id: Mapped[UUID | None] = mapped_column(ForeignKey("backtest_runs.id", ondelete="CASCADE"))
    broker: Mapped[str] = mapped_column(String(32))
    number: Mapped[str] = mapped_column(String(64))
    mode: Mapped[str] = mapped_column(String(16))
    starting_cash: Mapped[Decimal] = mapped_column(Money)
    cash: Mapped[Decimal] = mapped_column(Money)
    equity: Mapped[Decimal] = mapped_column(Money)


class OrderRow(Base):
    """An order and where it stands; `app.core.orders.Order` says what the fields mean."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("account_id", "client_order_id"),
        one_of("side", SIDES),
        one_of("type", OrderType),
        one_of("time_in_force", TimeInForce),
        one_of("status", OrderStatus),
        *positive("quantity", "limit_price", "stop_price", "average_fill_price"),
        *positive("take_profit", "stop_loss", "trail", "trail_pct"),
        CheckConstraint(
            "filled_quantity >= 0 AND filled_quantity <= quantity", name="filled_within_quantity"
        ),
        CheckConstraint(
            "(filled_quantity > 0) = (average_fill_price IS NOT NULL)", name="a_fill_has_a_price"
        ),
        CheckConstraint(
            "(status <> 'filled' OR filled_quantity > 0) "
            "AND (status <> 'rejected' OR filled_quantity = 0)",
            name="filled_by_status",
        ),
        CheckConstraint(
            "type = 'market' OR type = 'trailing_stop' "
            "OR (type = 'limit' OR stop_price IS NOT NULL) "
            "AND (type = 'stop' OR limit_price IS NOT NULL)",
            name="prices_by_type",
        ),
        CheckConstraint(
            "time_in_force <> 'gtd' OR good_till_at IS NOT NULL", name="gtd_has_an_end"
        ),
        CheckConstraint("filled_at >= submitted_at", name="filled_after_submitted"),
        Index(None, "account_id", "submitted_at"),
        Index(None, "strategy_id"),
        _some("parent_order_id"),
        _some("replaces_order_id"),
    )

    account_id: Mapped[UUID] = _account_key()
    strategy_id: Mapped[UUID] = _strategy_key()
    client_order_id: Mapped[str] = mapped_column(String(64))
    symbol: Mapped[str] = mapped_column(String(32))
    side: Mapped[str] = mapped_column(String(8))
    quantity: Mapped[Decimal] = mapped_column(Quantity)
    type: Mapped[str] = mapped_column(String(16))
    time_in_force: Mapped[str] = mapped_column(String(8))
    limit_price: Mapped[Decimal | None] = mapped_column(Price)
    stop_price: Mapped[Decimal | None] = mapped_column(Price)
    trail: Mapped[Decimal | None] = mapped_column(Price)
    trail_pct: Mapped[float | None]
    take_profit: Mapped[Decimal | None] = mapped_column(Price)
    stop_loss: Mapped[Decimal | None] = mapped_column(Price)
    good_till_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reduce_only: Mapped[bool]
    tag: Mapped[str] = mapped_column(Text)
    submitted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)
    filled_quantity: Mapped[Decimal] = mapped_column(Quantity)
    filled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    average_fill_price: Mapped[Decimal | None] = mapped_column(Price)
    parent_order_id: Mapped[UUID | None] = mapped_column(ForeignKey("orders.id"))
    replaces_order_id: Mapped[UUID | None] = mapped_column(ForeignKey("orders.id"))
    exclusive_group: Mapped[int | None]


class OrderEventRow(Base):
    """One transition of one order; never changed."""

    __tablename__ = "order_events"
    __table_args__ = (
        UniqueConstraint("order_id", "sequence"),
        one_of("status", OrderStatus),
        *above_zero("sequence"),
    )

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    sequence: Mapped[int]
    time_at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(String(16))
    cause: Mapped[str | None] = mapped_column(Text)


class FillRow(Base):
    """One execution; never changed. `execution_id` is the broker's."""

    __tablename__ = "fills"
    __table_args__ = (
        UniqueConstraint("order_id", "execution_id"),
        one_of("side", SIDES),
        *positive("quantity", "price"),
        *numbers("commission", "slippage"),
        Index(None, "account_id", "time_at"),
    )

    account_id: Mapped[UUID] = _account_key()
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    execution_id: Mapped[str] = mapped_column(String(64))
    symbol: Mapped[str] = mapped_column(String(32))
    side: Mapped[str] = mapped_column(String(8))
    quantity: Mapped[Decimal] = mapped_column(Quantity)
    price: Mapped[Decimal] = mapped_column(Price)
    commission: Mapped[Decimal] = mapped_column(Money)
    slippage: Mapped[Decimal] = mapped_column(Money)
    time_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TradeRow(Base):
    """One round trip, or a position still open: then without an exit, and marked."""

    __tablename__ = "trades"
    __table_args__ = (
        UniqueConstraint("account_id", "number"),
        one_of("direction", ("long", "short")),
        *above_zero("number"),
        *positive("quantity", "entry_price", "exit_price", "stop_price", "target_price"),
        *numbers("gross_pnl", "commission", "slippage", "net_pnl"),
        *never_negative("bars_held"),
        CheckConstraint("exit_at >= entry_at", name="exit_after_entry"),
        CheckConstraint("(exit_at IS NULL) = (exit_price IS NULL)", name="whole_exit"),
        Index(None, "account_id", "entry_at"),
        Index(None, "strategy_id"),
        Index(None, "entry_order_id"),
        Index(None, "exit_order_id"),
    )

    account_id: Mapped[UUID] = _account_key()
    strategy_id: Mapped[UUID] = _strategy_key()
    number: Mapped[int]
    symbol: Mapped[str] = mapped_column(String(32))
    direction: Mapped[str] = mapped_column(String(8))
    quantity: Mapped[Decimal] = mapped_column(Quantity)
    entry_order_id: Mapped[UUID | None] = mapped_column(ForeignKey("orders.id"))
    entry_at: Mapped[datetime] = mapped_column(UtcDateTime)
    entry_price: Mapped[Decimal] = mapped_column(Price)
    exit_order_id: Mapped[UUID | None] = mapped_column(ForeignKey("orders.id"))
    exit_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    exit_price: Mapped[Decimal | None] = mapped_column(Price)
    stop_price: Mapped[Decimal | None] = mapped_column(Price)
    target_price: Mapped[Decimal | None] = mapped_column(Price)
    gross_pnl: Mapped[Decimal] = mapped_column(Money)
    commission: Mapped[Decimal] = mapped_column(Money)
    slippage: Mapped[Decimal] = mapped_column(Money)
    net_pnl: Mapped[Decimal] = mapped_column(Money)
    return_pct: Mapped[float]
    bars_held: Mapped[int]
    market_context: Mapped[dict[str, Any]] = mapped_column(JSON)


class PositionRow(Base):
    """What a strategy holds in a symbol, short: below zero."""

    __tablename__ = "positions"
    __table_args__ = (
        UniqueConstraint("account_id", "strategy_id", "symbol"),
        CheckConstraint("quantity <> 0", name="holds_something"),
        *positive("average_price", "last_price"),
        *numbers("quantity", "unrealized_pnl"),
        Index(None, "account_id", "time_at"),
        Index(None, "strategy_id"),
    )

    account_id: Mapped[UUID] = _account_key()
    strategy_id: Mapped[UUID] = _strategy_key()
    symbol: Mapped[str] = mapped_column(String(32))
    quantity: Mapped[Decimal] = mapped_column(Holding)
    average_price: Mapped[Decimal] = mapped_column(Price)
    last_price: Mapped[Decimal] = mapped_column(Price)
    unrealized_pnl: Mapped[Decimal] = mapped_column(Money)
    time_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EquityPointRow(Base):
    """What an account was worth at a moment; never changed."""

    __tablename__ = "equity_points"
    __table_args__ = (
        UniqueConstraint("account_id", "time_at"),
        *numbers("cash", "position_value", "gross_exposure", "equity"),
        *never_negative("gross_exposure"),
        CheckConstraint(
            "gross_exposure * 1.000001 + 0.000001 >= abs(position_value)",
            name="gross_exposure_of_positions",
        ),
        CheckConstraint("drawdown_pct <= 0", name="drawdown_not_positive"),
    )

    account_id: Mapped[UUID] = _account_key()
    time_at: Mapped[datetime] = mapped_column(UtcDateTime)
    is_session_close: Mapped[bool]
    cash: Mapped[Decimal] = mapped_column(Money)
    position_value: Mapped[Decimal] = mapped_column(Money)
    gross_exposure: Mapped[Decimal] = mapped_column(Money)
    equity: Mapped[Decimal] = mapped_column(Money)
    drawdown_pct: Mapped[float]
