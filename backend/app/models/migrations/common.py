"""Columns and triggers that every table has, for SQLite and PostgreSQL."""

from typing import Any

import sqlalchemy as sa
from alembic import op

_SET_NOW = "SET updated_at = CURRENT_TIMESTAMP"


def base_columns() -> list[sa.Column[Any]]:
    """Key and the two times that the database keeps."""
    now = sa.func.current_timestamp()
    return [
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
    ]


def touch_on_update(table: str) -> None:
    """Let the database set `updated_at` whenever a row of `table` changes."""
    if op.get_context().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {table}_touch AFTER UPDATE ON {table} "
            "WHEN NEW.updated_at IS OLD.updated_at BEGIN "
            f"UPDATE {table} {_SET_NOW} WHERE id = NEW.id; END"
        )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION touch_updated_at() RETURNS trigger AS $$ "
        "BEGIN NEW.updated_at = now(); RETURN NEW; END $$ LANGUAGE plpgsql"
    )
    op.execute(
        f"CREATE TRIGGER {table}_touch BEFORE UPDATE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION touch_updated_at()"
    )


def refuse_update(table: str) -> None:
    """Let the database refuse any change of a row of `table`."""
    message = f"rows of {table} never change"
    if op.get_context().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {table}_immutable BEFORE UPDATE ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION {table}_refuse_update() RETURNS trigger AS $$ "
        f"BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; "
        "END $$ LANGUAGE plpgsql"
    )
    op.execute(
        f"CREATE TRIGGER {table}_immutable BEFORE UPDATE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_refuse_update()"
    )


def refuse_replacement(table: str, message: str) -> None:
    """Let SQLite refuse to put a row of `table` in another's place.

    `INSERT OR REPLACE` removes the old row without asking the triggers of updates and deletions;
    PostgreSQL has no such statement.
    """
    if op.get_context().dialect.name == "sqlite":
        known = f"(SELECT id FROM {table})"  # noqa: S608 - one of our own tables
        op.execute(
            f"CREATE TRIGGER {table}_not_replaced BEFORE INSERT ON {table} "
            f"WHEN NEW.id IN {known} BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )


def replace_check(table: str, name: str, old: str, new: str) -> None:
    """Put the condition `new` in place of `old` in the check `name` of a table; rows stay.

    SQLite has no statement for that and documents this way: the text of the schema is changed,
    and its version told. See "Making Other Kinds Of Table Schema Changes" in the page of its
    `ALTER TABLE`.
    """
    constraint = f"ck_{table}_{name}"
    if op.get_context().dialect.name != "sqlite":
        op.drop_constraint(op.f(constraint), table, type_="check")
        op.create_check_constraint(op.f(constraint), table, new)
        return
    connection = op.get_bind()
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    before, after = (f"CONSTRAINT {constraint} CHECK ({each})" for each in (old, new))
    changed = connection.exec_driver_sql(
        "UPDATE sqlite_schema SET sql = replace(sql, ?1, ?2) "
        "WHERE type = 'table' AND name = ?3 AND instr(sql, ?1)",
        (before, after, table),
    )
    assert changed.rowcount == 1  # noqa: S101  # the check is there: migrations come in order
    connection.exec_driver_sql(f"PRAGMA schema_version={version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema=OFF")


def refuse_delete(table: str) -> None:
    """Let the database refuse to remove rows of `table`, or to put new ones in their place."""
    message = f"rows of {table} are never removed"
    if op.get_context().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
        refuse_replacement(table, message)
        return
    op.execute(
        f"CREATE FUNCTION {table}_refuse_delete() RETURNS trigger AS $$ "
        f"BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; "
        "END $$ LANGUAGE plpgsql"
    )
    op.execute(
        f"CREATE TRIGGER {table}_kept BEFORE DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse_delete()"
    )
