"""Tables of users, invitations, API keys and refresh tokens; of every secret they hold a hash."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.database import Base, UtcDateTime

SHA256_LENGTH = 64


class UserRow(Base):
    """One user; those who are gone are not deleted, for the audit log names them."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("username"),
        UniqueConstraint("email"),
        CheckConstraint("role IN ('viewer', 'trader', 'admin')", name="known_role"),
        CheckConstraint(
            "username = lower(username) AND length(username) BETWEEN 1 AND 64",
            name="username_is_lower_case",
        ),
        CheckConstraint("substr(password_hash, 1, 10) = '$argon2id$'", name="password_is_hashed"),
    )

    username: Mapped[str] = mapped_column(String(64))
    email: Mapped[str | None] = mapped_column(String(254))
    password_hash: Mapped[str] = mapped_column(String(256))
    role: Mapped[str] = mapped_column(String(16))
    is_active: Mapped[bool]
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ApiKeyRow(Base):
    """One key; its hash is SHA-256 in hexadecimal, for the key itself is long and random."""

    __tablename__ = "api_keys"
    __table_args__ = (
        UniqueConstraint("user_id", "name"),
        UniqueConstraint("key_hash"),
        CheckConstraint(f"length(key_hash) = {SHA256_LENGTH}", name="key_is_hashed"),
        CheckConstraint("length(prefix) <= 12", name="prefix_is_short"),
        Index(None, "expires_at"),
        Index(None, "created_at"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(64))
    prefix: Mapped[str] = mapped_column(String(12))
    key_hash: Mapped[str] = mapped_column(String(SHA256_LENGTH))
    scopes: Mapped[list[str]] = mapped_column(JSON)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RefreshTokenRow(Base):
    """One token of a login; its hash is SHA-256 in hexadecimal."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        CheckConstraint(f"length(token_hash) = {SHA256_LENGTH}", name="token_is_hashed"),
        Index(None, "user_id"),
        Index(None, "family_id"),
        Index(None, "expires_at"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    family_id: Mapped[UUID]
    token_hash: Mapped[str] = mapped_column(String(SHA256_LENGTH))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class InvitationRow(Base):
    """One invitation to register; the hash of its token is SHA-256 in hexadecimal."""

    __tablename__ = "invitations"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        CheckConstraint("role IN ('viewer', 'trader', 'admin')", name="known_role"),
        CheckConstraint(f"length(token_hash) = {SHA256_LENGTH}", name="token_is_hashed"),
        CheckConstraint("(used_at IS NULL) = (used_by IS NULL)", name="used_by_somebody"),
        CheckConstraint("used_at IS NULL OR revoked_at IS NULL", name="used_or_revoked"),
        Index(None, "expires_at"),
        Index(None, "invited_by"),
        Index(None, "used_by"),
    )

    token_hash: Mapped[str] = mapped_column(String(SHA256_LENGTH))
    role: Mapped[str] = mapped_column(String(16))
    is_for_first_user: Mapped[bool]
    invited_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    used_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
