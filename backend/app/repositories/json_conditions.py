"""What a list in a JSON column holds, asked alike of SQLite and PostgreSQL."""

from typing import Any

from sqlalchemy import Boolean
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.repositories.listing import Condition


class _Holds(FunctionElement[bool]):
    """Whether the list in a column has a text."""

    type = Boolean()
    inherit_cache = True


class _Names(FunctionElement[bool]):
    """Whether one of the objects in the list in a column has a text as its ``name``."""

    type = Boolean()
    inherit_cache = True


def holds(column: InstrumentedAttribute[Any]) -> Condition:
    """A filter on lists of texts that have one."""
    return lambda wanted: _Holds(column, wanted)


def names(column: InstrumentedAttribute[Any]) -> Condition:
    """A filter on lists of objects, one of which has that ``name``."""
    return lambda wanted: _Names(column, wanted)


@compiles(_Holds, "sqlite")
def _holds_sqlite(element: _Holds, compiler: SQLCompiler, **options: Any) -> str:
    return _sqlite("each_item.value", element, compiler, options)


@compiles(_Names, "sqlite")
def _names_sqlite(element: _Names, compiler: SQLCompiler, **options: Any) -> str:
    return _sqlite("json_extract(each_item.value, '$.name')", element, compiler, options)


@compiles(_Holds, "postgresql")
def _holds_postgresql(element: _Holds, compiler: SQLCompiler, **options: Any) -> str:
    return _postgresql("each_item.value #>> '{}'", element, compiler, options)


@compiles(_Names, "postgresql")
def _names_postgresql(element: _Names, compiler: SQLCompiler, **options: Any) -> str:
    return _postgresql("each_item.value ->> 'name'", element, compiler, options)


def _sqlite(
    item: str, element: FunctionElement[bool], compiler: SQLCompiler, options: dict[str, Any]
) -> str:
    column, wanted = (compiler.process(clause, **options) for clause in element.clauses)
    return f"EXISTS (SELECT 1 FROM json_each({column}) AS each_item WHERE {item} = {wanted})"  # noqa: S608  # columns of ours and bound values


def _postgresql(
    item: str, element: FunctionElement[bool], compiler: SQLCompiler, options: dict[str, Any]
) -> str:
    column, wanted = (compiler.process(clause, **options) for clause in element.clauses)
    return (
        f"EXISTS (SELECT 1 FROM json_array_elements({column}) AS each_item(value) "  # noqa: S608
        f"WHERE {item} = {wanted})"
    )
