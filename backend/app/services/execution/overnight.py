"""What happens to an account between two sessions: splits, dividends, borrowing, interest."""

from collections.abc import Sequence

from app.core.carry import Carry
from app.core.corporate_actions import ActionEvent, SessionActions, SplitEvent
from app.core.sessions import SessionGrid
from app.services.execution.exchange import SimulatedExchange


class Overnight:
    """Books, before a session's first instant, what has happened since the one before.

    `actions` has the splits and dividends by number of the session they precede.
    """

    def __init__(
        self,
        exchange: SimulatedExchange,
        *,
        symbols: Sequence[str],
        sessions: SessionGrid,
        actions: SessionActions,
        carry: Carry,
    ) -> None:
        self._exchange = exchange
        self._numbers = {symbol: number for number, symbol in enumerate(symbols)}
        self._sessions = sessions
        self._actions = actions
        self._carry = carry

    def begin(self, session: int, *, is_first: bool) -> None:
        """Begin a session; before the first one that is traded nothing is held."""
        sessions, exchange = self._sessions, self._exchange
        if not is_first and not self._carry.free:
            days = int((sessions.dates[session] - sessions.dates[session - 1]).astype(int))
            pre_open_ns = sessions.pre_open_ns.item(session)
            exchange.ledger.carry_over(self._carry, days, pre_open_ns)
        for event in self._actions.get(session, ()):
            self._book(event)
        open_ns, close_ns = sessions.open_ns.item(session), sessions.close_ns.item(session)
        exchange.begin_session(open_ns, close_ns)

    def _book(self, event: ActionEvent) -> None:
        symbol = self._numbers.get(event.symbol)
        if symbol is None:
            return
        if isinstance(event, SplitEvent):
            self._exchange.split(symbol, event.ratio, event.effective_ns)
            self._exchange.ledger.split(symbol, event.ratio, event.effective_ns)
        else:
            self._exchange.ledger.pay_dividend(symbol, event.amount, event.effective_ns)
