"""Stored market data: what there is, bars, ticks, quality, imports."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from app.api.schemas.errors import ErrorDetail
from app.api.schemas.values import Asked, Known, Moment, shown_as
from app.core.enums import SystemState
from app.core.exceptions import TradingError
from app.core.instants import utc
from app.core.market_halts import MarketHalt
from app.core.session_data import SessionData
from app.managers.data_manager.imports import BackgroundImport
from app.managers.data_manager.pages import Latest
from app.managers.data_manager.streams import StreamView
from app.models.session_config import ExchangeGroup
from app.models.session_config.kinds import SYMBOL
from app.services.market_data.csv_import import ImportedSymbol, Rejection
from app.services.market_data.parquet_storage import SYNTHETIC, StoredCoverage
from app.services.market_data.quality_scoring import Finding, QualityColumns, SessionQuality

_BAR = {
    "timestamp": "2025-11-06T14:34:00Z",
    "open": 100.02,
    "high": 100.35,
    "low": 99.98,
    "close": 100.31,
    "volume": 12_400.0,
}
_IMPORTED = {
    "symbol": "MINE",
    "rows": 390,
    "first": "2025-11-06T14:30:00Z",
    "last": "2025-11-06T20:59:00Z",
    "added": 390,
    "replaced": 0,
    "duplicates": 0,
    "sessions": 1,
    "coverage_pct": 100.0,
    "outside": 0,
    "out_of_order": 0,
    "spikes": 0,
    "zero_volume": 0,
}


class StoredSymbol(BaseModel):
    """What is stored of one symbol."""

    model_config = shown_as(
        symbol="ALPHA",
        first="2025-08-11T13:30:00Z",
        last="2025-11-21T20:59:00Z",
        bars=28_470,
        synthetic=True,
        labels=["synthetic"],
    )

    symbol: str = Field(examples=["ALPHA"])
    first: Moment = Field(description="Start of its first minute.")
    last: Moment = Field(description="Start of its last minute.")
    bars: int = Field(examples=[11_520])
    synthetic: bool = Field(description="Whether any of them were made up.")
    labels: list[str] = Field(examples=[["synthetic"]])

    @classmethod
    def of(cls, stored: StoredCoverage) -> Self:
        """As the API tells it."""
        return cls(
            symbol=stored.symbol,
            first=utc(stored.first_ns),
            last=utc(stored.last_ns),
            bars=stored.rows,
            synthetic=SYNTHETIC in stored.labels,
            labels=sorted(stored.labels),
        )


class StoredSymbols(BaseModel):
    """A page of the stored symbols."""

    items: list[StoredSymbol]
    next_cursor: str | None = Field(description="Null on the last page.", examples=[None])


class Bar(BaseModel):
    """One bar, known when it has ended; prices in the quote currency."""

    model_config = shown_as(**_BAR)

    timestamp: Moment = Field(description="Its start.")
    open: float
    high: float
    low: float
    close: float
    volume: float


class BarsFound(BaseModel):
    """A page of bars, oldest first."""

    symbol: str = Field(examples=["ALPHA"])
    interval: str = Field(examples=["5m"])
    adjustment: str = Field(examples=["raw"])
    items: list[Bar]
    next_cursor: Moment | None = Field(
        description="Start of the next page; null on the last.", examples=["2025-11-06T14:35:00Z"]
    )


class TickFound(BaseModel):
    """One trade."""

    model_config = shown_as(timestamp="2025-11-06T14:30:00.125Z", price=97_012.5, volume=0.034)

    timestamp: Moment
    price: float
    volume: float


class TicksFound(BaseModel):
    """A page of ticks, oldest first."""

    symbol: str = Field(examples=["BTCUSDT"])
    items: list[TickFound]
    next_cursor: str | None = Field(
        description="Null on the last page.", examples=["1762439400125000000-1"]
    )


class LatestFound(BaseModel):
    """The last price of a symbol, and the bar or tick it comes from."""

    model_config = shown_as(
        symbol="ALPHA",
        source="store",
        timestamp="2025-11-06T14:35:00Z",
        price=100.31,
        bar=_BAR,
        tick=None,
    )

    symbol: str = Field(examples=["ALPHA"])
    source: Literal["session", "store"] = Field(
        description="`session`: the last of the session that runs, by its own time."
    )
    timestamp: Moment = Field(description="Of the tick, or the end of the bar.")
    price: float
    bar: Bar | None
    tick: TickFound | None

    @classmethod
    def of(cls, symbol: str, latest: Latest) -> Self:
        """As the API tells it; a bar counts from its end, where its close is known."""
        prices: list[tuple[int, float]] = []
        bar = tick = None
        if latest.bar is not None:
            names = ("open", "high", "low", "close", "volume")
            values = {name: getattr(latest.bar, name)[0].item() for name in names}
            bar = Bar(timestamp=utc(int(latest.bar.start_ns[0])), **values)
            prices.append((int(latest.bar.end_ns[0]), bar.close))
        if latest.tick is not None:
            time_ns, price, volume = latest.tick
            tick = TickFound(timestamp=utc(time_ns), price=price, volume=volume)
            prices.append((time_ns, price))
        last_ns, price = max(prices)
        return cls(
            symbol=symbol,
            source="session" if latest.in_session else "store",
            timestamp=utc(last_ns),
            price=price,
            bar=bar,
            tick=tick,
        )


class GapFound(BaseModel):
    """Missing minutes in a row."""

    start: Moment
    end: Moment
    minutes: int


class QualityOfSession(BaseModel):
    """One session: minutes expected and present, and what is missing."""

    session: date
    expected: int
    present: int
    quality_pct: Known
    gaps: list[GapFound]

    @classmethod
    def of(cls, quality: SessionQuality) -> Self:
        """As the API tells it."""
        gaps = [
            GapFound(start=utc(g.start_ns), end=utc(g.end_ns), minutes=g.minutes)
            for g in quality.gaps
        ]
        return cls(
            session=quality.date,
            expected=quality.expected,
            present=quality.present,
            quality_pct=quality.percentage,
            gaps=gaps,
        )


class FindingTold(BaseModel):
    """One kind of oddity, and where the first bars lie that show it."""

    kind: str = Field(examples=["spike"])
    count: int
    first_at: list[Moment]


class Halt(BaseModel):
    """A market-wide halt: no bar is expected in it."""

    start: Moment
    end: Moment
    reason: str


class QualityFound(BaseModel):
    """How complete the stored minutes of a symbol are, and what is odd about them."""

    model_config = shown_as(
        symbol="ALPHA",
        labels=[],
        quality_pct=99.74,
        sessions=[
            {
                "session": "2025-11-06",
                "expected": 390,
                "present": 389,
                "quality_pct": 99.74,
                "gaps": [
                    {"start": "2025-11-06T15:12:00Z", "end": "2025-11-06T15:13:00Z", "minutes": 1}
                ],
            }
        ],
        findings=[{"kind": "spike", "count": 1, "first_at": ["2025-11-06T16:40:00Z"]}],
        halts=[],
    )

    symbol: str = Field(examples=["ALPHA"])
    labels: list[str]
    quality_pct: Known = Field(description="Of all expected minutes; null if there are none.")
    sessions: list[QualityOfSession]
    findings: list[FindingTold]
    halts: list[Halt]

    @classmethod
    def of_nothing(cls, coverage: StoredCoverage) -> Self:
        """Of days of which nothing is stored."""
        labels = sorted(coverage.labels)
        return cls(
            symbol=coverage.symbol,
            labels=labels,
            quality_pct=None,
            sessions=[],
            findings=[],
            halts=[],
        )

    @classmethod
    def of(
        cls,
        coverage: StoredCoverage,
        scored: QualityColumns,
        findings: Sequence[Finding],
        halts: Sequence[MarketHalt],
    ) -> Self:
        """As the API tells it."""
        return cls(
            symbol=coverage.symbol,
            labels=sorted(coverage.labels),
            quality_pct=scored.total_pct,
            sessions=list(map(QualityOfSession.of, scored)),
            findings=[
                FindingTold(
                    kind=each.kind, count=each.count, first_at=[utc(ns) for ns in each.first_ns]
                )
                for each in findings
            ],
            halts=[Halt(start=utc(h.start_ns), end=utc(h.end_ns), reason=h.reason) for h in halts],
        )


class SessionSeries(BaseModel):
    """A series that the session keeps."""

    symbol: str
    interval: str
    bars: int = Field(description="Those that have closed, history included.")
    last: Moment | None = Field(description="End of the last one.")

    @classmethod
    def all_of(cls, data: SessionData) -> list[Self]:
        """Every series, as of the session's present."""
        kept = ((key, data.get_bars(*key).end_ns) for key in data.series())
        return [
            cls(
                symbol=symbol,
                interval=str(interval),
                bars=len(ends),
                last=utc(int(ends[-1])) if len(ends) else None,
            )
            for (symbol, interval), ends in kept
        ]


