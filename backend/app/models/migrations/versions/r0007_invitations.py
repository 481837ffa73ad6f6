"""Invitations to register, and an index for listing API keys by age."""

from uuid import UUID

import sqlalchemy as sa
from alembic import op

from app.models.migrations.common import base_columns, touch_on_update

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table and the index."""
    op.create_table(
        "invitations",
        *base_columns(),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("is_for_first_user", sa.Boolean(), nullable=False),
        _user("invited_by"),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT),
        _user("used_by"),
        sa.Column("revoked_at", INSTANT),
        sa.UniqueConstraint("token_hash", name="uq_invitations_token_hash"),
        _check("known_role", "role IN ('viewer', 'trader', 'admin')"),
        _check("token_is_hashed", "length(token_hash) = 64"),
        _check("used_by_somebody", "(used_at IS NULL) = (used_by IS NULL)"),
        _check("used_or_revoked", "used_at IS NULL OR revoked_at IS NULL"),
    )
    for column in ("expires_at", "invited_by", "used_by"):
        op.create_index(f"ix_invitations_{column}", "invitations", [column])
    touch_on_update("invitations")
    op.create_index("ix_api_keys_created_at", "api_keys", ["created_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_api_keys_created_at", "api_keys")
    op.drop_table("invitations")


def _user(column: str) -> sa.Column[UUID]:
    key = sa.ForeignKey("users.id", name=f"fk_invitations_{column}_users")
    return sa.Column(column, sa.Uuid[UUID](), key)


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_invitations_{name}"))
