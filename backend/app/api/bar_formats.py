"""Pages of bars as bytes: JSON, CSV or Arrow, written from columns without an object per bar."""

import json
from enum import StrEnum
from io import BytesIO

import polars as pl
from fastapi import Response

from app.core.instants import utc
from app.managers.data_manager.pages import BarsPage

_TEXT_TIME = "%Y-%m-%dT%H:%M:%SZ"


class BarFormat(StrEnum):
    """Media types bars are told in."""

    JSON = "application/json"
    ARROW = "application/vnd.apache.arrow.stream"
    CSV = "text/csv"


def format_for(accept: str) -> BarFormat:
    """The format an ``Accept`` header likes best; JSON for one that names none of them."""
    liked: dict[BarFormat, float] = {}
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if name in list(BarFormat):
            liked[BarFormat(name)] = _weight(parameters)
    return max(liked, key=lambda each: liked[each], default=BarFormat.JSON)


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


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
