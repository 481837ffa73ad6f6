"""Indexes that lists are sorted by: runs by when they began, what happened to strategies by time.

Both tables have few rows per run, so that to keep them sorted costs a run nothing.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INDEXES = {"backtest_runs": "started_at", "strategy_events": "time_at"}


def upgrade() -> None:
    """Create them."""
    for table, column in _INDEXES.items():
        op.create_index(f"ix_{table}_{column}", table, [column])


def downgrade() -> None:
    """Drop them."""
    for table, column in _INDEXES.items():
        op.drop_index(f"ix_{table}_{column}", table)
