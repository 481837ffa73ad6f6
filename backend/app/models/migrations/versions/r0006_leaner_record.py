"""Two indexes of the trading record go: each table has another one that begins with the account."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TIMES = {"orders": "submitted_at", "trades": "entry_at"}


def upgrade() -> None:
    """Drop them; rows of an account are found by its unique keys, and in order by their id."""
    for table, time in TIMES.items():
        op.drop_index(f"ix_{table}_account_id_{time}", table)


def downgrade() -> None:
    """Make them again."""
    for table, time in TIMES.items():
        op.create_index(f"ix_{table}_account_id_{time}", table, ["account_id", time])