class Subscription(BaseModel):
    """Somebody who is sent the bars of a series as they close."""

    id: str
    symbol: str
    interval: str
    last: Moment | None = Field(description="End of the last bar that was passed on.")
    waiting: int = Field(description="Batches that were not taken yet.")
    dropped: int = Field(description="Batches that were lost because nobody took them.")

    @classmethod
    def of(cls, view: StreamView) -> Self:
        """As the API tells it."""
        return cls(
            id=view.stream_id,
            symbol=view.symbol,
            interval=str(view.interval),
            last=None if view.sent_until_ns is None else utc(view.sent_until_ns),
            waiting=view.waiting,
            dropped=view.dropped,
        )


class StreamStatus(BaseModel):
    """Which bars flow."""

    model_config = shown_as(
        state="RUNNING",
        session_name="example_session",
        market_time="2025-11-06T15:00:00Z",
        streams=[{"symbol": "ALPHA", "interval": "5m", "bars": 84, "last": "2025-11-06T15:00:00Z"}],
        subscriptions=[
            {
                "id": "6f0a4f5e",
                "symbol": "ALPHA",
                "interval": "5m",
                "last": "2025-11-06T15:00:00Z",
                "waiting": 0,
                "dropped": 0,
            }
        ],
    )

    state: SystemState
    session_name: str | None
    market_time: Moment | None
    streams: list[SessionSeries]
    subscriptions: list[Subscription]


