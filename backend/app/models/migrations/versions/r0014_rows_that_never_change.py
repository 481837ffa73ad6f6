"""Rows that never change can be neither replaced by another key nor emptied, and times are kept."""

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

from app.models.migrations.common import (
    keep_creation,
    keep_times,
    refuse_any_replacement,
    refuse_replacement,
    touch_on_update,
)

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

GUARDED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "audit_log": (),
    "backtest_runs": (),
    "strategy_events": (),
    "equity_points": (("account_id", "time_at"),),
    "indicator_snapshots": (("run_id", "symbol", "interval", "name", "time_at"),),
}
"""Tables and their keys besides the id. Orders leave so many fills and events that to look for an
older one of each would cost a run more than a twentieth of its time."""

BEFORE: Mapping[str, str] = {
    "audit_log": "rows of audit_log are never removed",
    "backtest_runs": "rows of backtest_runs never change",
}
"""Those that were guarded by their id already, and what they answered."""

NEVER_EMPTIED = (
    *("backtest_runs", "strategy_events", "order_events", "fills"),
    *("equity_points", "indicator_snapshots"),
)
"""The audit log is not either, since 0005."""


def upgrade() -> None:
    """Guard them: SQLite against `INSERT OR REPLACE`, PostgreSQL against `TRUNCATE`."""
    if op.get_context().dialect.name == "sqlite":
        for table in BEFORE:
            op.execute(f"DROP TRIGGER {table}_not_replaced")
        for table, keys in GUARDED.items():
            refuse_any_replacement(table, *keys)
        for table in _touched():
            op.execute(f"DROP TRIGGER {table}_touch")
            keep_times(table)
        return
    keep_creation()
    for table in NEVER_EMPTIED:
        op.execute(
            f"CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse_update()"
        )


def downgrade() -> None:
    """Guard them as they were."""
    if op.get_context().dialect.name == "sqlite":
        for table in GUARDED:
            op.execute(f"DROP TRIGGER {table}_not_replaced")
        for table, message in BEFORE.items():
            refuse_replacement(table, message)
        for table in _touched():
            op.execute(f"DROP TRIGGER {table}_touch")
            touch_on_update(table)
        return
    keep_creation(kept=False)
    for table in NEVER_EMPTIED:
        op.execute(f"DROP TRIGGER {table}_not_emptied ON {table}")


def _touched() -> list[str]:
    """The tables whose rows change."""
    known = "SELECT tbl_name FROM sqlite_schema WHERE type = 'trigger' AND name = tbl_name || :end"
    return sorted(op.get_bind().scalars(sa.text(known), {"end": "_touch"}))
