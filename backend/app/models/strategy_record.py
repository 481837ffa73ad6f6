"""Tables of strategies: what they are, what happened to them, what they saw and wanted."""

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
)
from sqlalchemy.orm import Mapped, mapped_column

from app.models.database import Base, UtcDateTime
from app.models.record_types import Price, Quantity, one_of, positive

LIFECYCLES = ("RESEARCH", "PAPER", "LIVE", "RETIRED")
ACTIONS = ("BUY", "SELL", "HOLD")
EVENT_KINDS = ("created", "lifecycle", "note", "ended")


class StrategyRow(Base):
    """A strategy with its parameters; with others it is another strategy."""

    __tablename__ = "strategies"
    __table_args__ = (
        UniqueConstraint("name", "fingerprint"),
        one_of("lifecycle", LIFECYCLES),
        CheckConstraint("length(fingerprint) = 64", name="whole_fingerprint"),
    )

    name: Mapped[str] = mapped_column(String(128))
    class_: Mapped[str] = mapped_column("class", String(256))
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    timeframe: Mapped[str] = mapped_column(String(16))
    fingerprint: Mapped[str] = mapped_column(String(64))
    lifecycle: Mapped[str] = mapped_column(String(16), server_default="RESEARCH")
    regime_notes: Mapped[str | None] = mapped_column(Text)


class StrategyEventRow(Base):
    """Something that happened to a strategy; never changed."""

    __tablename__ = "strategy_events"
    __table_args__ = (
        one_of("kind", EVENT_KINDS),
        Index(None, "strategy_id", "time_at"),
        Index(None, "run_id"),
        Index(None, "time_at"),
    )

    strategy_id: Mapped[UUID] = mapped_column(ForeignKey("strategies.id", ondelete="CASCADE"))
    run_id: Mapped[UUID | None] = mapped_column(ForeignKey("backtest_runs.id", ondelete="CASCADE"))
    time_at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(16))
    message: Mapped[str] = mapped_column(Text)


class SignalRow(Base):
    """What a strategy wanted at a moment, what it saw, and whether it came to be."""

    __tablename__ = "signals"
    __table_args__ = (
        UniqueConstraint("order_id"),
        one_of("action", ACTIONS),
        *positive("quantity", "price"),
        CheckConstraint("executed = (refusal IS NULL)", name="executed_or_why_not"),
        CheckConstraint("action <> 'HOLD' OR order_id IS NULL", name="hold_orders_nothing"),
        CheckConstraint("action <> 'HOLD' OR NOT executed", name="hold_does_nothing"),
        Index(None, "run_id", "time_at"),
        Index(None, "strategy_id"),
    )

    run_id: Mapped[UUID | None] = mapped_column(ForeignKey("backtest_runs.id", ondelete="CASCADE"))
    strategy_id: Mapped[UUID] = mapped_column(ForeignKey("strategies.id"))
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    symbol: Mapped[str] = mapped_column(String(32))
    time_at: Mapped[datetime] = mapped_column(UtcDateTime)
    action: Mapped[str] = mapped_column(String(8))
    quantity: Mapped[Decimal | None] = mapped_column(Quantity)
    price: Mapped[Decimal | None] = mapped_column(Price)
    reasons: Mapped[list[str]] = mapped_column(JSON)
    indicators: Mapped[dict[str, float | None]] = mapped_column(JSON)
    executed: Mapped[bool]
    refusal: Mapped[str | None] = mapped_column(Text)


class IndicatorSnapshotRow(Base):
    """The value of one output of an indicator at a moment; never changed."""

    __tablename__ = "indicator_snapshots"
    __table_args__ = (
        UniqueConstraint("run_id", "symbol", "interval", "name", "time_at"),
        CheckConstraint("value <> 'NaN'", name="value_is_a_number"),
    )

    run_id: Mapped[UUID | None] = mapped_column(ForeignKey("backtest_runs.id", ondelete="CASCADE"))
    symbol: Mapped[str] = mapped_column(String(32))
    interval: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(256))
    time_at: Mapped[datetime] = mapped_column(UtcDateTime)
    value: Mapped[float]
