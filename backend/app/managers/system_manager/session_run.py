"""A run in its four threads: wired by hand, started, stopped in a written order."""

from collections.abc import Callable
from threading import Event
from time import perf_counter

from app.core.data_structures import BarColumns
from app.core.ports import SessionTime
from app.core.run_log import RunLog
from app.managers.data_manager.streams import BarStreams
from app.managers.system_manager.session_plan import SessionPlan
from app.services.market_data.bar_aggregation import regular_minutes
from app.services.market_data.parquet_storage import ParquetStorage
from app.services.simulation.simulation import Simulation
from app.threads.analysis_engine import AnalysisEngine
from app.threads.data_processor import DataProcessor, HistoricalIndicators
from app.threads.data_quality_manager import DataQualityManager
from app.threads.messages import DerivedSlab, Slab
from app.threads.progress import ProgressBoard
from app.threads.session_coordinator import Itinerary, SessionCoordinator
from app.threads.sync import Channel, RunControl, StreamSubscription
from app.threads.watchdog import Watchdog
from app.threads.worker import Worker

_SLABS_AHEAD = 1
_JOIN_DEADLINE_S = 2.0
CALL_PATIENCE_S = 30.0
"""How long one call of a strategy may take before it counts as hung."""


class SessionRun:
    """One run of a plan.

    `conclude` is called in the coordinator's thread when all has been decided; `ended` is set
    when the last thread that matters is over, however it ended.
    """

    def __init__(
        self,
        plan: SessionPlan,
        *,
        storage: ParquetStorage,
        time: SessionTime,
        streams: BarStreams,
        conclude: Callable[["SessionRun"], None],
        patience_s: float = CALL_PATIENCE_S,
    ) -> None:
        self.plan = plan
        self.control = RunControl()
        self.board = ProgressBoard(len(plan.sessions) - plan.first_session)
        self.ended = Event()
        self.elapsed_s = 0.0
        self.simulation = Simulation(
            entries=plan.entries,
            symbols=plan.symbols,
            sessions=plan.sessions,
            first_session=plan.first_session,
            terms=plan.terms,
            extra_series=(*plan.extra_series, *streams.wanted_series(plan.symbols)),
            isolate=True,
        )
        streams.restart()
        self._storage = storage
        self._conclude = conclude
        self._started_s = 0.0
        slabs: Channel[Slab] = Channel(self.control, _SLABS_AHEAD)
        derived: Channel[DerivedSlab] = Channel(self.control, _SLABS_AHEAD)
        arrivals: StreamSubscription[Slab] = StreamSubscription("quality")
        self.quality = DataQualityManager(
            self.control,
            data=self.simulation.data,
            symbols=plan.symbols,
            sessions=plan.sessions,
            arrivals=arrivals,
            enabled=plan.config.session_data_config.gap_filler.enable_session_quality,
        )
        self.analysis = AnalysisEngine(
            self.control,
            simulation=self.simulation,
            symbols=plan.symbols,
            sessions=plan.sessions,
            first_session=plan.first_session,
            time=time,
            derived=derived,
            board=self.board,
            publish=streams.publish,
        )
        processor = DataProcessor(
            self.control,
            derivation=self.simulation.derivation,
            historical=HistoricalIndicators(plan.historical, plan.symbols, plan.sessions),
            slabs=slabs,
            derived=derived,
        )
        coordinator = SessionCoordinator(
            self.control,
            itinerary=Itinerary(
                symbols=plan.symbols,
                sessions=plan.sessions,
                first_session=plan.first_session,
                prefetch_days=plan.config.backtest_config.prefetch_days,
            ),
            read=self._read,
            slabs=slabs,
            arrivals=arrivals,
            end=self._end,
        )
        watchdog = Watchdog(
            self.control,
            analysis=self.analysis,
            heartbeat=self.simulation.heartbeat,
            patience_s=patience_s,
        )
        self.threads: tuple[Worker, ...] = (
            coordinator,
            processor,
            self.quality,
            self.analysis,
            watchdog,
        )

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

    def stop(self) -> bool:
        """Ask the threads to end, and wait; whether all that decides has within the deadline.

        To write down what was done may take longer: `wait` waits for that too.
        """
        self.control.request_stop()
        self.simulation.stepper.stop_now()
        return self.wait(_JOIN_DEADLINE_S) or self.has_decided

    @property
    def has_decided(self) -> bool:
        """Whether nothing will be decided any more; it may still be written down."""
        return self.analysis.finished.is_set() and self.quality.finished.is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the run is over; False if it is not within `timeout_s`."""
        return self.ended.wait(timeout_s)

    def _read(self, symbol: str, first_ns: int, last_ns: int) -> BarColumns:
        return regular_minutes(self._storage.read(symbol, first_ns, last_ns), self.plan.sessions)

    def _end(self) -> None:
        """In the coordinator's thread: wait for the others, conclude, and say it is over."""
        try:
            self.analysis.finished.wait()
            self.quality.finished.wait()
            self.elapsed_s = perf_counter() - self._started_s
            self._conclude(self)
        except Exception as error:
            self.control.fail("SessionCoordinator", error)
            raise
        finally:
            self.ended.set()
