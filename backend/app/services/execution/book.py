"""The exchange's book: which orders work, which wait, which belong together, and how each ends."""

from collections.abc import Callable
from dataclasses import dataclass

from app.core.enums import OrderStatus
from app.core.orders import FINAL, Order
from app.core.strategy.views import Clock
from app.services.execution.entries import Entries
from app.services.execution.groups import Groups
from app.services.execution.ledger import Ledger
from app.services.execution.order_log import OrderLog
from app.services.execution.reserve import Reserve
from app.services.execution.tape import NEVER_NS, Tape


@dataclass(slots=True, eq=False)
class UnderWay:
    """What arrives at `at_ns` (UTC nanoseconds) and acts after `bars_to_miss` further bars."""

    at_ns: int
    bars_to_miss: int

    def has_arrived(self, start_ns: int) -> bool:
        """Whether it acts in the bar that starts at `start_ns`; asked once a bar."""
        if self.at_ns > start_ns:
            return False
        self.bars_to_miss -= 1
        return self.bars_to_miss < 0


@dataclass(slots=True, eq=False)
class Message(UnderWay):
    """A cancellation or a replacement under way; `act` is told when it acts."""

    act: Callable[[int], None]


class Book:
    """State shared by the two sides of the exchange: where orders come in, and where they trade.

    `working` maps a symbol's position to its orders, oldest first, and has no entry for a symbol
    without any and without messages under way. `due_ns` is no later than the end of the next
    bar in which an order must be looked at; `rows` has that bar's row for the symbols where it
    is known. `arrivals` has the orders under way, `later` the messages about a symbol's orders.
    `triggered` has the orders whose stop price has been reached, `best` the best price of each
    trailing stop. `changed` are orders whose owners are yet to be told, `is_heard` whether any
    owner listens.
    """

    def __init__(self, symbols: int, ledger: Ledger, clock: Clock) -> None:
        self.clock = clock
        self.ledger = ledger
        self.tape = Tape(symbols, clock)
        self.entries = Entries(symbols)
        self.log = OrderLog()
        self.groups = Groups()
        self.reserve = Reserve()
        self.working: dict[int, list[Order]] = {}
        self.rows: dict[int, int] = {}
        self.due_ns = NEVER_NS
        self.arrivals: dict[int, UnderWay] = {}
        self.later: dict[int, list[Message]] = {}
        self.triggered: set[int] = set()
        self.best: dict[int, float] = {}
        self.changed: list[Order] = []
        self.is_heard = False

    def alive(self) -> list[Order]:
        """Orders in no final state: under way, held, or working."""
        return [order for order in self.log.orders if order.status not in FINAL]

    def work(self, order: Order, row: int | None = None) -> None:
        """Put an order among the working ones; `row` is its symbol's next bar, if known."""
        symbol = order.symbol
        self.ledger.positions[order.strategy][symbol].working_orders += 1
        if symbol in self.working:
            self.working[symbol].append(order)
        else:
            self.working[symbol] = [order]
        self.look_from(symbol, self.tape.closed_rows(symbol) if row is None else row)

    def send_later(self, symbol: int, message: Message) -> None:
        """Let a message about a symbol's orders be under way."""
        self._orders_of(symbol)
        self.later.setdefault(symbol, []).append(message)

    def _orders_of(self, symbol: int) -> list[Order]:
        """A symbol's working orders, for one more to be added."""
        orders = self.working.setdefault(symbol, [])
        self.look_from_now(symbol)
        return orders

    def look_from_now(self, symbol: int) -> None:
        """A symbol's orders have new terms; bars that have ended are none of their business."""
        self.look_from(symbol, self.tape.closed_rows(symbol))

    def look_from(self, symbol: int, row: int) -> None:
        """A symbol's orders are to be looked at from a row on."""
        self.tape.next_rows[symbol] = row
        self.rows.pop(symbol, None)
        soonest_ns = self.clock.now_ns + 1  # what has ended fills nothing
        if soonest_ns < self.due_ns:  # noqa: PLR1730  # twice as fast as min()
            self.due_ns = soonest_ns

    def receive(self, symbol: int, start_ns: int) -> None:
        """Let the messages act that have arrived when the symbol's next bar starts."""
        due: list[Message] = []
        waiting: list[Message] = []
        for message in self.later.pop(symbol, ()):
            (due if message.has_arrived(start_ns) else waiting).append(message)
        if waiting:
            self.later[symbol] = waiting
        for message in due:
            message.act(start_ns)
        if not (waiting or self.working.get(symbol)):
            self.working.pop(symbol, None)

    def end(
        self, order: Order, status: OrderStatus, cause: str, time_ns: int | None = None
    ) -> None:
        """Move an order into a final state; exits of an entry that never filled end with it.

        `time_ns` is when, if that is not now.
        """
        self.log.move(order, self.clock.now_ns if time_ns is None else time_ns, status, cause)
        order.reason = cause
        self.leave(order)
        if status is OrderStatus.REPLACED:
            return
        for leg in self.groups.exits_of(order):
            if leg.status is OrderStatus.HELD:
                cause = f"order {order.id} ended without a fill"
                self.end(leg, OrderStatus.CANCELED, cause, time_ns)

    def end_and_tell(
        self, order: Order, status: OrderStatus, cause: str, time_ns: int | None = None
    ) -> None:
        """End an order that its owner did not end; the owner is told after all fills."""
        self.end(order, status, cause, time_ns)
        self.changed.append(order)

    def cancel_now(self, order: Order, cause: str, time_ns: int | None = None) -> None:
        """Cancel an order unless it has ended before."""
        if order.status not in FINAL:
            self.end(order, OrderStatus.CANCELED, cause, time_ns)

    def leave(self, order: Order) -> None:
        """Take an order that has ended from among the working ones."""
        self.reserve.release(order.id)
        self.triggered.discard(order.id)
        self.best.pop(order.id, None)
        self.arrivals.pop(order.id, None)
        if order in self.working.get(order.symbol, ()):
            self.drop(order)

    def drop(self, order: Order) -> None:
        """Take a working order from among the working ones."""
        self.ledger.positions[order.strategy][order.symbol].working_orders -= 1
        orders = self.working[order.symbol]
        if len(orders) == 1 and not self.later.get(order.symbol):
            del self.working[order.symbol]
        else:
            orders.remove(order)
        self.rows.pop(order.symbol, None)
        if not self.working:
            self.due_ns = NEVER_NS

    def look_again(self, symbol: int) -> None:
        """What was known of the next bar to look at no longer holds."""
        self.rows.pop(symbol, None)
        self.due_ns = -1 if self.working else NEVER_NS

    def is_waiting(self, symbol: int) -> bool:
        """Whether an order of the symbol, or a message about one, is under way."""
        return bool(self.later.get(symbol)) or any(
            order.id in self.arrivals for order in self.working[symbol]
        )

    # ── money ────────────────────────────────────────────────────────────────

    def added_units(self, order: Order, quantity: float) -> float:
        """Units by which `quantity` would enlarge the strategy's position; 0.0: it reduces."""
        held = self.ledger.positions[order.strategy][order.symbol].quantity
        if not held:
            return abs(quantity)
        added = abs(held + quantity) - abs(held)
        return added if added > 0.0 else 0.0  # noqa: FURB136  # twice as fast as max()

    def claim(self, order: Order, row: int | None = None) -> str:
        """Reserve what the rest of an order would add; why not, if it cannot be.

        `row` is its symbol's next bar, if known.
        """
        if order.instructions.reduce_only:
            return ""
        held = self.ledger.positions[order.strategy][order.symbol].quantity
        added = abs(held + order.quantity - order.filled_quantity) - abs(held)
        if added <= 0.0:
            return ""
        if self.entries.restricted and (
            blocked := self.entries.refusal(order.symbol, self.clock.now_ns)
        ):
            return blocked
        price = order.limit_price or order.stop_price
        if not price:
            rows = self.tape.closed_rows(order.symbol) if row is None else row
            price = self.tape.close_of(order.symbol, rows)
        if not self.ledger.can_add(added * price, self.reserve.total):
            return "not enough buying power"
        self.reserve.hold(order.id, added * price)
        return ""
