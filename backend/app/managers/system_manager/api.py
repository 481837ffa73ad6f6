"""SystemManager: builds the managers, starts sessions, and answers for their state."""

from collections.abc import Collection, Mapping
from pathlib import Path
from threading import RLock
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

from loguru import logger
from sqlalchemy.orm import Session

from app.config.settings import HOME, Settings, get_settings
from app.core.enums import SystemState
from app.core.exceptions import ConfigurationError, WrongStateError
from app.core.instants import utc
from app.core.run_record import RunRecord
from app.core.session_data import SessionData
from app.managers.data_manager import DataManager
from app.managers.execution_manager import ExecutionManager
from app.managers.system_manager.conclusion import make_info, make_record, outcome
from app.managers.system_manager.figures import EndedRuns, session_figures
from app.managers.system_manager.record_keeping import Recorder
from app.managers.system_manager.run_feed import (
    SessionSight,
    event,
    publish_record,
    publish_status,
)
from app.managers.system_manager.run_queue import RunQueue
from app.managers.system_manager.run_ticket import RunState, RunTicket
from app.managers.system_manager.session_honesty import session_honesty
from app.managers.system_manager.session_plan import plan_session, set_market
from app.managers.system_manager.session_run import SessionRun
from app.managers.system_manager.session_scores import (
    SessionScore,
    latest_scores,
    mean_scores,
    scores_of,
)
from app.managers.system_manager.status import SystemStatus
from app.managers.system_manager.wiring import Unwatched
from app.managers.system_manager.wording import explained
from app.managers.time_manager import TimeManager
from app.managers.time_manager.clock import Clock, SystemClock
from app.models.database import session_factory
from app.models.session_config import (
    SessionConfig,
    is_name,
    load_session_config,
    read_session_config,
    resolve_named,
)
from app.monitoring.channels import Channel, Kind
from app.monitoring.hub import Hub
from app.monitoring.metrics import EngineFigures
from app.monitoring.telling import harmless
from app.repositories.run_repository import RunRepository
from app.research.honesty_report import HonestyReport
from app.services.analytics.result import RunResult
from app.services.market_data.parquet_storage import ParquetStorage
from app.threads.live_itinerary import LiveSource
from app.threads.pace import Stopwatch
from app.threads.sync import ON_REQUEST

_LAST_WORDS_S = 5.0
"""How long a new session waits for the last one to write down what it did."""
_ANNOUNCE_EVERY_S = 0.1
"""Progress is announced at most this often, however fast sessions go by."""


