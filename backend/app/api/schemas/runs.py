"""Runs: how one is asked for, how far it is, what it came to."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from app.api.schemas.examples import COMPARISON, RUN, RUN_METRICS, RUN_SUMMARY
from app.api.schemas.values import Asked, Config, Known, Moment, shown_as
from app.core.run_record import RunRecord
from app.managers.system_manager import RunState, RunTicket
from app.services.analytics.compare import RunComparison
from app.threads.progress import RunProgress

Metrics = dict[str, float | None]

HEADLINE = ("final_equity", "net_profit", "return_pct", "sharpe", "max_drawdown_pct", "trades")
"""The figures that a list of runs shows."""


class RunRequest(Asked):
    """What to run."""

    config: Config


class Progress(BaseModel):
    """How far a run is."""

    sessions_done: int
    sessions_total: int
    bars: int
    bars_per_s: Known
    equity: Known
    orders: int

    @classmethod
    def of(cls, progress: RunProgress) -> Self:
        """As the API tells it."""
        return cls(
            sessions_done=progress.sessions_done,
            sessions_total=progress.sessions_total,
            bars=progress.bars,
            bars_per_s=progress.bars_per_s,
            equity=progress.equity if progress.bars else None,
            orders=progress.orders,
        )


class RunSummary(BaseModel):
    """A run in a list."""

    model_config = shown_as(**RUN_SUMMARY)

    id: UUID
    session_name: str
    mode: str
    status: RunState
    reason: str | None = Field(description="Why it stopped or failed.")
    strategies: list[str]
    symbols: list[str]
    started_at: Moment | None
    finished_at: Moment | None
    first_session: date | None
    last_session: date | None
    bars: int
    sessions: int
    synthetic: bool = Field(description="Whether any of the data was generated.")
    metrics: Metrics = Field(description="The most asked for figures; null: does not exist.")

    @classmethod
    def of(cls, record: RunRecord) -> Self:
        """As the API tells it."""
        return cls(**_facts(record, {key: record.metrics.get(key) for key in HEADLINE}))


class Run(BaseModel):
    """A run, from the moment it is asked for."""

    model_config = shown_as(**RUN)

    id: UUID
    session_name: str
    mode: str
    status: RunState = Field(
        description="`recording`: all is decided, `metrics` are there, and what it leaves is "
        "being written; after that nothing changes any more."
    )
    reason: str | None = Field(description="Why it stopped or failed.")
    position: int | None = Field(
        None, description="How many run before it; null: it is not queued."
    )
    progress: Progress | None = Field(None, description="Null once it is in the record.")
    submitted_at: Moment | None = Field(None, description="Null once it is in the record.")
    started_at: Moment | None
    finished_at: Moment | None
    strategies: list[str]
    symbols: list[str]
    config: dict[str, Any]
    metrics: Metrics | None = Field(description="Null until all is decided.")
    first_session: date | None = None
    last_session: date | None = None
    bars: int | None = None
    sessions: int | None = None
    synthetic: bool | None = None
    ledgers: list[dict[str, Any]] = Field(
        default=[], description="Each strategy with its parameters and its part of the account."
    )
    data_quality: dict[str, Any] = {}
    data_fingerprint: str | None = None
    code_version: str | None = None
    order_hash: str | None = Field(None, description="Equal for runs with the same orders.")

    @classmethod
    def of_record(cls, record: RunRecord) -> Self:
        """One that is over."""
        return cls(
            **_facts(record, dict(record.metrics)),
            config=dict(record.config),
            ledgers=[dict(strategy) for strategy in record.strategies],
            data_quality=dict(record.data_quality),
            data_fingerprint=record.data_fingerprint,
            code_version=record.code_version,
            order_hash=record.order_hash,
        )

    @classmethod
    def of_ticket(cls, ticket: RunTicket) -> Self:
        """One that is on its way."""
        strategies = ticket.config.get("strategies", ())
        return cls(
            id=ticket.id,
            session_name=ticket.session_name,
            mode=ticket.mode,
            status=ticket.state,
            reason=ticket.reason,
            position=ticket.position,
            progress=Progress.of(ticket.progress),
            submitted_at=ticket.submitted_at,
            started_at=ticket.started_at,
            finished_at=ticket.finished_at,
            strategies=[strategy["name"] for strategy in strategies],
            symbols=list(ticket.symbols),
            config=dict(ticket.config),
            metrics=None if ticket.metrics is None else dict(ticket.metrics),
        )


class RunsOnTheirWay(BaseModel):
    """The run that is running and those that wait, in the order they will run."""

    items: list[Run]


class RunMetrics(BaseModel):
    """What a run came to."""

    model_config = shown_as(**RUN_METRICS)

    run_id: UUID
    metrics: Metrics = Field(description="docs/metrics.md defines each; null: does not exist.")
    strategies: dict[str, dict[str, Any]] = Field(description="Each one's part of the account.")

    @classmethod
    def of(cls, record: RunRecord) -> Self:
        """As the API tells it."""
        ledgers = {each["name"]: dict(each.get("ledger") or {}) for each in record.strategies}
        return cls(run_id=record.id, metrics=dict(record.metrics), strategies=ledgers)


class ComparedRun(BaseModel):
    """One of two runs."""

    name: str
    order_hash: str
    data_fingerprint: str
    code_version: str


class ComparedSetting(BaseModel):
    """A setting that differs; null where it was left out."""

    path: str
    a: Any
    b: Any


class ComparedFigure(BaseModel):
    """A figure of both; `delta` is b less a."""

    key: str
    a: float | None
    b: float | None
    delta: float | None


class FirstDifference(BaseModel):
    """The first cell that differs: its row, what names that row, both values."""

    row: int
    named: dict[str, str]
    column: str
    a: str | None
    b: str | None


class ComparedTable(BaseModel):
    """A table of both, row by row."""

    is_equal: bool
    rows_a: int
    rows_b: int
    different_rows: int
    first: FirstDifference | None


class Comparison(BaseModel):
    """Two runs side by side."""

    model_config = shown_as(**COMPARISON)

    same_orders: bool
    same_data: bool
    a: ComparedRun
    b: ComparedRun
    settings: list[ComparedSetting]
    figures: list[ComparedFigure]
    tables: dict[Literal["orders", "fills", "bars"], ComparedTable] = Field(
        description="As far as the files of both are still there."
    )

    @classmethod
    def of(cls, found: RunComparison) -> Self:
        """As the API tells it: without the server's folders."""
        return cls.model_validate(found, from_attributes=True)


def _facts(record: RunRecord, metrics: Mapping[str, float | None]) -> dict[str, Any]:
    return {
        "id": record.id,
        "session_name": record.session_name,
        "mode": record.mode,
        "status": RunState(record.status),
        "reason": record.reason,
        "strategies": [strategy["name"] for strategy in record.strategies],
        "symbols": list(record.symbols),
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "first_session": record.first_session,
        "last_session": record.last_session,
        "bars": record.bars,
        "sessions": record.sessions,
        "synthetic": record.synthetic,
        "metrics": dict(metrics),
    }
