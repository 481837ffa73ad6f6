"""Stored market data: what there is, bars, ticks, how complete it is, and imports."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.api.access import Actor
from app.api.audit import write_down
from app.api.bar_formats import BarFormat, bars_response, format_for
from app.api.parameters import BarInterval, End, FirstDate, LastDate, Start, Symbol, span_of
from app.api.platform import Platform, Served
from app.api.responses import errors
from app.api.schemas.market_data import (
    BarsFound,
    ImportStatus,
    LatestFound,
    QualityFound,
    SessionSeries,
    StoredSymbol,
    StoredSymbols,
    StreamStatus,
    Subscription,
    TickFound,
    TicksFound,
)
from app.api.schemas.session import now
from app.api.uploads import FORM, ReceivedFile
from app.core.corporate_actions import Adjustment
from app.core.enums import OperationMode
from app.core.exceptions import ConfigurationError, DataNotFoundError
from app.core.instants import utc
from app.core.intervals import ONE_MINUTE, Interval
from app.core.paging import DEFAULT_LIMIT, MOST
from app.managers.data_manager import DataManager
from app.managers.data_manager.imports import ImportOrder
from app.managers.data_manager.pages import Latest, bars_page, latest_stored, ticks_page
from app.models.session_config import ExchangeGroup
from app.services.market_data.source_columns import parse_mapping

router = APIRouter(prefix="/market-data", tags=["market data"])

Exchange = Annotated[ExchangeGroup, Query(description="Whose hours and time zone are meant.")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="At most so many items.")]
_US = ExchangeGroup.US_EQUITY
_MOST_BARS = 10_000
_TICK_PLACE = r"^[0-6]?[0-9]{1,18}-[0-9]{1,6}$"
_CSV = (
    "symbol,timestamp,open,high,low,close,volume\n"
    "ALPHA,2025-11-06T14:30:00Z,100.02,100.35,99.98,100.31,12400.0\n"
)
_BODIES: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            BarFormat.ARROW.value: {
                "schema": {"type": "string", "format": "binary"},
                "example": "(bytes: polars reads them with `pl.read_ipc_stream`)",
            },
            BarFormat.CSV.value: {"schema": {"type": "string"}, "example": _CSV},
        },
        "headers": {
            "X-Next-Cursor": {
                "description": "Start of the next page; not there on the last.",
                "schema": {"type": "string", "format": "date-time"},
            }
        },
    }
}


@router.get("/symbols", summary="What is stored, per symbol")
def symbols(
    platform: Served,
    limit: Limit = MOST,
    cursor: Annotated[
        str, Query(max_length=64, description="`next_cursor` of the page before.")
    ] = "",
) -> StoredSymbols:
    """First and last minute, how many, and whether any were made up; by symbol."""
    storage = platform.markets.storage
    names = [name for name in storage.symbols() if name > cursor]
    page = names[:limit]
    return StoredSymbols(
        items=[StoredSymbol.of(storage.coverage(name)) for name in page],
        next_cursor=page[-1] if len(names) > limit else None,
    )


@router.get(
    "/bars/{symbol:path}",
    response_model=BarsFound,
    responses=errors(404) | _BODIES,
    summary="Bars of a symbol, oldest first",
)
def bars(
    request: Request,
    platform: Served,
    symbol: Symbol,
    interval: BarInterval = "1m",
    start: Start = None,
    end: End = None,
    limit: Annotated[int, Query(ge=1, le=_MOST_BARS, description="At most so many bars.")] = 1_000,
    cursor: Annotated[Start, Query(description="`next_cursor` of the page before.")] = None,
    adjustment: Annotated[
        Adjustment, Query(description="What is taken out of prices; `raw`: as traded.")
    ] = Adjustment.RAW,
    exchange: Exchange = _US,
) -> Response:
    """As JSON, or by `Accept` as CSV or as an Arrow stream.

    `1m` gives every stored minute; longer bars are made from regular hours, aligned to the
    session. Bars that are not over yet are left out.
    """
    manager = _manager(platform, exchange)
    page = bars_page(
        manager,
        symbol,
        Interval.parse(interval),
        span_of(cursor or start, end, manager.timezone),
        limit=limit,
        adjustment=adjustment.value,
    )
    wanted = format_for(request.headers.get("accept", ""))
    return bars_response(page, wanted, adjustment=adjustment.value)


@router.get("/latest/{symbol:path}", responses=errors(404), summary="The last price of a symbol")
def latest(platform: Served, symbol: Symbol, exchange: Exchange = _US) -> LatestFound:
    """Of the session that runs, by its own time; else the last stored minute or tick."""
    found = _latest_in_session(platform, symbol)
    return LatestFound.of(symbol, found or latest_stored(_manager(platform, exchange), symbol))


@router.get("/quality/{symbol:path}", responses=errors(404), summary="How complete the minutes are")
def quality(
    platform: Served,
    symbol: Symbol,
    start: FirstDate = None,
    end: LastDate = None,
    exchange: Exchange = _US,
) -> QualityFound:
    """Per session the minutes expected and present, and the gaps; what is odd; and halts.

    Only from the first stored session to the last is anything expected: of days outside there
    are no sessions, and `quality_pct` is null.
    """
    manager = _manager(platform, exchange)
    days = _stored_days(manager, symbol, start, end)
    if days is None:
        return QualityFound.of_nothing(manager.coverage(symbol))
    return QualityFound.of(
        manager.coverage(symbol),
        manager.get_quality(symbol, *days),
        manager.inspect(symbol, *days),
        manager.get_halts(symbol, *days),
    )


@router.get("/ticks/{symbol:path}", responses=errors(404), summary="Trades, oldest first")
def ticks(
    platform: Served,
    symbol: Symbol,
    start: Start = None,
    end: End = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(pattern=_TICK_PLACE, description="`next_cursor` of the page before.")
    ] = None,
    exchange: Exchange = _US,
) -> TicksFound:
    """Stored trades of a symbol."""
    manager = _manager(platform, exchange)
    first_ns, last_ns = span_of(start, end, manager.timezone)
    given = 0
    if cursor is not None:
        first_ns, given = map(int, cursor.split("-"))
    page = ticks_page(manager, symbol, (first_ns, last_ns), limit=limit, given=given)
    return TicksFound(
        symbol=symbol,
        items=[
            TickFound(timestamp=utc(ts), price=price, volume=volume)
            for ts, price, volume in page.ticks.rows()
        ],
        next_cursor="{}-{}".format(*page.next_place) if page.next_place else None,
    )


@router.get("/stream_status", summary="Which bars flow in the session that runs")
def stream_status(platform: Served) -> StreamStatus:
    """The series of the session with their last bars, and who is sent bars as they close."""
    system = platform.system
    data = system.get_session_data() if system.is_running() else None
    status = system.status()
    return StreamStatus(
        state=status.state,
        session_name=status.session_name,
        market_time=now(status)["market_time"],
        streams=SessionSeries.all_of(data) if data else [],
        subscriptions=list(map(Subscription.of, system.get_data_manager().streams.view())),
    )


@router.post(
    "/import",
    status_code=202,
    responses=errors(413),
    openapi_extra=FORM,
    summary="Import the minute bars of a file",
)
def start_import(
    upload: ReceivedFile, platform: Served, actor: Actor, request: Request
) -> ImportStatus:
    """Take a .csv, .csv.gz or .parquet file and import it; the import goes on after the response.

    Follow it at `/market-data/imports/{import_id}`.
    """
    form = upload.form
    order = ImportOrder(
        exchange_group=form.exchange.value,
        symbol=form.symbol or None,
        timezone=form.timezone or None,
        columns=parse_mapping(form.columns),
    )
    begun = platform.imports.start(upload.reception, order)
    write_down(request, actor, "data.import", f"import:{begun.id}", symbol=order.symbol)
    return ImportStatus.of(begun)


@router.get(
    "/imports/{import_id}", responses=errors(404), summary="How far an import is, or what it did"
)
def import_status(platform: Served, import_id: UUID) -> ImportStatus:
    """Progress; then rows read, rows refused with line and reason, and what is covered."""
    return ImportStatus.of(platform.imports.get(import_id))


def _manager(platform: Platform, exchange: ExchangeGroup) -> DataManager:
    return platform.markets.of(exchange.value)


def _stored_days(
    manager: DataManager, symbol: str, start: date | None, end: date | None
) -> tuple[date, date] | None:
    """The asked days among those of the stored bars, None if there are none."""
    if start and end and end < start:
        wrong = f"end: {end} is before start, {start}; ask for days from start to end"
        raise ConfigurationError(wrong, (wrong,))
    first, last = manager.stored_range(symbol)
    begins, ends = max(start or first, first), min(end or last, last)
    return (begins, ends) if begins <= ends else None


def _latest_in_session(platform: Platform, symbol: str) -> Latest | None:
    """None unless it is a symbol of the session that runs.

    Of a backtest that has seen no bar of it there is nothing to tell: what is stored is its
    future. Of a session by the clock it is the past.
    """
    data, symbols = platform.system.get_session_data(), platform.system.session_symbols()
    if data is None or symbol not in symbols or not platform.system.is_running():
        return None
    closed = data.get_bars(symbol, ONE_MINUTE)
    if not len(closed):
        if platform.system.status().mode is not OperationMode.BACKTEST:
            return None
        raise DataNotFoundError(
            f"no bar of {symbol} has closed in the session that runs; step it or ask again later"
        )
    return Latest(bar=closed.slice(len(closed) - 1, len(closed)), tick=None, in_session=True)
