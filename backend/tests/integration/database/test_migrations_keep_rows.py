"""Migrations on databases with rows in every table: down and up again nothing is lost or changed.

The rows are those of a run, and one of each other table.
"""

import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import insert, text

from app.config.settings import Settings
from app.models.database import (
    SCHEMA_REVISION,
    close_databases,
    downgrade_database,
    make_engine,
    schema_revision,
    session_factory,
    upgrade_database,
)
from app.models.tables import all_tables
from tests.integration.database.test_record_of_coins import record, trading
from tests.system_fixtures import Installation, minutes, session_config, utc

DAY, NOON, SHA = date(2024, 3, 5), utc(2024, 3, 5, 12), "f" * 64
TABLES = all_tables().tables
BEFORE = "0012"
"""The last migration that is not about the rules of the record."""

USER = uuid4()
OTHERS: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("users", {"id": USER, "username": "alice", "password_hash": "$argon2id$x", "role": "admin",
               "is_active": True}),
    ("api_keys", {"user_id": USER, "name": "k", "prefix": "p", "key_hash": SHA, "scopes": []}),
    ("refresh_tokens", {"user_id": USER, "family_id": uuid4(), "token_hash": SHA,
                        "expires_at": NOON}),
    ("config", {"key": "k", "value": {"a": 1}, "value_type": "json", "changed_by": USER}),
    ("symbols", {"symbol": "A", "exchange_group": "US_EQUITY", "asset_class": "EQUITY",
                 "currency": "USD", "tick_size": 0.01, "lot_size": 1, "is_active": True}),
    ("audit_log", {"occurred_at": NOON, "actor_id": USER, "actor": "alice", "action": "x",
                   "details": {}}),
    ("invitations", {"token_hash": SHA, "role": "viewer", "is_for_first_user": False,
                     "invited_by": USER, "expires_at": NOON}),
    ("idempotency_keys", {"user_id": USER, "route": "r", "key": "k", "server_id": uuid4(),
                          "expires_at": NOON}),
    ("queued_runs", {"data_dir": "/d", "server_id": uuid4(), "submitted_at": NOON, "config": {},
                     "interruptions": 0}),
    ("market_halts", {"exchange_group": "X", "start_at": NOON, "end_at": utc(2024, 3, 6),
                      "reason": "storm", "source": "a newspaper", "source_date": DAY}),
    ("calendar_overrides", {"exchange_group": "X", "date": DAY, "is_early_close": False,
                            "source": "a newspaper", "source_date": DAY}),
)  # fmt: skip


@pytest.fixture
def url(calendar_url: str, tmp_path: Path) -> str:
    folder = tmp_path / "installation"
    settings = Settings(
        data_dir=folder / "data", validation_dir=folder / "validation", database_url=calendar_url
    )
    home = Installation(settings)
    home.store("AAA", minutes(DAY))
    strategies = {
        "bracketed": ("tests.session_strategies:Bracketed", {}),
        "buyer": ("tests.session_strategies:Buyer", {"on": 5}),
    }
    config = session_config("AAA", first=str(DAY), last=str(DAY), strategies=strategies)
    assert home.run(config).record is not None
    with session_factory(calendar_url).begin() as db:
        for table, values in OTHERS:
            db.execute(insert(TABLES[table]).values({"id": uuid4(), **values}))
    close_databases()
    return calendar_url


def rows(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, as the database has it."""
    engine = make_engine(url)
    with engine.connect() as connection:
        found = {
            name: sorted(
                tuple(map(_plain, row))
                for row in connection.execute(text(f'SELECT * FROM "{name}"'))
            )
            for name in TABLES
        }
    engine.dispose()
    return found


def _plain(value: object) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def rules(url: str) -> set[str]:
    """What the database says of its tables, indexes and triggers."""
    engine = make_engine(url)
    asked = {
        "sqlite": "SELECT replace(sql, '\"', '') FROM sqlite_master WHERE sql IS NOT NULL",
        "postgresql": "SELECT conrelid::regclass || conname || pg_get_constraintdef(oid) "
        "FROM pg_constraint WHERE connamespace = 'public'::regnamespace "
        "UNION SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' "
        "UNION SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal "
        "UNION SELECT pg_get_functiondef(oid) FROM pg_proc "
        "WHERE pronamespace = 'public'::regnamespace",
    }
    with engine.connect() as connection:
        found = set(connection.scalars(text(asked[engine.dialect.name])))
    engine.dispose()
    return found


def test_every_table_has_rows(url: str) -> None:
    assert [name for name, found in rows(url).items() if not found] == []


def test_down_and_up_again_changes_nothing(url: str) -> None:
    before, ruled = rows(url), rules(url)
    downgrade_database(url, BEFORE)
    assert rules(url) != ruled
    assert {name: len(found) for name, found in rows(url).items()} == {
        name: len(found) for name, found in before.items()
    }
    upgrade_database(url)
    assert (rows(url), rules(url)) == (before, ruled)


@pytest.mark.parametrize("at", [1, 4, 9])
def test_an_upgrade_that_is_killed_has_not_happened(url: str, at: int) -> None:
    downgrade_database(url, BEFORE)
    before, ruled = rows(url), rules(url)
    code = f"""
import os, signal
from alembic import op
from app.models.migrations.versions import r0013_numbers_of_coins as migration
from app.models.database import upgrade_database
left = {at}
execute = op.execute
def dies(*given, **named):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    execute(*given, **named)
op.execute = dies
upgrade_database({url!r})
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert (schema_revision(url), rows(url), rules(url)) == (BEFORE, before, ruled)
    upgrade_database(url)
    assert schema_revision(url) == SCHEMA_REVISION


def test_coins_fit_into_the_numbers_there_were(database_url: str) -> None:
    """Downwards PostgreSQL keeps what has room; SQLite, which does not look at sizes, all."""
    record(session_factory(database_url), trading())
    close_databases()
    downgrade_database(database_url, BEFORE)
    kept = {name: len(found) for name, found in rows(database_url).items()}
    assert (kept["fills"], kept["positions"]) == (1, 2)
    upgrade_database(database_url)
    assert {name: len(found) for name, found in rows(database_url).items()} == kept
