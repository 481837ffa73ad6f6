"""Tables of the configuration that changes while the platform runs, and of the audit log."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.database import Base, UtcDateTime


class ConfigRow(Base):
    """One value by its key."""

    __tablename__ = "config"
    __table_args__ = (
        UniqueConstraint("key"),
        CheckConstraint("length(key) > 0", name="key_is_not_empty"),
        CheckConstraint(
            "value_type IN ('string', 'integer', 'number', 'boolean', 'json')",
            name="known_value_type",
        ),
        Index(None, "changed_by"),
    )

    key: Mapped[str] = mapped_column(String(128))
    value: Mapped[Any] = mapped_column(JSON)
    value_type: Mapped[str] = mapped_column(String(16))
    changed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class AuditLogRow(Base):
    """One change somebody made; the database refuses to change or delete it."""

    __tablename__ = "audit_log"
    __table_args__ = (
        CheckConstraint("length(actor) > 0", name="actor_is_named"),
        CheckConstraint("length(action) > 0", name="action_is_named"),
        Index(None, "occurred_at"),
        Index(None, "actor_id"),
        Index(None, "action", "occurred_at"),
    )

    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    target: Mapped[str | None] = mapped_column(String(256))
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    address: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(64))
