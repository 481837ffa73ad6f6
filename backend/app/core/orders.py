"""The states of an order, as a table that the simulated and every real broker obey."""

from app.core.enums import OrderStatus
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
