"""All orders of a run and every transition they made, each checked against the table."""

from typing import Any

from app.core.enums import OrderStatus
from app.core.orders import Order, OrderEvents, require_transition

_PENDING, _NEW = OrderStatus.PENDING_NEW, OrderStatus.NEW


class OrderLog:
    """Orders in the order they came, and one flat list of their transitions."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self._events: list[Any] = []

    def record(self, order: Order, time_ns: int, status: OrderStatus, cause: str = "") -> None:
        """Move `order` into `status`, which the caller knows to be allowed."""
        order.status = status
        self._events += (order.id, time_ns, status, cause)

    def accept(self, order: Order, time_ns: int) -> None:
        """Record that an order came and works: its first two transitions."""
        order.status = _NEW
        self._events += (order.id, time_ns, _PENDING, "", order.id, time_ns, _NEW, "")

    def move(self, order: Order, time_ns: int, status: OrderStatus, cause: str = "") -> None:
        """Move `order` into `status`.

        Raises:
            OrderStateError: if the table of transitions does not allow it.
        """
        require_transition(order.status, status)
        self.record(order, time_ns, status, cause)

    def note(self, order: Order, time_ns: int, cause: str) -> None:
        """Record a change of terms that leaves the state as it is."""
        self._events += (order.id, time_ns, order.status, cause)

    def events(self) -> OrderEvents:
        """Every transition so far."""
        return OrderEvents(self._events)
