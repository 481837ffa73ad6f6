"""Table of the backtests that were asked for and are not recorded yet."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.database import Base, UtcDateTime
from app.models.record_types import never_negative


class QueuedRunRow(Base):
    """One request for a run; gone in the transaction that records the run, whose id it has.

    `server_id` is the queue that has it, `data_dir` the folder with the bars it is to be run on.
    """

    __tablename__ = "queued_runs"
    __table_args__ = (
        *never_negative("interruptions"),
        Index(None, "data_dir", "server_id"),
        Index(None, "submitted_at"),
    )

    data_dir: Mapped[str] = mapped_column(Text)
    server_id: Mapped[UUID]
    submitted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    config: Mapped[dict[str, Any]] = mapped_column(JSON)
    interruptions: Mapped[int]
