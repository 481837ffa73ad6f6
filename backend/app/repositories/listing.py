"""Lists that are filtered, sorted and read in pages by keyset.

A page begins after the last row of the page before, found by an index, not by counting rows: it
costs the same wherever in the list it lies, and rows added meanwhile shift nothing.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    String,
    TypeDecorator,
    Uuid,
    and_,
    literal,
    or_,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.core.exceptions import ConfigurationError
from app.core.paging import MOST, Page, PageRequest
from app.core.shown import shortened
from app.models.database import Base
from app.models.record_types import BOUND

Row = TypeVar("Row", bound=Base)
Value = TypeVar("Value")

Condition = Callable[[Any], ColumnElement[bool]]

_MOST_DECIMALS = 400
"""More than any floating-point number has that is not zero."""


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
            as_text = _kind(column) is datetime and db.get_bind().dialect.name == "sqlite"
            beyond = _beyond_instant if as_text else _beyond
            query = query.where(beyond(column, self.row.id, place, descending=descending))
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


Place = tuple[Any, UUID]


def _beyond(
    column: InstrumentedAttribute[Any],
    key: InstrumentedAttribute[UUID],
    place: Place,
    *,
    descending: bool,
) -> ColumnElement[bool]:
    """The rows that come after `place`."""
    keys = tuple_(column, key)
    bound = tuple_(literal(place[0], column.type), literal(place[1], Uuid()))
    return keys < bound if descending else keys > bound


def _beyond_instant(
    column: InstrumentedAttribute[Any],
    key: InstrumentedAttribute[UUID],
    place: Place,
    *,
    descending: bool,
) -> ColumnElement[bool]:
    """The same of instants in SQLite, which compares them as text.

    What it fills in itself, as it does `created_at`, ends with the seconds, where those that it is
    handed have six decimals: a whole second is all texts from the short to the long one.
    """
    stored = type_coerce(column, String)
    long = place[0].astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    short = long.removesuffix(".000000")
    if descending:
        return and_(stored <= long, or_(stored < short, key < place[1]))
    return and_(stored >= short, or_(stored > long, key > place[1]))


def _place(cursor: str, sort: str, column: InstrumentedAttribute[Any]) -> Place:
    """Where `cursor` says that the page begins: a value of `column` and an id.

    Anybody can write a cursor: what no column of the kind can hold is found here, for a database
    that is asked for it fails.
    """
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        made_for, value, key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if made_for != sort:
            other = ascii(shortened(str(made_for)))[1:-1]
            raise ConfigurationError(f"cursor: it is of a list sorted by {other}, not {sort}")
        return _read(value, column), UUID(key)
    except (ValueError, TypeError, ArithmeticError, AttributeError, RecursionError):
        raise ConfigurationError(
            f"cursor: {shortened(cursor)!a} is none; take next_cursor of the page before, unchanged"
        ) from None


def _kind(column: InstrumentedAttribute[Any]) -> type:
    """What a column's values are in Python."""
    kind: type = _stored(column).python_type
    return kind


def _stored(column: InstrumentedAttribute[Any]) -> Any:
    """The type of a column in the database; a decorated type is what it decorates."""
    kind = column.type
    return kind.impl_instance if isinstance(kind, TypeDecorator) else kind


def _written(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else str(value)


def _read(text: str, column: InstrumentedAttribute[Any]) -> Any:
    """What `_written` made `text` of; ValueError if `column` cannot hold it."""
    kind = _kind(column)
    if kind is datetime:
        return _instant(datetime.fromisoformat(text))
    if kind is date:
        return date.fromisoformat(text)
    if kind is int:
        return _whole(int(text), bits=63 if isinstance(column.type, BigInteger) else 31)
    if kind is str:
        return _storable(text)
    return _exact(Decimal(text)) if kind is Decimal else kind(text)


def _instant(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return moment.astimezone(UTC)


def _whole(number: int, *, bits: int) -> int:
    if not -(1 << bits) <= number < 1 << bits:
        raise ValueError(f"more than {bits} bits")
    return number


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("PostgreSQL stores no NUL")
    text.encode()
    return text


def _exact(number: Decimal) -> Decimal:
    """`number`, if a column of the record may hold it."""
    if not number.is_finite() or abs(number) >= Decimal(str(BOUND)):
        raise ValueError("too large")
    if int(number.as_tuple().exponent) < -_MOST_DECIMALS:
        raise ValueError("too exact")
    return number
