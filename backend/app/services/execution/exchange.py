"""The simulated exchange: takes orders, holds them, and fills them against minute bars.

Within one instant all fills of all symbols come first, in the run's order of symbols and for
each symbol in the order of `matching`; then the strategies that own them are told.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from app.core.costs import Slippage
from app.core.data_structures import BarColumns
from app.core.enums import OrderStatus, OrderType, TimeInForce
from app.core.fill_rules import FillRules
from app.core.orders import FINAL, PLAIN, Instructions, Order, OrderEvents
from app.core.quality_gate import RestrictionColumns
from app.core.run_log import SPLIT_CAUSE
from app.core.strategy.views import Clock
from app.services.execution.book import Book, Message, UnderWay
from app.services.execution.entries import Entries
from app.services.execution.floor import Floor
from app.services.execution.ledger import Ledger
from app.services.execution.matching import begin_trail
from app.services.execution.tape import NEVER_NS, Tape

_MARKET, _LIMIT, _STOP = OrderType.MARKET, OrderType.LIMIT, OrderType.STOP
_TRAILING = OrderType.TRAILING_STOP
_PENDING, _HELD, _NEW = OrderStatus.PENDING_NEW, OrderStatus.HELD, OrderStatus.NEW
_REJECTED, _EXPIRED, _REPLACED = OrderStatus.REJECTED, OrderStatus.EXPIRED, OrderStatus.REPLACED
_DAY, _GTC, _GTD = TimeInForce.DAY, TimeInForce.GTC, TimeInForce.GTD
_OPG, _CLS = TimeInForce.OPG, TimeInForce.CLS
_NOTHING_LEFT = "there was nothing left to replace"

OrderListener = Callable[[Order], None]


class SimulatedExchange:
    """Orders of all strategies and symbols, matched only while there are any.

    A loop need ask no more than its `book`: whether anything works, and whether it is due.
    """

    def __init__(
        self,
        *,
        symbols: Sequence[str],
        ledger: Ledger,
        clock: Clock,
        slippage: Slippage,
        rules: FillRules,
    ) -> None:
        self.ledger = ledger
        self.on_listener_error: Callable[[int, Exception], None] = _raise
        self._book = book = Book(len(symbols), ledger, clock)
        self._floor = Floor(book, slippage=slippage, rules=rules)
        self.working = book.working
        self._rules = rules
        self._late = bool(rules.latency_ns or rules.latency_bars)
        self._listeners: dict[tuple[int, int], OrderListener] = {}
        ledger.last_price = book.tape.last_close

    # ── what others read ─────────────────────────────────────────────────────

    @property
    def book(self) -> Book:
        """Which orders work, and when the next of them must be looked at."""
        return self._book

    @property
    def orders(self) -> list[Order]:
        """Every order of the run, in the order they came."""
        return self._book.log.orders

    @property
    def tape(self) -> Tape:
        """The bars it trades on."""
        return self._book.tape

    @property
    def entries(self) -> Entries:
        """Which symbols may be entered."""
        return self._book.entries

    @property
    def entries_blocked(self) -> str | None:
        """Why no position may be entered or enlarged; None if it may."""
        return self._book.entries.blocked

    @entries_blocked.setter
    def entries_blocked(self, reason: str | None) -> None:
        self._book.entries.blocked = reason

    def events(self) -> OrderEvents:
        """Every transition of every order so far."""
        return self._book.log.events()

    def last_close(self, symbol: int) -> float:
        """Close of the latest bar that has ended by now; 0.0 before the first."""
        return self._book.tape.last_close(symbol)

    @property
    def is_heard(self) -> bool:
        """Whether any strategy is told of its orders."""
        return bool(self._listeners)

    def listen(self, strategy: int, symbol: int, listener: OrderListener) -> None:
        """Tell `listener` of a strategy's orders in a symbol that were filled or ended."""
        self._listeners[strategy, symbol] = listener
        self._book.is_heard = True

    # ── orders come ──────────────────────────────────────────────────────────

    def submit(
        self,
        strategy: int,
        symbol: int,
        quantity: float,
        type_: OrderType,
        time_in_force: TimeInForce,
        limit: float,
        stop: float,
        tag: str,
        instructions: Instructions,
    ) -> Order:
        """Accept an order, or refuse it with a reason; it trades from the next bar on."""
        book = self._book
        now_ns, log = book.clock.now_ns, book.log
        order = Order(
            len(log.orders) + 1,
            strategy,
            symbol,
            quantity,
            type_,
            time_in_force,
            limit,
            stop,
            now_ns,
            tag,
            instructions,
        )
        log.orders.append(order)
        row = book.tape.closed_rows(symbol)
        is_usual = instructions is PLAIN and (time_in_force is _DAY or time_in_force is _GTC)
        refusal = "" if is_usual else self._contradiction(order)
        refusal = refusal or book.claim(order, row)
        if refusal:
            log.record(order, now_ns, _PENDING)
            book.end(order, _REJECTED, refusal)
            self._tell(order)
            return order
        log.accept(order, now_ns)
        if type_ is _TRAILING:
            begin_trail(order, book.tape.last_close(symbol), book.best)
        if self._late:
            arrival_ns = now_ns + self._rules.latency_ns
            book.arrivals[order.id] = UnderWay(arrival_ns, self._rules.latency_bars)
        book.work(order, row)
        if instructions is not PLAIN and (instructions.take_profit or instructions.stop_loss):
            self._make_exits(order)
        return order

    def _contradiction(self, order: Order) -> str:
        """Why an order makes no sense; empty if it does."""
        force, terms = order.time_in_force, order.instructions
        if order.type is _TRAILING and not self.last_close(order.symbol):
            return "there is no price yet for a stop to trail"
        if force in (_OPG, _CLS) and order.type not in (_MARKET, _LIMIT):
            return f"only market and limit orders can be {force}"
        if terms.good_till_ns and force is not _GTD:
            return f"good_till is for gtd orders, and this one is {force}"
        if force is _GTD and terms.good_till_ns <= order.submitted_ns:
            return "good_till is not later than now"
        return ""

    def _make_exits(self, entry: Order) -> None:
        """The exits of an entry, held until it fills: target first, then stop."""
        book, terms = self._book, entry.instructions
        exits = []
        if terms.take_profit:
            exits.append(self._exit(entry, _LIMIT, terms.take_profit, 0.0, "take profit"))
        if terms.stop_loss:
            exits.append(self._exit(entry, _STOP, 0.0, terms.stop_loss, "stop loss"))
        book.groups.add_exits(entry, exits)

    def _exit(self, entry: Order, type_: OrderType, limit: float, stop: float, tag: str) -> Order:
        log = self._book.log
        leg = Order(
            len(log.orders) + 1,
            entry.strategy,
            entry.symbol,
            -entry.quantity,
            type_,
            _DAY if entry.time_in_force is _DAY else _GTC,
            limit,
            stop,
            entry.submitted_ns,
            tag,
            Instructions(reduce_only=True),
            parent=entry.id,
        )
        log.orders.append(leg)
        log.record(leg, entry.submitted_ns, _PENDING)
        log.record(leg, entry.submitted_ns, _HELD, f"until order {entry.id} fills")
        return leg

    # ── orders change and go ─────────────────────────────────────────────────

    def cancel(self, order: Order, cause: str = "cancelled by the strategy") -> None:
        """End a working order; one in a final state is left as it is.

        With latency the order can still trade until the cancellation arrives.
        """
        if order.status in FINAL:
            return
        if self._late:
            self._do_later(order, lambda at_ns: self._book.cancel_now(order, cause, at_ns))
        else:
            self._book.cancel_now(order, cause)

    def replace(self, order: Order, quantity: float, limit: float, stop: float) -> Order:
        """Put an order with other terms in the place of a working one; zero keeps a term.

        With latency the old order can still trade until the replacement arrives. If that is
        refused the old order works on.
        """
        if order.status in FINAL:
            return order
        log, now_ns = self._book.log, self._book.clock.now_ns
        new = Order(
            len(log.orders) + 1,
            order.strategy,
            order.symbol,
            (quantity if order.quantity > 0.0 else -quantity) or order.quantity,
            order.type,
            order.time_in_force,
            limit or order.limit_price,
            stop or order.stop_price,
            now_ns,
            order.tag,
            order.instructions,
            replaces=order.id,
        )
        log.orders.append(new)
        log.record(new, now_ns, _PENDING)
        keeps = not quantity
        if self._late:
            self._do_later(order, lambda at_ns: self._swap(order, new, at_ns, keeps=keeps))
        else:
            self._swap(order, new, now_ns, keeps=keeps)
            self._tell_changed()
        return new

    def _swap(self, old: Order, new: Order, time_ns: int, *, keeps: bool) -> None:
        """Put `new` where `old` is, unless it is refused; with `keeps` it keeps the quantity."""
        book = self._book
        if new.status in FINAL:
            return
        if keeps:
            new.quantity = old.quantity
        new.filled_quantity, new.fill_price = old.filled_quantity, old.fill_price
        new.filled_ns = old.filled_ns
        if refusal := self._refuses_swap(old, new):
            new.filled_quantity, new.fill_price, new.filled_ns = 0.0, 0.0, 0
            book.end_and_tell(new, _REJECTED, refusal, time_ns)
            return
        was_held, best = old.status is _HELD, book.best.get(old.id)
        under_way, was_triggered = book.arrivals.get(old.id), old.id in book.triggered
        book.groups.put_in_place(old, new)
        book.end(old, _REPLACED, f"replaced by order {new.id}", time_ns)
        book.log.move(new, time_ns, _HELD if was_held else _NEW, f"in the place of order {old.id}")
        if was_held:
            return
        if best is not None:
            begin_trail(new, best, book.best)
        if was_triggered:
            book.triggered.add(new.id)
        if under_way is not None:
            book.arrivals[new.id] = under_way
        book.work(new)

    def _refuses_swap(self, old: Order, new: Order) -> str:
        """Why `new` cannot take the place of `old`; if it can, what it needs has been claimed."""
        book = self._book
        if old.status in FINAL or abs(new.quantity) <= abs(old.filled_quantity):
            return _NOTHING_LEFT
        held = book.reserve.release(old.id)
        if old.status is _HELD or not (refusal := book.claim(new)):
            return ""
        if held:
            book.reserve.hold(old.id, held)
        return refusal

    def link(self, orders: Sequence[Order]) -> None:
        """Let the first of these working orders that trades cancel the others."""
        alive = [order for order in orders if order.status not in FINAL]
        if len(alive) == len(orders):
            if len(alive) > 1:
                self._book.groups.link(alive)
            return
        for order in alive:
            self.cancel(order, "an order linked to it had ended before")

    def expire(self, close_ns: int) -> None:
        """End the orders whose time is over when the session closes at `close_ns`."""
        if not self.working:
            return
        open_ns = self._book.tape.session_open_ns
        over = [
            order
            for symbol in sorted(self.working)
            for order in self.working[symbol]
            if _is_over(order, open_ns, close_ns)
        ]
        for order in over:
            self._book.end_and_tell(order, _EXPIRED, "the session closed")
        self._tell_changed()

    def cancel_all(self, cause: str) -> None:
        """End every order that is in no final state, held exits included."""
        for order in self._book.alive():
            self._book.cancel_now(order, cause)

    def retire(self, strategy: int, cause: str) -> None:
        """End the orders of one strategy, and tell it nothing any more."""
        self._listeners = {k: v for k, v in self._listeners.items() if k[0] != strategy}
        for order in self._book.alive():
            if order.strategy == strategy:
                self._book.cancel_now(order, cause)

    def split(self, symbol: int, ratio: float, time_ns: int) -> None:
        """Express a symbol's orders in new units: one old unit is `ratio` new ones."""
        book = self._book
        book.tape.scale(symbol, ratio)
        for order in book.alive():
            if order.symbol == symbol:
                order.quantity *= ratio
                order.filled_quantity *= ratio
                order.limit_price /= ratio
                order.stop_price /= ratio
                order.fill_price /= ratio
                order.instructions = _rescaled(order.instructions, ratio)
                if order.id in book.best:
                    book.best[order.id] /= ratio
                book.log.note(order, time_ns, f"{SPLIT_CAUSE}{ratio:g} units for each")
        if symbol in self.working:
            book.look_from_now(symbol)

    def _do_later(self, order: Order, act: Callable[[int], None]) -> None:
        rules, now_ns = self._rules, self._book.clock.now_ns
        message = Message(now_ns + rules.latency_ns, rules.latency_bars, act)
        self._book.send_later(order.symbol, message)

    # ── matching ─────────────────────────────────────────────────────────────

    def begin_session(self, open_ns: int, close_ns: int) -> None:
        """The bars that follow belong to a session with these bounds."""
        tape = self._book.tape
        tape.session_open_ns, tape.session_close_ns = open_ns, close_ns

    def load(
        self,
        bars: Sequence[BarColumns],
        first_rows: Sequence[int],
        suspects: Sequence[frozenset[int]],
        restrictions: Sequence[RestrictionColumns],
    ) -> None:
        """Take the next batch, one entry a symbol, as `Tape.load` and `Entries.load` say."""
        book = self._book
        book.tape.load(bars, first_rows, suspects)
        book.entries.load(restrictions)
        book.rows.clear()
        book.due_ns = -1 if book.working else NEVER_NS

    def match_until(self, until_ns: int) -> None:
        """Match working orders against the bars ending by `until_ns`, instant by instant."""
        book, floor = self._book, self._floor
        while book.due_ns <= until_ns:
            if not floor.match_next(until_ns):
                break
            if book.changed:
                self._tell_changed()
        book.clock.now_ns = until_ns

    def _tell_changed(self) -> None:
        changed = self._book.changed
        if changed and self._listeners:
            told = changed[:]
            changed.clear()
            for order in told:
                self._tell(order)
        else:
            changed.clear()

    def _tell(self, order: Order) -> None:
        listener = self._listeners.get((order.strategy, order.symbol))
        if listener is None:
            return
        try:
            listener(order)
        except Exception as error:  # noqa: BLE001  # what a strategy raises is its runner's to judge
            self.on_listener_error(order.strategy, error)


def _rescaled(terms: Instructions, ratio: float) -> Instructions:
    """The same instructions when one old unit is `ratio` new ones."""
    if not (terms.trail or terms.take_profit or terms.stop_loss):
        return terms
    return replace(
        terms,
        trail=terms.trail / ratio,
        take_profit=terms.take_profit / ratio,
        stop_loss=terms.stop_loss / ratio,
    )


def _is_over(order: Order, open_ns: int, close_ns: int) -> bool:
    """Whether an order's time is over at the close of a session with these bounds."""
    force = order.time_in_force
    if force is _OPG:
        return order.submitted_ns <= open_ns
    if force is _GTD:
        return order.instructions.good_till_ns <= close_ns
    return force is not _GTC and order.submitted_ns < close_ns


def _raise(_strategy: int, error: Exception) -> None:
    raise error
