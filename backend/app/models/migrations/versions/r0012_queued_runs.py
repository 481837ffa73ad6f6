"""Backtests that were asked for outlive the server that was asked."""

import sqlalchemy as sa
from alembic import op

from app.models.migrations.common import base_columns, touch_on_update

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLE = "queued_runs"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        TABLE,
        *base_columns(),
        sa.Column("data_dir", sa.Text(), nullable=False),
        sa.Column("server_id", sa.Uuid(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("interruptions", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "interruptions >= 0", name=op.f(f"ck_{TABLE}_interruptions_not_negative")
        ),
    )
    op.create_index(f"ix_{TABLE}_data_dir_server_id", TABLE, ["data_dir", "server_id"])
    op.create_index(f"ix_{TABLE}_submitted_at", TABLE, ["submitted_at"])
    touch_on_update(TABLE)


def downgrade() -> None:
    """Drop it."""
    op.drop_table(TABLE)
