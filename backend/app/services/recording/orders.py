"""Orders, their transitions and their fills, as columns."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import count

import numpy as np

from app.core.enums import OrderStatus
from app.core.orders import OrderEvents
from app.core.run_log import RunLog
from app.core.trading_record import Columns
from app.core.types import Floats

_PENDING = OrderStatus.PENDING_NEW


def order_columns(log: RunLog) -> Columns:
    """Every order, in the order they came, as `RunTrading.orders` has them."""
    orders = log.orders
    asked = [order.instructions for order in orders]
    quantity = np.abs(np.array([order.quantity for order in orders]))
    filled = np.abs(np.array([order.filled_quantity for order in orders]))
    return {
        "strategy": [order.strategy for order in orders],
        "client_order_id": [str(order.id) for order in orders],
        "symbol": [log.symbols[order.symbol] for order in orders],
        "side": ["buy" if order.quantity > 0 else "sell" for order in orders],
        "quantity": quantity,
        "type": [order.type.value for order in orders],
        "time_in_force": [order.time_in_force.value for order in orders],
        "limit_price": _some([order.limit_price for order in orders]),
        "stop_price": _some([order.stop_price for order in orders]),
        "trail": _some([each.trail for each in asked]),
        "trail_pct": _some([each.trail_pct for each in asked]),
        "take_profit": _some([each.take_profit for each in asked]),
        "stop_loss": _some([each.stop_loss for each in asked]),
        "good_till_ns": [each.good_till_ns for each in asked],
        "reduce_only": [each.reduce_only for each in asked],
        "tag": [order.tag for order in orders],
        "submitted_ns": [order.submitted_ns for order in orders],
        "status": [order.status.value for order in orders],
        "reason": [order.reason or None for order in orders],
        "filled_quantity": np.minimum(filled, quantity),
        "filled_ns": [order.filled_ns for order in orders],
        "average_fill_price": np.where(filled > 0, [order.fill_price for order in orders], np.nan),
        "parent_order": [order.parent for order in orders],
        "replaces_order": [order.replaces for order in orders],
        "exclusive_group": [order.group or None for order in orders],
    }


def order_event_columns(log: RunLog) -> Columns:
    """Every transition, as `RunTrading.order_events` has them.

    But for `pending_new`: the simulated exchange answers at once, so that it always has the
    time of the transition after it, which is that of `submitted_ns`.
    """
    ids, times, states, causes = _event_columns(log)
    kept = [row for row, status in enumerate(states) if status is not _PENDING]
    numbers: defaultdict[int, count[int]] = defaultdict(_from_one)
    return {
        "order": [ids[row] for row in kept],
        "sequence": [next(numbers[ids[row]]) for row in kept],
        "time_ns": [times[row] for row in kept],
        "status": [states[row].value for row in kept],
        "cause": [causes[row] or None for row in kept],
    }


def _event_columns(
    log: RunLog,
) -> tuple[Sequence[int], Sequence[int], Sequence[OrderStatus], Sequence[str]]:
    if isinstance(log.events, OrderEvents):
        return log.events.columns()
    return OrderEvents([value for event in log.events for value in event]).columns()


def _from_one() -> "count[int]":
    return count(1)


def fill_columns(log: RunLog) -> Columns:
    """Every execution, in the order they happened, as `RunTrading.fills` has them."""
    fills = log.fills
    return {
        "order": fills.order_id.tolist(),
        "execution_id": [str(number) for number in range(1, len(fills) + 1)],
        "symbol": [log.symbols[symbol] for symbol in fills.symbol.tolist()],
        "side": ["buy" if buys else "sell" for buys in (fills.quantity > 0).tolist()],
        "quantity": np.abs(fills.quantity),
        "price": fills.price,
        "commission": fills.commission,
        "slippage": fills.slippage,
        "time_ns": fills.time_ns,
    }


def _some(numbers: list[float]) -> Floats:
    """The numbers above zero; NaN for the others, which stand for none."""
    array = np.array(numbers, np.float64)
    return np.where(array > 0, array, np.nan)
