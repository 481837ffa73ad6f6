"""Which bar working orders must be looked at next: bars that change none are passed over."""

from collections.abc import Iterable

from app.core.data_structures import BarColumns
from app.core.enums import OrderType, TimeInForce
from app.core.orders import Order

_FIRST_LOOK, _LARGEST_LOOK = 64, 8_192
PATIENT = (TimeInForce.DAY, TimeInForce.GTC)
"""Times in force that no single bar ends."""
_INFINITY = float("inf")

Band = tuple[float, float]
"""Prices between which nothing happens: a bar whose low is above the first and whose high is
below the second changes no order."""

ALWAYS: Band = (_INFINITY, -_INFINITY)
"""No bar is quiet."""


def quiet_band(orders: Iterable[Order], best: dict[int, float], triggered: set[int]) -> Band:
    """The band of a symbol's working orders.

    `best` has the best price of each trailing stop; `triggered` the ids of orders whose stop
    price has been reached.
    """
    lowest, highest = 0.0, _INFINITY
    for order in orders:
        if order.type is OrderType.MARKET or order.time_in_force not in PATIENT:
            return ALWAYS
        buy = order.quantity > 0.0
        is_limit = order.type is OrderType.LIMIT
        if order.id in triggered:
            if order.type is not OrderType.STOP_LIMIT:
                return ALWAYS
            is_limit = True
        price = order.limit_price if is_limit else order.stop_price
        if buy is is_limit:
            lowest = max(lowest, price)
        else:
            highest = min(highest, price)
        if order.type is OrderType.TRAILING_STOP:
            if buy:
                lowest = max(lowest, best[order.id])
            else:
                highest = min(highest, best[order.id])
    return lowest, highest


def next_row(bars: BarColumns, first: int, band: Band) -> int:
    """The first row from `first` on that is not quiet; the number of rows if all are."""
    lowest, highest = band
    rows, look = len(bars.low), _FIRST_LOOK
    if first >= rows or lowest >= highest:
        return first
    if bars.low.item(first) <= lowest or bars.high.item(first) >= highest:
        return first
    first += 1
    while first < rows:
        last = min(rows, first + look)
        loud = (bars.low[first:last] <= lowest) | (bars.high[first:last] >= highest)
        found = int(loud.argmax())
        if loud[found]:
            return first + found
        first, look = last, min(2 * look, _LARGEST_LOOK)
    return rows
