"""What the deciding thread does around the instants of a session: wait, tell, publish."""

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

from app.core.ports import SessionTime
from app.core.session_data import SessionData
from app.core.sessions import SessionGrid
from app.services.simulation.simulation import Simulation
from app.threads.messages import NamedValues
from app.threads.pace import Pace
from app.threads.progress import ProgressBoard, RunProgress
from app.threads.punctuality import Punctuality
from app.threads.sync import RunControl

_PUBLISH_EVERY_S = 0.1


class SessionConductor:
    """Leads a simulation through its sessions at a pace, and shows the present to whoever looks.

    Played in one go, a session shows its open and then its close; instant by instant, time,
    `SessionData` and streams move with each instant, progress several times a second. Until the
    first session begins, however long it is held, nobody is shown more than what was before it.
    """

    def __init__(
        self,
        control: RunControl,
        *,
        pace: Pace,
        simulation: Simulation,
        symbols: Sequence[str],
        sessions: SessionGrid,
        first_session: int,
        time: SessionTime,
        board: ProgressBoard,
        publish: Callable[[SessionData], None],
        punctuality: Punctuality | None = None,
    ) -> None:
        self._control = control
        self._pace = pace
        self._simulation = simulation
        self._symbols = tuple(symbols)
        self._sessions = sessions
        self._first_session = first_session
        self._time = time
        self._board = board
        self._publish = publish
        self._punctuality = punctuality
        self._begins: Mapping[int, NamedValues] = {}
        self._number = first_session
        self._present_ns = 0
        self._published_s = 0.0
        simulation.data.visible_ns = sessions.open_ns.item(first_session)
        pace.interrupt = simulation.stepper.cut

    def expect(self, begins: Mapping[int, NamedValues]) -> None:
        """Take the historical indicators of the sessions to come, by their numbers."""
        self._begins = begins

    @property
    def is_free(self) -> bool:
        """Whether instants may be played without asking."""
        return self._pace.is_free

    @property
    def is_over(self) -> bool:
        """Whether nothing more may be played."""
        return self._control.stopping

    def enter(self, number: int) -> bool:
        """Wait until the session may begin, and begin it; False if the run is over."""
        open_ns = self._sessions.open_ns.item(number)
        if not self._pace.begin(open_ns, self._show):
            return False
        self._number = number
        self._time.begin_session()
        begins_ns = max(open_ns, self._simulation.stepper.entered_ns or 0)
        self._present_ns = self._simulation.data.visible_ns = begins_ns
        for name, values in self._begins.get(number, {}).items():
            self._simulation.data.set_indicator(name, values)
        return True

    def admit(self, instant_ns: int) -> bool:
        """Wait until the instant may be played, and move the present to it; False if over."""
        if not self._pace.admit(instant_ns, self._present_ns, self._show):
            return False
        self._move_to(instant_ns)
        if self._punctuality is not None:
            self._punctuality.decides(instant_ns)
        return True

    def played(self, instant_ns: int) -> None:
        """The present is this instant: show it."""
        if instant_ns > self._present_ns:
            self._move_to(instant_ns)
        self._publish(self._simulation.data)
        if self._is_time_to_show():
            self._show(self._present_ns)

    def leave(self, number: int) -> None:
        """The session has ended: show its close."""
        self._move_to(self._sessions.close_ns.item(number))
        self._publish(self._simulation.data)
        is_last = number + 1 == len(self._sessions)
        if is_last or not self.is_free or self._is_time_to_show():
            self._show(self._present_ns)

    def show(self) -> None:
        """Show the present as it is: nothing more will happen for a while."""
        self._show(self._present_ns)

    def _move_to(self, instant_ns: int) -> None:
        self._present_ns = self._simulation.data.visible_ns = instant_ns
        self._time.move_to(instant_ns)

    def _is_time_to_show(self) -> bool:
        return perf_counter() - self._published_s >= _PUBLISH_EVERY_S

    def _show(self, now_ns: int) -> None:
        """Publish progress, with the session's time `now_ns`."""
        if self._present_ns:
            done = self._number + (self._present_ns >= self._sessions.close_ns.item(self._number))
            self._board.publish(self._progress(max(now_ns, self._present_ns), done))
        self._published_s = perf_counter()

    def _progress(self, now_ns: int, done: int) -> RunProgress:
        ledger = self._simulation.exchange.ledger
        equity, stepper = ledger.equity(), self._simulation.stepper
        bars = stepper.bars_played
        return RunProgress(
            session=self._sessions.dates[self._number].astype(object),
            now_ns=now_ns,
            sessions_done=done - self._first_session,
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
