"""RunQueue: backtests one after the other, whatever session is going on beside them."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from threading import Condition, Thread
from time import sleep
from typing import Any
from uuid import UUID, uuid4

from loguru import logger
from sqlalchemy.exc import SQLAlchemyError

from app.config.settings import Settings
from app.core.exceptions import (
    DatabaseError,
    DataNotFoundError,
    RateLimitedError,
    TradingError,
    WrongStateError,
)
from app.core.instants import ns_of
from app.core.queued_run import QueuedRun
from app.managers.system_manager.conclusion import defined_metrics, make_info, outcome
from app.managers.system_manager.figures import EndedRuns, done_figures
from app.managers.system_manager.inline_run import InlineRun
from app.managers.system_manager.planned_run import PlannedRun
from app.managers.system_manager.queue_keeping import QueueKeeper
from app.managers.system_manager.record_keeping import Recorder, add_unplayed
from app.managers.system_manager.run_feed import publish_ticket
from app.managers.system_manager.run_ticket import RunState, RunTicket
from app.managers.system_manager.session_plan import plan_alone
from app.managers.system_manager.wording import in_words
from app.managers.time_manager.clock import Clock
from app.models.database import session_factory
from app.models.session_config import (
    SessionConfig,
    load_session_config,
    read_session_config,
    resolve_named,
)
from app.monitoring.channels import run_channel
from app.monitoring.hub import Hub
from app.monitoring.metrics import EngineFigures
from app.monitoring.telling import harmless
from app.repositories.queued_run_repository import QueuedRunRepository
from app.repositories.unit_of_work import UnitOfWork
from app.services.analytics.result import RunResult
from app.services.market_data.parquet_storage import ParquetStorage

MOST_WAITING = 100
"""Runs that may wait; each holds its plan, a few kilobytes."""

MOST_WATCHED = 16
"""Callers that may wait for runs at a time: a server has so many threads and no more."""

_ANSWERING_S = 0.005
"""Left to who waits for figures, before this thread computes again and holds the interpreter."""

_RETRY_AFTER_S = 10.0
_REMEMBERED = 200
_LAST_WORDS_S = 60.0
_CANCELLED = "cancelled before it began"
SHUT_DOWN = "the server was shut down"

MOST_INTERRUPTIONS = 2
"""A run that was being played so often when its server was killed may be why: no more of it."""

Wanted = Callable[[RunState], bool]


class RunQueue:
    """Runs backtests in the order in which they were asked for, and records each as a session.

    Every call may be made from any thread. What was asked for is kept in the database until it is
    recorded: what a server leaves waiting, or is killed with, the next one runs. Of runs that
    ended, the latest are remembered here too, so that one that could not be recorded can be asked
    for. How far each is, is left in `hub`.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        hub: Hub | None = None,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._hub = hub or Hub()
        self._storage = ParquetStorage(settings.bars_dir)
        self._keeper = QueueKeeper(settings, clock)
        self._most_waiting = most_waiting
        self._changed = Condition()
        self._watching = 0
        self._waiting: deque[PlannedRun] = deque()
        self._current: PlannedRun | None = None
        self._open: dict[UUID, PlannedRun] = {}
        self._ended: OrderedDict[UUID, RunTicket] = OrderedDict()
        self._played = EndedRuns()
        self._thread: Thread | None = None
        self._is_closing = False

    # ── asking for runs ──────────────────────────────────────────────────────

    def submit(
        self, config: str | Mapping[str, Any] | SessionConfig, *, run_id: UUID | None = None
    ) -> RunTicket:
        """Ask for a run of a session config: `plan` and `enqueue` in one.

        Raises:
            TradingError: as those two do.
        """
        job = self.plan(config, run_id=run_id)
        work = UnitOfWork(session_factory(self._settings.database_url))
        with self.cancelled_on_error(job), work:
            return self.enqueue(job, work.queued_runs)

    def plan(
        self, config: str | Mapping[str, Any] | SessionConfig, *, run_id: UUID | None = None
    ) -> PlannedRun:
        """What a run of a session config will be: its name in `session_configs_dir`, or itself.

        What is run is what is planned now. The config's speed is not heeded. `run_id` is what it
        will be known by, a new one by default. This looks through the stored bars and takes
        its time: not to be done in a unit of work, which other writers wait for.

        Raises:
            ConfigurationError: naming every mistake with the path of its field.
            InsufficientDataError: a symbol has no bars in the window.
            RateLimitedError: too many runs wait already.
            WrongStateError: the server is being shut down.
        """
        self._require_room()
        return self._planned(self._config(config), self._clock.now_ns(), run_id or uuid4())

    def enqueue(self, job: PlannedRun, kept: QueuedRunRepository) -> RunTicket:
        """Let a planned run take its place behind those that wait; at once.

        It is kept in the unit of work of `kept`, which `cancelled_on_error` is to be around.

        Raises:
            RateLimitedError: too many runs wait already.
            WrongStateError: the server is being shut down, or the queue was not opened.
        """
        self._keeper.keep(kept, job.request())
        with self._changed:
            self._require_room()
            self._waiting.append(job)
            self._open[job.id] = job
            self._ensure_worker()
            self._changed.notify_all()
            return self._ticket_of(job)

    @contextmanager
    def cancelled_on_error(self, job: PlannedRun) -> Iterator[None]:
        """Around the unit of work that `job` is enqueued in: if it fails, the run is cancelled."""
        try:
            yield
        except BaseException:
            with suppress(DataNotFoundError, WrongStateError):
                self.cancel(job.id)
            raise

    def ticket(self, run_id: UUID) -> RunTicket | None:
        """The run with that id; None for one not known here."""
        with self._changed:
            return self._known(run_id)

    def beginning(self, digits: str) -> frozenset[UUID]:
        """The ids known here whose hexadecimal `digits` begin so, of runs that ended too."""
        with self._changed:
            known = (*self._open, *self._ended)
        return frozenset(run_id for run_id in known if run_id.hex.startswith(digits))

    def tickets(self) -> tuple[RunTicket, ...]:
        """The run that is running or being recorded, and those that wait, in their order."""
        with self._changed:
            jobs = [job for job in self._on_their_way() if not job.state.has_ended]
            return tuple(self._ticket_of(job) for job in jobs)

    def wait(
        self,
        run_id: UUID,
        timeout_s: float | None,
        until: Wanted = lambda state: state.has_ended,
    ) -> RunTicket:
        """The run as soon as `until` holds for its state, at the latest after `timeout_s`.

        With `MOST_WATCHED` others waiting, at once; so is one that waits for the next server.

        Raises:
            DataNotFoundError: it is not known here.
        """
        with self.watching() as may_wait, self._changed:
            if may_wait:
                self._changed.wait_for(lambda: self._is_due(run_id, until), timeout_s)
            return self._required(run_id)

    @contextmanager
    def watching(self) -> Iterator[bool]:
        """Around a caller's wait for a run, of a session too: whether there is room for it."""
        with self._changed:
            may_wait = self._watching < MOST_WATCHED
            self._watching += may_wait
        try:
            yield may_wait
        finally:
            with self._changed:
                self._watching -= may_wait

    def cancel(self, run_id: UUID) -> RunTicket:
        """End a run: one that waits is not begun, one that runs keeps what it did.

        Raises:
            DataNotFoundError: it is not known here.
            WrongStateError: all of it is decided already.
        """
        with self._changed:
            job = next((job for job in self._on_their_way() if job.id == run_id), None)
            if job is None or job.state.has_figures:
                state = self._required(run_id).state
                raise WrongStateError(f"run {run_id} is {state}: there is nothing left to cancel")
            if job is self._current:
                job.run.control.request_stop()
                return self._ticket_of(job)
            self._waiting.remove(job)
            job.state, job.reason = RunState.STOPPED, _CANCELLED
            job.finished_ns = self._clock.now_ns()
            self._remember(job)
        self._tell(job)
        add_unplayed(job.unplayed_record(self._settings.runs_dir), self._settings)
        return job.ticket()

    def announce(self, run_ids: Iterable[UUID]) -> set[UUID]:
        """Tell those who listen how far these are now, those that are known here: their ids.

        Each costs a look into two dictionaries, for anybody may ask for any number of runs
        there are not. Which place a run has is not told.
        """
        version = self._hub.next_version()
        with self._changed:
            found = [ticket for run_id in run_ids if (ticket := self._as_it_is(run_id))]
        for ticket in found:
            publish_ticket(self._hub, version, ticket)
        return {ticket.id for ticket in found}

    def figures(self) -> EngineFigures:
        """What monitoring shows of the runs of this queue."""
        with self._changed:
            current, thread, waiting = self._current, self._thread, len(self._waiting)
        return replace(
            done_figures(None if current is None else current.run, self._played),
            threads={} if thread is None else {thread.name: thread.is_alive()},
            queues={"runs": waiting},
        )

    # ── the worker ───────────────────────────────────────────────────────────

    def open(self) -> None:
        """Take runs, again after `close`, and take up those of queues that are no more.

        Raises:
            DatabaseError: the database cannot be read or written.
        """
        with self._changed:
            self._is_closing = False
            if self._keeper.is_open:
                return
            while self._waiting:
                self._open.pop(self._waiting.popleft().id)
        for kept in self._keeper.open():
            if kept.id not in self._open:  # one that would not end when the queue was closed
                self._take_up(kept)

    def close(self) -> None:
        """Stop the run that is running, record it, and wait for that; leave the others for later.

        May be repeated.
        """
        with self._changed:
            self._is_closing = True
            current, thread = self._current, self._thread
            self._changed.notify_all()
        if current is not None and not current.state.has_figures:
            current.run.control.request_stop(SHUT_DOWN)
        if thread is not None:
            thread.join(_LAST_WORDS_S)
            if thread.is_alive():
                logger.error("the last run did not end within {} s", _LAST_WORDS_S)
        self._keeper.close()

    def _take_up(self, kept: QueuedRun) -> None:
        """Queue a run that another server was asked for, or record why not."""
        if kept.interruptions >= MOST_INTERRUPTIONS:
            self._keeper.give_up(kept, f"the server was killed {kept.interruptions} times with it")
            return
        try:
            config = read_session_config(kept.config)
            job = self._planned(config, ns_of(kept.submitted_at), kept.id)
        except TradingError as error:
            self._keeper.give_up(kept, f"it could not be begun again: {in_words(error)}")
            return
        logger.info("run {}, left by an earlier server, is queued again", kept.id)
        with self._changed:
            self._waiting.append(job)
            self._open[job.id] = job
            self._ensure_worker()
            self._changed.notify_all()

    def _ensure_worker(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._work, name="RunQueue", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                self._play(job)
            except Exception as error:  # noqa: BLE001  # the one broad except a thread has
                logger.opt(exception=error).error("run {} failed", job.id)
                self._move(job, RunState.FAILED, in_words(error))
                self._keep_no_longer(job)
            self._forget(job)
            del job  # and all of its bars, while the next one is waited for

    def _next(self) -> PlannedRun | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing)
            if self._is_closing:
                return None
            self._current = job = self._waiting.popleft()
            job.started_ns = self._clock.now_ns()
            job.state = RunState.RUNNING
            self._changed.notify_all()
        self._tell(job)
        return job

    def _play(self, job: PlannedRun) -> None:
        """Run a job to its end: figures first, then the record."""
        run = job.run
        run.board.on_publish = partial(self._tell, job)
        run.start()
        run.finished.wait()
        self._played = self._played.and_of(run)
        status, reason = outcome(run)
        job.finished_ns = self._clock.now_ns()
        log = run.log or run.simulation.stepper.finish()
        result = RunResult(log).compute()
        job.metrics = defined_metrics(result)
        self._move(job, RunState.RECORDING, None)
        if self._watching:
            sleep(_ANSWERING_S)
        job.reason = reason
        with Recorder(self._settings, run, result) as recorder:
            result.info = make_info(run, log)
            recorder.keep(job.record(result, status, self._settings.runs_dir))
        self._move(job, RunState(status), reason)
        logger.info("run {} {}: {} bars", job.id, status, run.board.latest.bars)

    # ── insides ──────────────────────────────────────────────────────────────

    def _planned(self, config: SessionConfig, submitted_ns: int, run_id: UUID) -> PlannedRun:
        plan = plan_alone(config, self._settings, self._storage, self._clock)
        return PlannedRun(
            run=InlineRun(plan, storage=self._storage),
            submitted_ns=submitted_ns,
            config=config.to_dict(),
            id=run_id,
        )

    def _keep_no_longer(self, job: PlannedRun) -> None:
        try:
            self._keeper.forget(job.id)
        except (SQLAlchemyError, DatabaseError) as error:
            logger.warning("run {} is still queued for the next server: {}", job.id, error)

    def _is_due(self, run_id: UUID, until: Wanted) -> bool:
        state = self._required(run_id).state
        return until(state) or (self._is_closing and state is RunState.QUEUED)

    def _config(self, config: str | Mapping[str, Any] | SessionConfig) -> SessionConfig:
        if isinstance(config, SessionConfig):
            return config
        if isinstance(config, Mapping):
            return read_session_config(config)
        return load_session_config(resolve_named(self._settings.session_configs_dir, config))

    def _require_room(self) -> None:
        if self._is_closing:
            raise WrongStateError("the server is being shut down: ask again when it is back")
        if len(self._waiting) >= self._most_waiting:
            raise RateLimitedError(
                f"{self._most_waiting} runs wait already: try again when one has ended",
                _RETRY_AFTER_S,
            )

    def _on_their_way(self) -> list[PlannedRun]:
        return [*([self._current] if self._current else []), *self._waiting]

    def _ticket_of(self, job: PlannedRun) -> RunTicket:
        if job is self._current or job.state is not RunState.QUEUED:
            return job.ticket()
        return job.ticket(self._on_their_way().index(job))

    def _known(self, run_id: UUID) -> RunTicket | None:
        job = self._open.get(run_id)
        return self._ended.get(run_id) if job is None else self._ticket_of(job)

    def _as_it_is(self, run_id: UUID) -> RunTicket | None:
        job = self._open.get(run_id)
        return self._ended.get(run_id) if job is None else job.ticket()

    def _required(self, run_id: UUID) -> RunTicket:
        ticket = self._known(run_id)
        if ticket is None:
            raise DataNotFoundError(f"there is no run {run_id} on its way")
        return ticket

    def _move(self, job: PlannedRun, state: RunState, reason: str | None) -> None:
        with self._changed:
            job.state, job.reason = state, reason
            self._changed.notify_all()
        self._tell(job)

    @harmless
    def _tell(self, job: PlannedRun) -> None:
        if run_channel(job.id) in self._hub.wanted:
            publish_ticket(self._hub, self._hub.next_version(), job.ticket())

    def _forget(self, job: PlannedRun) -> None:
        """Let go of everything a run holds but its ticket."""
        with self._changed:
            self._current = None
            self._remember(job)

    def _remember(self, job: PlannedRun) -> None:
        self._open.pop(job.id, None)
        self._ended[job.id] = job.ticket()
        while len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)
        self._changed.notify_all()
