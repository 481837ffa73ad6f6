"""A run in its four threads: started, steered, stopped in a written order."""

from collections.abc import Callable, Mapping, Sized
from functools import partial
from threading import TIMEOUT_MAX, Event, Lock, current_thread
from time import perf_counter
from uuid import UUID
from zoneinfo import ZoneInfo

from app.core.instants import utc
from app.core.ports import SessionTime
from app.core.run_log import RunLog
from app.core.session_data import SessionData
from app.managers.data_manager.streams import BarStreams
from app.managers.system_manager.run_feed import RunFeed
from app.managers.system_manager.session_plan import SessionPlan
from app.managers.system_manager.wiring import Wiring, simulation_of
from app.managers.system_manager.wording import explained
from app.monitoring.hub import Hub
from app.monitoring.telling import harmless
from app.services.market_data.parquet_storage import ParquetStorage
from app.threads.live_itinerary import LiveSource
from app.threads.pace import Stopwatch
from app.threads.punctuality import Punctuality
from app.threads.sync import RunControl, wait_in_looks
from app.threads.watchdog import Patience
from app.threads.worker import Worker

_STOP_DEADLINE_S = 2.0
_REST_DEADLINE_S = 2.0
PATIENCE = Patience()


class SessionRun:
    """One run of a plan.

    `conclude` is called in the coordinator's thread when all has been decided; `ended` is set
    when the last thread that matters is over, however it ended. `live` is what a session goes by
    that is not a backtest. What happens is left in `hub`, told of `run_id`;
    `announce` is called when the state of the run or its progress has changed, in the thread
    it changed in.
    """

    def __init__(
        self,
        plan: SessionPlan,
        *,
        storage: ParquetStorage,
        time: SessionTime,
        streams: BarStreams,
        conclude: Callable[["SessionRun"], None],
        live: LiveSource | None = None,
        run_id: UUID | None = None,
        hub: Hub | None = None,
        announce: Callable[[], None] = lambda: None,
        paused: bool = False,
        stopwatch: Stopwatch | None = None,
        patience: Patience = PATIENCE,
    ) -> None:
        self.plan = plan
        self.control = RunControl()
        self.ended = Event()
        self.elapsed_s = 0.0
        self.simulation = simulation_of(plan, streams.wanted_series(plan.symbols))
        streams.restart()
        self._streams = streams
        self._tell = harmless(RunFeed(hub or Hub(), self.simulation, plan, run_id).publish)
        self._announce = announce
        self._conclude = conclude
        self._ending = Lock()
        self._started_s = 0.0
        wiring = Wiring(plan, self.control, self.simulation)
        self.queues: Mapping[str, Sized] = wiring.queues
        self.board = wiring.board()
        self.board.on_publish = self._on_progress
        self.pace = wiring.pace(stopwatch, paused=paused)
        self._punctuality = _punctuality(plan, live)
        conductor = wiring.conductor(
            self.pace,
            board=self.board,
            time=time,
            publish=self._publish,
            punctuality=self._punctuality,
        )
        self.analysis = wiring.analysis(self.pace, conductor)
        self.quality = wiring.quality()
        self.scores = self.quality.scores
        coordinator = wiring.coordinator(live, read=partial(plan.read, storage), end=self._end)
        workers: tuple[Worker, ...] = (coordinator, wiring.processor(), self.quality)
        watchdog = wiring.watchdog(
            self.analysis, workers, patience=patience, end=self._end, ended=self.ended
        )
        self.threads: tuple[Worker, ...] = (*workers, self.analysis, watchdog)
        self.control.on_stop(self._block_entries)
        self.control.on_stop(announce)

    @property
    def log(self) -> RunLog | None:
        """What happened; None until the deciding thread is over."""
        return self.analysis.log

    def start(self) -> None:
        """Start the threads, those that wait for others first."""
        self._started_s = perf_counter()
        self.board.restart_clock()
        for thread in reversed(self.threads):
            thread.start()

    def stop(self, because: str) -> bool:
        """Ask the threads to end, and wait; whether all that decides has within the deadline.

        To write down what was done may take longer: `wait` waits for that too. Called in one of
        the run's own threads, by a strategy, it does not wait.
        """
        self.control.request_stop(because)
        if current_thread() in self.threads:
            return True
        return wait_in_looks(self.wait, _STOP_DEADLINE_S) or self.has_decided

    def pause(self) -> bool:
        """Hold before the next instant, and wait for that unless a strategy asks.

        False if it was paused already.
        """
        was_going = self.pace.pause()
        if current_thread() not in self.threads:
            self.pace.wait_for_rest(_REST_DEADLINE_S)
        return was_going

    def step(self) -> bool:
        """Play one instant of a paused session, and wait for its end; False unless paused."""
        stepped = self.pace.step()
        if stepped and current_thread() not in self.threads:
            self.pace.wait_for_steps(_REST_DEADLINE_S)
            if self.pace.is_over:
                wait_in_looks(self.wait, _STOP_DEADLINE_S)
        return stepped

    @property
    def speed(self) -> float:
        """Seconds of the market that pass in one; 0.0: as many as can."""
        return self.pace.speed if self.plan.config.replay else 1.0

    @property
    def notice(self) -> str | None:
        """What the watchdog has noticed, or how far a session by the clock is behind it."""
        punctuality, last_ns = self._punctuality, self.board.latest.now_ns
        if self.control.notice or punctuality is None or self.ended.is_set():
            return self.control.notice
        if not last_ns:
            opens_ns = self.plan.sessions.open_ns.item(self.plan.first_session)
            return f"waits for bars to trade on; the session opens at {self._shown(opens_ns)}"
        if punctuality.behind_s:
            return f"decides {punctuality.behind_s / 60:.0f} minutes behind the market"
        if punctuality.is_long_ago(last_ns):
            return f"no bar since {self._shown(last_ns)}"
        return None

    def _shown(self, moment_ns: int) -> str:
        zone = ZoneInfo(self.plan.sessions.timezone)
        return f"{utc(moment_ns).astimezone(zone):%Y-%m-%d %H:%M}"

    @property
    def overdue_minutes(self) -> int:
        """Minutes decided on so late that nobody could have traded so; 0 in a backtest."""
        return self._punctuality.overdue if self._punctuality else 0

    @property
    def has_decided(self) -> bool:
        """Whether nothing will be decided any more; it may still be written down."""
        return self.analysis.finished.is_set() and self.quality.finished.is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the run is over; False if it is not within `timeout_s`.

        Never without any end: such a wait is one that a signal may not reach.
        """
        return self.ended.wait(TIMEOUT_MAX if timeout_s is None else timeout_s)

    def _publish(self, data: SessionData) -> None:
        self._streams.publish(data)
        self._tell(data, is_racing=self.pace.is_free)

    def _on_progress(self) -> None:
        if not self.pace.is_free:
            self._tell(self.simulation.data)
        self._announce()

    def _block_entries(self) -> None:
        failure = self.control.failure
        if failure is not None:
            self.simulation.exchange.entries_blocked = explained(*failure)

    def _end(self) -> None:
        """Once: wait for who decides, conclude, and say it is over.

        In the coordinator's thread; in the watchdog's if that one hangs.
        """
        if not self._ending.acquire(blocking=False):
            return
        try:
            self.analysis.finished.wait()
            self.quality.finished.wait()
            self._tell(self.simulation.data)
            self.elapsed_s = perf_counter() - self._started_s
            self._conclude(self)
        except Exception as error:
            self.control.fail("SessionCoordinator", error)
            raise
        finally:
            self.ended.set()
            self._announce()


def _punctuality(plan: SessionPlan, live: LiveSource | None) -> Punctuality | None:
    if live is None:
        return None
    return Punctuality(live.now_ns, plan.config.session_data_config.gap_filler.patience_s)
