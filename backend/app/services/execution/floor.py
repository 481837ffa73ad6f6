"""Where orders trade: each instant's bars against the working orders, and what a fill entails."""

from collections.abc import Iterable
from math import copysign

from app.core.costs import NoSlippage, Slippage
from app.core.enums import OrderStatus, OrderType, TimeInForce
from app.core.fill_rules import FillRules
from app.core.orders import CLOSING, FINAL, PLAIN, Order
from app.core.types import MINUTE_NS
from app.services.execution.attention import PATIENT, next_row, quiet_band
from app.services.execution.book import Book
from app.services.execution.matching import BarMatcher
from app.services.execution.tape import NEVER_NS, MinuteBar

_MARKET, _LIMIT, _STOP_LIMIT = OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_LIMIT
_NEW, _HELD, _PARTIAL = OrderStatus.NEW, OrderStatus.HELD, OrderStatus.PARTIALLY_FILLED
_FILLED, _CANCELED = OrderStatus.FILLED, OrderStatus.CANCELED
_REJECTED, _EXPIRED = OrderStatus.REJECTED, OrderStatus.EXPIRED
_DAY, _GTC, _GTD = TimeInForce.DAY, TimeInForce.GTC, TimeInForce.GTD
_OPG, _FOK = TimeInForce.OPG, TimeInForce.FOK
_ONE_BAR = (TimeInForce.IOC, _FOK)
_TINY = 1e-9
"""Units below which a remainder is rounding."""


