"""AnalysisEngine: plays each session to the strategies and matches their orders."""

from collections.abc import Callable, Sequence
from threading import Event

from app.core.ports import SessionTime
from app.core.run_log import RunLog
from app.core.session_data import SessionData
from app.core.sessions import SessionGrid
from app.services.simulation.simulation import Simulation
from app.threads.messages import DerivedSlab, NamedValues
from app.threads.progress import ProgressBoard, RunProgress
from app.threads.sync import Channel, RunControl
from app.threads.worker import Worker


class AnalysisEngine(Worker):
    """The deciding thread: moves time, matches, calls strategies, publishes progress.

    `log` is there once `finished` is set, unless the thread died.
    """

    def __init__(
        self,
        control: RunControl,
        *,
        simulation: Simulation,
        symbols: Sequence[str],
        sessions: SessionGrid,
        first_session: int,
        time: SessionTime,
        derived: Channel[DerivedSlab],
        board: ProgressBoard,
        publish: Callable[[SessionData], None],
    ) -> None:
        super().__init__("AnalysisEngine", control)
        self._simulation = simulation
        self._symbols = tuple(symbols)
        self._sessions = sessions
        self._first_session = first_session
        self._time = time
        self._derived = derived
        self._board = board
        self._publish = publish
        self._begins: dict[int, NamedValues] = {}
        self.is_playing = False
        self.finished = Event()
        self.log: RunLog | None = None

    def run(self) -> None:
        """Work, and say so when it is over, however it ended."""
        super().run()
        self.finished.set()

    def work(self) -> None:
        """Play every slab; what happened is handed over even if a strategy raised."""
        try:
            while (derived := self._derived.get()) is not None:
                self._play(derived)
        finally:
            self.log = self._simulation.stepper.finish()

    def _play(self, derived: DerivedSlab) -> None:
        slab = derived.slab
        if slab.is_history:
            return
        self._begins = dict(zip(range(slab.first, slab.last), derived.historical, strict=False))
        self.is_playing = True
        try:
            self._simulation.stepper.step(
                derived.batch,
                keep_on=self._keep_on,
                before_session=self._begin_session,
                after_session=self._end_session,
            )
        finally:
            self.is_playing = False

    def _keep_on(self) -> bool:
        return not self.control.stopping

    def _begin_session(self, number: int) -> None:
        open_ns = self._sessions.open_ns.item(number)
        self._time.begin_session()
        self._simulation.data.visible_ns = open_ns
        for name, values in self._begins.get(number, {}).items():
            self._simulation.data.set_indicator(name, values)

    def _end_session(self, number: int) -> None:
        close_ns = self._sessions.close_ns.item(number)
        self._simulation.data.visible_ns = close_ns
        self._time.end_session(close_ns)
        self._publish(self._simulation.data)
        self._board.publish(self._progress(number))

    def _progress(self, number: int) -> RunProgress:
        ledger = self._simulation.exchange.ledger
        equity, stepper = ledger.equity(), self._simulation.stepper
        bars = stepper.bars_played
        return RunProgress(
            session=self._sessions.dates[number].astype(object),
            now_ns=self._simulation.clock.now_ns,
            sessions_done=number + 1 - self._first_session,
            sessions_total=len(self._sessions) - self._first_session,
            bars=bars,
            bars_per_s=self._board.rate(bars),
            equity=equity,
            pnl=equity - stepper.starting_cash,
            positions=_not_flat(self._symbols, ledger.holdings),
            orders=len(self._simulation.exchange.orders),
        )


def _not_flat(symbols: Sequence[str], holdings: Sequence[float]) -> dict[str, float]:
    return {symbol: held for symbol, held in zip(symbols, holdings, strict=True) if held}
