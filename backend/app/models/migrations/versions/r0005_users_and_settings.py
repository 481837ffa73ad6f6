"""Users and their keys, configuration, symbols, and the audit log."""

from uuid import UUID

import sqlalchemy as sa
from alembic import op

from app.models.migrations.common import (
    base_columns,
    refuse_delete,
    refuse_update,
    touch_on_update,
)

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
CHANGING = ("users", "api_keys", "refresh_tokens", "config", "symbols")


def upgrade() -> None:
    """Create the tables; rows of the audit log can be added, and never changed or removed."""
    _create_users()
    _create_api_keys()
    _create_refresh_tokens()
    _create_config()
    _create_symbols()
    _create_audit_log()
    for table in CHANGING:
        touch_on_update(table)
    refuse_update("audit_log")
    refuse_delete("audit_log")


def downgrade() -> None:
    """Drop them."""
    for table in ("audit_log", *reversed(CHANGING)):
        op.drop_table(table)
    if op.get_context().dialect.name != "sqlite":
        for what in ("update", "delete"):
            op.execute(f"DROP FUNCTION audit_log_refuse_{what}()")


def _create_users() -> None:
    op.create_table(
        "users",
        *base_columns(),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("email", sa.String(254)),
        sa.Column("password_hash", sa.String(256), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("last_login_at", INSTANT),
        sa.UniqueConstraint("username", name="uq_users_username"),
        sa.UniqueConstraint("email", name="uq_users_email"),
        _check("users", "known_role", "role IN ('viewer', 'trader', 'admin')"),
        _check(
            "users",
            "username_is_lower_case",
            "username = lower(username) AND length(username) BETWEEN 1 AND 64",
        ),
        _check("users", "password_is_hashed", "substr(password_hash, 1, 10) = '$argon2id$'"),
    )


def _create_api_keys() -> None:
    op.create_table(
        "api_keys",
        *base_columns(),
        _of_user("api_keys", "user_id", "CASCADE", nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("prefix", sa.String(12), nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.Column("last_used_at", INSTANT),
        sa.Column("revoked_at", INSTANT),
        sa.UniqueConstraint("user_id", "name", name="uq_api_keys_user_id_name"),
        sa.UniqueConstraint("key_hash", name="uq_api_keys_key_hash"),
        _check("api_keys", "key_is_hashed", "length(key_hash) = 64"),
        _check("api_keys", "prefix_is_short", "length(prefix) <= 12"),
    )
    _index("api_keys", "expires_at")


def _create_refresh_tokens() -> None:
    op.create_table(
        "refresh_tokens",
        *base_columns(),
        _of_user("refresh_tokens", "user_id", "CASCADE", nullable=False),
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT),
        sa.Column("revoked_at", INSTANT),
        sa.UniqueConstraint("token_hash", name="uq_refresh_tokens_token_hash"),
        _check("refresh_tokens", "token_is_hashed", "length(token_hash) = 64"),
    )
    for column in ("user_id", "family_id", "expires_at"):
        _index("refresh_tokens", column)


def _create_config() -> None:
    op.create_table(
        "config",
        *base_columns(),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("value_type", sa.String(16), nullable=False),
        _of_user("config", "changed_by", "SET NULL", nullable=True),
        sa.UniqueConstraint("key", name="uq_config_key"),
        _check("config", "key_is_not_empty", "length(key) > 0"),
        _check(
            "config",
            "known_value_type",
            "value_type IN ('string', 'integer', 'number', 'boolean', 'json')",
        ),
    )
    _index("config", "changed_by")


def _create_symbols() -> None:
    op.create_table(
        "symbols",
        *base_columns(),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("exchange_group", sa.String(32), nullable=False),
        sa.Column("asset_class", sa.String(32), nullable=False),
        sa.Column("name", sa.String(128)),
        sa.Column("currency", sa.String(5), nullable=False),
        sa.Column("tick_size", sa.Numeric(20, 8), nullable=False),
        sa.Column("lot_size", sa.Numeric(20, 8), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.UniqueConstraint("symbol", "exchange_group", name="uq_symbols_symbol_exchange_group"),
        _check("symbols", "symbol_is_not_empty", "length(symbol) > 0"),
        _check("symbols", "currency_is_a_code", "length(currency) BETWEEN 3 AND 5"),
        _check("symbols", "tick_size_above_zero", "tick_size > 0"),
        _check("symbols", "lot_size_above_zero", "lot_size > 0"),
    )
    _index("symbols", "exchange_group", "asset_class")


def _create_audit_log() -> None:
    op.create_table(
        "audit_log",
        *base_columns(),
        sa.Column("occurred_at", INSTANT, nullable=False),
        _of_user("audit_log", "actor_id", None, nullable=True),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("target", sa.String(256)),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("address", sa.String(64)),
        sa.Column("request_id", sa.String(64)),
        _check("audit_log", "actor_is_named", "length(actor) > 0"),
        _check("audit_log", "action_is_named", "length(action) > 0"),
    )
    _index("audit_log", "occurred_at")
    _index("audit_log", "actor_id")
    _index("audit_log", "action", "occurred_at")


def _of_user(table: str, column: str, on_delete: str | None, *, nullable: bool) -> sa.Column[UUID]:
    key = sa.ForeignKey("users.id", name=f"fk_{table}_{column}_users", ondelete=on_delete)
    return sa.Column(column, sa.Uuid[UUID](), key, nullable=nullable)


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)
