"""Pages of bars as bytes: JSON, CSV or Arrow, written from columns without an object per bar."""

import json
import re
from enum import StrEnum
from http import HTTPStatus
from io import BytesIO
from typing import Final

import polars as pl
from fastapi import HTTPException, Response

from app.core.instants import utc
from app.managers.data_manager.pages import BarsPage

_RANGE: Final = re.compile(r"\*/\*|[a-z0-9!#$&^_.+-]+/(\*|[a-z0-9!#$&^_.+-]+)")
_QVALUE: Final = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
_TEXT_TIME = "%Y-%m-%dT%H:%M:%SZ"


class BarFormat(StrEnum):
    """Media types bars are told in."""

    JSON = "application/json"
    ARROW = "application/vnd.apache.arrow.stream"
    CSV = "text/csv"


def format_for(accept: str) -> BarFormat:
    """The format an ``Accept`` header likes best (RFC 9110, section 12.5.1), JSON before others.

    Of what is named more than once the narrowest counts: ``text/csv`` before ``text/*`` before
    ``*/*``. A part that cannot be read is passed over; where none can be, everything is taken.

    Raises:
        HTTPException: 406, it takes none of them.
    """
    parts = [part.strip().lower() for part in accept.split(",")]
    weights = dict(read for part in parts if (read := _read(part)) is not None)
    liked = {each: _weight(each, weights) for each in BarFormat}
    best = max(BarFormat, key=lambda each: liked[each])
    if weights and not liked[best]:
        raise HTTPException(
            HTTPStatus.NOT_ACCEPTABLE,
            f"Accept: none of it can be had; bars are told as {', '.join(BarFormat)}",
        )
    return best


def _weight(kind: BarFormat, weights: dict[str, float]) -> float:
    """What the narrowest range that `kind` is in weighs; 0.0: it is in none."""
    ranges = (kind.value, f"{kind.value.partition('/')[0]}/*", "*/*")
    return next((weights[each] for each in ranges if each in weights), 0.0)


def _read(part: str) -> tuple[str, float] | None:
    """A media range and its weight from 0 to 1; None for what is not written as the RFC says."""
    name, *parameters = (piece.strip() for piece in part.split(";"))
    values = (value for key, _, value in map(_split, parameters) if key == "q")
    weight = next(values, "1")
    if not _RANGE.fullmatch(name) or not _QVALUE.fullmatch(weight):
        return None
    return name, float(weight)


def _split(parameter: str) -> tuple[str, str, str]:
    name, equals, value = parameter.partition("=")
    return name.strip(), equals, value.strip()


def bars_response(page: BarsPage, wanted: BarFormat, *, adjustment: str) -> Response:
    """A page of bars; where the body has no room for it, the next page is in ``X-Next-Cursor``."""
    cursor = next_cursor(page)
    headers = {"Vary": "Accept"} | ({"X-Next-Cursor": cursor} if cursor else {})
    content = {BarFormat.JSON: _json, BarFormat.ARROW: _arrow, BarFormat.CSV: _csv}[wanted]
    return Response(content(page, adjustment), media_type=wanted.value, headers=headers)


def next_cursor(page: BarsPage) -> str | None:
    """Where the next page begins, as text."""
    if page.next_ns is None:
        return None
    return f"{utc(page.next_ns):%Y-%m-%dT%H:%M:%S}Z"


def _json(page: BarsPage, adjustment: str) -> bytes:
    head = {
        "symbol": page.bars.symbol,
        "interval": str(page.bars.interval),
        "adjustment": adjustment,
    }
    items = _with_text_times(page).drop("symbol").write_json()
    tail = json.dumps(next_cursor(page))
    return f'{json.dumps(head)[:-1]}, "items": {items}, "next_cursor": {tail}}}'.encode()


def _csv(page: BarsPage, _adjustment: str) -> bytes:
    return _with_text_times(page).write_csv().encode()


def _arrow(page: BarsPage, _adjustment: str) -> bytes:
    stream = BytesIO()
    _frame(page).write_ipc_stream(stream)
    return stream.getvalue()


def _frame(page: BarsPage) -> pl.DataFrame:
    bars = page.bars.columns
    starts = pl.Series("timestamp", bars.start_ns).cast(pl.Datetime("ns", "UTC"))
    values = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    named = pl.repeat(page.bars.symbol, len(bars), dtype=pl.String, eager=True).alias("symbol")
    return pl.DataFrame([named, starts]).with_columns(
        **{k: pl.Series(v) for k, v in values.items()}
    )


def _with_text_times(page: BarsPage) -> pl.DataFrame:
    return _frame(page).with_columns(pl.col("timestamp").dt.strftime(_TEXT_TIME))
