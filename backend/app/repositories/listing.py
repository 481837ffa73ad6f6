"""Lists that are filtered, sorted and read in pages by keyset.

A page begins after the last row of the page before, found by an index, not by counting rows: it
costs the same wherever in the list it lies, and rows added meanwhile shift nothing.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, TypeDecorator, Uuid, literal, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.core.exceptions import ConfigurationError
from app.core.paging import MOST, Page, PageRequest
from app.models.database import Base

Row = TypeVar("Row", bound=Base)
Value = TypeVar("Value")

Condition = Callable[[Any], ColumnElement[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[Row, Value]):
    """What a list can be sorted and filtered by, and how its rows become values.

    Attributes:
        row: the table.
        value: makes a value of a row.
        sorts: columns to sort by, never null, each with an index; the first is the list's own
            order, descending with ``-`` before its name.
        conditions: by name, what a filter's value demands of a row.
        base: the rows that are in the list at all; all by default.
    """

    row: type[Row]
    value: Callable[[Row], Value]
    sorts: Mapping[str, InstrumentedAttribute[Any]]
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    default_sort: str

    def page(self, db: Session, request: PageRequest, *where: ColumnElement[bool]) -> Page[Value]:
        """The part of the list that `request` asks for, of the rows for which `where` holds.

        Raises:
            ConfigurationError: sort, cursor, limit or a filter is not one of this list.
        """
        if not 1 <= request.limit <= MOST:
            raise ConfigurationError(f"limit: {request.limit} must be from 1 to {MOST}")
        sort = request.sort or self.default_sort
        name, descending = sort.removeprefix("-"), sort.startswith("-")
        column = self._column(name)
        query = self._filtered(request.filters).where(*where)
        if request.cursor is not None:
            place = _place(request.cursor, sort, column)
            keys = tuple_(column, self.row.id)
            query = query.where(keys < place if descending else keys > place)
        order = [key.desc() if descending else key.asc() for key in (column, self.row.id)]
        rows = db.scalars(query.order_by(*order).limit(request.limit + 1)).all()
        return self._page(rows, request.limit, sort, name)

    def _page(self, rows: Sequence[Row], limit: int, sort: str, name: str) -> Page[Value]:
        shown = rows[:limit]
        more = len(rows) > limit
        last = shown[-1] if more else None
        cursor = None if last is None else _cursor(sort, getattr(last, self.sorts[name].key), last)
        return Page(items=tuple(map(self.value, shown)), next_cursor=cursor)

    def _column(self, name: str) -> InstrumentedAttribute[Any]:
        if name not in self.sorts:
            known = ", ".join(self.sorts)
            raise ConfigurationError(f"sort: {name!r} is not one of {known}, or one with - before")
        return self.sorts[name]

    def _filtered(self, filters: Mapping[str, Any]) -> Select[Row]:
        query = select(self.row)
        for name, wanted in filters.items():
            if wanted is not None:
                query = query.where(self.conditions[name](wanted))
        return query


def equals(column: InstrumentedAttribute[Any]) -> Condition:
    """A filter on one value of `column`."""
    return lambda wanted: column == wanted


def from_(column: InstrumentedAttribute[Any]) -> Condition:
    """A filter on values of `column` from one on."""
    return lambda wanted: column >= wanted


def before(column: InstrumentedAttribute[Any]) -> Condition:
    """A filter on values of `column` before one."""
    return lambda wanted: column < wanted


def _cursor(sort: str, value: Any, row: Base) -> str:
    text = json.dumps([sort, _written(value), row.id.hex], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(cursor: str, sort: str, column: InstrumentedAttribute[Any]) -> Any:
    """Where `cursor` says that the page begins: a value of `column` and an id."""
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        made_for, value, key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if made_for != sort:
            raise ConfigurationError(f"cursor: it is of a list sorted by {made_for}, not {sort}")
        return tuple_(*_bound(column, _read(value, _kind(column)), UUID(key)))
    except (ValueError, TypeError, ArithmeticError, AttributeError, binascii.Error):
        raise ConfigurationError(
            f"cursor: {cursor!r} is none; take next_cursor of the page before, unchanged"
        ) from None


def _bound(column: InstrumentedAttribute[Any], value: Any, key: UUID) -> tuple[Any, Any]:
    return literal(value, column.type), literal(key, Uuid())


def _kind(column: InstrumentedAttribute[Any]) -> type:
    """What a column's values are in Python; a decorated type is what it decorates."""
    kind = column.type
    return (kind.impl_instance if isinstance(kind, TypeDecorator) else kind).python_type


def _written(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else str(value)


def _read(text: str, kind: type) -> Any:
    if kind is datetime:
        return datetime.fromisoformat(text)
    if kind is date:
        return date.fromisoformat(text)
    return Decimal(text) if kind is Decimal else kind(text)
