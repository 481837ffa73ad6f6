"""Moments in queries and bodies: ISO 8601 with its zone, as the OpenAPI document says."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator


def _written_out(value: object) -> object:
    """A number is not a moment: seconds or milliseconds, who knows of which epoch."""
    if not isinstance(value, str | datetime) or "-" not in str(value)[1:]:
        raise ValueError("write the moment out, as 2026-11-20T15:00:00Z")
    return value


def _storable(moment: datetime) -> datetime:
    if not 1970 <= moment.year <= 2999:
        raise ValueError("take an instant from 1970 to 2999")
    return moment


Instant = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_storable)]
"""An aware datetime in years that every database can hold."""
