"""The record of trading, from strategies and signals to fills, trades and equity."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.models.migrations.common import base_columns, refuse_update, touch_on_update

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PRICE, MONEY = sa.Numeric(20, 8), sa.Numeric(20, 6)
INSTANT = sa.DateTime(timezone=True)
CHANGING = ("strategies", "accounts", "orders", "trades", "positions", "signals")
FIXED = ("strategy_events", "order_events", "fills", "equity_points", "indicator_snapshots")


def upgrade() -> None:
    """Create the tables; rows of some can be added and never changed."""
    _create_strategies()
    _create_strategy_events()
    _create_accounts()
    _create_orders()
    _create_order_events()
    _create_fills()
    _create_trades()
    _create_positions()
    _create_equity_points()
    _create_signals()
    _create_indicator_snapshots()
    for table in CHANGING:
        touch_on_update(table)
    for table in FIXED:
        refuse_update(table)


def downgrade() -> None:
    """Drop them."""
    for table in (
        "indicator_snapshots",
        "signals",
        "equity_points",
        "positions",
        "trades",
        "fills",
        "order_events",
        "orders",
        "accounts",
        "strategy_events",
        "strategies",
    ):
        op.drop_table(table)
    if op.get_context().dialect.name != "sqlite":
        for table in FIXED:
            op.execute(f"DROP FUNCTION {table}_refuse_update()")


def _key(name: str, target: str, *, nullable: bool = False, cascade: bool = True) -> sa.Column[Any]:
    ondelete = "CASCADE" if cascade else None
    return sa.Column(name, sa.Uuid(), sa.ForeignKey(target, ondelete=ondelete), nullable=nullable)


def _index(table: str, *columns: str, where: str = "") -> None:
    condition = sa.text(where) if where else None
    op.create_index(
        f"ix_{table}_{'_'.join(columns)}",
        table,
        list(columns),
        sqlite_where=condition,
        postgresql_where=condition,
    )


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=op.f(f"uq_{table}_{'_'.join(columns)}"))


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _create_strategies() -> None:
    op.create_table(
        "strategies",
        *base_columns(),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("class", sa.String(256), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("timeframe", sa.String(16), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("lifecycle", sa.String(16), server_default="RESEARCH", nullable=False),
        sa.Column("regime_notes", sa.Text()),
        _check(
            "strategies",
            "known_lifecycle",
            "lifecycle = 'RESEARCH' OR lifecycle = 'PAPER' "
            "OR lifecycle = 'LIVE' OR lifecycle = 'RETIRED'",
        ),
        _check("strategies", "whole_fingerprint", "length(fingerprint) = 64"),
        _unique("strategies", "name", "fingerprint"),
    )


def _create_strategy_events() -> None:
    op.create_table(
        "strategy_events",
        *base_columns(),
        _key("strategy_id", "strategies.id"),
        _key("run_id", "backtest_runs.id", nullable=True),
        sa.Column("time_at", INSTANT, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        _check(
            "strategy_events",
            "known_kind",
            "kind = 'created' OR kind = 'lifecycle' OR kind = 'note' OR kind = 'ended'",
        ),
    )
    _index("strategy_events", "run_id")
    _index("strategy_events", "strategy_id", "time_at")


def _create_accounts() -> None:
    op.create_table(
        "accounts",
        *base_columns(),
        _key("run_id", "backtest_runs.id", nullable=True),
        sa.Column("broker", sa.String(32), nullable=False),
        sa.Column("number", sa.String(64), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("starting_cash", MONEY, nullable=False),
        sa.Column("cash", MONEY, nullable=False),
        sa.Column("equity", MONEY, nullable=False),
        _check("accounts", "known_mode", "mode = 'backtest' OR mode = 'paper' OR mode = 'live'"),
        _check("accounts", "run_of_a_backtest", "(mode = 'backtest') = (run_id IS NOT NULL)"),
        _check("accounts", "starting_cash_above_zero", "starting_cash > 0"),
        _unique("accounts", "broker", "number"),
        _unique("accounts", "run_id"),
    )


def _create_orders() -> None:
    op.create_table(
        "orders",
        *base_columns(),
        _key("account_id", "accounts.id"),
        _key("strategy_id", "strategies.id", cascade=False),
        sa.Column("client_order_id", sa.String(64), nullable=False),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("side", sa.String(8), nullable=False),
        sa.Column("quantity", PRICE, nullable=False),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("time_in_force", sa.String(8), nullable=False),
        sa.Column("limit_price", PRICE),
        sa.Column("stop_price", PRICE),
        sa.Column("trail", PRICE),
        sa.Column("trail_pct", sa.Double()),
        sa.Column("take_profit", PRICE),
        sa.Column("stop_loss", PRICE),
        sa.Column("good_till_at", INSTANT),
        sa.Column("reduce_only", sa.Boolean(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("submitted_at", INSTANT, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("filled_quantity", PRICE, nullable=False),
        sa.Column("filled_at", INSTANT),
        sa.Column("average_fill_price", PRICE),
        _key("parent_order_id", "orders.id", nullable=True, cascade=False),
        _key("replaces_order_id", "orders.id", nullable=True, cascade=False),
        sa.Column("exclusive_group", sa.Integer()),
        *_order_checks(),
        _unique("orders", "account_id", "client_order_id"),
    )
    _index("orders", "account_id", "submitted_at")
    _index("orders", "parent_order_id", where="parent_order_id IS NOT NULL")
    _index("orders", "replaces_order_id", where="replaces_order_id IS NOT NULL")
    _index("orders", "strategy_id")


def _order_checks() -> list[sa.CheckConstraint]:
    return [
        _check(
            "orders",
            "a_fill_has_a_price",
            "(filled_quantity > 0) = (average_fill_price IS NOT NULL)",
        ),
        _check("orders", "average_fill_price_above_zero", "average_fill_price > 0"),
        _check(
            "orders",
            "filled_within_quantity",
            "filled_quantity >= 0 AND filled_quantity <= quantity",
        ),
        _check("orders", "known_side", "side = 'buy' OR side = 'sell'"),
        _check(
            "orders",
            "known_status",
            "status = 'pending_new' OR status = 'held' "
            "OR status = 'new' OR status = 'partially_filled' OR status = 'filled' "
            "OR status = 'replaced' OR status = 'canceled' OR status = 'expired' "
            "OR status = 'rejected'",
        ),
        _check(
            "orders",
            "known_time_in_force",
            "time_in_force = 'day' "
            "OR time_in_force = 'gtc' OR time_in_force = 'gtd' OR time_in_force = 'ioc' "
            "OR time_in_force = 'fok' OR time_in_force = 'opg' OR time_in_force = 'cls'",
        ),
        _check(
            "orders",
            "known_type",
            "type = 'market' OR type = 'limit' OR type = 'stop' "
            "OR type = 'stop_limit' OR type = 'trailing_stop'",
        ),
        _check("orders", "limit_price_above_zero", "limit_price > 0"),
        _check("orders", "quantity_above_zero", "quantity > 0"),
        _check("orders", "stop_loss_above_zero", "stop_loss > 0"),
        _check("orders", "stop_price_above_zero", "stop_price > 0"),
        _check("orders", "take_profit_above_zero", "take_profit > 0"),
        _check("orders", "trail_above_zero", "trail > 0"),
        _check("orders", "trail_pct_above_zero", "trail_pct > 0"),
    ]


def _create_order_events() -> None:
    op.create_table(
        "order_events",
        *base_columns(),
        _key("order_id", "orders.id"),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("time_at", INSTANT, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("cause", sa.Text()),
        _check(
            "order_events",
            "known_status",
            "status = 'pending_new' OR status = 'held' "
            "OR status = 'new' OR status = 'partially_filled' OR status = 'filled' "
            "OR status = 'replaced' OR status = 'canceled' OR status = 'expired' "
            "OR status = 'rejected'",
        ),
        _check("order_events", "sequence_above_zero", "sequence > 0"),
        _unique("order_events", "order_id", "sequence"),
    )


def _create_fills() -> None:
    op.create_table(
        "fills",
        *base_columns(),
        _key("account_id", "accounts.id"),
        _key("order_id", "orders.id"),
        sa.Column("execution_id", sa.String(64), nullable=False),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("side", sa.String(8), nullable=False),
        sa.Column("quantity", PRICE, nullable=False),
        sa.Column("price", PRICE, nullable=False),
        sa.Column("commission", MONEY, nullable=False),
        sa.Column("slippage", MONEY, nullable=False),
        sa.Column("time_at", INSTANT, nullable=False),
        _check("fills", "known_side", "side = 'buy' OR side = 'sell'"),
        _check("fills", "price_above_zero", "price > 0"),
        _check("fills", "quantity_above_zero", "quantity > 0"),
        _unique("fills", "order_id", "execution_id"),
    )
    _index("fills", "account_id", "time_at")


def _create_trades() -> None:
    op.create_table(
        "trades",
        *base_columns(),
        _key("account_id", "accounts.id"),
        _key("strategy_id", "strategies.id", cascade=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("direction", sa.String(8), nullable=False),
        sa.Column("quantity", PRICE, nullable=False),
        _key("entry_order_id", "orders.id", nullable=True, cascade=False),
        sa.Column("entry_at", INSTANT, nullable=False),
        sa.Column("entry_price", PRICE, nullable=False),
        _key("exit_order_id", "orders.id", nullable=True, cascade=False),
        sa.Column("exit_at", INSTANT),
        sa.Column("exit_price", PRICE),
        sa.Column("stop_price", PRICE),
        sa.Column("target_price", PRICE),
        sa.Column("gross_pnl", MONEY, nullable=False),
        sa.Column("commission", MONEY, nullable=False),
        sa.Column("slippage", MONEY, nullable=False),
        sa.Column("net_pnl", MONEY, nullable=False),
        sa.Column("return_pct", sa.Double(), nullable=False),
        sa.Column("bars_held", sa.Integer(), nullable=False),
        sa.Column("market_context", sa.JSON(), nullable=False),
        _check("trades", "bars_held_not_negative", "bars_held >= 0"),
        _check("trades", "entry_price_above_zero", "entry_price > 0"),
        _check("trades", "exit_after_entry", "exit_at >= entry_at"),
        _check("trades", "exit_price_above_zero", "exit_price > 0"),
        _check("trades", "known_direction", "direction = 'long' OR direction = 'short'"),
        _check("trades", "number_above_zero", "number > 0"),
        _check("trades", "quantity_above_zero", "quantity > 0"),
        _check("trades", "stop_price_above_zero", "stop_price > 0"),
        _check("trades", "target_price_above_zero", "target_price > 0"),
        _check("trades", "whole_exit", "(exit_at IS NULL) = (exit_price IS NULL)"),
        _unique("trades", "account_id", "number"),
    )
    _index("trades", "account_id", "entry_at")
    _index("trades", "entry_order_id")
    _index("trades", "exit_order_id")
    _index("trades", "strategy_id")


def _create_positions() -> None:
    op.create_table(
        "positions",
        *base_columns(),
        _key("account_id", "accounts.id"),
        _key("strategy_id", "strategies.id", cascade=False),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("quantity", PRICE, nullable=False),
        sa.Column("average_price", PRICE, nullable=False),
        sa.Column("last_price", PRICE, nullable=False),
        sa.Column("unrealized_pnl", MONEY, nullable=False),
        sa.Column("time_at", INSTANT, nullable=False),
        _check("positions", "average_price_above_zero", "average_price > 0"),
        _check("positions", "holds_something", "quantity <> 0"),
        _check("positions", "last_price_above_zero", "last_price > 0"),
        _unique("positions", "account_id", "strategy_id", "symbol"),
    )
    _index("positions", "strategy_id")


def _create_equity_points() -> None:
    op.create_table(
        "equity_points",
        *base_columns(),
        _key("account_id", "accounts.id"),
        sa.Column("time_at", INSTANT, nullable=False),
        sa.Column("is_session_close", sa.Boolean(), nullable=False),
        sa.Column("cash", MONEY, nullable=False),
        sa.Column("position_value", MONEY, nullable=False),
        sa.Column("gross_exposure", MONEY, nullable=False),
        sa.Column("equity", MONEY, nullable=False),
        sa.Column("drawdown_pct", sa.Double(), nullable=False),
        _check("equity_points", "drawdown_not_positive", "drawdown_pct <= 0"),
        _check("equity_points", "gross_exposure_not_negative", "gross_exposure >= 0"),
        _unique("equity_points", "account_id", "time_at"),
    )


def _create_signals() -> None:
    op.create_table(
        "signals",
        *base_columns(),
        _key("run_id", "backtest_runs.id", nullable=True),
        _key("strategy_id", "strategies.id", cascade=False),
        _key("order_id", "orders.id", nullable=True),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("time_at", INSTANT, nullable=False),
        sa.Column("action", sa.String(8), nullable=False),
        sa.Column("quantity", PRICE),
        sa.Column("price", PRICE),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("indicators", sa.JSON(), nullable=False),
        sa.Column("executed", sa.Boolean(), nullable=False),
        sa.Column("refusal", sa.Text()),
        _check("signals", "executed_or_why_not", "executed = (refusal IS NULL)"),
        _check("signals", "hold_orders_nothing", "action <> 'HOLD' OR order_id IS NULL"),
        _check("signals", "known_action", "action = 'BUY' OR action = 'SELL' OR action = 'HOLD'"),
        _check("signals", "price_above_zero", "price > 0"),
        _check("signals", "quantity_above_zero", "quantity > 0"),
        _unique("signals", "order_id"),
    )
    _index("signals", "run_id", "time_at")
    _index("signals", "strategy_id")


def _create_indicator_snapshots() -> None:
    op.create_table(
        "indicator_snapshots",
        *base_columns(),
        _key("run_id", "backtest_runs.id", nullable=True),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("interval", sa.String(16), nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("time_at", INSTANT, nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        _unique("indicator_snapshots", "run_id", "symbol", "interval", "name", "time_at"),
    )
