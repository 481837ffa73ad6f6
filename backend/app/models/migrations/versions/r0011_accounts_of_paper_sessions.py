"""The account of a paper session belongs to its run, as a backtest's does."""

from alembic import op

from app.models.migrations.common import replace_check

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLE = "accounts"
BACKTESTS_ALONE = ("run_of_a_backtest", "(mode = 'backtest') = (run_id IS NOT NULL)")
PAPER_TOO = (
    "run_by_mode",
    "(mode <> 'backtest' OR run_id IS NOT NULL) AND (mode <> 'live' OR run_id IS NULL)",
)


def upgrade() -> None:
    """Let accounts of mode paper have a run; those at a broker have none."""
    replace_check(TABLE, BACKTESTS_ALONE, PAPER_TOO)


def downgrade() -> None:
    """Forget that the runs of paper sessions were no backtests: before, there were no others."""
    op.execute("UPDATE accounts SET mode = 'backtest' WHERE run_id IS NOT NULL")
    replace_check(TABLE, PAPER_TOO, BACKTESTS_ALONE)
