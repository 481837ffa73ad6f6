"""Orders, their transitions and their fills, as columns."""

from collections.abc import Sequence
from itertools import compress
from operator import attrgetter
from typing import Any

import numpy as np

from app.core.enums import OrderStatus
from app.core.orders import Instructions, OrderEvents
from app.core.run_log import RunLog
from app.core.trading_record import Columns
from app.core.types import Floats, Int64s

_PENDING = OrderStatus.PENDING_NEW
_WORD = attrgetter("_value_")
"""The plain text of a word: what `value` answers, in a tenth of its time."""

_ORDER_FIELDS = (
    *("strategy", "id", "symbol", "quantity", "type._value_", "time_in_force._value_"),
    *("limit_price", "stop_price", "instructions", "tag", "submitted_ns", "status._value_"),
    *("reason", "filled_quantity", "filled_ns", "fill_price", "parent", "replaces", "group"),
)
_ASKED_FIELDS = (
    *("trail", "trail_pct", "take_profit", "stop_loss", "good_till_ns", "reduce_only"),
)


def order_columns(log: RunLog) -> Columns:
    """Every order, in the order they came, as `RunTrading.orders` has them.

    Quantities and prices are in the units of the order's end: a split restates what works.
    """
    of = _fields(log.orders, _ORDER_FIELDS)
    asked = _asked(of["instructions"])
    signed = np.array(of["quantity"], np.float64)
    quantity, filled = np.abs(signed), np.abs(np.array(of["filled_quantity"], np.float64))
    return {
        "strategy": of["strategy"],
        "client_order_id": list(map(str, of["id"])),
        "symbol": [log.symbols[symbol] for symbol in of["symbol"]],
        "side": np.where(signed > 0, "buy", "sell").tolist(),
        "quantity": quantity,
        "type": of["type._value_"],
        "time_in_force": of["time_in_force._value_"],
        "limit_price": _some(of["limit_price"]),
        "stop_price": _some(of["stop_price"]),
        "trail": _some(asked["trail"]),
        "trail_pct": _some(asked["trail_pct"]),
        "take_profit": _some(asked["take_profit"]),
        "stop_loss": _some(asked["stop_loss"]),
        "good_till_ns": asked["good_till_ns"],
        "reduce_only": asked["reduce_only"],
        "tag": of["tag"],
        "submitted_ns": of["submitted_ns"],
        "status": of["status._value_"],
        "reason": _or_none(of["reason"]),
        "filled_quantity": np.minimum(filled, quantity),
        "filled_ns": of["filled_ns"],
        "average_fill_price": np.where(filled > 0, of["fill_price"], np.nan),
        "parent_order": of["parent"],
        "replaces_order": of["replaces"],
        "exclusive_group": _or_none(of["group"]),
    }


def _fields(values: Sequence[object], names: Sequence[str]) -> dict[str, list[Any]]:
    """Those attributes of all the values, as columns."""
    return {name: list(map(attrgetter(name), values)) for name in names}


def _asked(instructions: Sequence[Instructions]) -> dict[str, list[Any]]:
    """The fields of instructions as columns; most orders share theirs with others."""
    keys = list(map(id, instructions))
    shared = dict(zip(keys, instructions, strict=True))
    columns = _fields(list(shared.values()), _ASKED_FIELDS)
    if len(shared) == 1:
        return {name: values * len(keys) for name, values in columns.items()}
    places = dict(zip(shared, range(len(shared)), strict=True))
    rows = [places[key] for key in keys]
    return {name: [values[row] for row in rows] for name, values in columns.items()}


def order_event_columns(log: RunLog) -> Columns:
    """Every transition, as `RunTrading.order_events` has them.

    But for `pending_new`: the simulated exchange answers at once, so that it always has the
    time of the transition after it, which is that of `submitted_ns`.
    """
    ids, times, states, causes = event_columns(log)
    kept = [status is not _PENDING for status in states]
    orders = np.array(ids, np.int64)[kept]
    return {
        "order": orders.tolist(),
        "sequence": _numbered(orders).tolist(),
        "time_ns": np.array(times, np.int64)[kept],
        "status": list(map(_WORD, compress(states, kept))),
        "cause": _or_none(list(compress(causes, kept))),
    }


def _numbered(values: Int64s) -> Int64s:
    """At each place, how many of the same value there were so far, itself included."""
    places = np.argsort(values, kind="stable")
    ordered = values[places]
    firsts = ordered.searchsorted(ordered)
    numbers = np.empty(len(values), np.int64)
    numbers[places] = np.arange(len(values)) - firsts + 1
    return numbers


def event_columns(
    log: RunLog,
) -> tuple[Sequence[int], Sequence[int], Sequence[OrderStatus], Sequence[str]]:
    """Numbers of orders, times, states and causes of all transitions, as they happened."""
    if isinstance(log.events, OrderEvents):
        return log.events.columns()
    return OrderEvents([value for event in log.events for value in event]).columns()


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


def _or_none(values: Sequence[Any]) -> Sequence[Any]:
    return [value or None for value in values]


def _some(numbers: Sequence[float]) -> Floats:
    """The numbers above zero; NaN for the others, which stand for none."""
    array = np.array(numbers, np.float64)
    return np.where(array > 0, array, np.nan)
