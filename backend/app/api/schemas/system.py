"""The system: what it is asked to do, and what it says that it does."""

from datetime import date
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from app.api.schemas.examples import STATUS
from app.api.schemas.values import Asked, Config, Known, Moment, Whole, shown_as
from app.core.enums import OperationMode, SystemState
from app.core.instants import utc
from app.managers.system_manager.status import SystemStatus
from app.threads.progress import RunProgress


class StartRequest(Asked):
    """Which session to start."""

    config: Config
    paused: bool = Field(
        default=False, strict=True, description="Hold it before its first instant."
    )


class StepRequest(Asked):
    """How far to let a paused session go on."""

    count: Whole = Field(
        1, ge=1, le=1_000, description="Instants at which bars close.", examples=[1]
    )


class SpeedRequest(Asked):
    """How fast time goes."""

    speed_multiplier: float = Field(
        strict=True,
        ge=0,
        le=1e9,
        allow_inf_nan=False,
        description="Seconds of the market that pass in one; 0: as fast as it goes.",
        examples=[60],
    )


class SessionProgress(BaseModel):
    """How far the session is."""

    session: date | None = Field(description="Null before the first session has begun.")
    market_time: Moment | None
    sessions_done: int
    sessions_total: int
    bars: int
    bars_per_s: Known
    equity: Known
    pnl: Known = Field(description="Equity less starting cash, in the quote currency.")
    positions: dict[str, float] = Field(description="Units held per symbol, signed.")
    orders: int

    @classmethod
    def of(cls, progress: RunProgress) -> Self:
        """As the API tells it."""
        return cls(
            session=progress.session,
            market_time=utc(progress.now_ns) if progress.now_ns else None,
            sessions_done=progress.sessions_done,
            sessions_total=progress.sessions_total,
            bars=progress.bars,
            bars_per_s=progress.bars_per_s,
            equity=progress.equity,
            pnl=progress.pnl,
            positions=progress.positions,
            orders=progress.orders,
        )


class Status(BaseModel):
    """What the system is doing."""

    model_config = shown_as(**STATUS)

    state: SystemState = Field(examples=["RUNNING"])
    run_id: UUID | None = Field(description="What the run is known by in the record.")
    session_name: str | None = Field(examples=["example_session"])
    mode: OperationMode | None = Field(description="What kind of session it is.")
    reason: str | None = Field(description="Why it failed; null if it did not.")
    notice: str | None = Field(description="What a person should know of a session that goes on.")
    speed: float = Field(description="Market seconds a second; 0: as fast as it goes.")
    progress: SessionProgress | None
    threads: dict[str, bool] = Field(description="Which threads of the run are alive.")

    @classmethod
    def of(cls, status: SystemStatus) -> Self:
        """As the API tells it."""
        return cls(
            state=status.state,
            run_id=status.run_id,
            session_name=status.session_name,
            mode=status.mode,
            reason=status.reason,
            notice=status.notice,
            speed=status.speed,
            progress=SessionProgress.of(status.progress) if status.progress else None,
            threads=dict(status.threads),
        )


class ConfigNames(BaseModel):
    """The session configs that can be started by name."""

    items: list[str] = Field(examples=[["example_session"]])
    next_cursor: str | None = Field(None, description="Always null: the list is whole.")
