"""A run that was asked for: how far it is, before it is in the record and after."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.threads.progress import RunProgress


class RunState(StrEnum):
    """How far a run is. While it is RECORDING its figures are known and its rows are written."""

    QUEUED = "queued"
    RUNNING = "running"
    RECORDING = "recording"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it will change any more."""
        return self in {RunState.COMPLETED, RunState.STOPPED, RunState.FAILED}

    @property
    def has_figures(self) -> bool:
        """Whether nothing more will be decided."""
        return self.has_ended or self is RunState.RECORDING


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTicket:
    """A run as it was at one moment.

    `position` is how many run before it, None unless it waits. `metrics` are None until all is
    decided; one that does not exist for this run is None. Instants are aware and in UTC.
    """

    id: UUID
    session_name: str
    mode: str
    symbols: tuple[str, ...]
    config: Mapping[str, Any]
    state: RunState
    reason: str | None
    position: int | None
    progress: RunProgress
    metrics: Mapping[str, float | None] | None
    submitted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
