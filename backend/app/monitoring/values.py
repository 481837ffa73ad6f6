"""What is told of a run: plain values that never change, made where it happens."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from app.core.data_structures import BarColumns
from app.core.orders import Order


class Snapshot(NamedTuple):
    """All of something as it was when it was looked at, which was after `version` was drawn.

    Versions are those of `Hub.next_version`. Whoever changes something looks after the change, so
    of all snapshots the one with the largest version is true, in whatever order they come.
    """

    version: int
    payload: Mapping[str, Any]


class BarsClosed(NamedTuple):
    """Bars of one series that closed in a run, oldest first."""

    run_id: str | None
    bars: BarColumns


class OrderState(NamedTuple):
    """One order as it was at one moment; units, signs and zeros are those of `Order`."""

    id: int
    strategy: str
    symbol: str
    side: str
    type: str
    time_in_force: str
    status: str
    quantity: float
    filled_quantity: float
    fill_price: float
    limit_price: float
    stop_price: float
    submitted_ns: int
    filled_ns: int
    tag: str
    reason: str

    @classmethod
    def of(cls, order: Order, strategy: str, symbol: str) -> "OrderState":
        """What `order` is now."""
        return cls(
            order.id,
            strategy,
            symbol,
            order.side,
            order.type,
            order.time_in_force,
            order.status,
            order.quantity,
            order.filled_quantity,
            order.fill_price,
            order.limit_price,
            order.stop_price,
            order.submitted_ns,
            order.filled_ns,
            order.tag,
            order.reason,
        )


class OrdersChanged(NamedTuple):
    """Orders that changed in a run, by id; `left_out` more changed and are not told."""

    run_id: str | None
    orders: tuple[OrderState, ...]
    left_out: int = 0


def utc_text(time_ns: int) -> str:
    """UTC nanoseconds as ISO 8601 to the millisecond, such as ``2024-07-01T13:30:00.000Z``."""
    moment = datetime.fromtimestamp(time_ns // 1_000_000 / 1_000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
