"""The deciding stage: for each instant move the clock, match orders, call the strategies.

Within one instant: fills of all symbols first, then the owners are told, then strategies in the
config's order, each over its symbols in the config's order. After a session's last instant come
`on_session_end` and the expiry of day orders.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from app.core.data_structures import BarColumns
from app.core.intervals import ONE_MINUTE
from app.core.quality_gate import RestrictionColumns
from app.core.run_log import RunLog
from app.core.session_data import SessionData
from app.core.sessions import SessionGrid
from app.core.strategy import Strategy
from app.core.types import Int64s
from app.services.simulation.calls import Calls, Cast
from app.services.simulation.conductor import Conductor, Unconducted
from app.services.simulation.derivation import Batch
from app.services.simulation.loops import StrategyFailed

_AT_ONCE = Unconducted()


@dataclass(frozen=True, slots=True)
class StrategyFailure:
    """A strategy that raised and was ended, alone or with the run: when (UTC ns) and of what."""

    name: str
    time_ns: int
    error: BaseException


class Stepper:
    """Plays batches to the strategies, session by session.

    `first_session` is the position in `sessions` of the first one that is traded; what lies
    before is history. A batch may end anywhere; its orders and positions carry on in the next.
    With `isolate`, a strategy that raises is ended alone while another one is left.
    """

    def __init__(
        self,
        *,
        cast: Cast,
        data: SessionData,
        symbols: Sequence[str],
        sessions: SessionGrid,
        first_session: int,
        isolate: bool = False,
    ) -> None:
        self._cast = cast
        self._data = data
        self._symbols = tuple(symbols)
        self._sessions = sessions
        self._first_session = first_session
        self._session = first_session
        self._in_session = False
        self.starting_cash = cast.exchange.ledger.account.cash
        self._first_rows: list[int] | None = None
        self.entered_ns: int | None = None
        """When trading began, if that was after the open of the first session (UTC ns)."""
        ends = [each for each in cast.strategies if _overrides(each[1], "on_session_end")]
        cast.exchange.on_listener_error = self._fail
        self._session_enders = ends
        self._isolate = isolate
        self._failed: set[int] = set()
        self._calls: Calls | None = None
        self._instants: Int64s | None = None
        self.failures: list[StrategyFailure] = []

    @property
    def bars_played(self) -> int:
        """Minute bars of all symbols that have closed since the run began."""
        now_ns, firsts = self._cast.clock.now_ns, self._first_rows or []
        closed = (
            int(self._data.all_bars(symbol, ONE_MINUTE).end_ns.searchsorted(now_ns, "right"))
            for symbol in self._symbols
        )
        return sum(rows - first for rows, first in zip(closed, firsts, strict=False))

    def step(self, batch: Batch, conductor: Conductor = _AT_ONCE) -> None:
        """Play a batch, as the conductor says; it may end the run anywhere."""
        try:
            self._step(batch, conductor)
        except StrategyFailed as failed:
            raise failed.error from failed.error.__cause__

    def _step(self, batch: Batch, conductor: Conductor) -> None:
        self._end_calls()
        self._load(batch)
        events = [feed.events(self._data, batch) for feed in self._cast.feeds]
        self._calls = Calls(self._cast, events, self._fail)
        self._instants = None
        sessions, exchange = self._sessions, self._cast.exchange
        while self._session < len(sessions) and not conductor.is_over:
            number, close_ns = self._session, sessions.close_ns.item(self._session)
            if sessions.open_ns.item(number) >= batch.until_ns:
                break
            if not self._in_session:
                if not conductor.enter(number):
                    break
                self._begin_session(number)
            reached_ns = min(close_ns, batch.until_ns)
            if not self._play(batch, reached_ns, conductor):
                break
            exchange.match_until(reached_ns)
            if close_ns > batch.until_ns:
                break
            self._end_session(close_ns)
            conductor.leave(number)

    def pass_over(self, batch: Batch) -> None:
        """Take note of a batch before trading begins: of what was missed of the first session.

        Of history before that session there is nothing to note.
        """
        if batch.until_ns <= self._sessions.open_ns.item(self._first_session):
            return
        if self.entered_ns is None:
            self._cast.overnight.begin(self._first_session, is_first=True)
        self.entered_ns = batch.until_ns
        self._load_bars(batch)
        for feed in self._cast.feeds:
            feed.events(self._data, batch)  # what wakes a strategy by a crossing must see it all

    def cut(self) -> None:
        """Begin no further call before the conductor is asked again; from any thread."""
        calls = self._calls
        if calls is not None:
            calls.cut()

    def finish(self) -> RunLog:
        """End what still works and hand over everything that happened."""
        exchange, ledger = self._cast.exchange, self._cast.exchange.ledger
        exchange.cancel_all("the run ended")
        self._end_calls()
        return RunLog(
            starting_cash=self.starting_cash,
            final_cash=ledger.account.cash,
            symbols=self._symbols,
            strategies=self._cast.names,
            bars=self._traded_bars(),
            sessions=self._sessions.slice(self._first_session, self._session + self._in_session),
            fills=ledger.fills(),
            orders=exchange.orders,
            events=exchange.events(),
            cash_flows=ledger.cash_flows,
            splits=ledger.splits,
            dividends=ledger.dividends,
        )

    def _play(self, batch: Batch, until_ns: int, conductor: Conductor) -> bool:
        """Play a session on to `until_ns`, in one go or instant by instant; False if it is over."""
        calls, clock = self._calls, self._cast.clock
        assert calls is not None  # noqa: S101  # `step` has just made them
        while not conductor.is_over:
            if conductor.is_free:
                if calls.play(until_ns, lambda: not conductor.is_free):
                    return True
                calls.play(clock.now_ns, lambda: conductor.is_over)
                conductor.played(clock.now_ns)
                continue
            instant_ns = self._next_instant(batch, until_ns)
            if instant_ns is None:
                return True
            if not conductor.admit(instant_ns):
                return False
            if not calls.play(instant_ns, lambda: conductor.is_over):
                return False
            self._cast.exchange.match_until(instant_ns)
            clock.now_ns = instant_ns
            if instant_ns != self._sessions.close_ns.item(self._session):
                conductor.played(instant_ns)
        return False

    def _next_instant(self, batch: Batch, until_ns: int) -> int | None:
        """The next moment at which a bar or the session closes; None after `until_ns`."""
        if self._instants is None:
            ends = [
                self._data.all_bars(*key).slice(*span).end_ns for key, span in batch.rows.items()
            ]
            self._instants = np.unique(np.concatenate([*ends, self._sessions.close_ns]))
        begun_ns = max(self._cast.clock.now_ns, self._sessions.open_ns.item(self._session))
        row = int(self._instants.searchsorted(begun_ns, side="right"))
        if row == len(self._instants) or self._instants.item(row) > until_ns:
            return None
        return self._instants.item(row)

    def _begin_session(self, number: int) -> None:
        self._in_session = True
        is_first = number == self._first_session
        if not is_first or self.entered_ns is None:
            self._cast.overnight.begin(number, is_first=is_first)
        self._cast.clock.close_ns = self._sessions.close_ns.item(number)
        if is_first:
            self._cast.clock.now_ns = self.entered_ns or self._sessions.open_ns.item(number)
            for owner, strategy in self._cast.strategies:
                self._call(owner, strategy.on_start)

    def _end_calls(self) -> None:
        if self._calls is not None:
            self._calls.end()
            self._calls = None

    def _call(self, owner: int, hook: Callable[[], None]) -> None:
        """Call a strategy's hook, unless the strategy has failed before."""
        if owner in self._failed:
            return
        try:
            hook()
        except (Exception, SystemExit) as error:  # noqa: BLE001  # judged in one place
            self._fail(owner, error)

    def _fail(self, owner: int, error: BaseException) -> None:
        """A strategy raised: end the run with its error, or end the strategy alone.

        Alone, if strategies are isolated and another one is left: its working orders are
        cancelled, its positions stay as they are, and it is not called again.
        """
        now = self._cast.clock.now
        error.add_note(f"raised when the run was at {now:%Y-%m-%d %H:%M:%S %Z}")
        self._failed.add(owner)
        name = self._cast.names[owner]
        self.failures.append(StrategyFailure(name, self._cast.clock.now_ns, error))
        if not self._isolate or len(self._failed) == len(self._cast.names):
            raise StrategyFailed(error) from error
        self._cast.exchange.retire(owner, f"strategy {name} failed")
        if self._calls is not None:
            self._calls.mute(owner)

    def _load(self, batch: Batch) -> None:
        firsts = self._load_bars(batch)
        if self._first_rows is None:
            self._first_rows = firsts

    def _load_bars(self, batch: Batch) -> list[int]:
        """Hand the bars of a batch to the exchange; per symbol, its first row in the series."""
        rows = [batch.rows[symbol, ONE_MINUTE] for symbol in self._symbols]
        minutes = [
            self._data.all_bars(symbol, ONE_MINUTE).slice(*span)
            for symbol, span in zip(self._symbols, rows, strict=True)
        ]
        firsts = [first for first, _ in rows]
        suspects = [batch.suspects.get(symbol, frozenset()) for symbol in self._symbols]
        none = RestrictionColumns.none()
        restrictions = [batch.restrictions.get(symbol, none) for symbol in self._symbols]
        self._cast.exchange.load(minutes, firsts, suspects, restrictions)
        return firsts

    def _end_session(self, close_ns: int) -> None:
        self._session += 1
        self._in_session = False
        for owner, strategy in self._session_enders:
            self._call(owner, strategy.on_session_end)
        self._cast.exchange.expire(close_ns)

    def _traded_bars(self) -> dict[str, BarColumns]:
        firsts, now_ns = self._first_rows or [0] * len(self._symbols), self._cast.clock.now_ns
        traded = {}
        for symbol, first in zip(self._symbols, firsts, strict=True):
            bars = self._data.all_bars(symbol, ONE_MINUTE)
            traded[symbol] = bars.slice(first, int(bars.end_ns.searchsorted(now_ns, side="right")))
        return traded


def _overrides(strategy: Strategy, name: str) -> bool:
    return getattr(type(strategy), name) is not getattr(Strategy, name)
