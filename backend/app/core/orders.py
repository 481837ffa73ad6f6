"""Orders, their states as a table that every broker obeys, and what each change leaves behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

from app.core.enums import OrderStatus, OrderType, Side, TimeInForce
from app.core.exceptions import OrderStateError

_S = OrderStatus
_WORKING_MAY_BECOME = frozenset(
    {_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REJECTED, _S.REPLACED}
)
TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    _S.PENDING_NEW: frozenset({_S.NEW, _S.HELD, _S.REJECTED, _S.CANCELED}),
    _S.HELD: frozenset({_S.NEW, _S.CANCELED, _S.EXPIRED, _S.REPLACED}),
    _S.NEW: _WORKING_MAY_BECOME,
    _S.PARTIALLY_FILLED: _WORKING_MAY_BECOME,
    _S.FILLED: frozenset(),
    _S.CANCELED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.REPLACED: frozenset(),
}
"""Which states may follow which; a state that none follows is final."""

FINAL = frozenset(status for status, following in TRANSITIONS.items() if not following)


def require_transition(before: OrderStatus, after: OrderStatus) -> None:
    """Pass if an order in state `before` may become `after`.

    Raises:
        OrderStateError: if the table does not list the transition.
    """
    if after not in TRANSITIONS[before]:
        allowed = ", ".join(sorted(TRANSITIONS[before])) or "nothing: it is final"
        raise OrderStateError(
            f"an order that is {before} cannot become {after}; it may become {allowed}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Instructions:
    """What an order asks for beyond its type, prices and time in force; zero where nothing.

    Attributes:
        trail: distance of a trailing stop from the best price since it works, per unit.
        trail_pct: the same in percent of that price.
        good_till_ns: when a ``gtd`` order ends, in UTC nanoseconds.
        reduce_only: never to enlarge or flip the position it finds.
        take_profit: limit price of the exit that is sent when the order fills.
        stop_loss: stop price of the exit that is sent when the order fills.
    """

    trail: float = 0.0
    trail_pct: float = 0.0
    good_till_ns: int = 0
    reduce_only: bool = False
    take_profit: float = 0.0
    stop_loss: float = 0.0


PLAIN = Instructions()
"""The instructions of an order that asks for nothing special."""


CLOSING = Instructions(reduce_only=True)
"""The instructions of an order that only closes."""


@dataclass(slots=True, eq=False)
class Order:
    """An order of one strategy in one symbol, and what became of it.

    `quantity` and `filled_quantity` are signed: buys positive, sells negative, in units of the
    base. Prices are in the quote currency, 0.0 where the type has none; `stop_price` of a
    trailing stop is where it stands now; `fill_price` is the average of all fills. Times are
    UTC nanoseconds; `filled_ns` is that of the last fill, 0 before the first. `strategy` and
    `symbol` are positions in the run's lists. `parent` is the id of the order whose exit this
    one is, `group` names orders of which one cancels the others, `replaces` is the id of the
    order this one took the place of; 0 where there is none.
    """

    id: int
    strategy: int
    symbol: int
    quantity: float
    type: OrderType
    time_in_force: TimeInForce
    limit_price: float
    stop_price: float
    submitted_ns: int
    tag: str = ""
    instructions: Instructions = PLAIN
    status: OrderStatus = OrderStatus.PENDING_NEW
    filled_quantity: float = 0.0
    filled_ns: int = 0
    fill_price: float = 0.0
    reason: str = ""
    parent: int = 0
    group: int = 0
    replaces: int = 0

    @property
    def side(self) -> Side:
        """Buy or sell."""
        return Side.BUY if self.quantity > 0 else Side.SELL

    @property
    def remaining(self) -> float:
        """Signed units that have not been filled."""
        return self.quantity - self.filled_quantity


class OrderEvent(NamedTuple):
    """One transition of one order: when (UTC nanoseconds), into which state, and why."""

    order_id: int
    time_ns: int
    status: OrderStatus
    cause: str


_EVENT_WIDTH = len(OrderEvent._fields)


class OrderEvents(Sequence[OrderEvent]):
    """Transitions in the order they happened, made into `OrderEvent` when one is looked at.

    `log` is one flat list: order id, time, state and cause of the first, then of the second …
    """

    def __init__(self, log: Sequence[Any]) -> None:
        self._log = log

    def __len__(self) -> int:
        return len(self._log) // _EVENT_WIDTH

    @overload
    def __getitem__(self, index: int) -> OrderEvent: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[OrderEvent]: ...
    def __getitem__(self, index: int | slice) -> OrderEvent | Sequence[OrderEvent]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        row = range(len(self))[index] * _EVENT_WIDTH
        return OrderEvent(*self._log[row : row + _EVENT_WIDTH])

    def ids(self, first: int, last: int) -> Sequence[int]:
        """Order ids of the transitions `first` to `last` (exclusive)."""
        ids: Sequence[int] = self._log[first * _EVENT_WIDTH : last * _EVENT_WIDTH : _EVENT_WIDTH]
        return ids

    def columns(self) -> tuple[Sequence[int], Sequence[int], Sequence[OrderStatus], Sequence[str]]:
        """Order ids, times, states and causes."""
        ids, times, states, causes = (self._log[n::_EVENT_WIDTH] for n in range(_EVENT_WIDTH))
        return ids, times, states, causes
