"""Does the database keep what it promises?"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, ForeignKey, func, select, text
from sqlalchemy.exc import DatabaseError, SAWarning

from app.models.database import SCHEMA_REVISION, is_newer, make_engine, schema_revision
from app.models.guards import Definitions, guards_expected, guards_found
from app.models.tables import all_tables

_SWITCHED_OFF = (
    "SELECT DISTINCT t.relname FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid "
    "WHERE g.tgisinternal AND g.tgenabled <> 'O' AND t.relnamespace = 'public'::regnamespace"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The answer to one question; `faults` has a sentence for each thing that is wrong."""

    name: str
    promise: str
    faults: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def check_database(url: str) -> tuple[Finding, ...]:
    """Every finding about the database at `url`; the first alone if its schema is not this one's.

    Reads every row once. Nothing is changed: what PostgreSQL is asked to make, to compare with it,
    is undone before anybody sees it.

    Raises:
        DatabaseUnavailableError: it does not answer.
    """
    revision = schema_revision(url)
    schema = Finding(
        name="schema",
        promise=f"it is at {SCHEMA_REVISION}, the newest",
        faults=() if revision == SCHEMA_REVISION else (_wrong_schema(revision),),
    )
    if not schema.ok:
        return (schema,)
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            return (schema, *_look(connection))
    finally:
        engine.dispose()


def _wrong_schema(revision: str | None) -> str:
    if revision is None:
        return "there is no database yet: run `init-db`"
    if is_newer(revision):
        return f"it is at {revision}: a newer program wrote it, use that one"
    return f"it is at {revision}: run `db upgrade`"


def _look(connection: Connection) -> Iterator[Finding]:
    for name, promise, question in (
        ("integrity", "every row can be read", _damage),
        ("foreign keys", "what is referred to exists", _orphans),
        ("tables", "they are as the models say", _strange),
        ("rules", "what the database refuses, and what it keeps itself", _unguarded),
    ):
        try:
            faults = tuple(question(connection))
        except DatabaseError as error:
            connection.rollback()
            faults = (" ".join(str(error.orig).split()),)
        yield Finding(name=name, promise=promise, faults=faults)


def _damage(connection: Connection) -> Iterator[str]:
    if connection.dialect.name == "sqlite":
        found = connection.scalars(text("PRAGMA integrity_check"))
        yield from (str(line) for line in found if line != "ok")
        return
    for table in sorted(all_tables().tables):
        connection.execute(text(f"SELECT count({table}::text) FROM {table}"))  # noqa: S608 - ours


def _orphans(connection: Connection) -> Iterator[str]:
    if connection.dialect.name == "postgresql":
        for name in connection.scalars(text(_SWITCHED_OFF)):
            yield f"those of {name} are off: `ALTER TABLE {name} ENABLE TRIGGER ALL`"
    for table in all_tables().sorted_tables:
        for key in sorted(table.foreign_keys, key=lambda key: key.parent.name):
            count = _count_orphans(connection, key)
            if count:
                yield f"{count:,} of {key.parent} refer to no row of {key.column.table.name}"


def _count_orphans(connection: Connection, key: ForeignKey) -> int:
    parent = key.column.table.alias("parent")
    exists = select(parent.c[key.column.name]).where(parent.c[key.column.name] == key.parent)
    query = select(func.count()).select_from(key.parent.table)
    return connection.scalar(query.where(key.parent.is_not(None), ~exists.exists())) or 0


def _strange(connection: Connection) -> Iterator[str]:
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415 - 0.1 s of import
    from alembic.migration import MigrationContext  # noqa: PLC0415

    options = {"compare_type": True, "compare_server_default": True}
    context = MigrationContext.configure(connection, opts=options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # of checks that are not ours: those are rules
        changes = compare_metadata(context, all_tables())
    yield from (f"differs: {change}" for change in changes)


def _unguarded(connection: Connection) -> Iterator[str]:
    found, expected = guards_found(connection), guards_expected(connection)
    yield from _differences("trigger", found.triggers, expected.triggers)
    yield from _differences("check", found.checks, expected.checks)


def _differences(kind: str, found: Definitions, expected: Definitions) -> Iterator[str]:
    ours = all_tables().tables
    for table, name in sorted(found.keys() | expected.keys()):
        what, key = f"{kind} {name} of {table}", (table, name)
        if key not in found:
            yield f"{what} is lost: restore a backup"
        elif key not in expected and table in ours:
            yield f"{what} is none of this program's: drop it"
        elif key in expected and found[key] != expected[key]:
            yield f"{what} is another, restore a backup: {found[key]}"