class Floor:
    """Matches the book's orders, instant by instant, and books what is traded."""

    def __init__(self, book: Book, *, slippage: Slippage, rules: FillRules) -> None:
        self._book = book
        self._slippage = slippage
        self._rules = rules
        self._late = bool(rules.latency_ns or rules.latency_bars)
        self._cap_pct = rules.participation_pct
        self._is_exact = isinstance(slippage, NoSlippage)
        self._matcher = BarMatcher(
            self._trade, triggered=book.triggered, best=book.best, touch=rules.touch_fills
        )
        self._bar: MinuteBar | None = None
        self._room = 0.0

    def next_end(self, symbol: int) -> int:
        """End of the next bar in which the symbol's orders must be looked at."""
        book = self._book
        row = book.rows.get(symbol)
        if row is None:
            row = book.tape.next_rows[symbol]
            orders = book.working[symbol]
            if not (self._late and book.is_waiting(symbol)) and orders[0].type is not _MARKET:
                band = quiet_band(orders, book.best, book.triggered)
                row = next_row(book.tape.bars[symbol], row, band)
            book.rows[symbol] = row
        return book.tape.end_ns(symbol, row)

    def match_next(self, until_ns: int) -> bool:
        """Match the next instant that matters; False if it comes after `until_ns`.

        A market order that works alone, the usual case, is filled without what cannot concern
        it: `match_instant` would do the same.
        """
        book = self._book
        if len(book.working) == 1 and not self._late:
            ((symbol, orders),) = book.working.items()
            if len(orders) == 1 and self._fills_whole(orders[0], book.tape.next_rows[symbol]):
                return self._match_lone(orders[0], symbol, until_ns)
        return self.match_instant(until_ns)

    def _match_lone(self, order: Order, symbol: int, until_ns: int) -> bool:
        book = self._book
        tape = book.tape
        bars, row = tape.bars[symbol], tape.next_rows[symbol]
        book.due_ns = end_ns = bars.end_ns.item(row) if row < len(bars.end_ns) else NEVER_NS
        if end_ns > until_ns:
            return False
        book.clock.now_ns = end_ns
        tape.next_rows[symbol] = row + 1
        start_ns = bars.start_ns.item(row)
        if order.submitted_ns <= start_ns and tape.is_tradable(symbol, row):
            self._fill_simple(order, row, start_ns, end_ns)
        book.due_ns = -1 if book.working else NEVER_NS
        return True

    def _fills_whole(self, order: Order, row: int) -> bool:
        """Whether an order asks for no more than a bar's open, and the bar has room for it all."""
        terms, force = order.instructions, order.time_in_force
        is_simple = (
            order.type is _MARKET
            and (terms is PLAIN or terms is CLOSING)
            and (force is _DAY or force is _GTC)
            and not order.group
        )
        if not is_simple or not self._cap_pct:
            return is_simple
        volumes = self._book.tape.bars[order.symbol].volume
        if order.filled_quantity or row >= len(volumes):
            return False
        return abs(order.quantity) <= volumes.item(row) * self._cap_pct / 100.0

    def match_instant(self, until_ns: int) -> bool:
        """Match every bar of the next instant that matters; False if it comes after `until_ns`."""
        book = self._book
        ends = {symbol: self.next_end(symbol) for symbol in book.working}
        book.due_ns = end_ns = min(ends.values(), default=NEVER_NS)
        if end_ns > until_ns:
            return False
        book.clock.now_ns = end_ns
        due: Iterable[int] = ends if len(ends) == 1 else sorted(ends)
        for symbol in due:
            # Orders of one symbol may have ended those of another, or have changed them.
            if symbol in book.working:
                is_as_it_was = symbol in book.rows
                if (ends[symbol] if is_as_it_was else self.next_end(symbol)) == end_ns:
                    self._match(symbol)
        book.due_ns = -1 if book.working else NEVER_NS
        return True

    def _match(self, symbol: int) -> None:
        """Match a symbol's orders against the bar that is due."""
        book, tape = self._book, self._book.tape
        row = book.rows.pop(symbol)
        tape.next_rows[symbol] = row + 1
        if not tape.is_tradable(symbol, row):
            return
        orders = book.working[symbol]
        if len(orders) == 1 and not self._late and self._fills_whole(orders[0], row):
            order, bars = orders[0], tape.bars[symbol]
            if order.submitted_ns <= (start_ns := bars.start_ns.item(row)):
                self._fill_simple(order, row, start_ns, bars.end_ns.item(row))
            return
        bar = self._bar = tape.bar(symbol, row)
        self._room = bar.volume * self._cap_pct / 100.0
        if symbol in book.later:
            book.receive(symbol, bar.start_ns)
        there = [order for order in list(book.working.get(symbol, ())) if self._is_there(order)]
        self._matcher.match(there, bar)
        for order in there:
            if order.time_in_force not in PATIENT and order.status not in FINAL:
                self._end_after_bar(order, bar)
        self._bar = None

    # ── who takes part ───────────────────────────────────────────────────────

    def _fill_simple(self, order: Order, row: int, start_ns: int, end_ns: int) -> None:
        """Fill a simple order whole at the open of a bar."""
        book, quantity = self._book, order.quantity
        if order.instructions is CLOSING:
            quantity = self._reducible(order, quantity)
        bars = book.tape.bars[order.symbol]
        price, slip = bars.open.item(row), 0.0
        if not self._is_exact:
            high, low, volume = bars.high.item(row), bars.low.item(row), bars.volume.item(row)
            slip = self._slippage.adverse(price, quantity, high, low, volume)
            slip = slip if quantity > 0.0 else -slip
        if quantity != order.quantity:
            if quantity:
                self._fill(order, quantity, price, slip, start_ns, end_ns)
            return
        price += slip
        if book.reserve.total:
            book.reserve.release(order.id)
        held = book.ledger.positions[order.strategy][order.symbol].quantity
        added = abs(quantity + held) - abs(held)
        if added > 0.0 and (refusal := self._refusal(order, added * price, end_ns)):
            book.end_and_tell(order, _REJECTED, refusal)
            return
        book.ledger.apply(order, quantity, price, abs(slip), start_ns, end_ns)
        order.fill_price, order.filled_quantity, order.filled_ns = price, quantity, start_ns
        book.log.record(order, start_ns, _FILLED)
        book.drop(order)
        if book.is_heard:
            book.changed.append(order)

    def _is_there(self, order: Order) -> bool:
        """Whether an order may trade in the bar: it was sent before, and has arrived."""
        bar, book = self._bar, self._book
        if bar is None or order.submitted_ns > bar.start_ns:
            return False
        if order.time_in_force is _GTD and order.instructions.good_till_ns <= bar.start_ns:
            book.end_and_tell(order, _EXPIRED, "good_till has passed", bar.start_ns)
            return False
        under_way = book.arrivals.get(order.id)
        if under_way is None:
            return True
        if not under_way.has_arrived(bar.start_ns):
            return False
        del book.arrivals[order.id]
        return True

    def _end_after_bar(self, order: Order, bar: MinuteBar) -> None:
        """End an order whose time in force ends with the bar it could trade in."""
        if order.time_in_force in _ONE_BAR:
            cause = f"{order.time_in_force}: its one bar is over"
            self._book.end_and_tell(order, _CANCELED, cause)
        elif order.time_in_force is _OPG and bar.is_first:
            self._book.end_and_tell(order, _EXPIRED, "the session has opened")

    # ── fills ────────────────────────────────────────────────────────────────

    def _trade(self, order: Order, price: float, time_ns: int) -> None:
        """Fill what can be filled of an order in the bar that is being matched."""
        bar = self._bar
        if bar is None or order.status in FINAL:
            return
        quantity = self._fillable(order)
        if not quantity:
            return
        slip = 0.0
        if order.type is not _LIMIT and order.type is not _STOP_LIMIT:
            slip = self._slippage.adverse(price, quantity, bar.high, bar.low, bar.volume)
            slip = slip if quantity > 0.0 else -slip
        if self._fill(order, quantity, price, slip, time_ns, bar.end_ns):
            self._room -= abs(quantity)
            self._send_exits(order, price, time_ns, within_bar=time_ns == bar.end_ns)
            self._settle_group(order)
            self._end_entry(order)

    def _fillable(self, order: Order) -> float:
        """Signed units of an order that may trade now; 0.0 if none, which may have ended it."""
        quantity = order.remaining
        if order.instructions.reduce_only:
            quantity = self._reducible(order, quantity)
        if self._cap_pct and abs(quantity) > self._room:
            room = 0.0 if order.time_in_force is _FOK or self._room <= _TINY else self._room
            whole = order.quantity == int(order.quantity)
            quantity = copysign(float(int(room)) if whole else room, quantity)
        return quantity

    def _reducible(self, order: Order, quantity: float) -> float:
        """What of `quantity` closes the position; 0.0 after ending an order that closes nothing."""
        held = self._book.ledger.positions[order.strategy][order.symbol].quantity
        if held * quantity >= 0.0:
            cause = "reduce-only: there is no position to reduce"
            self._book.end_and_tell(order, _CANCELED, cause)
            return 0.0
        return quantity if abs(quantity) <= abs(held) else -held

    def _fill(
        self, order: Order, quantity: float, price: float, slip: float, time_ns: int, end_ns: int
    ) -> bool:
        """Enter a fill; False if the order had to be ended instead."""
        book = self._book
        held = book.reserve.release(order.id)
        added = book.added_units(order, quantity)
        refusal = self._refusal(order, added * (price + slip), end_ns) if added else ""
        if refusal:
            status = _REJECTED if order.status is _NEW else _CANCELED
            book.end_and_tell(order, status, refusal)
            return False
        price += slip
        book.ledger.apply(order, quantity, price, abs(slip), time_ns, end_ns)
        before, filled = order.filled_quantity, order.filled_quantity + quantity
        average = (order.fill_price * before + price * quantity) / filled if before else price
        order.fill_price, order.filled_quantity, order.filled_ns = average, filled, time_ns
        rest = abs(order.quantity - filled)
        if rest > _TINY:
            book.log.record(order, time_ns, _PARTIAL, f"{abs(quantity):g} filled")
            if held:
                book.reserve.hold(order.id, held * rest / (rest + abs(quantity)))
            book.look_again(order.symbol)
            self._end_reduced(order)
        else:
            book.log.record(order, time_ns, _FILLED)
            book.leave(order)
        book.changed.append(order)
        return True

    def _end_reduced(self, order: Order) -> None:
        """Cancel what is left of a reduce-only order that has closed the position."""
        book = self._book
        position = book.ledger.positions[order.strategy][order.symbol]
        if order.instructions.reduce_only and not position.quantity:
            book.end(order, _CANCELED, "reduce-only: the position is closed")

    def _refusal(self, order: Order, value: float, bar_end_ns: int) -> str:
        """Why a fill that enlarges the position cannot be; empty if it can."""
        book = self._book
        entries = book.entries
        if entries.restricted and (
            blocked := entries.refusal(order.symbol, bar_end_ns - MINUTE_NS)
        ):
            return blocked
        if not book.ledger.can_add(value, book.reserve.total):
            return "not enough buying power at the price of the fill"
        return ""

    def _send_exits(self, entry: Order, price: float, time_ns: int, *, within_bar: bool) -> None:
        """Let the exits of an entry work for what has been filled of it, last at `price`."""
        book = self._book
        for leg in book.groups.exits_of(entry):
            leg.quantity = -entry.filled_quantity
            if leg.status is _HELD:
                book.log.record(leg, time_ns, _NEW, f"order {entry.id} was filled")
                book.work(leg)
                self._matcher.exit_begins(leg)
            if within_bar:
                self._matcher.exit_waits(leg, price)

    def _end_entry(self, leg: Order) -> None:
        """Once an exit has traded, cancel what is left of its entry."""
        if not leg.parent:
            return
        entry = self._book.log.orders[leg.parent - 1]
        if entry.status not in FINAL:
            self._book.end_and_tell(entry, _CANCELED, f"its exit, order {leg.id}, was filled")

    def _settle_group(self, order: Order) -> None:
        """Cancel the orders linked to one that was filled; shrink them if it was partly."""
        for other in self._book.groups.others(order):
            if other.status in FINAL:
                continue
            if order.status in FINAL:
                self._book.end_and_tell(other, _CANCELED, f"order {order.id} was filled")
            else:
                self._shrink(other, order)

    def _shrink(self, other: Order, filled: Order) -> None:
        """Leave no more of an order than there is left of the one `filled` that it is linked to."""
        book, before, left = self._book, abs(other.remaining), abs(filled.remaining)
        if left >= before:
            return
        other.quantity = copysign(left, other.quantity) + other.filled_quantity
        if held := book.reserve.release(other.id):
            book.reserve.hold(other.id, held * left / before)
        book.log.note(other, book.clock.now_ns, f"order {filled.id} was partly filled")
