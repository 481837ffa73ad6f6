"""Columns and triggers that every table has, for SQLite and PostgreSQL."""

from collections.abc import Iterable, Mapping, Sequence
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
    """Let the database set `updated_at` whenever a row of `table` changes.

    For migrations up to 0012; from then on it is `keep_times`.
    """
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


def keep_times(table: str) -> None:
    """Let the database keep both times of a row of `table` that changes, whoever changes it."""
    if op.get_context().dialect.name != "sqlite":
        touch_on_update(table)
        keep_creation()
        return
    op.execute(
        f"CREATE TRIGGER {table}_touch AFTER UPDATE ON {table} "
        "WHEN NEW.updated_at IS NOT CURRENT_TIMESTAMP OR NEW.created_at IS NOT OLD.created_at "
        f"BEGIN UPDATE {table} {_SET_NOW}, created_at = OLD.created_at WHERE id = NEW.id; END"
    )


def keep_creation(*, kept: bool = True) -> None:
    """Let PostgreSQL keep `created_at` of rows that change; else `updated_at` alone, as it did."""
    creation = "NEW.created_at = OLD.created_at; " if kept else ""
    op.execute(
        "CREATE OR REPLACE FUNCTION touch_updated_at() RETURNS trigger AS $$ "
        f"BEGIN {creation}NEW.updated_at = now(); RETURN NEW; END $$ LANGUAGE plpgsql"
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
    """Let SQLite refuse to put a row of `table` in another's place, by its id.

    `INSERT OR REPLACE` removes the old row without asking the triggers of updates and deletions;
    PostgreSQL has no such statement. Rows have other keys too: `refuse_any_replacement`.
    """
    if op.get_context().dialect.name == "sqlite":
        known = f"(SELECT id FROM {table})"  # noqa: S608 - one of our own tables
        op.execute(
            f"CREATE TRIGGER {table}_not_replaced BEFORE INSERT ON {table} "
            f"WHEN NEW.id IN {known} BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )


def refuse_any_replacement(table: str, *keys: Sequence[str]) -> None:
    """Let SQLite refuse to put a row of `table` in another's place, by whichever key they share.

    They are its id, SQLite's own number of the row, which may be given too (-1 stands for one that
    is not), and `keys`, the other columns of which no two rows have the same.
    """
    other = "".join(
        f" OR EXISTS (SELECT 1 FROM {table} WHERE "  # noqa: S608 - one of our own tables
        + " AND ".join(f'"{column}" = NEW."{column}"' for column in key)
        + ")"
        for key in keys
    )
    op.execute(
        f"CREATE TRIGGER {table}_not_replaced BEFORE INSERT ON {table} "  # noqa: S608
        f"WHEN NEW.id IN (SELECT id FROM {table}) "
        f"OR NEW.rowid <> -1 AND NEW.rowid IN (SELECT rowid FROM {table}){other} "
        f"BEGIN SELECT RAISE(ABORT, 'rows of {table} never change'); END"
    )


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


Check = tuple[str, str]
"""The name of a check, without the prefix that all of its table have, and its condition."""


def replace_check(table: str, old: Check, new: Check) -> None:
    """Put the check `new` in place of `old`; rows, indexes and triggers stay."""
    before, after = (f"ck_{table}_{name}" for name, _ in (old, new))
    if op.get_context().dialect.name != "sqlite":
        op.drop_constraint(op.f(before), table, type_="check")
        op.create_check_constraint(op.f(after), table, new[1])
        return
    make_anew(table, {f"{before} CHECK ({old[1]})": f"{after} CHECK ({new[1]})"})


def make_anew(table: str, changes: Mapping[str, str], added: Iterable[Check] = ()) -> None:
    """Make SQLite's `table` anew, as its page on `ALTER TABLE` says; rows, indexes, triggers stay.

    SQLite has no statement that changes a check or a type. In the statement that made the table
    each of `changes`, which occurs in it, becomes what it is mapped to, and `added` comes in front
    of the other checks.
    """
    known = op.get_bind().exec_driver_sql(
        "SELECT name, sql FROM sqlite_schema WHERE tbl_name = ? AND sql IS NOT NULL", (table,)
    )
    made = {str(name): str(sql) for name, sql in known}
    statement = made.pop(table)
    for old, new in changes.items():
        assert old in statement, f"{table} has no {old}"  # noqa: S101  # migrations come in order
        statement = statement.replace(old, new)
    columns, checks = statement.split("CONSTRAINT", 1)
    checks = "".join(f"{_check_sql(table, each)}, \n\t" for each in added) + f"CONSTRAINT{checks}"
    body = f"{columns}{checks}".split("(", 1)[1]
    op.execute(f"CREATE TABLE {table}_anew ({body}")
    op.execute(f"INSERT INTO {table}_anew SELECT * FROM {table}")  # noqa: S608  # our own tables
    op.execute(f"DROP TABLE {table}")
    op.execute(f"ALTER TABLE {table}_anew RENAME TO {table}")
    for sql in made.values():
        op.execute(sql)


def _check_sql(table: str, check: Check) -> str:
    return f"CONSTRAINT ck_{table}_{check[0]} CHECK ({check[1]})"
