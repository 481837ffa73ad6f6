"""Market hours, calendar days and their overrides."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.models.migrations.common import base_columns, touch_on_update

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ALL_OR_NO_HOURS = (
    "(regular_open IS NULL) = (regular_close IS NULL) "
    "AND (regular_open IS NULL) = (pre_market_open IS NULL) "
    "AND (regular_open IS NULL) = (post_market_close IS NULL)"
)


def upgrade() -> None:
    """Create the three tables."""
    op.create_table(
        "market_hours",
        *base_columns(),
        sa.Column("exchange_group", sa.String(32), nullable=False),
        sa.Column("asset_class", sa.String(32), nullable=False),
        sa.Column("timezone", sa.String(64), nullable=False),
        sa.Column("trading_weekdays", sa.String(7), nullable=False),
        *_hours(nullable=False),
        sa.Column("calendar_name", sa.String(32), nullable=False),
        sa.Column("calendar_source", sa.String(64), nullable=False),
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("last_date", sa.Date(), nullable=False),
        sa.UniqueConstraint(
            "exchange_group", "asset_class", name="uq_market_hours_exchange_group_asset_class"
        ),
        sa.CheckConstraint(
            "length(trading_weekdays) = 7", name=op.f("ck_market_hours_seven_weekdays")
        ),
        sa.CheckConstraint("first_date <= last_date", name=op.f("ck_market_hours_dates_in_order")),
    )
    _create_days("calendar_days")
    _create_days(
        "calendar_overrides",
        sa.Column("source", sa.String(512), nullable=False),
        sa.Column("source_date", sa.Date(), nullable=False),
    )
    for table in ("market_hours", "calendar_days", "calendar_overrides"):
        touch_on_update(table)


def downgrade() -> None:
    """Drop them."""
    for table in ("calendar_overrides", "calendar_days", "market_hours"):
        op.drop_table(table)
    if op.get_context().dialect.name != "sqlite":
        op.execute("DROP FUNCTION touch_updated_at()")


def _create_days(table: str, *more: sa.Column[Any]) -> None:
    op.create_table(
        table,
        *base_columns(),
        sa.Column("exchange_group", sa.String(32), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("name", sa.String(128)),
        *_hours(nullable=True),
        sa.Column("is_early_close", sa.Boolean(), nullable=False),
        *more,
        sa.UniqueConstraint("exchange_group", "date", name=f"uq_{table}_exchange_group_date"),
        sa.CheckConstraint(_ALL_OR_NO_HOURS, name=op.f(f"ck_{table}_all_or_no_hours")),
    )


def _hours(*, nullable: bool) -> list[sa.Column[Any]]:
    names = ("pre_market_open", "regular_open", "regular_close", "post_market_close")
    return [sa.Column(name, sa.Time(), nullable=nullable) for name in names]
