"""The simulated exchange: takes orders, holds them, and fills them against minute bars.

Within one instant all fills of all symbols come first, in the run's order of symbols and for
each symbol in the order the orders came; then the strategies that own them are told.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from app.core.costs import Slippage
from app.core.data_structures import BarColumns
from app.core.enums import OrderStatus, OrderType, TimeInForce
from app.core.orders import FINAL, Order, OrderEvents, require_transition
from app.core.strategy.views import BarCursor, Clock
from app.services.execution.ledger import Ledger
from app.services.execution.pricing import limit_price, stop_price

_MARKET, _LIMIT = OrderType.MARKET, OrderType.LIMIT
_PENDING, _NEW, _FILLED = OrderStatus.PENDING_NEW, OrderStatus.NEW, OrderStatus.FILLED
_REJECTED, _EXPIRED, _CANCELED = OrderStatus.REJECTED, OrderStatus.EXPIRED, OrderStatus.CANCELED
_NEVER = 2**63 - 1

OrderListener = Callable[[Order], None]


class SimulatedExchange:
    """Working orders of all strategies and symbols, matched only while there are any.

    `working` maps a symbol's position to its orders, oldest first, and is empty when nothing
    works: a loop asks just that. The bars of the batch at hand are given by `load`; rows are
    counted within it.
    """

    def __init__(
        self, *, symbols: Sequence[str], ledger: Ledger, clock: Clock, slippage: Slippage
    ) -> None:
        self.ledger = ledger
        ledger.last_price = self.last_close
        self.working: dict[int, list[Order]] = {}
        self.orders: list[Order] = []
        self._listeners: dict[tuple[int, int], OrderListener] = {}
        self.on_listener_error: Callable[[int, Exception], None] = _raise
        self.minute_cursors: dict[int, BarCursor] = {}
        self._clock = clock
        self._slippage = slippage
        self._bars = [BarColumns.empty()] * len(symbols)
        self._first_rows = [0] * len(symbols)
        self._suspects: list[frozenset[int]] = [frozenset()] * len(symbols)
        self._next_rows = [0] * len(symbols)
        self._last_closes = [0.0] * len(symbols)
        self._matched_until_ns = -1
        self._reserved: dict[int, float] = {}
        self._reserved_total = 0.0
        self._events: list[Any] = []

    @property
    def is_heard(self) -> bool:
        """Whether any strategy is told of its orders."""
        return bool(self._listeners)

    def listen(self, strategy: int, symbol: int, listener: OrderListener) -> None:
        """Tell `listener` of a strategy's orders in a symbol that were filled or ended."""
        self._listeners[strategy, symbol] = listener

    # ── the bars at hand ─────────────────────────────────────────────────────

    def load(
        self,
        bars: Sequence[BarColumns],
        first_rows: Sequence[int],
        suspects: Sequence[frozenset[int]],
    ) -> None:
        """Take the next batch of minute bars, one entry a symbol.

        `first_rows` are their rows in the run's series, `suspects` the rows within the batch in
        which nothing may trade.
        """
        for symbol, old in enumerate(self._bars):
            if len(old):
                self._last_closes[symbol] = old.close.item(-1)
        self._bars = list(bars)
        self._first_rows = list(first_rows)
        self._suspects = list(suspects)
        self._next_rows = [0] * len(self._bars)

    def last_close(self, symbol: int) -> float:
        """Close of the latest bar that has ended by now; 0.0 before the first."""
        row = self._closed_rows(symbol)
        return self._bars[symbol].close.item(row - 1) if row else self._last_closes[symbol]

    def _closed_rows(self, symbol: int) -> int:
        """How many bars of the batch have ended by now: also the row of the next one."""
        bars, now_ns = self._bars[symbol], self._clock.now_ns
        cursor = self.minute_cursors.get(symbol)
        if cursor is not None:
            row = cursor.row - self._first_rows[symbol]
            if 0 <= row < len(bars.end_ns) and bars.end_ns.item(row) == now_ns:
                return row + 1
        return int(bars.end_ns.searchsorted(now_ns, side="right"))

    # ── orders come and go ───────────────────────────────────────────────────

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
    ) -> Order:
        """Accept an order, or refuse it for want of buying power; it trades from the next bar."""
        now_ns = self._clock.now_ns
        orders, working = self.orders, self.working
        order = Order(
            len(orders) + 1,
            strategy,
            symbol,
            quantity,
            type_,
            time_in_force,
            limit,
            stop,
            now_ns,
            tag,
        )
        orders.append(order)
        self._events += (order.id, now_ns, _PENDING, "")
        added = self._added_units(strategy, symbol, quantity)
        if added and not self._reserve(order, added):
            self._end(order, _REJECTED, "not enough buying power")
            self._tell(order)
            return order
        order.status = _NEW
        self._events += (order.id, now_ns, _NEW, "")
        if symbol in working:
            working[symbol].append(order)
        else:
            working[symbol] = [order]
            self._next_rows[symbol] = self._closed_rows(symbol)
        return order

    def cancel(self, order: Order, cause: str = "cancelled by the strategy") -> None:
        """End a working order; one in a final state is left as it is."""
        if order.status in FINAL:
            return
        self._end(order, _CANCELED, cause)
        self._remove(order)

    def expire(self, close_ns: int) -> None:
        """End day orders that could have traded in the session that closed at `close_ns`."""
        if not self.working:
            return
        ended = [
            order
            for orders in self.working.values()
            for order in orders
            if order.time_in_force is TimeInForce.DAY and order.submitted_ns < close_ns
        ]
        for order in ended:
            self._end(order, _EXPIRED, "the session closed")
            self._remove(order)
        for order in ended:
            self._tell(order)

    def cancel_all(self, cause: str) -> None:
        """End every working order."""
        for order in [order for orders in self.working.values() for order in orders]:
            self.cancel(order, cause)

    def retire(self, strategy: int, cause: str) -> None:
        """End the working orders of one strategy, and tell it nothing any more."""
        self._listeners = {k: v for k, v in self._listeners.items() if k[0] != strategy}
        for order in [each for orders in self.working.values() for each in orders]:
            if order.strategy == strategy:
                self.cancel(order, cause)

    def events(self) -> OrderEvents:
        """Every transition of every order so far."""
        return OrderEvents(self._events)

    # ── matching ─────────────────────────────────────────────────────────────

    def match_until(self, until_ns: int) -> None:
        """Match working orders against the bars ending by `until_ns`, instant by instant."""
        if until_ns == self._matched_until_ns:
            return
        self._matched_until_ns = until_ns
        clock, working = self._clock, self.working
        while working:
            if len(working) == 1:
                (symbol,) = working
                end_ns = self._next_end(symbol)
                due: Iterable[int] = working
            else:
                ends = {symbol: self._next_end(symbol) for symbol in working}
                end_ns = min(ends.values())
                due = sorted(symbol for symbol in ends if ends[symbol] == end_ns)
            if end_ns > until_ns:
                break
            clock.now_ns = end_ns
            ended = [order for symbol in [*due] for order in self._match_bar(symbol, end_ns)]
            if self._listeners:
                for order in ended:
                    self._tell(order)
        clock.now_ns = until_ns

    def _next_end(self, symbol: int) -> int:
        ends, row = self._bars[symbol].end_ns, self._next_rows[symbol]
        return ends.item(row) if row < len(ends) else _NEVER

    def _match_bar(self, symbol: int, end_ns: int) -> list[Order]:
        """Match a symbol's orders against its next bar; those that were filled or refused."""
        bars, row = self._bars[symbol], self._next_rows[symbol]
        self._next_rows[symbol] = row + 1
        if bars.volume.item(row) == 0.0 or row in self._suspects[symbol]:
            return []
        start_ns, open_ = bars.start_ns.item(row), bars.open.item(row)
        orders = self.working[symbol]
        ended = []
        for order in orders:
            if order.submitted_ns > start_ns:
                continue
            price = open_ if order.type is _MARKET else self._priced(order, bars, row, open_)
            if price:
                time_ns = start_ns if price == open_ else end_ns
                self._fill(order, price, time_ns, end_ns)
                ended.append(order)
        if len(ended) == len(orders):
            del self.working[symbol]
        elif ended:
            self.working[symbol] = [order for order in orders if order.status is _NEW]
        return ended

    def _priced(self, order: Order, bars: BarColumns, row: int, open_: float) -> float:
        """Price of a limit or stop order in a bar, before slippage; 0.0: no trade."""
        high, low, buy = bars.high.item(row), bars.low.item(row), order.quantity > 0.0
        if order.type is _LIMIT:
            return limit_price(order.limit_price, open_, high, low, buy=buy)
        return stop_price(order.stop_price, open_, high, low, buy=buy)

    def _fill(self, order: Order, price: float, time_ns: int, bar_end_ns: int) -> None:
        quantity = order.quantity
        slippage = 0.0 if order.type is _LIMIT else self._slippage.adverse(price)
        if slippage:
            price += slippage if quantity > 0.0 else -slippage
        if self._reserved:
            self._release(order)
        added = self._added_units(order.strategy, order.symbol, quantity)
        if added and not self.ledger.can_add(added * price, self._reserved_total):
            self._end(order, _REJECTED, "not enough buying power at the price of the fill")
            return
        order.status = _FILLED
        order.filled_ns = time_ns
        order.fill_price = price
        self._events += (order.id, time_ns, _FILLED, "")
        self.ledger.apply(order, price, slippage, time_ns, bar_end_ns)

    # ── buying power ─────────────────────────────────────────────────────────

    def _added_units(self, strategy: int, symbol: int, quantity: float) -> float:
        """Units by which `quantity` would enlarge the strategy's position: 0.0 when it reduces."""
        held = self.ledger.positions[strategy][symbol].quantity
        if not held:
            return abs(quantity)
        after = abs(held + quantity) - abs(held)
        return max(0.0, after)

    def _reserve(self, order: Order, units: float) -> bool:
        price = order.limit_price or order.stop_price or self.last_close(order.symbol)
        value = units * price
        if not self.ledger.can_add(value, self._reserved_total):
            return False
        self._reserved[order.id] = value
        self._reserved_total += value
        return True

    def _release(self, order: Order) -> None:
        value = self._reserved.pop(order.id, 0.0)
        self._reserved_total = self._reserved_total - value if self._reserved else 0.0

    # ── ends ─────────────────────────────────────────────────────────────────

    def _end(self, order: Order, status: OrderStatus, cause: str) -> None:
        require_transition(order.status, status)
        order.status = status
        order.reason = cause
        self._release(order)
        self._events += (order.id, self._clock.now_ns, status, cause)

    def _remove(self, order: Order) -> None:
        orders = self.working.get(order.symbol, [])
        if order in orders:
            orders.remove(order)
            if not orders:
                del self.working[order.symbol]

    def _tell(self, order: Order) -> None:
        listener = self._listeners.get((order.strategy, order.symbol))
        if listener is None:
            return
        try:
            listener(order)
        except Exception as error:  # noqa: BLE001  # what a strategy raises is its runner's to judge
            self.on_listener_error(order.strategy, error)


def _raise(_strategy: int, error: Exception) -> None:
    raise error
