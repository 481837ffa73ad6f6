"""A backtest that was asked for and is not recorded yet, as it is kept meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedRun:
    """What is needed to run it again if the server is gone before it is recorded.

    `id` is the run's, `config` the session config as it was validated. `interruptions` counts
    the servers that were killed while it was the one being run.
    """

    id: UUID
    config: Mapping[str, Any]
    submitted_at: datetime
    interruptions: int = 0
