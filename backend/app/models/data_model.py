"""The page on the data model, written from the models: ``docs/data_model.md``.

python -m app.models.data_model > ../docs/data_model.md
"""

import sys
from collections.abc import Iterable, Iterator
from inspect import cleandoc

from sqlalchemy import CheckConstraint, Column, ForeignKey, Table, UniqueConstraint

from app.models.database import Base
from app.models.tables import all_tables

HEAD = """\
# Data model

Made from the models by `python -m app.models.data_model`; a test holds it to them, and another
holds the migrations to the models, on SQLite and on PostgreSQL. Where the tables live, and how they
are backed up, is in [database](database.md).

Every table has a UUID key `id` and two times that the database itself keeps, whoever writes:
`created_at`, and `updated_at` with every change. Instants are in UTC. Rows of some tables never
change: the database refuses to. Bars, ticks and quotes are not here but in Parquet files.

## Who refers to whom
"""
_TYPES = {
    "uuid": "uuid",
    "string": "text",
    "text": "text",
    "boolean": "boolean",
    "integer": "integer",
    "big_integer": "integer",
    "numeric": "decimal",
    "float": "float",
    "double": "float",
    "date": "date",
    "time": "time",
    "datetime": "instant",
    "JSON": "json",
    "large_binary": "bytes",
}
_OF_EVERY_TABLE = ("id", "created_at", "updated_at")


def data_model() -> str:
    """The whole page as Markdown, ending with a newline."""
    return "\n".join([HEAD, *_overview(), *_chapters()]).rstrip() + "\n"


def _overview() -> Iterator[str]:
    yield from ("```mermaid", "erDiagram")
    for table in _tables():
        yield from _relations(table)
    alone = [table.name for table in _tables() if not _referring(table) and not _referred(table)]
    yield from ("```", "", f"On their own: {', '.join(f'`{name}`' for name in alone)}.", "")


def _chapters() -> Iterator[str]:
    modules: dict[str, list[type[Base]]] = {}
    for mapper in sorted(Base.registry.mappers, key=lambda mapper: mapper.class_.__tablename__):
        modules.setdefault(mapper.class_.__module__, []).append(mapper.class_)
    for module in sorted(modules):
        title = module.rpartition(".")[2].replace("_", " ").capitalize()
        yield from (f"## {title}", "", cleandoc(sys.modules[module].__doc__ or ""), "")
        yield from ("```mermaid", "erDiagram")
        for model in modules[module]:
            yield from _entity(model.metadata.tables[model.__tablename__])
        yield from ("```", "")
        for model in modules[module]:
            yield from _text(model)


def _entity(table: Table) -> Iterator[str]:
    yield f"    {table.name} {{"
    for column in table.columns:
        if column.name not in _OF_EVERY_TABLE:
            yield f"        {_type(column)} {column.name}{_marks(column)}"
    yield "    }"


def _text(model: type[Base]) -> Iterator[str]:
    table = model.metadata.tables[model.__tablename__]
    yield from (f"### `{table.name}`", "", cleandoc(model.__doc__ or ""), "")
    rules = [f"unique: {_names(key.columns)}" for key in _unique_keys(table)]
    rules += [
        f"`{_oneline(each)}`" for each in table.constraints if isinstance(each, CheckConstraint)
    ]
    rules += [_rule(key) for column in table.columns for key in column.foreign_keys]
    yield from (f"- {rule}" for rule in sorted(rules))
    if rules:
        yield ""


def _unique_keys(table: Table) -> list[UniqueConstraint]:
    return [each for each in table.constraints if isinstance(each, UniqueConstraint)]


def _oneline(check: CheckConstraint) -> str:
    return " ".join(str(check.sqltext).split())


def _rule(key: ForeignKey) -> str:
    on_delete = {
        "CASCADE": "goes with it",
        "SET NULL": "forgets it when it goes",
        None: "it stays as long as it is referred to",
    }
    return f"`{key.parent.name}` → `{key.column.table.name}`: {on_delete[key.ondelete]}"


def _relations(table: Table) -> Iterator[str]:
    for column, key in _referring(table):
        parent = "|o" if column.nullable else "||"
        child = "o|" if _is_unique(column) else "o{"
        yield f"    {key.column.table.name} {parent}--{child} {table.name} : {column.name}"


def _referring(table: Table) -> list[tuple[Column[object], ForeignKey]]:
    return [(column, key) for column in table.columns for key in column.foreign_keys]


def _referred(table: Table) -> bool:
    return any(key.column.table is table for each in _tables() for _, key in _referring(each))


def _marks(column: Column[object]) -> str:
    marks = ["FK"] if column.foreign_keys else []
    marks += ["UK"] if _is_unique(column) else []
    optional = ' "may be left out"' if column.nullable else ""
    return (f" {', '.join(marks)}" if marks else "") + optional


def _is_unique(column: Column[object]) -> bool:
    keys = _unique_keys(column.table)
    return any([one.name for one in key.columns] == [column.name] for key in keys)


def _type(column: Column[object]) -> str:
    kind = getattr(column.type, "impl_instance", column.type)
    return _TYPES[kind.__visit_name__]


def _names(columns: Iterable[Column[object]]) -> str:
    return ", ".join(f"`{column.name}`" for column in columns)


def _tables() -> list[Table]:
    return [all_tables().tables[name] for name in sorted(all_tables().tables)]


if __name__ == "__main__":
    sys.stdout.write(data_model())