def _without_default(schema: dict[str, Any]) -> None:
    """For a field that may be left out, but not be empty."""
    del schema["default"]


class ImportForm(Asked):
    """The fields that go with a file."""

    symbol: Annotated[
        str,
        Field(
            max_length=64,
            pattern=f"^{SYMBOL}$",
            description="Its symbol, if the file does not say: letters, digits and "
            "`. - / : _ & = ^`, as a session takes it.",
            examples=["MINE"],
            json_schema_extra=_without_default,
        ),
    ] = ""
    timezone: Annotated[
        str,
        Field(
            max_length=64,
            description="Zone of times without one; default: the exchange's.",
            examples=["America/New_York"],
        ),
    ] = ""
    columns: Annotated[
        str,
        Field(
            max_length=1_000,
            description="Field=column pairs, as timestamp=Zeit,open=#2.",
            examples=["timestamp=Zeit"],
        ),
    ] = ""
    exchange: ExchangeGroup = Field(
        ExchangeGroup.US_EQUITY, description="Whose calendar the bars are held against."
    )


class RejectedRow(BaseModel):
    """A row that was not stored."""

    line: int = Field(description="In the file, from 1; in Parquet the row.")
    reason: str

    @classmethod
    def of(cls, rejection: Rejection) -> Self:
        """As the API tells it."""
        return cls(line=rejection.line, reason=rejection.reason)


class SymbolImported(BaseModel):
    """What a file brought of one symbol."""

    symbol: str
    rows: int
    first: Moment
    last: Moment
    added: int
    replaced: int
    duplicates: int
    sessions: int
    coverage_pct: Known = Field(description="Share of the sessions' minutes that is there.")
    outside: int = Field(description="Bars outside regular hours, stored.")
    out_of_order: int
    spikes: int
    zero_volume: int

    @classmethod
    def of(cls, imported: ImportedSymbol) -> Self:
        """As the API tells it."""
        return cls(
            symbol=imported.symbol,
            rows=imported.rows,
            first=utc(imported.first_ns),
            last=utc(imported.last_ns),
            added=imported.write.added,
            replaced=imported.write.replaced,
            duplicates=imported.write.duplicates,
            sessions=imported.sessions,
            coverage_pct=imported.coverage_pct,
            outside=imported.outside,
            out_of_order=imported.out_of_order,
            spikes=imported.spikes,
            zero_volume=imported.zero_volume,
        )


class ImportOutcome(BaseModel):
    """What became of a file."""

    rows: int
    rejected: int
    rejections: list[RejectedRow] = Field(description="The first hundred.")
    timezone: str = Field(description="How times without a zone were read.")
    notes: list[str]
    elapsed_s: float
    symbols: list[SymbolImported]


class ImportStatus(BaseModel):
    """An import: how far it is, then what came of it."""

    model_config = shown_as(
        id="3f2b8c1e-6f0a-4f5e-9f57-2a6f4f0c9d11",
        state="completed",
        started_at="2026-11-20T15:00:00Z",
        progress=1.0,
        doing="storing MINE",
        outcome={
            "rows": 391,
            "rejected": 1,
            "rejections": [{"line": 3, "reason": "high 9.0 and low 11.0 do not enclose open 10.0"}],
            "timezone": "America/New_York",
            "notes": [],
            "elapsed_s": 0.021,
            "symbols": [_IMPORTED],
        },
        error=None,
    )

    id: UUID
    state: Literal["running", "completed", "failed"]
    started_at: Moment
    progress: float = Field(description="From 0 to 1.")
    doing: str = Field(examples=["storing ALPHA"])
    outcome: ImportOutcome | None
    error: ErrorDetail | None

    @classmethod
    def of(cls, begun: BackgroundImport) -> Self:
        """As the API tells it."""
        error, summary = begun.error, begun.summary
        return cls(
            id=begun.id,
            state="failed" if error else "completed" if summary else "running",
            started_at=utc(begun.started_ns),
            progress=begun.fraction,
            doing=begun.doing,
            outcome=None
            if summary is None
            else ImportOutcome(
                rows=summary.rows,
                rejected=summary.rejected,
                rejections=list(map(RejectedRow.of, summary.rejections)),
                timezone=summary.timezone,
                notes=list(summary.notes),
                elapsed_s=summary.elapsed_s,
                symbols=list(map(SymbolImported.of, summary.symbols)),
            ),
            error=None if error is None else ErrorDetail(field="file", message=_reason(error)),
        )


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, TradingError) else "something went wrong; see the log"
