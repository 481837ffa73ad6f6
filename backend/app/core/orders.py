"""Orders, their states as a table that every broker obeys, and what each change leaves behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

from app.core.enums import OrderStatus, OrderType, Side, TimeInForce
from app.core.exceptions import OrderStateError

TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PENDING_NEW: frozenset({OrderStatus.NEW, OrderStatus.REJECTED}),
    OrderStatus.NEW: frozenset(
        {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED}
    ),
    OrderStatus.FILLED: frozenset(),
    OrderStatus.CANCELED: frozenset(),
    OrderStatus.EXPIRED: frozenset(),
    OrderStatus.REJECTED: frozenset(),
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


@dataclass(slots=True, eq=False)
class Order:
    """An order of one strategy in one symbol, and what became of it.

    `quantity` is signed: buys positive, sells negative, in units of the base. Prices are in
    the quote currency, 0.0 where the type has none. Times are UTC nanoseconds; `filled_ns`
    is 0 until the order fills. `strategy` and `symbol` are positions in the run's lists.
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
    status: OrderStatus = OrderStatus.PENDING_NEW
    filled_ns: int = 0
    fill_price: float = 0.0
    reason: str = ""

    @property
    def side(self) -> Side:
        """Buy or sell."""
        return Side.BUY if self.quantity > 0 else Side.SELL


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
