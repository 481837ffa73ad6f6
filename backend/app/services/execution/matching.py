"""One bar against one symbol's working orders, in the order in which things happen in a bar.

1. The open: every order that trades at the open price, in the order they came; then, in the
   same way, exits of the entries among them.
2. Within the bar, stops: the less favourable reading comes first.
3. Within the bar, limits; then the stops of entries among them.
4. The close: orders for the session's last print.

An exit that belongs to an entry filled at the open takes part in all of it. Of an entry filled
within the bar only the stop can still trade in that bar: whether the target was touched before
or after the entry is not known, and the worse is taken. What is left of a stop order that has
been triggered is a market order.
"""

from collections.abc import Callable, Iterable

from app.core.enums import OrderType, TimeInForce
from app.core.orders import FINAL, Order
from app.services.execution.pricing import (
    limit_at_open,
    limit_within,
    stop_at_open,
    stop_of_exit,
    stop_within,
    trailed,
)
from app.services.execution.tape import MinuteBar

_MARKET, _LIMIT = OrderType.MARKET, OrderType.LIMIT
_STOP_LIMIT, _TRAILING = OrderType.STOP_LIMIT, OrderType.TRAILING_STOP
_OPG, _CLS = TimeInForce.OPG, TimeInForce.CLS

Trade = Callable[[Order, float, int], None]
"""Fill what can be filled of an order at a price and time; the exchange provides it."""

PriceIn = Callable[[Order, MinuteBar], float]
"""At what price an order trades in one part of a bar; 0.0 if it does not."""


class BarMatcher:
    """Matches orders against bars.

    `triggered` has the ids of stop orders of all kinds whose price has been reached, `best` the
    best price of each trailing stop since it works; both are the book's.
    """

    def __init__(
        self, trade: Trade, *, triggered: set[int], best: dict[int, float], touch: bool
    ) -> None:
        self._triggered = triggered
        self._best = best
        self._trade = trade
        self._touch = touch
        self._orders: list[Order] = []
        self._not_in_bar: set[int] = set()
        self._sent_at: dict[int, float] = {}

    def match(self, orders: list[Order], bar: MinuteBar) -> None:
        """Let everything that trades in `bar` trade, in the order of this module.

        `orders` are those that can trade in the bar, in the order they began to work; exits
        that are sent within it are added to the list, and to the passes that go over it.
        """
        self._orders = orders
        self._not_in_bar.clear()
        self._sent_at.clear()
        self._match_each(orders, bar, self._open_price, bar.start_ns)
        self._match_each(orders, bar, self._stop_price, bar.end_ns)
        done = len(orders)
        self._match_each(orders[:], bar, self._limit_price, bar.end_ns)
        self._match_each(orders[done:], bar, self._stop_price, bar.end_ns)
        if bar.is_last:
            self._match_each(orders[:], bar, self._close_price, bar.end_ns)
        for order in orders:
            if order.type is _TRAILING and order.id not in self._triggered:
                self._trail(order, bar)

    def _match_each(
        self, orders: Iterable[Order], bar: MinuteBar, price: PriceIn, time_ns: int
    ) -> None:
        for order in orders:
            if order.status in FINAL or order.id in self._not_in_bar:
                continue
            if at := price(order, bar):
                self._trade(order, at, time_ns)

    def exit_begins(self, order: Order) -> None:
        """An exit begins to work within the bar: its entry has filled."""
        self._orders.append(order)

    def exit_waits(self, order: Order, price: float) -> None:
        """Its entry has filled within the bar at `price`: a target waits for the next bar."""
        self._sent_at[order.id] = price
        if order.type is _LIMIT:
            self._not_in_bar.add(order.id)

    # ── prices ───────────────────────────────────────────────────────────────

    def _open_price(self, order: Order, bar: MinuteBar) -> float:
        if order.time_in_force is _CLS or (order.time_in_force is _OPG and not bar.is_first):
            return 0.0
        buy = order.quantity > 0.0
        if self._is_limit(order):
            return limit_at_open(order.limit_price, bar.open, buy=buy, touch=self._touch)
        if order.type is _MARKET or order.id in self._triggered:
            return bar.open
        return self._trigger(order, stop_at_open(order.stop_price, bar.open, buy=buy))

    def _stop_price(self, order: Order, bar: MinuteBar) -> float:
        if order.type in (_MARKET, _LIMIT) or order.id in self._triggered:
            return 0.0
        buy, stop = order.quantity > 0.0, order.stop_price
        if order.id in self._sent_at:
            price = stop_of_exit(stop, self._sent_at[order.id], bar.high, bar.low, buy=buy)
        else:
            price = stop_within(stop, bar.high, bar.low, buy=buy)
        if price:
            self._not_in_bar.add(order.id)
        return self._trigger(order, price)

    def _limit_price(self, order: Order, bar: MinuteBar) -> float:
        if not self._is_limit(order) or order.time_in_force in (_OPG, _CLS):
            return 0.0
        buy = order.quantity > 0.0
        return limit_within(order.limit_price, bar.high, bar.low, buy=buy, touch=self._touch)

    def _close_price(self, order: Order, bar: MinuteBar) -> float:
        if order.time_in_force is not _CLS:
            return 0.0
        buy = order.quantity > 0.0
        if order.type is _MARKET:
            return bar.close
        if self._is_limit(order):
            return limit_at_open(order.limit_price, bar.close, buy=buy, touch=self._touch)
        return 0.0

    def _is_limit(self, order: Order) -> bool:
        return order.type is _LIMIT or (order.type is _STOP_LIMIT and order.id in self._triggered)

    def _trigger(self, order: Order, price: float) -> float:
        """Note that a stop was reached at `price`, if any; that price, if a limit allows it."""
        if not price:
            return 0.0
        self._triggered.add(order.id)
        if order.type is not _STOP_LIMIT:
            return price
        limit = order.limit_price
        return price if (price <= limit if order.quantity > 0.0 else price >= limit) else 0.0

    def _trail(self, order: Order, bar: MinuteBar) -> None:
        """Move a trailing stop behind the best price of a bar that is over."""
        if order.status in FINAL:
            return
        buy, best = order.quantity > 0.0, self._best[order.id]
        better = min(best, bar.low) if buy else max(best, bar.high)
        if better != best:
            begin_trail(order, better, self._best)


def begin_trail(order: Order, price: float, best: dict[int, float]) -> None:
    """Set a trailing stop behind `price`, the best one so far."""
    best[order.id] = price
    terms, buy = order.instructions, order.quantity > 0.0
    order.stop_price = trailed(price, terms.trail, terms.trail_pct, buy=buy)
