"""At what price the reference exchange trades an order in each part of a bar; 0.0 for not at all.

Written from the documentation of the simulation, as `tests.reference_exchange` is.
"""

from dataclasses import dataclass
from typing import NamedTuple

from app.core.enums import OrderStatus as S
from app.core.enums import OrderType as T
from app.core.enums import TimeInForce as F
from app.core.fill_rules import FillRules
from app.core.orders import Order

FINAL = (S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED, S.REPLACED)
TINY = 1e-9


class Bar(NamedTuple):
    """A minute of one symbol."""

    start_ns: int
    end_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    is_suspect: bool


@dataclass(eq=False)
class Card:
    """What the exchange knows of an order beyond the order itself."""

    arrives_ns: int = 0
    misses: int = 0
    best: float = 0.0
    is_reached: bool = False
    reserved: float = 0.0
    reserved_for: float = 1.0
    exits: tuple[Order, ...] = ()
    linked: list[Order] | None = None


class ReferencePrices:
    """The rules of prices, over what the exchange knows of its orders."""

    rules: FillRules
    cards: dict[Order, Card]
    waits: set[Order]
    entered_at: dict[Order, float]

    def is_limit(self, order: Order) -> bool:
        return order.type is T.LIMIT or (
            order.type is T.STOP_LIMIT and self.cards[order].is_reached
        )

    def is_market(self, order: Order) -> bool:
        return order.type is T.MARKET or (
            order.type in (T.STOP, T.TRAILING_STOP) and self.cards[order].is_reached
        )

    def reach(self, order: Order, price: float) -> float:
        """A stop was reached at `price`; what it trades at."""
        self.cards[order].is_reached = True
        if order.type is T.STOP_LIMIT:
            buys = order.quantity > 0
            if price > order.limit_price if buys else price < order.limit_price:
                return 0.0
        return price

    def beyond(self, order: Order, price: float) -> float:
        """`price`, if a limit order is sure to trade at it."""
        limit = order.limit_price
        better = price < limit if order.quantity > 0 else price > limit
        return price if better or (self.rules.touch_fills and price == limit) else 0.0

    def price_at_open(self, order: Order, bar: Bar, is_first: bool) -> float:
        force = order.time_in_force
        if order.status in FINAL or force is F.CLS or (force is F.OPG and not is_first):
            return 0.0
        if self.is_market(order):
            return bar.open
        if self.is_limit(order):
            return self.beyond(order, bar.open)
        buys = order.quantity > 0
        if bar.open >= order.stop_price if buys else bar.open <= order.stop_price:
            return self.reach(order, bar.open)
        return 0.0

    def stop_price(self, order: Order, bar: Bar) -> float:
        if order.status in FINAL or self.is_market(order) or self.is_limit(order):
            return 0.0
        stop, buys = order.stop_price, order.quantity > 0
        price = 0.0
        if bar.high >= stop if buys else bar.low <= stop:
            price = stop
        entered = self.entered_at.get(order)
        if entered is not None and (entered >= stop if buys else entered <= stop):
            price = entered
        if not price:
            return 0.0
        self.waits.add(order)
        return self.reach(order, price)

    def limit_price(self, order: Order, bar: Bar) -> float:
        if order.status in FINAL or order in self.waits or not self.is_limit(order):
            return 0.0
        if order.time_in_force in (F.OPG, F.CLS):
            return 0.0
        limit, buys = order.limit_price, order.quantity > 0
        through = bar.low < limit if buys else bar.high > limit
        touched = (bar.low if buys else bar.high) == limit
        return limit if through or (touched and self.rules.touch_fills) else 0.0

    def price_at_close(self, order: Order, bar: Bar) -> float:
        if order.status in FINAL or order.time_in_force is not F.CLS:
            return 0.0
        return bar.close if order.type is T.MARKET else self.beyond(order, bar.close)

    def move_trail(self, order: Order, bar: Bar) -> None:
        if order.type is T.TRAILING_STOP and order.status not in FINAL:
            card, buys = self.cards[order], order.quantity > 0
            is_better = bar.low < card.best if buys else bar.high > card.best
            if is_better and not card.is_reached:
                self.trail_from(order, bar.low if buys else bar.high)

    def trail_from(self, order: Order, best: float) -> None:
        if order.type is not T.TRAILING_STOP:
            return
        self.cards[order].best = best
        terms = order.instructions
        distance = terms.trail or best * terms.trail_pct / 100.0
        order.stop_price = best + distance if order.quantity > 0 else max(0.0, best - distance)
