"""What the system is doing, as one value."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from app.core.enums import OperationMode, SystemState
from app.threads.progress import RunProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemStatus:
    """What the system is doing: for people and for machines.

    `speed` is how many seconds of the market pass in one, 0.0 as many as can; `notice` is what
    a person should know of a session that goes on; `run_id` is what the run will be known by in
    the record.
    """

    state: SystemState
    session_name: str | None
    mode: OperationMode | None
    reason: str | None
    notice: str | None
    speed: float
    progress: RunProgress | None
    threads: Mapping[str, bool]
    run_id: UUID | None = None
