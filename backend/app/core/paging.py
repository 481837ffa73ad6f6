"""Lists in pages: where one ends, the next begins, whatever was added meanwhile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")

DEFAULT_LIMIT = 50
MOST = 1_000
"""The longest page that may be asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which part of a list is wanted.

    Attributes:
        limit: at most so many items, 1 to `MOST`.
        cursor: `Page.next_cursor` of the page before; None for the first.
        sort: the list's field to sort by, descending with ``-`` before it; None: the list's own
            order.
        filters: only items with these values, by the list's names for them; None is no filter.
    """

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
    sort: str | None = None
    filters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """Part of a list; `next_cursor` is None on the last page."""

    items: Sequence[Item]
    next_cursor: str | None
