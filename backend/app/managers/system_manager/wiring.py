"""How the threads of a run hang together: who is made of what, one paragraph each."""

from collections.abc import Callable, Mapping, Sequence, Sized
from threading import Event

from app.core.ports import SessionTime
from app.core.session_data import SeriesKey, SessionData
from app.managers.system_manager.session_plan import SessionPlan
from app.services.simulation.simulation import Simulation
from app.threads.analysis_engine import AnalysisEngine
from app.threads.conductor import SessionConductor
from app.threads.data_processor import DataProcessor, HistoricalIndicators
from app.threads.data_quality_manager import DataQualityManager, SessionScores
from app.threads.live_itinerary import LiveItinerary, LiveSource
from app.threads.messages import DerivedSlab, Slab
from app.threads.pace import Pace, Stopwatch
from app.threads.progress import ProgressBoard
from app.threads.punctuality import Punctuality
from app.threads.session_coordinator import BarReader, Itinerary, SessionCoordinator
from app.threads.sync import Channel, RunControl, StreamSubscription
from app.threads.watchdog import Patience, Watchdog
from app.threads.worker import Worker

_SLABS_AHEAD = 1


def simulation_of(plan: SessionPlan, series: Sequence[SeriesKey]) -> Simulation:
    """The engine of `plan`, keeping `series` too, and its gate on the quality of the data."""
    simulation = Simulation(
        entries=plan.entries,
        symbols=plan.symbols,
        sessions=plan.sessions,
        first_session=plan.first_session,
        terms=plan.terms,
        extra_series=(*plan.extra_series, *series),
        isolate=True,
        actions=plan.actions,
    )
    gate = plan.config.session_data_config.quality_gate
    simulation.derivation.guard(gate.build() if gate else None, plan.halts)
    return simulation


def scores_of(plan: SessionPlan, simulation: Simulation) -> SessionScores:
    """The scores of the sessions of `plan`, made as the config asks."""
    return SessionScores(
        simulation.data,
        symbols=plan.symbols,
        sessions=plan.sessions,
        first_session=plan.first_session,
        halts=plan.halts,
        enabled=plan.config.session_data_config.gap_filler.enable_session_quality,
    )


def itinerary_of(plan: SessionPlan) -> Itinerary:
    """In which pieces the sessions of `plan` are read."""
    return Itinerary(
        symbols=plan.symbols,
        sessions=plan.sessions,
        first_session=plan.first_session,
        prefetch_days=plan.config.require_replay().prefetch_days,
    )


def live_itinerary_of(plan: SessionPlan, control: RunControl, source: LiveSource) -> LiveItinerary:
    """The session that is on, as its bars come in; a missing one is waited for as `plan` asks."""
    return LiveItinerary(
        symbols=plan.symbols,
        sessions=plan.sessions,
        first_session=plan.first_session,
        patience_s=plan.config.session_data_config.gap_filler.patience_s,
        source=source,
        wait=control.wait_for_stop,
    )


class Wiring:
    """The channels between the threads of one run, and a maker of each thread.

    Bars go one way: coordinator, `slabs`, processor, `derived`, analysis. A copy of what was
    read goes to the quality manager by `arrivals`, which holds up nobody.
    """

    def __init__(self, plan: SessionPlan, control: RunControl, simulation: Simulation) -> None:
        self._plan = plan
        self._control = control
        self._simulation = simulation
        self._slabs: Channel[Slab] = Channel(control, _SLABS_AHEAD)
        self._derived: Channel[DerivedSlab] = Channel(control, _SLABS_AHEAD)
        self._arrivals: StreamSubscription[Slab] = StreamSubscription("quality")
        self.queues: Mapping[str, Sized] = {
            "read": self._slabs,
            "derived": self._derived,
            "quality": self._arrivals,
        }

    def board(self) -> ProgressBoard:
        """Where progress is shown."""
        return ProgressBoard(len(self._plan.sessions) - self._plan.first_session)

    def pace(self, stopwatch: Stopwatch | None, *, paused: bool) -> Pace:
        """The speed the config asks for; the market's own comes with its bars."""
        replay = self._plan.config.replay
        if replay is None:
            return Pace(self._control, one_by_one=True)
        speed = replay.speed_multiplier
        return Pace(self._control, speed=speed, paused=paused, stopwatch=stopwatch)

    def coordinator(
        self, live: LiveSource | None, *, read: BarReader, end: Callable[[], None]
    ) -> SessionCoordinator:
        """Reads ahead, or what comes in from `live`; concludes the run with `end`."""
        plan, control = self._plan, self._control
        return SessionCoordinator(
            control,
            route=live_itinerary_of(plan, control, live) if live else itinerary_of(plan),
            read=read,
            slabs=self._slabs,
            arrivals=self._arrivals,
            end=end,
        )

    def processor(self) -> DataProcessor:
        """Derives bars and indicators from what was read."""
        plan = self._plan
        return DataProcessor(
            self._control,
            derivation=self._simulation.derivation,
            historical=HistoricalIndicators(plan.historical, plan.symbols, plan.sessions),
            slabs=self._slabs,
            derived=self._derived,
        )

    def quality(self) -> DataQualityManager:
        """Scores what was read, beside the stream."""
        return DataQualityManager(
            self._control,
            scores=scores_of(self._plan, self._simulation),
            arrivals=self._arrivals,
        )

    def analysis(self, pace: Pace, conductor: SessionConductor) -> AnalysisEngine:
        """Decides: plays the sessions, led by `conductor` at its `pace`."""
        return AnalysisEngine(
            self._control,
            simulation=self._simulation,
            conductor=conductor,
            pace=pace,
            derived=self._derived,
        )

    def conductor(
        self,
        pace: Pace,
        *,
        board: ProgressBoard,
        time: SessionTime,
        publish: Callable[[SessionData], None],
        punctuality: Punctuality | None,
    ) -> SessionConductor:
        """Leads the deciding thread, and shows the present on `board`, `time` and streams."""
        return SessionConductor(
            self._control,
            pace=pace,
            simulation=self._simulation,
            symbols=self._plan.symbols,
            sessions=self._plan.sessions,
            first_session=self._plan.first_session,
            time=time,
            board=board,
            publish=publish,
            punctuality=punctuality,
        )

    def watchdog(
        self,
        analysis: AnalysisEngine,
        workers: Sequence[Worker],
        *,
        patience: Patience,
        end: Callable[[], None],
        ended: Event,
    ) -> Watchdog:
        """Watches `analysis` and `workers` until `ended`; concludes the run if none else can."""
        return Watchdog(
            self._control,
            analysis=analysis,
            workers=workers,
            heartbeat=self._simulation.heartbeat,
            patience=patience,
            end=end,
            ended=ended,
        )


class Unwatched:
    """A session's time that nobody reads: decisions have the time of their own bars."""

    def begin_session(self) -> None:
        """Nothing to move."""

    def move_to(self, now_ns: int) -> None:
        """Nothing to move."""
