"""The query parameters that every list has."""

from typing import Annotated

from fastapi import Depends, Query

from app.core.paging import DEFAULT_LIMIT, MOST, PageRequest


async def _page_request(
    limit: Annotated[
        int, Query(ge=1, le=MOST, description="At most so many items.")
    ] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(max_length=512, description="`next_cursor` of the page before.")
    ] = None,
    sort: Annotated[
        str | None,
        Query(max_length=64, description="A field of the list; descending with `-` before it."),
    ] = None,
) -> PageRequest:
    return PageRequest(limit=limit, cursor=cursor, sort=sort)


Listed = Annotated[PageRequest, Depends(_page_request)]
"""Parameter of a route: which page of a list is asked for; it has no filters yet."""
