"""One bar against one symbol's working orders, in the order in which things happen in a bar.

1. The open: every order that trades at the open price, in the order they came.
2. Within the bar, stops: the less favourable reading comes first.
3. Within the bar, limits.
4. The close: orders for the session's last print.

An exit that belongs to an entry filled at the open takes part in what follows. Of an entry
filled within the bar only the stop can still trade in that bar: whether the target was touched
before or after the entry is not known, and the worse is taken.
"""

from collections.abc import Callable, Sequence

from app.core.enums import OrderType, TimeInForce
from app.core.orders import Order
from app.services.execution.pricing import (
    limit_at_open,
    limit_within,
    stop_at_open,
    stop_within,
    trailed,
)
from app.services.execution.tape import MinuteBar

_MARKET, _LIMIT = OrderType.MARKET, OrderType.LIMIT
_STOP_LIMIT, _TRAILING = OrderType.STOP_LIMIT, OrderType.TRAILING_STOP
_OPG, _CLS = TimeInForce.OPG, TimeInForce.CLS

Trade = Callable[[Order, float, int], None]
"""Fill what can be filled of an order at a price and time; the exchange provides it."""


class BarMatcher:
    """Matches orders against bars.

    `triggered` has the ids of stop-limit orders that are limit orders by now, `best` the best
    price of each trailing stop since it works; both are the book's.
    """

    def __init__(
        self, trade: Trade, *, triggered: set[int], best: dict[int, float], touch: bool
    ) -> None:
        self._triggered = triggered
        self._best = best
        self._trade = trade
        self._touch = touch
        self._not_in_bar: set[int] = set()

    def match(self, working: Callable[[], Sequence[Order]], bar: MinuteBar) -> None:
        """Let everything that trades in `bar` trade, in the order of this module.

        `working` gives the symbol's orders that can trade in the bar, exits that an entry has
        sent within it included.
        """
        self._not_in_bar.clear()
        for order in working():
            self._at(order, self._open_price(order, bar), bar.start_ns)
        looked_at: set[int] = set()
        self._match_stops(working, bar, looked_at)
        for order in working():
            if order.id not in self._not_in_bar:
                self._at(order, self._limit_price(order, bar), bar.end_ns)
        self._match_stops(working, bar, looked_at)
        if bar.is_last:
            for order in working():
                self._at(order, self._close_price(order, bar), bar.end_ns)
        for order in working():
            if order.type is _TRAILING:
                self._trail(order, bar)

    def _match_stops(
        self, working: Callable[[], Sequence[Order]], bar: MinuteBar, looked_at: set[int]
    ) -> None:
        """Stops within the bar; again for the exits that an entry among them has sent."""
        while orders := [order for order in working() if order.id not in looked_at]:
            looked_at.update(order.id for order in orders)
            for order in orders:
                self._at(order, self._stop_price(order, bar), bar.end_ns)

    def keep_out_of_bar(self, order: Order) -> None:
        """The target of an entry filled within the bar waits for the next one."""
        self._not_in_bar.add(order.id)

    # ── prices ───────────────────────────────────────────────────────────────

    def _at(self, order: Order, price: float, time_ns: int) -> None:
        if price and order.remaining:
            self._trade(order, price, time_ns)

    def _open_price(self, order: Order, bar: MinuteBar) -> float:
        if order.time_in_force is _CLS or (order.time_in_force is _OPG and not bar.is_first):
            return 0.0
        if order.type is _MARKET:
            return bar.open
        buy = order.quantity > 0.0
        if self._is_limit(order):
            return limit_at_open(order.limit_price, bar.open, buy=buy, touch=self._touch)
        price = stop_at_open(order.stop_price, bar.open, buy=buy)
        if not price or order.type is not _STOP_LIMIT:
            return price
        self._triggered.add(order.id)
        return self._allowed(order, price, buy=buy)

    def _stop_price(self, order: Order, bar: MinuteBar) -> float:
        if order.type is _MARKET or self._is_limit(order):
            return 0.0
        buy = order.quantity > 0.0
        price = stop_within(order.stop_price, bar.high, bar.low, buy=buy)
        if not price or order.type is not _STOP_LIMIT:
            return price
        self._triggered.add(order.id)
        self._not_in_bar.add(order.id)
        return self._allowed(order, price, buy=buy)

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
        return order.type is _LIMIT or order.id in self._triggered

    @staticmethod
    def _allowed(order: Order, price: float, *, buy: bool) -> float:
        """The price at which a stop-limit was triggered, if its limit allows to trade there."""
        within = price <= order.limit_price if buy else price >= order.limit_price
        return price if within else 0.0

    def _trail(self, order: Order, bar: MinuteBar) -> None:
        """Move a trailing stop behind the best price of a bar that is over."""
        buy, best = order.quantity > 0.0, self._best[order.id]
        better = min(best, bar.low) if buy else max(best, bar.high)
        if better != best:
            begin_trail(order, better, self._best)


def begin_trail(order: Order, price: float, best: dict[int, float]) -> None:
    """Set a trailing stop behind `price`, the best one so far."""
    best[order.id] = price
    terms, buy = order.instructions, order.quantity > 0.0
    order.stop_price = trailed(price, terms.trail, terms.trail_pct, buy=buy)
