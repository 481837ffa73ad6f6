"""A run in one thread: read, derive, decide, slab after slab, as fast as the machine can."""

from functools import partial

from app.core.exceptions import StrategyHungError
from app.core.run_log import RunLog
from app.managers.system_manager.session_plan import SessionPlan
from app.managers.system_manager.wiring import (
    Unwatched,
    itinerary_of,
    scores_of,
    simulation_of,
)
from app.managers.system_manager.wording import explained
from app.services.market_data.parquet_storage import ParquetStorage
from app.threads.conductor import SessionConductor
from app.threads.data_processor import HistoricalIndicators
from app.threads.messages import Slab
from app.threads.pace import Pace
from app.threads.progress import ProgressBoard
from app.threads.sync import RunControl
from app.threads.watchdog import Patience, Watchdog
from app.threads.worker import Worker

NAME = "Backtest"
"""The thread, in the reason of a run that failed."""


class InlineRun(Worker):
    """A plan played by the engine of the sessions, to the same orders and figures to the bit.

    The config's speed is not heeded: nobody watches. `finished` is set when nothing more will
    be decided; a call of a strategy that hangs is ended as in a session. `log` is what happened,
    None if the thread had to be given up.
    """

    overdue_minutes = 0
    """None: nothing is decided by the clock."""

    def __init__(
        self, plan: SessionPlan, *, storage: ParquetStorage, patience: Patience | None = None
    ) -> None:
        super().__init__(NAME, RunControl())
        self.plan = plan
        self.simulation = simulation_of(plan, ())
        self.scores = scores_of(plan, self.simulation)
        self.board = ProgressBoard(len(plan.sessions) - plan.first_session)
        self.log: RunLog | None = None
        self._itinerary = itinerary_of(plan)
        self._read = partial(plan.read, storage)
        self._historical = HistoricalIndicators(plan.historical, plan.symbols, plan.sessions)
        self._pace = Pace(self.control, speed=0.0, paused=False)
        self._conductor = self._make_conductor()
        self._watchdog = self._make_watchdog(patience or Patience())
        self.control.on_stop(self._block_entries)

    @property
    def is_playing(self) -> bool:
        """Whether strategies are being called, so that one may hang."""
        return not self._pace.is_at_rest

    def start(self) -> None:
        """Begin, and be watched."""
        self.board.restart_clock()
        self._watchdog.start()
        super().start()

    def work(self) -> None:
        """Play every slab; what happened is handed over even if a strategy raised."""
        try:
            slabs = self._itinerary.slabs(self._read)
            while not self.control.stopping and (slab := next(slabs, None)) is not None:
                self._play(slab)
        except StrategyHungError:
            if not self.control.stopped_by_user:
                raise
        finally:
            self.log = self.simulation.stepper.finish()
            self._pace.finish()

    def _play(self, slab: Slab) -> None:
        self.scores.step(slab)
        historical = self._historical.step(slab)
        batch = self.simulation.derivation.step(slab.minutes, slab.until_ns)
        if not slab.traded:  # history: a run of the queue is never entered late
            return
        numbers = range(slab.first, slab.last)
        self._conductor.expect(dict(zip(numbers, historical, strict=False)))
        with self._pace.playing():
            self.simulation.stepper.step(batch, self._conductor)

    def _make_conductor(self) -> SessionConductor:
        return SessionConductor(
            self.control,
            pace=self._pace,
            simulation=self.simulation,
            symbols=self.plan.symbols,
            sessions=self.plan.sessions,
            first_session=self.plan.first_session,
            time=Unwatched(),
            board=self.board,
            publish=lambda _data: None,
        )

    def _make_watchdog(self, patience: Patience) -> Watchdog:
        return Watchdog(
            self.control,
            analysis=self,
            workers=(),
            heartbeat=self.simulation.heartbeat,
            patience=patience,
            end=lambda: None,
            ended=self.finished,
        )

    def _block_entries(self) -> None:
        if self.control.failure is not None:
            self.simulation.exchange.entries_blocked = explained(*self.control.failure)
