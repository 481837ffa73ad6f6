"""Table of finished backtest runs; its rows never change."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.database import Base, UtcDateTime
from app.models.record_types import MODES, never_negative, one_of


class BacktestRunRow(Base):
    """One run as it ended; `app.core.run_record.RunRecord` says what the fields mean."""

    __tablename__ = "backtest_runs"
    __table_args__ = (
        CheckConstraint("status IN ('completed', 'stopped', 'failed')", name="known_status"),
        one_of("mode", MODES),
        CheckConstraint("length(session_name) > 0", name="session_name_is_not_empty"),
        *never_negative("bars", "sessions"),
        CheckConstraint("first_session <= last_session", name="sessions_in_order"),
        Index(None, "finished_at"),
        Index(None, "started_at"),
    )

    session_name: Mapped[str] = mapped_column(String(128))
    mode: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)
    strategies: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    symbols: Mapped[list[str]] = mapped_column(JSON)
    config: Mapped[dict[str, Any]] = mapped_column(JSON)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime] = mapped_column(UtcDateTime)
    first_session: Mapped[date | None]
    last_session: Mapped[date | None]
    bars: Mapped[int] = mapped_column(BigInteger)
    sessions: Mapped[int]
    metrics: Mapped[dict[str, float | None]] = mapped_column(JSON)
    data_quality: Mapped[dict[str, Any]] = mapped_column(JSON)
    data_fingerprint: Mapped[str] = mapped_column(String(64))
    code_version: Mapped[str] = mapped_column(String(64))
    order_hash: Mapped[str] = mapped_column(String(64))
    folder: Mapped[str] = mapped_column(Text)
    synthetic: Mapped[bool]
