"""Kinds of value that many models have."""

from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)

MOST_FIELDS = 1_000
"""Of one body: of more than so many it is not even told which of them are unknown."""


class Asked(BaseModel):
    """The body of a request: no field but the known ones."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _few(cls, given: Any) -> Any:
        """Each field that is unknown makes an error, which takes as long as a small request."""
        if isinstance(given, dict) and len(given) > MOST_FIELDS:
            raise ValueError(f"{len(given):,} fields; at most {MOST_FIELDS:,} are read")
        return given


def shown_as(**values: Any) -> ConfigDict:
    """The settings of a model that is shown in the OpenAPI document with these values."""
    return ConfigDict(json_schema_extra={"examples": [values]})


def _known(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


Known = Annotated[float | None, AfterValidator(_known)]
"""A number, or null where it is not known (NaN)."""


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, Field(strict=True), BeforeValidator(_whole)]
"""An integer as JSON knows it: ``3.0`` is one too, ``"3"`` and ``true`` are none."""


def _written(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat()
    return f"{text.removesuffix('+00:00')}Z"


Moment = Annotated[
    datetime,
    PlainSerializer(_written, return_type=str),
    Field(json_schema_extra={"format": "date-time"}),
]
"""An instant, written in UTC with ``Z``."""

Exact = Annotated[
    Decimal,
    PlainSerializer("{:f}".format, return_type=str),
    Field(json_schema_extra={"pattern": r"^-?\d+\.\d+$"}),
]
"""A number of the record, as text with all its decimals: no floating-point number holds them."""

Config = Annotated[
    Annotated[str, Field(min_length=1, max_length=100)]
    | Annotated[dict[str, Any], Field(min_length=1)],
    Field(
        description="The name of a session config on the server, or a session config itself. "
        "One that is sent may name shipped strategies and files of the strategies folder.",
        examples=["example_session"],
    ),
]
"""Which session is meant."""
