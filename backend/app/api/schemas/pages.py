"""Answers of lists: one page, and where the next one begins."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field

from app.core import paging

Item = TypeVar("Item", bound=BaseModel)


class Page(BaseModel, Generic[Item]):
    """Part of a list; `next_cursor` is null on the last page."""

    items: list[Item]
    next_cursor: str | None = Field(
        description="Give it as `cursor` for the next page.", examples=[None]
    )


def page_of(make: Callable[[Any], Item], page: paging.Page[Any]) -> Page[Item]:
    """A page of values as one of models, each made by `make`."""
    return Page(items=[make(value) for value in page.items], next_cursor=page.next_cursor)
