"""Moments in queries and bodies: ISO 8601 with its zone, as the OpenAPI document says."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2999, 12, 31, tzinfo=UTC)


def _written_out(value: object) -> object:
    """A number is not a moment: seconds or milliseconds, who knows of which epoch."""
    if not isinstance(value, str | datetime) or "-" not in str(value)[1:]:
        raise ValueError("write the moment out, as 2026-11-20T15:00:00Z")
    return value


def _storable(moment: datetime) -> datetime:
    """The nearest moment every database can hold: nothing in the record is further out."""
    return min(max(moment, _FIRST), _LAST).astimezone(UTC)


Instant = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_storable)]
"""A datetime in UTC to filter by, in years that every database can hold."""
