"""Table of the requests that may be sent twice and are done once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.database import Base, UtcDateTime
from app.models.identity import SHA256_LENGTH


class IdempotencyKeyRow(Base):
    """One request by its sender's key; `status` is null until it was answered.

    `key` is hashed with the API key's id where one sent it; `fingerprint` is an HMAC of the body.
    `server_id` is the process that took it on; `body` is null where the answer was too long to
    keep, or held what is shown once.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        UniqueConstraint("user_id", "route", "key"),
        CheckConstraint("length(key) > 0", name="key_is_not_empty"),
        CheckConstraint("status IS NULL OR status BETWEEN 200 AND 599", name="status_is_http"),
        CheckConstraint(
            f"fingerprint IS NULL OR length(fingerprint) = {SHA256_LENGTH}", name="body_is_hashed"
        ),
        CheckConstraint(
            "status IS NULL OR fingerprint IS NOT NULL", name="what_is_answered_was_read"
        ),
        Index(None, "expires_at"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    route: Mapped[str] = mapped_column(String(256))
    key: Mapped[str] = mapped_column(String(128))
    server_id: Mapped[UUID]
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    fingerprint: Mapped[str | None] = mapped_column(String(SHA256_LENGTH))
    status: Mapped[int | None]
    content_type: Mapped[str | None] = mapped_column(String(128))
    location: Mapped[str | None] = mapped_column(String(512))
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
