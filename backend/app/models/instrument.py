"""Table of the symbols that are known."""

from decimal import Decimal

from sqlalchemy import CheckConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.database import Base
from app.models.record_types import Price, Quantity, positive


class SymbolRow(Base):
    """One symbol of an exchange group."""

    __tablename__ = "symbols"
    __table_args__ = (
        UniqueConstraint("symbol", "exchange_group"),
        CheckConstraint("length(symbol) > 0", name="symbol_is_not_empty"),
        CheckConstraint("length(currency) BETWEEN 3 AND 5", name="currency_is_a_code"),
        *positive("tick_size", "lot_size"),
        Index(None, "exchange_group", "asset_class"),
    )

    symbol: Mapped[str] = mapped_column(String(32))
    exchange_group: Mapped[str] = mapped_column(String(32))
    asset_class: Mapped[str] = mapped_column(String(32))
    name: Mapped[str | None] = mapped_column(String(128))
    currency: Mapped[str] = mapped_column(String(5))
    tick_size: Mapped[Decimal] = mapped_column(Price)
    lot_size: Mapped[Decimal] = mapped_column(Quantity)
    is_active: Mapped[bool]
