"""Orders, trades and positions of an account are found by their times."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TIMES = {"orders": "submitted_at", "trades": "entry_at", "positions": "time_at"}


def upgrade() -> None:
    """Index them, within their account."""
    for table, time in TIMES.items():
        op.create_index(f"ix_{table}_account_id_{time}", table, ["account_id", time])


def downgrade() -> None:
    """Drop the indexes."""
    for table, time in TIMES.items():
        op.drop_index(f"ix_{table}_account_id_{time}", table)
