"""The queue of runs is kept in the database, and goes on after the server that had it."""

import fcntl
import os
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from loguru import logger

from app import __version__
from app.config.private_files import open_private
from app.config.settings import Settings
from app.core.exceptions import WrongStateError
from app.core.instants import utc
from app.core.queued_run import QueuedRun
from app.core.run_record import RunRecord
from app.managers.time_manager.clock import Clock
from app.models.database import session_factory
from app.repositories.queued_run_repository import QueuedRunRepository
from app.repositories.unit_of_work import UnitOfWork

_CLAIM: Final = ".claim"


class QueueKeeper:
    """Keeps what a queue was asked for until it is recorded, and takes up what others left.

    An open queue has a file in ``data_dir/queues``, which it locks; the lock goes with the process,
    however that ends, and the file when the queue is closed in order. So a queue without a lock is
    nobody's, and the next one on those bars takes its runs up; one that left its file was killed.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._folder = settings.data_dir / "queues"
        self._data_dir = str(settings.data_dir.resolve())
        self._server_id = uuid4()
        self._claim: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a queue whose runs are kept."""
        return self._claim is not None

    def open(self) -> tuple[QueuedRun, ...]:
        """Begin to keep; the runs of queues that are no more, in their order."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._server_id = uuid4()
        self._claim = open_private(self._path(self._server_id), os.O_CREAT | os.O_RDWR)
        fcntl.flock(self._claim, fcntl.LOCK_EX)
        with self._work() as work:
            for other in self._others(work.queued_runs):
                self._take_over(work.queued_runs, other)
            return work.queued_runs.of_server(self._server_id)

    def close(self) -> None:
        """Leave what is still kept to the next queue."""
        if self._claim is not None:
            self._path(self._server_id).unlink(missing_ok=True)
            os.close(self._claim)
            self._claim = None

    def keep(self, runs: QueuedRunRepository, run: QueuedRun) -> None:
        """Keep a request, in the unit of work of `runs`, until its run is recorded.

        Raises:
            WrongStateError: the queue is not open.
        """
        if self._claim is None:
            raise WrongStateError("the queue of runs is closed: open it first")
        runs.add(run, data_dir=self._data_dir, server_id=self._server_id)

    def forget(self, run_id: UUID) -> None:
        """Keep a request no longer: its run ended and could not be recorded."""
        with self._work() as work:
            work.queued_runs.remove(run_id)

    def give_up(self, run: QueuedRun, reason: str) -> None:
        """Record a run that is not begun again as failed."""
        record = self._failed(run, reason)
        with self._work() as work:
            work.runs.add(record)
        logger.error("run {} failed: {}", run.id, reason)

    def _work(self) -> UnitOfWork:
        return UnitOfWork(session_factory(self._settings.database_url))

    def _others(self, runs: QueuedRunRepository) -> set[UUID]:
        claims = {UUID(path.stem) for path in self._folder.glob(f"*{_CLAIM}")}
        return {*runs.servers(self._data_dir), *claims} - {self._server_id}

    def _take_over(self, runs: QueuedRunRepository, other: UUID) -> None:
        """Make the runs of another queue this one's, unless its process lives."""
        path = self._path(other)
        try:
            claim = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            runs.hand_over(other, self._server_id, interrupted=False)
            return
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            runs.hand_over(other, self._server_id, interrupted=True)
            path.unlink(missing_ok=True)
        except BlockingIOError:
            logger.debug("the queue {} is another process's", other)
        finally:
            os.close(claim)

    def _path(self, server_id: UUID) -> Path:
        return self._folder / f"{server_id}{_CLAIM}"

    def _failed(self, run: QueuedRun, reason: str) -> RunRecord:
        """The row of a run of which there is nothing but what was asked for."""
        config, submitted = run.config, run.submitted_at
        return RunRecord(
            id=run.id,
            session_name=config["session_name"],
            mode=config["mode"],
            status="failed",
            reason=reason,
            strategies=[
                {key: each.get(key) for key in ("name", "class", "symbols", "parameters")}
                for each in config["strategies"]
            ],
            symbols=config["session_data_config"]["symbols"],
            config=config,
            started_at=submitted,
            finished_at=utc(self._clock.now_ns()),
            first_session=None,
            last_session=None,
            bars=0,
            sessions=0,
            metrics={},
            data_quality={},
            data_fingerprint="",
            code_version=__version__,
            order_hash="",
            folder=str(self._settings.runs_dir / f"{config['session_name']}-{run.id}"),
            synthetic=False,
        )
