"""The account: cash, positions of each strategy, what may still be bought, and the fill log."""

from collections.abc import Callable, Sequence

import numpy as np

from app.core.carry import Carry
from app.core.costs import Commission
from app.core.orders import Order
from app.core.run_log import CashFlow, Dividend, FillColumns, Split
from app.core.strategy.account import Account, Position

_LOG_WIDTH = 9
"""Numbers a fill leaves in the log, which is one flat list: thousands of small tuples would
have the garbage collector walk the heap in the middle of a run."""

_TINY = 1e-9
"""Units below which a remainder is rounding, not a position."""


class Ledger:
    """Money and holdings of one account, shared by several strategies.

    `last_price`, set by the exchange, gives a symbol's latest close; it is asked only when
    equity is.
    """

    def __init__(
        self,
        *,
        cash: float,
        symbols: Sequence[str],
        strategies: int,
        commission: Commission,
        leverage: float,
    ) -> None:
        self.account = Account(cash, self.equity, self.buying_power)
        self._charge = commission.start().charge
        self.splits: list[Split] = []
        self.dividends: list[Dividend] = []
        self.cash_flows: list[CashFlow] = []
        self.leverage = leverage
        self.positions = [[Position(symbol) for symbol in symbols] for _ in range(strategies)]
        self.holdings = [0.0] * len(symbols)
        self.shorts = 0
        self.last_price: Callable[[int], float] = lambda _symbol: 0.0
        self._log: list[float] = []

    def equity(self) -> float:
        """Cash plus all holdings at their last closes."""
        values = (held * self.last_price(s) for s, held in enumerate(self.holdings) if held)
        return self.account.cash + sum(values)

    def gross_exposure(self) -> float:
        """Sum of the absolute values of all holdings at their last closes."""
        return sum(abs(q) * self.last_price(s) for s, q in enumerate(self.holdings) if q)

    def buying_power(self) -> float:
        """``leverage × equity − gross exposure``: the value that may be added."""
        return self.leverage * self.equity() - self.gross_exposure()

    def can_add(self, value: float, reserved: float) -> bool:
        """Whether `value` may be added while `reserved` is spoken for by working orders.

        With leverage and without shorts the buying power is never below cash, so cash alone
        often answers.
        """
        if not self.shorts and self.leverage >= 1.0 and value <= self.account.cash - reserved:
            return True
        return value <= self.buying_power() - reserved + _TINY

    def apply(
        self,
        order: Order,
        quantity: float,
        price: float,
        slippage: float,
        time_ns: int,
        bar_end_ns: int,
    ) -> None:
        """Book a fill of `quantity` (signed) units at `price`, before `order` is told of it.

        `slippage` is what of the price a unit lost to it.
        """
        strategy, symbol = order.strategy, order.symbol
        fee = self._charge(quantity, price, time_ns, order.filled_quantity, order.fill_price)
        cost = abs(quantity) * slippage
        self.account.cash -= quantity * price + fee
        self._log += (time_ns, order.id, strategy, symbol, quantity, price, fee, cost, bar_end_ns)
        position, before = self.positions[strategy][symbol], self.holdings[symbol]
        if not position.quantity:
            position.quantity, position.average_price = quantity, price
        elif position.quantity == -quantity:
            position.quantity = position.average_price = 0.0
        else:
            _move(position, quantity, price)
        after = before + quantity
        if before >= 0.0 and (after > _TINY or after == 0.0):
            self.holdings[symbol] = after  # no short begins or ends, and nothing is rounding
        else:
            self._hold(symbol, after)

    def split(self, symbol: int, ratio: float, time_ns: int) -> None:
        """Multiply what is held of a symbol by `ratio`, and divide its average price."""
        for positions in self.positions:
            positions[symbol].quantity *= ratio
            positions[symbol].average_price /= ratio
        self._hold(symbol, self.holdings[symbol] * ratio)
        self.splits.append(Split(time_ns, symbol, ratio))

    def pay_dividend(self, symbol: int, amount: float, time_ns: int) -> None:
        """Credit `amount` a unit to those who hold a symbol; those who are short pay it."""
        self.dividends.append(Dividend(time_ns, symbol, amount))
        for strategy, positions in enumerate(self.positions):
            held = positions[symbol].quantity
            if held:
                self._flow(time_ns, "dividend", held * amount, strategy, symbol)

    def carry_over(self, carry: Carry, days: int, time_ns: int) -> None:
        """Book borrowing and interest for the calendar days since the last session."""
        short_value = -sum(
            held * self.last_price(symbol)
            for symbol, held in enumerate(self.holdings)
            if held < 0.0
        )
        borrow, interest = carry.accrue(self.account.cash, short_value, days)
        if borrow:
            self._charge_borrowers(borrow, time_ns)
        if interest:
            self._flow(time_ns, "interest", interest, -1, -1)

    def _charge_borrowers(self, borrow: float, time_ns: int) -> None:
        """Share the fee of borrowing among the short positions by their value."""
        shorts = [
            (strategy, symbol, -position.quantity * self.last_price(symbol))
            for strategy, positions in enumerate(self.positions)
            for symbol, position in enumerate(positions)
            if position.quantity < 0.0
        ]
        total = sum(value for _, _, value in shorts)
        for strategy, symbol, value in shorts:
            self._flow(time_ns, "borrow", borrow * value / total, strategy, symbol)

    def _flow(self, time_ns: int, kind: str, amount: float, strategy: int, symbol: int) -> None:
        self.account.cash += amount
        self.cash_flows.append(CashFlow(time_ns, kind, amount, strategy, symbol))

    def _hold(self, symbol: int, units: float) -> None:
        before = self.holdings[symbol]
        after = units if abs(units) > _TINY else 0.0
        self.holdings[symbol] = after
        self.shorts += (after < 0.0) - (before < 0.0)

    def fills(self, first: int = 0, last: int | None = None) -> FillColumns:
        """What was booked so far from number `first` on, to before number `last`, as columns."""
        end = None if last is None else last * _LOG_WIDTH
        log = self._log[first * _LOG_WIDTH : end]
        columns = [log[k::_LOG_WIDTH] for k in range(_LOG_WIDTH)]
        integers = [np.array(columns[k], np.int64) for k in (0, 1, 2, 3, 8)]
        numbers = [np.array(columns[k], np.float64) for k in (4, 5, 6, 7)]
        time_ns, order_id, strategy, symbol, bar_end_ns = integers
        quantity, price, commission, slippage = numbers
        return FillColumns(
            time_ns=time_ns,
            bar_end_ns=bar_end_ns,
            order_id=order_id,
            strategy=strategy,
            symbol=symbol,
            quantity=quantity,
            price=price,
            commission=commission,
            slippage=slippage,
        )


def _move(position: Position, quantity: float, price: float) -> None:
    """Change a position by a fill: adding averages the price, reducing keeps it, a flip resets."""
    before = position.quantity
    after = before + quantity
    if abs(after) <= _TINY:
        position.quantity = position.average_price = 0.0
        return
    if before * quantity >= 0.0:
        position.average_price = (position.average_price * before + price * quantity) / after
    elif before * after < 0.0:
        position.average_price = price
    position.quantity = after
