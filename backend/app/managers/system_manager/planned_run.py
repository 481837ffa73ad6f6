"""A run of the queue, from when it is asked for to what is recorded of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from app.core.instants import utc
from app.core.queued_run import QueuedRun
from app.core.run_record import RunRecord, RunStatus
from app.managers.system_manager.conclusion import make_info, make_record
from app.managers.system_manager.inline_run import InlineRun
from app.managers.system_manager.run_ticket import RunState, RunTicket
from app.services.analytics.result import RunResult


@dataclass(slots=True, eq=False)
class PlannedRun:
    """A run on its way; `run` is not started before its turn. Only a RunQueue changes it."""

    run: InlineRun
    submitted_ns: int
    config: Mapping[str, Any]
    id: UUID
    state: RunState = RunState.QUEUED
    reason: str | None = None
    metrics: Mapping[str, float | None] | None = None
    started_ns: int | None = None
    finished_ns: int | None = None

    def ticket(self, position: int | None = None) -> RunTicket:
        """The run as it is now."""
        plan = self.run.plan
        started, finished = self.started_ns, self.finished_ns
        return RunTicket(
            id=self.id,
            session_name=plan.config.session_name,
            mode=plan.config.mode.value,
            symbols=plan.symbols,
            config=self.config,
            state=self.state,
            reason=self.reason,
            position=position,
            progress=self.run.board.latest,
            metrics=self.metrics,
            submitted_at=utc(self.submitted_ns),
            started_at=None if started is None else utc(started),
            finished_at=None if finished is None else utc(finished),
        )

    def request(self) -> QueuedRun:
        """What is kept until the run is recorded."""
        return QueuedRun(id=self.id, config=self.config, submitted_at=utc(self.submitted_ns))

    def record(self, result: RunResult, status: RunStatus, runs_dir: Path) -> RunRecord:
        """The row of the run when it is over."""
        assert self.finished_ns is not None  # noqa: S101  # it is set when a run is over
        return make_record(
            self.run,
            result,
            run_id=self.id,
            status=status,
            reason=self.reason,
            started_ns=self.started_ns or self.submitted_ns,
            finished_ns=self.finished_ns,
            folder=runs_dir / f"{self.run.plan.config.session_name}-{self.id}",
        )

    def unplayed_record(self, runs_dir: Path) -> RunRecord:
        """The row of a run that was never begun, so that who asked for it learns what became."""
        log = self.run.simulation.stepper.finish()
        return self.record(RunResult(log, make_info(self.run, log)), "stopped", runs_dir)
