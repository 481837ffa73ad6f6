"""A run that is recorded cannot be put in another's place either."""

from alembic import op

from app.models.migrations.common import refuse_replacement

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLE = "backtest_runs"


def upgrade() -> None:
    """Refuse `INSERT OR REPLACE`, with which orders and fills of the old run would go too."""
    refuse_replacement(TABLE, f"rows of {TABLE} never change")


def downgrade() -> None:
    """Allow it again."""
    if op.get_context().dialect.name == "sqlite":
        op.execute(f"DROP TRIGGER {TABLE}_not_replaced")
