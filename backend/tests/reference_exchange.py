"""A second simulated exchange, deliberately simple, to hold the real one against.

It is written from the documentation of the simulation, and goes bar by bar through every order
there is: no bars are passed over, nothing is remembered to be faster, no case has a path of its
own. It shares with the real one the vocabulary (`Order`, its states) and the cost models.

``python -m tests.reference_exchange 10000`` compares the two on so many random sessions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import copysign
from typing import Any

from app.core.carry import Carry
from app.core.costs import Commission, Slippage
from app.core.enums import OrderStatus as S
from app.core.enums import OrderType as T
from app.core.enums import TimeInForce as F
from app.core.fill_rules import FillRules
from app.core.orders import Instructions, Order
from tests.reference_prices import FINAL, TINY, Bar, Card, ReferencePrices


@dataclass(eq=False)
class Message:
    """A cancellation or replacement under way about a symbol's orders."""

    symbol: int
    arrives_ns: int
    misses: int
    act: Callable[[int], None]


class ReferenceExchange(ReferencePrices):
    """Every rule in the order in which the documentation has it."""

    def __init__(
        self,
        *,
        symbols: int,
        strategies: int,
        cash: float,
        leverage: float,
        commission: Commission,
        slippage: Slippage,
        rules: FillRules,
    ) -> None:
        self.cash, self.leverage, self.rules = cash, leverage, rules
        self.charge = commission.start().charge
        self.adverse = slippage.adverse
        self.now_ns = 0
        self.open_ns = self.close_ns = 0
        self.blocked = ""
        self.last = [0.0] * symbols
        self.has_printed = [False] * symbols
        self.held = [[0.0] * symbols for _ in range(strategies)]
        self.net = [0.0] * symbols
        self.orders: list[Order] = []
        self.cards: dict[Order, Card] = {}
        self.working: list[list[Order]] = [[] for _ in range(symbols)]
        self.messages: list[Message] = []
        self.events: list[tuple[int, int, S, str]] = []
        self.fills: list[tuple[float, ...]] = []
        self.flows: list[tuple[int, str, float]] = []

    # ── money ────────────────────────────────────────────────────────────────

    def can_add(self, value: float) -> bool:
        equity = self.cash + sum(q * p for q, p in zip(self.net, self.last, strict=True))
        gross = sum(abs(q) * p for q, p in zip(self.net, self.last, strict=True))
        reserved = sum(
            card.reserved * abs(order.remaining) / card.reserved_for
            for order, card in self.cards.items()
            if order.status not in FINAL
        )
        return value <= self.leverage * equity - gross - reserved + TINY

    def added(self, order: Order, quantity: float) -> float:
        held = self.held[order.strategy][order.symbol]
        return max(0.0, abs(held + quantity) - abs(held))

    def reserve(self, order: Order) -> str:
        """Speak for the buying power an order needs; why not, if there is too little."""
        added = self.added(order, order.remaining)
        if order.instructions.reduce_only or not added:
            return ""
        if self.blocked:
            return self.blocked
        value = added * (order.limit_price or order.stop_price or self.last[order.symbol])
        if not self.can_add(value):
            return "not enough buying power"
        card = self.cards[order]
        card.reserved, card.reserved_for = value, abs(order.remaining)
        return ""

    # ── orders come, change and go ───────────────────────────────────────────

    def new_order(self, **terms: Any) -> Order:
        order = Order(id=len(self.orders) + 1, **terms)
        self.orders.append(order)
        self.cards[order] = Card()
        self.become(order, S.PENDING_NEW)
        return order

    def become(self, order: Order, status: S, cause: str = "", time_ns: int | None = None) -> None:
        order.status = status
        self.events.append((order.id, self.now_ns if time_ns is None else time_ns, status, cause))

    def end(self, order: Order, status: S, cause: str, time_ns: int | None = None) -> None:
        if order.status in FINAL:
            return
        self.become(order, status, cause, time_ns)
        order.reason = cause
        if order in self.working[order.symbol]:
            self.working[order.symbol].remove(order)
        for leg in self.cards[order].exits if status is not S.REPLACED else ():
            if leg.status is S.HELD:
                self.end(leg, S.CANCELED, f"order {order.id} ended without a fill", time_ns)

    def contradiction(self, order: Order) -> str:
        force, good_till_ns = order.time_in_force, order.instructions.good_till_ns
        if order.type is T.TRAILING_STOP and not self.last[order.symbol]:
            return "there is no price yet for a stop to trail"
        if force in (F.OPG, F.CLS) and order.type not in (T.MARKET, T.LIMIT):
            return f"only market and limit orders can be {force}"
        if force is not F.GTD and good_till_ns:
            return f"good_till is for gtd orders, and this one is {force}"
        if force is F.GTD and good_till_ns <= self.now_ns:
            return "good_till is not later than now"
        return ""

    def submit(
        self,
        strategy: int,
        symbol: int,
        quantity: float,
        type_: T,
        force: F,
        limit: float,
        stop: float,
        instructions: Instructions,
    ) -> Order:
        order = self.new_order(
            strategy=strategy,
            symbol=symbol,
            quantity=quantity,
            type=type_,
            time_in_force=force,
            limit_price=limit,
            stop_price=stop,
            submitted_ns=self.now_ns,
            instructions=instructions,
        )
        if refusal := self.contradiction(order) or self.reserve(order):
            self.end(order, S.REJECTED, refusal)
            return order
        card = self.cards[order]
        card.arrives_ns = self.now_ns + self.rules.latency_ns
        card.misses = self.rules.latency_bars
        self.become(order, S.NEW)
        self.trail_from(order, self.last[symbol])
        self.working[symbol].append(order)
        exits = []
        if instructions.take_profit:
            exits.append(self.new_exit(order, T.LIMIT, instructions.take_profit, 0.0))
        if instructions.stop_loss:
            exits.append(self.new_exit(order, T.STOP, 0.0, instructions.stop_loss))
        card.exits = tuple(exits)
        if len(exits) == 2:
            self.join(exits)
        return order

    def new_exit(self, entry: Order, type_: T, limit: float, stop: float) -> Order:
        leg = self.new_order(
            strategy=entry.strategy,
            symbol=entry.symbol,
            quantity=-entry.quantity,
            type=type_,
            time_in_force=F.DAY if entry.time_in_force is F.DAY else F.GTC,
            limit_price=limit,
            stop_price=stop,
            submitted_ns=self.now_ns,
            tag="take profit" if type_ is T.LIMIT else "stop loss",
            instructions=Instructions(reduce_only=True),
            parent=entry.id,
        )
        self.become(leg, S.HELD, f"until order {entry.id} fills")
        return leg

    def send(self, symbol: int, act: Callable[[int], None]) -> None:
        """Do something at once, or when the message of it has arrived."""
        rules = self.rules
        if rules.latency_ns or rules.latency_bars:
            at_ns = self.now_ns + rules.latency_ns
            self.messages.append(Message(symbol, at_ns, rules.latency_bars, act))
        else:
            act(self.now_ns)

    def cancel(self, order: Order, cause: str = "cancelled by the strategy") -> None:
        if order.status not in FINAL:
            self.send(order.symbol, lambda at_ns: self.end(order, S.CANCELED, cause, at_ns))

    def replace(self, order: Order, quantity: float, limit: float, stop: float) -> Order:
        if order.status in FINAL:
            return order
        new = self.new_order(
            strategy=order.strategy,
            symbol=order.symbol,
            quantity=copysign(quantity, order.quantity) if quantity else order.quantity,
            type=order.type,
            time_in_force=order.time_in_force,
            limit_price=limit or order.limit_price,
            stop_price=stop or order.stop_price,
            submitted_ns=self.now_ns,
            tag=order.tag,
            instructions=order.instructions,
            replaces=order.id,
        )
        self.send(order.symbol, lambda at_ns: self.swap(order, new, at_ns, keeps=not quantity))
        return new

    def swap(self, old: Order, new: Order, time_ns: int, *, keeps: bool) -> None:
        if new.status in FINAL:
            return
        if keeps:
            new.quantity = old.quantity
        was_held, card = old.status is S.HELD, self.cards[old]
        refusal = ""
        if old.status in FINAL or abs(new.quantity) <= abs(old.filled_quantity):
            refusal = "there was nothing left to replace"
        elif not was_held:
            old_reserve, card.reserved = card.reserved, 0.0
            new.filled_quantity = old.filled_quantity
            refusal = self.reserve(new)
            new.filled_quantity = 0.0
            card.reserved = old_reserve
        if refusal:
            self.end(new, S.REJECTED, refusal, time_ns)
            return
        new.filled_quantity, new.fill_price = old.filled_quantity, old.fill_price
        new.filled_ns, new.parent, new.group = old.filled_ns, old.parent, old.group
        own = self.cards[new]
        own.arrives_ns, own.misses = card.arrives_ns, card.misses
        own.is_reached, own.exits, own.linked = card.is_reached, card.exits, card.linked
        for leg in own.exits:
            leg.parent = new.id
        if own.linked:
            own.linked[:] = [new if each is old else each for each in own.linked]
        if old.parent:
            entry = self.cards[self.orders[old.parent - 1]]
            entry.exits = tuple(new if leg is old else leg for leg in entry.exits)
        self.end(old, S.REPLACED, f"replaced by order {new.id}", time_ns)
        status = S.HELD if was_held else S.NEW
        self.become(new, status, f"in the place of order {old.id}", time_ns)
        self.trail_from(new, card.best)
        if not was_held:
            self.working[new.symbol].append(new)

    def link(self, orders: Sequence[Order]) -> None:
        alive = [order for order in orders if order.status not in FINAL]
        if len(alive) < len(orders):
            for order in alive:
                self.cancel(order, "an order linked to it had ended before")
        elif len(orders) > 1:
            self.join(orders)

    def join(self, orders: Sequence[Order]) -> None:
        members: list[Order] = []
        for order in orders:
            for each in self.cards[order].linked or [order]:
                if each not in members:
                    members.append(each)
        for order in members:
            order.group = members[0].id
            self.cards[order].linked = members

    # ── sessions ─────────────────────────────────────────────────────────────

    def begin_session(self, open_ns: int, close_ns: int) -> None:
        self.open_ns, self.close_ns = open_ns, close_ns
        self.has_printed = [False] * len(self.last)

    def split(self, symbol: int, ratio: float, time_ns: int) -> None:
        self.last[symbol] /= ratio
        for order in self.orders:
            if order.symbol != symbol or order.status in FINAL:
                continue
            order.quantity *= ratio
            order.filled_quantity *= ratio
            order.limit_price /= ratio
            order.stop_price /= ratio
            order.fill_price /= ratio
            terms, card = order.instructions, self.cards[order]
            order.instructions = replace(
                terms,
                trail=terms.trail / ratio,
                take_profit=terms.take_profit / ratio,
                stop_loss=terms.stop_loss / ratio,
            )
            card.best /= ratio
            card.reserved_for *= ratio
            cause = f"split: {ratio:g} units for each"
            self.events.append((order.id, time_ns, order.status, cause))
        for positions in self.held:
            positions[symbol] *= ratio
        self.net[symbol] *= ratio

    def pay_dividend(self, symbol: int, amount: float, time_ns: int) -> None:
        for positions in self.held:
            if positions[symbol]:
                self.flow(time_ns, "dividend", positions[symbol] * amount)

    def carry_over(self, carry: Carry, days: int, time_ns: int) -> None:
        short = -sum(q * p for q, p in zip(self.net, self.last, strict=True) if q < 0.0)
        borrow, interest = carry.accrue(self.cash, short, days)
        if borrow:
            values = [
                -quantity * price
                for positions in self.held
                for quantity, price in zip(positions, self.last, strict=True)
                if quantity < 0.0
            ]
            for value in values:
                self.flow(time_ns, "borrow", borrow * value / sum(values))
        if interest:
            self.flow(time_ns, "interest", interest)

    def flow(self, time_ns: int, kind: str, amount: float) -> None:
        self.cash += amount
        self.flows.append((time_ns, kind, amount))

    def end_session(self) -> None:
        for orders in self.working:
            for order in list(orders):
                if self.is_over(order):
                    self.end(order, S.EXPIRED, "the session closed")

    def is_over(self, order: Order) -> bool:
        match order.time_in_force:
            case F.GTC:
                return False
            case F.GTD:
                return order.instructions.good_till_ns <= self.close_ns
            case F.OPG:
                return order.submitted_ns <= self.open_ns
        return order.submitted_ns < self.close_ns

    def end_run(self) -> None:
        for order in self.orders:
            self.end(order, S.CANCELED, "the run ended")

    # ── a minute ─────────────────────────────────────────────────────────────

    def play_minute(self, end_ns: int, bars: Sequence[Bar | None]) -> None:
        """Fills of all symbols in a minute; None for a symbol without a bar."""
        self.now_ns = end_ns
        for symbol, bar in enumerate(bars):
            if bar is not None:
                self.last[symbol] = bar.close
        for symbol, bar in enumerate(bars):
            if bar is not None and bar.volume > 0.0:
                if not bar.is_suspect:
                    self.play_bar(symbol, bar)
                self.has_printed[symbol] = True

    def play_bar(self, symbol: int, bar: Bar) -> None:
        self.bar = bar
        self.room = bar.volume * self.rules.participation_pct / 100.0
        self.waits: set[Order] = set()
        self.entered_at: dict[Order, float] = {}
        self.receive(symbol, bar)
        is_first = not self.has_printed[symbol]
        here = self.here = [o for o in list(self.working[symbol]) if self.is_here(o, bar)]
        already_here = list(here)
        for order in here:  # grows while exits are sent
            self.trade(order, self.price_at_open(order, bar, is_first), bar.start_ns)
        for order in here:
            self.trade(order, self.stop_price(order, bar), bar.end_ns)
        stops_done = len(here)
        for order in list(here):
            self.trade(order, self.limit_price(order, bar), bar.end_ns)
        for order in here[stops_done:]:
            self.trade(order, self.stop_price(order, bar), bar.end_ns)
        if bar.end_ns == self.close_ns:
            for order in list(here):
                self.trade(order, self.price_at_close(order, bar), bar.end_ns)
        for order in here:
            self.move_trail(order, bar)
        for order in already_here:
            self.end_after_bar(order, is_first)

    def receive(self, symbol: int, bar: Bar) -> None:
        arrived = []
        for message in [each for each in self.messages if each.symbol == symbol]:
            if message.arrives_ns > bar.start_ns:
                continue
            if message.misses:
                message.misses -= 1
                continue
            arrived.append(message)
            self.messages.remove(message)
        for message in arrived:
            message.act(bar.start_ns)

    def is_here(self, order: Order, bar: Bar) -> bool:
        card, terms = self.cards[order], order.instructions
        if order.submitted_ns > bar.start_ns:
            return False
        if order.time_in_force is F.GTD and terms.good_till_ns <= bar.start_ns:
            self.end(order, S.EXPIRED, "good_till has passed", bar.start_ns)
            return False
        if card.arrives_ns > bar.start_ns:
            return False
        if card.misses:
            card.misses -= 1
            return False
        return True

    def end_after_bar(self, order: Order, is_first: bool) -> None:
        force = order.time_in_force
        if force in (F.IOC, F.FOK):
            self.end(order, S.CANCELED, f"{force}: its one bar is over")
        elif force is F.OPG and is_first:
            self.end(order, S.EXPIRED, "the session has opened")

    # ── fills ────────────────────────────────────────────────────────────────

    def trade(self, order: Order, price: float, time_ns: int) -> None:
        if not price or order.status in FINAL:
            return
        quantity = self.tradable(order)
        if not quantity:
            return
        loss = 0.0
        if order.type not in (T.LIMIT, T.STOP_LIMIT):
            bar = self.bar
            loss = self.adverse(price, quantity, bar.high, bar.low, bar.volume)
        paid = price + copysign(loss, quantity)
        if refusal := self.refusal_at_fill(order, quantity, paid):
            status = S.REJECTED if order.status is S.NEW else S.CANCELED
            self.end(order, status, refusal)
            return
        self.fill(order, quantity, paid, loss, time_ns)
        self.room -= abs(quantity)
        self.send_exits(order, price, time_ns)
        self.settle_links(order)
        if order.parent:
            entry = self.orders[order.parent - 1]
            self.end(entry, S.CANCELED, f"its exit, order {order.id}, was filled")

    def tradable(self, order: Order) -> float:
        """Signed units that the position and the bar's volume leave to an order."""
        quantity = order.remaining
        if order.instructions.reduce_only:
            held = self.held[order.strategy][order.symbol]
            if held * quantity >= 0.0:
                self.end(order, S.CANCELED, "reduce-only: there is no position to reduce")
                return 0.0
            quantity = copysign(min(abs(quantity), abs(held)), quantity)
        if self.rules.participation_pct and abs(quantity) > self.room:
            room = self.room if self.room > TINY and order.time_in_force is not F.FOK else 0.0
            if order.quantity == int(order.quantity):
                room = float(int(room))
            quantity = copysign(room, quantity)
        return quantity

    def refusal_at_fill(self, order: Order, quantity: float, paid: float) -> str:
        added = self.added(order, quantity)
        if not added:
            return ""
        if self.blocked:
            return self.blocked
        card = self.cards[order]
        reserved, card.reserved = card.reserved, 0.0
        can = self.can_add(added * paid)
        card.reserved = reserved
        return "" if can else "not enough buying power at the price of the fill"

    def fill(self, order: Order, quantity: float, paid: float, loss: float, time_ns: int) -> None:
        before, average = order.filled_quantity, order.fill_price
        fee = self.charge(quantity, paid, time_ns, before, average)
        self.cash -= quantity * paid + fee
        cost = abs(quantity) * loss
        key = (order.id, order.strategy, order.symbol)
        self.fills.append((time_ns, self.bar.end_ns, *key, quantity, paid, fee, cost))
        held = self.held[order.strategy]
        held[order.symbol] = _round(held[order.symbol] + quantity)
        self.net[order.symbol] = _round(self.net[order.symbol] + quantity)
        filled = before + quantity
        order.fill_price = (average * before + paid * quantity) / filled if before else paid
        order.filled_quantity, order.filled_ns = filled, time_ns
        if abs(order.quantity - filled) <= TINY:
            self.become(order, S.FILLED, "", time_ns)
            self.working[order.symbol].remove(order)
            return
        self.become(order, S.PARTIALLY_FILLED, f"{abs(quantity):g} filled", time_ns)
        if order.instructions.reduce_only and not held[order.symbol]:
            self.end(order, S.CANCELED, "reduce-only: the position is closed")

    def send_exits(self, entry: Order, price: float, time_ns: int) -> None:
        for leg in self.cards[entry].exits:
            leg.quantity = -entry.filled_quantity
            if leg.status is S.HELD:
                self.become(leg, S.NEW, f"order {entry.id} was filled", time_ns)
                self.working[leg.symbol].append(leg)
                self.here.append(leg)
            if time_ns == self.bar.end_ns:
                self.entered_at[leg] = price
                if leg.type is T.LIMIT:
                    self.waits.add(leg)

    def settle_links(self, order: Order) -> None:
        for other in list(self.cards[order].linked or ()):
            if other is order or other.status in FINAL:
                continue
            if order.status in FINAL:
                self.end(other, S.CANCELED, f"order {order.id} was filled")
                continue
            left = abs(order.remaining)
            if left < abs(other.remaining):
                other.quantity = copysign(left, other.quantity) + other.filled_quantity
                cause = f"order {order.id} was partly filled"
                self.events.append((other.id, self.now_ns, other.status, cause))


def _round(units: float) -> float:
    return units if abs(units) > TINY else 0.0


if __name__ == "__main__":
    from tests.random_sessions import main

    main()
