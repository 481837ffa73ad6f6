"""Market-wide trading halts."""

import sqlalchemy as sa
from alembic import op

from app.models.migrations.common import base_columns, touch_on_update

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "market_halts",
        *base_columns(),
        sa.Column("exchange_group", sa.String(32), nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(256), nullable=False),
        sa.Column("source", sa.String(512), nullable=False),
        sa.Column("source_date", sa.Date(), nullable=False),
        sa.UniqueConstraint(
            "exchange_group", "start_at", name="uq_market_halts_exchange_group_start_at"
        ),
        sa.CheckConstraint("start_at < end_at", name=op.f("ck_market_halts_times_in_order")),
    )
    touch_on_update("market_halts")


def downgrade() -> None:
    """Drop it."""
    op.drop_table("market_halts")
