"""Requests that may be sent twice and are done once."""

import sqlalchemy as sa
from alembic import op

from app.models.migrations.common import base_columns, touch_on_update

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLE = "idempotency_keys"
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table."""
    owner = sa.ForeignKey("users.id", name=f"fk_{TABLE}_user_id_users", ondelete="CASCADE")
    op.create_table(
        TABLE,
        *base_columns(),
        sa.Column("user_id", sa.Uuid(), owner, nullable=False),
        sa.Column("route", sa.String(256), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("server_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("fingerprint", sa.String(64)),
        sa.Column("status", sa.Integer()),
        sa.Column("content_type", sa.String(128)),
        sa.Column("location", sa.String(512)),
        sa.Column("body", sa.LargeBinary()),
        sa.UniqueConstraint("user_id", "route", "key", name=f"uq_{TABLE}_user_id_route_key"),
        _check("key_is_not_empty", "length(key) > 0"),
        _check("status_is_http", "status IS NULL OR status BETWEEN 200 AND 599"),
        _check("body_is_hashed", "fingerprint IS NULL OR length(fingerprint) = 64"),
        _check("what_is_answered_was_read", "status IS NULL OR fingerprint IS NOT NULL"),
    )
    op.create_index(f"ix_{TABLE}_expires_at", TABLE, ["expires_at"])
    touch_on_update(TABLE)


def downgrade() -> None:
    """Drop it."""
    op.drop_table(TABLE)


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{TABLE}_{name}"))