class SystemManager:
    """The orchestrator: one session at a time, in four threads, from config to record.

    State is STOPPED, RUNNING, PAUSED, or FAILED with its `reason`. `start` returns at once;
    `wait` waits for the end. `pause`, `resume`, `step`, `set_speed` and `stop` may be called
    from any thread, at any moment, more than once; results do not depend on them, except that
    a stop ends them. `stopwatch` is what a session's speed is measured with. A paper session
    goes by the clock, and of all these it takes `stop` alone.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        clock: Clock | None = None,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self._settings = settings or get_settings()
        self._clock = clock or SystemClock()
        self._stopwatch = stopwatch
        self._lock = RLock()
        self._time_manager = TimeManager(clock=self._clock, open_database=self._database)
        self._storage = ParquetStorage(self._settings.bars_dir)
        self._data_manager = DataManager(
            self._storage, self._time_manager, open_database=self._database
        )
        self._execution_manager = ExecutionManager()
        self.hub = Hub()
        """Where sessions leave what happens in them, for whoever listens."""
        self._announced_s = 0.0
        self._run_queue = RunQueue(self._settings, clock=self._clock, hub=self.hub)
        self._run: SessionRun | None = None
        self._run_id: UUID = uuid4()
        self._started_ns = 0
        self._reason: str | None = None
        self._ended = EndedRuns()
        self.result: RunResult | None = None
        """Result of the last run that ended; None before."""
        self.record: RunRecord | None = None
        """Record of the last run that ended; None before."""
        self.validation_file: Path | None = None

    # ── managers ─────────────────────────────────────────────────────────────

    def get_time_manager(self) -> TimeManager:
        """The only source of time."""
        return self._time_manager

    def get_data_manager(self) -> DataManager:
        """The façade of market data."""
        return self._data_manager

    def get_execution_manager(self) -> ExecutionManager:
        """The façade of orders and positions."""
        return self._execution_manager

    def get_run_queue(self) -> RunQueue:
        """Backtests that are run one after the other, beside any session."""
        return self._run_queue

    def get_session_data(self) -> SessionData | None:
        """All data of the running session, or of the last one; None before the first."""
        return self._run.simulation.data if self._run else None

    # ── sessions ─────────────────────────────────────────────────────────────

    def start(
        self, config: str | Path | Mapping[str, Any] | SessionConfig, *, paused: bool = False
    ) -> None:
        """Validate a session config and start its run.

        A text without dots and slashes names a file of `session_configs_dir`, any other is a
        path. With `paused`, the run waits before its first instant to be stepped or resumed.

        Raises:
            ConfigurationError: naming every mistake with the path of its field; nothing was
                started.
            WrongStateError: a session is running already, or one that cannot be paused is to begin
                so.
        """
        if not self.is_running():
            self.wait(_LAST_WORDS_S)
        with self._lock:
            self._require_none_running()
            session = self._config(config)
            if paused:
                _require_steerable(session, "start paused")
            run_id = uuid4()
            with self._database() as db:
                run = self._prepare(session, db, run_id, paused=paused)
            self._reason, self.result, self.record = None, None, None
            self._run_id, self._started_ns = run_id, self._clock.now_ns()
            self._run = run
            logger.info("session {} starts: run {}", session.session_name, self._run_id)
            run.start()
        self._tell("run.started")

    def stop(self, because: str = ON_REQUEST) -> None:
        """End the run where it is and keep what it did; nothing happens if none runs.

        `because` is the reason that is recorded.
        The files of a large run may take longer to write than the two seconds this takes at
        most: `wait` waits for them.
        """
        with self._lock:
            run = self._run
        if run is not None and not run.ended.is_set():
            self._tell("run.stopping")
        if run is not None and not run.ended.is_set() and not run.stop(because):
            alive = [thread.name for thread in run.threads if thread.is_alive()]
            self._reason = f"{', '.join(alive)} did not end when asked to stop"
            logger.error(self._reason)

    def pause(self) -> None:
        """Hold the session before its next instant, and wait until it holds.

        The instant being played is finished first; if that takes longer than two seconds, this
        returns before. Nothing happens if it is paused already.

        Raises:
            WrongStateError: no backtest is running.
        """
        if self._replaying("pause").pause():
            self._tell("run.paused")

    def resume(self) -> None:
        """Let a paused session go on at its speed; nothing happens if it is not paused.

        Raises:
            WrongStateError: no backtest is running.
        """
        if self._replaying("resume").pace.resume():
            self._tell("run.resumed")

    def step(self) -> None:
        """Play one instant of a paused session, all symbols, and wait until it is played.

        An instant is a moment at which a bar or the session closes. The first step into a
        session begins it; the last step of a session ends it, and the last of the run the run.

        Raises:
            WrongStateError: no session is paused.
        """
        if not self._replaying("step").step():
            raise WrongStateError("step: the session is not paused; pause it first")
        self.announce()

    def set_speed(self, speed_multiplier: float) -> None:
        """Let so many seconds of the market pass in one from now on; 0: no waiting.

        A paused session stays paused. The next session has the speed of its own config.

        Raises:
            ConfigurationError: not a finite number of 0 or more.
            WrongStateError: no backtest is running.
        """
        if not 0.0 <= speed_multiplier < float("inf"):
            raise ConfigurationError(
                f"speed_multiplier: {speed_multiplier!r} must be a finite number, 0 or more; "
                "0 is as fast as possible, 1 real time, 60 a minute in a second"
            )
        self._replaying("speed").pace.set_speed(float(speed_multiplier))
        self._tell("run.speed", speed=float(speed_multiplier))

    def require_running(self, action: str) -> None:
        """See that a session is running, paused or not, for `action` to make sense.

        Raises:
            WrongStateError: none is.
        """
        self._active(action)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the run is over; False if it is not within `timeout` seconds."""
        return self._run is None or self._run.wait(timeout)

    def wait_for_run(self, run_id: UUID, timeout: float) -> None:
        """Wait until the session's run with that id is over, at most `timeout` seconds.

        Not at all for one that is not the session's, nor with as many waiting already as the run
        queue allows: it counts those too.
        """
        with self._lock:
            run = self._run if self._run_id == run_id else None
        if run is not None and not run.ended.is_set():
            with self._run_queue.watching() as may_wait:
                if may_wait:
                    run.wait(timeout)

    def is_running(self) -> bool:
        """Whether a session is being run, paused or not."""
        return self.state in {SystemState.RUNNING, SystemState.PAUSED}

    @property
    def state(self) -> SystemState:
        """STOPPED, RUNNING, PAUSED or FAILED."""
        run = self._run
        if run is None:
            return SystemState.STOPPED
        if self.reason is not None:
            return SystemState.FAILED
        if run.ended.is_set() or (run.control.stopping and run.has_decided):
            return SystemState.STOPPED
        return SystemState.PAUSED if run.pace.is_paused else SystemState.RUNNING

    @property
    def reason(self) -> str | None:
        """Why the last run failed; None if it did not."""
        failure = self._run.control.failure if self._run else None
        return explained(*failure) if failure else self._reason

    def status(self) -> SystemStatus:
        """State, session, reason, notice, speed, progress, and which threads are alive."""
        run = self._run
        return SystemStatus(
            state=self.state,
            session_name=run.plan.config.session_name if run else None,
            mode=run.plan.config.mode if run else None,
            reason=self.reason,
            notice=run.notice if run else None,
            speed=run.speed if run else 0.0,
            progress=run.board.latest if run else None,
            threads={thread.name: thread.is_alive() for thread in run.threads} if run else {},
            run_id=self._run_id if run else None,
        )

    def session_ticket(self) -> RunTicket | None:
        """The session's run as one of the queue is told, the last one's too; None before any."""
        run = self._run
        if run is None:
            return None
        return RunTicket(
            id=self._run_id,
            session_name=run.plan.config.session_name,
            mode=run.plan.config.mode.value,
            symbols=run.plan.symbols,
            config=run.plan.config.to_dict(),
            state=self._run_state(run),
            reason=self.reason,
            position=None,
            progress=run.board.latest,
            metrics=None,
            submitted_at=utc(self._started_ns),
            started_at=utc(self._started_ns),
            finished_at=None,
        )

    def session_scores(self) -> dict[str, list[SessionScore]]:
        """Per symbol, how complete each session is that has begun; empty before the first."""
        run = self._run
        return scores_of(run) if run else {}

    def session_quality(self) -> dict[str, float | None]:
        """Per symbol the percent of the present session's minutes that are there.

        None while it is not known, as before the first session has begun; empty before any run.
        """
        run = self._run
        return latest_scores(run) if run else {}

    def session_symbols(self) -> tuple[str, ...]:
        """The symbols of the session that runs, or ran last; empty before the first."""
        return self._run.plan.symbols if self._run else ()

    def figures(self) -> EngineFigures:
        """What monitoring shows: sums over all runs of this system, threads and queues."""
        return session_figures(self._run, self._ended) + self._run_queue.figures()

    def announce(self) -> None:
        """Tell those who listen to the hub what state, progress, positions and quality are now.

        Of the session: the runs of the queue are told by the queue, in its own thread.
        """
        self._announced_s = perf_counter()
        self._publish_status(self.hub.wanted)

    def announce_to_newcomers(self, channels: Collection[Channel]) -> None:
        """Tell in these channels of snapshots, and in no others, what is now.

        Of a run that is known no more, what the record has of it, which takes its time.
        """
        self._publish_status(frozenset(channel.name for channel in channels))
        run_ids = {channel.run_id for channel in channels if channel.run_id}
        known = self._run_queue.announce(run_ids)
        if recorded := run_ids - known - ({self._run_id} if self._run else set()):
            self._publish_records(recorded)

    def honesty(self, config: str | Path | Mapping[str, Any] | SessionConfig) -> HonestyReport:
        """Run a session under naive, its own and pessimistic assumptions; nothing is recorded.

        Raises:
            ConfigurationError: as `start`.
            StrategyError: for a strategy that raises: what is left does not compare.
            StageFailedError: for a run that fails.
        """
        return session_honesty(self._config(config), self._settings)

    # ── insides ──────────────────────────────────────────────────────────────

    @harmless
    def _publish_status(self, channels: Collection[str]) -> None:
        sight = SessionSight(
            status=self.status, ticket=self.session_ticket, quality=self._mean_scores
        )
        publish_status(self.hub, sight, channels)

    @harmless
    def _publish_records(self, run_ids: Collection[UUID]) -> None:
        version = self.hub.next_version()
        with self._database() as db:
            found = RunRepository(db).find(run_ids)
        for record in found:
            publish_record(self.hub, version, record)

    def _mean_scores(self) -> dict[str, float | None]:
        run = self._run
        return mean_scores(run) if run else {}

    def _run_state(self, run: SessionRun) -> RunState:
        if run.ended.is_set():
            return RunState.FAILED if self.record is None else RunState(self.record.status)
        return RunState.RECORDING if run.has_decided else RunState.RUNNING

    def _require_none_running(self) -> None:
        if self.is_running():
            raise WrongStateError("a session is running already; stop it first")
        if not self.wait(0.0):
            raise WrongStateError("the last session is still ending; try again later")

    def _active(self, action: str) -> SessionRun:
        """The run that is going on, paused or not."""
        with self._lock:
            run, state = self._run, self.state
        if run is None or not self.is_running():
            raise WrongStateError(
                f"{action}: no session is running, the system is {state}; start one first"
            )
        return run

    def _replaying(self, action: str) -> SessionRun:
        """The backtest that is going on, paused or not: the market's own time is not steered."""
        run = self._active(action)
        _require_steerable(run.plan.config, action)
        return run

    def _on_change(self) -> None:
        """In a thread of the run: progress was made, it was asked to stop, or it has ended."""
        run = self._run
        if run is None or not self.hub.wanted:
            return
        if run.ended.is_set():
            record = self.record
            reason = record.reason if record else self.reason
            self._tell("run.ended", status=record.status if record else "failed", reason=reason)
        elif run.control.stopping or perf_counter() - self._announced_s >= _ANNOUNCE_EVERY_S:
            self.announce()

    @harmless
    def _tell(self, kind: str, **more: Any) -> None:
        """Tell what the state is now, and what changed it."""
        if not self.hub.wanted:
            return
        self.announce()
        status = self.status()
        happened = event(
            kind,
            time_ns=self._clock.now_ns(),
            run_id=str(self._run_id),
            session_name=status.session_name,
            state=status.state,
            **more,
        )
        self.hub.publish(Kind.EVENTS, happened)

    def _config(self, config: str | Path | Mapping[str, Any] | SessionConfig) -> SessionConfig:
        if isinstance(config, SessionConfig):
            return config
        if isinstance(config, Mapping):
            return read_session_config(config)
        if isinstance(config, str) and is_name(config):
            return load_session_config(resolve_named(self._settings.session_configs_dir, config))
        path = Path(config)
        beside = HOME / path
        return load_session_config(beside if beside.exists() and not path.exists() else path)

    def _database(self) -> Session:
        return session_factory(self._settings.database_url)()

    def _prepare(
        self, config: SessionConfig, db: Session, run_id: UUID, *, paused: bool
    ) -> SessionRun:
        set_market(self._time_manager, db, config)
        plan = plan_session(
            config,
            db=db,
            time_manager=self._time_manager,
            storage=self._storage,
            strategies_dir=self._settings.strategies_dir,
        )
        is_replay = config.replay is not None
        run = SessionRun(
            plan,
            storage=self._storage,
            time=_BacktestTime(self._time_manager, self._database()) if is_replay else Unwatched(),
            streams=self._data_manager.streams,
            conclude=self._conclude,
            live=None if is_replay else LiveSource(self._storage.version, self._clock.now_ns),
            run_id=run_id,
            hub=self.hub,
            announce=self._on_change,
            paused=paused,
            stopwatch=self._stopwatch,
        )
        names = [entry.name for entry in plan.entries]
        self._execution_manager.attach(run.simulation, plan.symbols, names)
        return run

    def _conclude(self, run: SessionRun) -> None:
        """In the coordinator's thread, after the last decision: result, files, record."""
        self._ended = self._ended.and_of(run)
        if run.log is None:
            return
        folder = self._settings.runs_dir / f"{run.plan.config.session_name}-{self._run_id}"
        status, reason = outcome(run)
        result = RunResult(run.log).compute()
        with Recorder(self._settings, run, result) as recorder:
            result.info = make_info(run, run.log)
            record = make_record(
                run,
                result,
                run_id=self._run_id,
                status=status,
                reason=reason,
                started_ns=self._started_ns,
                finished_ns=self._clock.now_ns(),
                folder=folder,
            )
            self.validation_file = recorder.keep(record)
        self.result, self.record = result, record
        logger.info("run {} {}: {} bars", self._run_id, status, record.bars)


def _require_steerable(config: SessionConfig, action: str) -> None:
    if config.replay is None:
        raise WrongStateError(
            f"{action}: a {config.mode} session goes by the market's own time; it can be stopped"
        )


class _BacktestTime:
    """Moves the TimeManager through the sessions."""

    def __init__(self, time_manager: TimeManager, db: Session) -> None:
        self._time_manager = time_manager
        self._db = db
        self._begun = False

    def begin_session(self) -> None:
        """Time is the open of the first session, or of the next one."""
        if self._begun:
            self._time_manager.advance_to_market_open(self._db)
        else:
            self._time_manager.init_backtest(self._db)
            self._begun = True

    def move_to(self, now_ns: int) -> None:
        """Time is `now_ns`, within the session."""
        self._time_manager.set_backtest_time_ns(now_ns)
