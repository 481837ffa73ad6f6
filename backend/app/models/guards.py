"""What keeps the database's rules for every program: its triggers and its checks."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias
from uuid import uuid4

from sqlalchemy import Connection, inspect, text

from app.models.database import connect_in_memory, run_migrations

Definitions: TypeAlias = dict[tuple[str, str], str]
"""What each of them says, by its table and its name."""

_TRIGGERS = {
    "sqlite": "SELECT tbl_name, name, sql FROM sqlite_schema WHERE type = 'trigger'",
    "postgresql": "SELECT t.relname, g.tgname, "
    "concat_ws(' ', pg_get_triggerdef(g.oid, true), g.tgenabled, f.prosrc) "
    "FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid JOIN pg_proc f ON f.oid = g.tgfoid "
    "WHERE NOT g.tgisinternal AND t.relnamespace = to_regnamespace(current_schema())",
}
"""On PostgreSQL with what the trigger does, and whether it is switched on."""

_CASTS = re.compile(r"::(character varying|text)(\[\])?")
"""``IN`` on a text: PostgreSQL casts the list, or after a restore each of its members."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """Triggers and checks of one database."""

    triggers: Definitions
    checks: Definitions


def guards_found(connection: Connection) -> Guards:
    """Those that are in the database, or on PostgreSQL in the schema that is searched first."""
    found = connection.execute(text(_TRIGGERS[connection.dialect.name]))
    constraints = inspect(connection).get_multi_check_constraints()
    return Guards(
        triggers={(table, name): _plain(sql) for table, name, sql in found},
        checks={
            (table, str(check["name"])): _condition(dict(check))
            for (_, table), checks in constraints.items()
            for check in checks
        },
    )


def guards_expected(connection: Connection) -> Guards:
    """Those of a new database of the same kind: the migrations make one, which is gone again.

    SQLite's is in memory. PostgreSQL's is a schema beside the real one, in a transaction that is
    undone; so the server itself says what each definition reads like.
    """
    if connection.dialect.name == "sqlite":
        with connect_in_memory() as new:
            run_migrations(new)
            return guards_found(new)
    with _schema_beside(connection):
        run_migrations(connection)
        return guards_found(connection)


@contextmanager
def _schema_beside(connection: Connection) -> Iterator[None]:
    undone = connection.begin_nested()
    try:
        name = f"check_{uuid4().hex}"
        connection.execute(text(f"CREATE SCHEMA {name}"))
        connection.execute(text(f"SET LOCAL search_path TO {name}"))
        yield
    finally:
        undone.rollback()


def _condition(check: dict[str, object]) -> str:
    """What a check says, the same before and after PostgreSQL dumps it and puts it back."""
    options = check.get("dialect_options") or ""
    return _plain(_CASTS.sub("", f"{check['sqltext']} {options}"))


def _plain(sql: str) -> str:
    return " ".join(sql.split())
