"""Numbers of any size, for coins that cost billionths; and rules for what must never be."""

from collections.abc import Mapping

from alembic import op

from app.models.migrations.common import Check, make_anew

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_PRICE, _MONEY = (20, 8), (20, 6)
COLUMNS: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "symbols": dict.fromkeys(("tick_size", "lot_size"), _PRICE),
    "accounts": dict.fromkeys(("starting_cash", "cash", "equity"), _MONEY),
    "orders": dict.fromkeys(
        (
            *("quantity", "limit_price", "stop_price", "trail", "take_profit", "stop_loss"),
            *("filled_quantity", "average_fill_price"),
        ),
        _PRICE,
    ),
    "fills": dict.fromkeys(("quantity", "price"), _PRICE)
    | dict.fromkeys(("commission", "slippage"), _MONEY),
    "trades": dict.fromkeys(
        ("quantity", "entry_price", "exit_price", "stop_price", "target_price"), _PRICE
    )
    | dict.fromkeys(("gross_pnl", "commission", "slippage", "net_pnl"), _MONEY),
    "positions": dict.fromkeys(("quantity", "average_price", "last_price"), _PRICE)
    | {"unrealized_pnl": _MONEY},
    "equity_points": dict.fromkeys(("cash", "position_value", "gross_exposure", "equity"), _MONEY),
    "signals": dict.fromkeys(("quantity", "price"), _PRICE),
}
"""Precision and scale of the columns that lose both."""

ABOVE_ZERO: Mapping[str, tuple[str, ...]] = {
    "symbols": ("tick_size", "lot_size"),
    "accounts": ("starting_cash",),
    "orders": (
        *("quantity", "limit_price", "stop_price", "average_fill_price"),
        *("take_profit", "stop_loss", "trail", "trail_pct"),
    ),
    "fills": ("quantity", "price"),
    "trades": ("quantity", "entry_price", "exit_price", "stop_price", "target_price"),
    "positions": ("average_price", "last_price"),
    "signals": ("quantity", "price"),
}
"""Columns whose check gets a bound, since NaN is above zero, and text too."""

NUMBERS: Mapping[str, tuple[str, ...]] = {
    "accounts": ("cash", "equity"),
    "fills": ("commission", "slippage"),
    "trades": ("gross_pnl", "commission", "slippage", "net_pnl"),
    "positions": ("quantity", "unrealized_pnl"),
    "equity_points": ("cash", "position_value", "gross_exposure", "equity"),
}

RULES: Mapping[str, tuple[Check, ...]] = {
    "backtest_runs": (
        ("known_mode", "mode = 'backtest' OR mode = 'paper' OR mode = 'live'"),
        ("session_name_is_not_empty", "length(session_name) > 0"),
        ("bars_not_negative", "bars >= 0"),
        ("sessions_not_negative", "sessions >= 0"),
        ("sessions_in_order", "first_session <= last_session"),
    ),
    "orders": (
        (
            "filled_by_status",
            (
                "(status <> 'filled' OR filled_quantity > 0) "
                "AND (status <> 'rejected' OR filled_quantity = 0)"
            ),
        ),
        (
            "prices_by_type",
            (
                "type = 'market' OR type = 'trailing_stop' "
                "OR (type = 'limit' OR stop_price IS NOT NULL) "
                "AND (type = 'stop' OR limit_price IS NOT NULL)"
            ),
        ),
        ("gtd_has_an_end", "time_in_force <> 'gtd' OR good_till_at IS NOT NULL"),
        ("filled_after_submitted", "filled_at >= submitted_at"),
    ),
    "equity_points": (
        (
            "gross_exposure_of_positions",
            "gross_exposure * 1.000001 + 0.000001 >= abs(position_value)",
        ),
    ),
    "signals": (("hold_does_nothing", "action <> 'HOLD' OR NOT executed"),),
    "indicator_snapshots": (("value_is_a_number", "value <> 'NaN'"),),
}

TABLES = sorted({*COLUMNS, *RULES})


def upgrade() -> None:
    """Take the sizes off the numbers and add the rules, which rows of runs keep already."""
    for table in TABLES:
        if op.get_context().dialect.name == "sqlite":
            make_anew(table, _changes(table), _added(table))
        else:
            _alter(
                table,
                [f"DROP CONSTRAINT {_name(table, name)}" for name, _, _ in _bounds(table)]
                + [f"ALTER COLUMN {name} TYPE NUMERIC" for name in COLUMNS.get(table, ())]
                + [_add(table, name, new) for name, _, new in _bounds(table)]
                + [_add(table, *rule) for rule in _added(table)],
            )


def downgrade() -> None:
    """Put sizes and rules back; PostgreSQL keeps of its numbers what then has room.

    What is too large becomes the largest, what would be rounded to nothing the smallest.
    """
    for table in TABLES:
        if op.get_context().dialect.name == "sqlite":
            back = {new: old for old, new in _changes(table).items()}
            make_anew(table, back | {f"{_whole(table, rule)}, \n\t": "" for rule in _added(table)})
        else:
            _alter(
                table,
                [f"DROP CONSTRAINT {_name(table, name)}" for name, *_ in _bounds(table)]
                + [f"DROP CONSTRAINT {_name(table, name)}" for name, _ in _added(table)]
                + [_narrow(name, *size) for name, size in COLUMNS.get(table, {}).items()]
                + [_add(table, name, old) for name, old, _ in _bounds(table)],
            )


def _bounds(table: str) -> list[tuple[str, str, str]]:
    """Checks that change: name, old condition, new one."""
    return [
        (f"{column}_above_zero", f"{column} > 0", f"{column} > 0 AND {column} < 1e30")
        for column in ABOVE_ZERO.get(table, ())
    ]


def _added(table: str) -> list[Check]:
    numbers = [
        (f"{column}_is_a_number", f"{column} > -1e30 AND {column} < 1e30")
        for column in NUMBERS.get(table, ())
    ]
    return [*numbers, *RULES.get(table, ())]


def _changes(table: str) -> dict[str, str]:
    """What becomes what in the statement that made SQLite's table."""
    columns = {
        f"\t{name} NUMERIC{size}": f"\t{name} NUMERIC"
        for name, size in COLUMNS.get(table, {}).items()
    }
    checks = {
        _whole(table, (name, old)): _whole(table, (name, new)) for name, old, new in _bounds(table)
    }
    return columns | checks


def _name(table: str, check: str) -> str:
    return f"ck_{table}_{check}"


def _whole(table: str, check: Check) -> str:
    return f"CONSTRAINT {_name(table, check[0])} CHECK ({check[1]})"


def _add(table: str, name: str, condition: str) -> str:
    return f"ADD {_whole(table, (name, condition))}"


def _narrow(column: str, precision: int, scale: int) -> str:
    most = f"{10 ** (precision - scale) - 1}"
    size = f"LEAST(GREATEST(ROUND(ABS({column}), {scale}), 1e-{scale}), {most})"
    return f"ALTER COLUMN {column} TYPE NUMERIC({precision}, {scale}) USING SIGN({column}) * {size}"


def _alter(table: str, parts: list[str]) -> None:
    """All at once: each part on its own would read the table again."""
    op.execute(f"ALTER TABLE {table} {', '.join(parts)}")
