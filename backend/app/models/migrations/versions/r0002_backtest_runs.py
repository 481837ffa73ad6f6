"""The record of finished backtest runs."""

import sqlalchemy as sa
from alembic import op

from app.models.migrations.common import base_columns, refuse_update

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; its rows can be added and never changed."""
    op.create_table(
        "backtest_runs",
        *base_columns(),
        sa.Column("session_name", sa.String(128), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("strategies", sa.JSON(), nullable=False),
        sa.Column("symbols", sa.JSON(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_session", sa.Date()),
        sa.Column("last_session", sa.Date()),
        sa.Column("bars", sa.BigInteger(), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("data_quality", sa.JSON(), nullable=False),
        sa.Column("data_fingerprint", sa.String(64), nullable=False),
        sa.Column("code_version", sa.String(64), nullable=False),
        sa.Column("order_hash", sa.String(64), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "status IN ('completed', 'stopped', 'failed')",
            name=op.f("ck_backtest_runs_known_status"),
        ),
    )
    op.create_index("ix_backtest_runs_finished_at", "backtest_runs", ["finished_at"])
    refuse_update("backtest_runs")


def downgrade() -> None:
    """Drop it."""
    op.drop_table("backtest_runs")
    if op.get_context().dialect.name != "sqlite":
        op.execute("DROP FUNCTION backtest_runs_refuse_update()")
