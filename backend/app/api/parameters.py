"""Parameters that several routes have: symbols, intervals, spans of time."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Path, Query
from pydantic import PlainValidator, WithJsonSchema

from app.core.instants import ns_of
from app.core.types import DAY_NS

Symbol = Annotated[
    str,
    Path(
        max_length=64,
        pattern=r"^[!-~]([ -~]*[!-~])?$",
        description="A symbol; `/` in it may be written as it is.",
        examples=["ALPHA"],
    ),
]

_INTERVAL = (
    r"^(([1-9]|[1-9][0-9]|[1-9][0-9][0-9]|1[0-3][0-9][0-9]|14[0-3][0-9]|1440)m"
    r"|([1-9]|1[0-9]|2[0-4])h|1d|1w)$"
)

BarInterval = Annotated[
    str,
    Query(pattern=_INTERVAL, description="`1m` to `1440m`, `1h` to `24h`, `1d` or `1w`."),
]

_FIRST_YEAR, _LAST_YEAR = 1970, 2199


def _moment(text: Any) -> date:
    """A date, or a datetime with its zone."""
    moment = _read(text)
    if moment is None:
        raise ValueError("is no date (2024-01-31) or time (2024-01-31T14:30:00Z)")
    if isinstance(moment, datetime) and moment.tzinfo is None:
        raise ValueError(
            "is a time without a zone; write 2024-01-31T14:30:00Z or 2024-01-31T09:30:00-05:00"
        )
    return moment


def _read(text: Any) -> date | None:
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
        if len(text) > 10 and text[10] in "Tt ":
            return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        pass
    return None


_WHEN: tuple[Any, ...] = (
    PlainValidator(_moment),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date"},
                {"type": "string", "format": "date-time"},
            ]
        }
    ),
)

Start = Annotated[
    date | None,
    *_WHEN,
    Query(description="From this date of the market, or this instant, on."),
]
End = Annotated[
    date | None,
    *_WHEN,
    Query(description="Up to this date, that day included, or before this instant."),
]
FirstDate = Annotated[date | None, Query(description="First date of the market.")]
LastDate = Annotated[date | None, Query(description="Last date of the market, included.")]


def span_of(start: date | None, end: date | None, timezone: str) -> tuple[int, int]:
    """``[first_ns, last_ns)`` of what was asked for; what is left out does not bound it.

    Whatever is said, the ends lie between 1970 and 2200: there is nothing outside.
    """
    first_ns = 0 if start is None else _instant_ns(start, timezone)
    last_ns = _instant_ns(date(_LAST_YEAR, 12, 31), timezone)
    if end is not None:
        whole_day = 0 if isinstance(end, datetime) else DAY_NS
        last_ns = _instant_ns(end, timezone, after_ns=whole_day)
    return first_ns, last_ns


def _instant_ns(moment: date, timezone: str, *, after_ns: int = 0) -> int:
    year = min(max(moment.year, _FIRST_YEAR), _LAST_YEAR)
    if year != moment.year:
        edge = date(_FIRST_YEAR, 1, 1) if moment.year < year else date(_LAST_YEAR, 12, 31)
        moment, after_ns = edge, 0
    if isinstance(moment, datetime):
        return ns_of(moment)
    day = moment + timedelta(days=after_ns // DAY_NS)
    return ns_of(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)))
