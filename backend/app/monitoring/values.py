"""What is told of a run: plain values that never change, made where it happens."""

from datetime import UTC, datetime
from typing import NamedTuple

from app.core.orders import Order


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


def utc_text(time_ns: int) -> str:
    """UTC nanoseconds as ISO 8601 to the millisecond, such as ``2024-07-01T13:30:00.000Z``."""
    moment = datetime.fromtimestamp(time_ns // 1_000_000 / 1_000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
