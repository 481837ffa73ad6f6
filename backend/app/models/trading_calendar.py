"""Tables of market time: regular hours, days that differ, corrections, market-wide halts."""

from datetime import date, datetime, time

from sqlalchemy import CheckConstraint, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.database import Base, UtcDateTime

ALL_OR_NO_HOURS = (
    "(regular_open IS NULL) = (regular_close IS NULL) "
    "AND (regular_open IS NULL) = (pre_market_open IS NULL) "
    "AND (regular_open IS NULL) = (post_market_close IS NULL)"
)


class MarketHoursRow(Base):
    """Regular hours of one market, in its own wall-clock time, and what its calendar covers."""

    __tablename__ = "market_hours"
    __table_args__ = (
        UniqueConstraint("exchange_group", "asset_class"),
        CheckConstraint("length(trading_weekdays) = 7", name="seven_weekdays"),
        CheckConstraint("first_date <= last_date", name="dates_in_order"),
    )

    exchange_group: Mapped[str] = mapped_column(String(32))
    asset_class: Mapped[str] = mapped_column(String(32))
    timezone: Mapped[str] = mapped_column(String(64))
    trading_weekdays: Mapped[str] = mapped_column(String(7))
    """Monday to Sunday, 1 where the market usually trades."""
    pre_market_open: Mapped[time]
    regular_open: Mapped[time]
    regular_close: Mapped[time]
    post_market_close: Mapped[time]
    calendar_name: Mapped[str] = mapped_column(String(32))
    calendar_source: Mapped[str] = mapped_column(String(64))
    """Library and version the calendar was filled from."""
    first_date: Mapped[date]
    last_date: Mapped[date]


class _Day:
    """A date on which a market keeps other hours than its regular ones; no hours: closed."""

    exchange_group: Mapped[str] = mapped_column(String(32))
    date: Mapped[date]
    name: Mapped[str | None] = mapped_column(String(128))
    pre_market_open: Mapped[time | None]
    regular_open: Mapped[time | None]
    regular_close: Mapped[time | None]
    post_market_close: Mapped[time | None]
    is_early_close: Mapped[bool]


class CalendarDayRow(_Day, Base):
    """A holiday, an early close or a special session, as the calendar library knows it."""

    __tablename__ = "calendar_days"
    __table_args__ = (
        UniqueConstraint("exchange_group", "date"),
        CheckConstraint(ALL_OR_NO_HOURS, name="all_or_no_hours"),
    )


class CalendarOverrideRow(_Day, Base):
    """A day on which the library is wrong; it wins, and says who says so and when."""

    __tablename__ = "calendar_overrides"
    __table_args__ = (
        UniqueConstraint("exchange_group", "date"),
        CheckConstraint(ALL_OR_NO_HOURS, name="all_or_no_hours"),
    )

    source: Mapped[str] = mapped_column(String(512))
    source_date: Mapped[date]
    """When the source was published."""


class MarketHaltRow(Base):
    """A stretch in which no venue of an exchange group traded, and who says so and when."""

    __tablename__ = "market_halts"
    __table_args__ = (
        UniqueConstraint("exchange_group", "start_at"),
        CheckConstraint("start_at < end_at", name="times_in_order"),
    )

    exchange_group: Mapped[str] = mapped_column(String(32))
    start_at: Mapped[datetime] = mapped_column(UtcDateTime)
    end_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When trading was allowed again, or the close of a session that did not resume."""
    reason: Mapped[str] = mapped_column(String(256))
    source: Mapped[str] = mapped_column(String(512))
    source_date: Mapped[date]
    """When the source was published."""
