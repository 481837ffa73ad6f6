"""ExecutionManager: what the account holds and which orders work, for whoever looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.core.instants import utc
from app.core.orders import FINAL, Order
from app.monitoring.values import OrderState
from app.services.simulation.simulation import Simulation


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """The account at one moment, in the quote currency."""

    cash: float
    equity: float
    buying_power: float
    gross_exposure: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionView:
    """One symbol's holding at one moment: signed units, all strategies together."""

    symbol: str
    quantity: float
    last_price: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FillView:
    """One fill of the running session; `number` counts them from 1, `quantity` is signed."""

    number: int
    order: int
    strategy: str
    symbol: str
    quantity: float
    price: float
    commission: float
    slippage: float
    time: datetime


class ExecutionManager:
    """Reads the running session's exchange; empty answers while nothing runs."""

    def __init__(self) -> None:
        self._simulation: Simulation | None = None
        self._symbols: tuple[str, ...] = ()
        self._strategies: tuple[str, ...] = ()

    def attach(
        self, simulation: Simulation, symbols: Sequence[str], strategies: Sequence[str]
    ) -> None:
        """Look at this run from now on; the names are those its orders mean by their numbers."""
        self._simulation = simulation
        self._symbols, self._strategies = tuple(symbols), tuple(strategies)

    def get_account(self) -> AccountView | None:
        """The account, or None before the first session."""
        if self._simulation is None:
            return None
        ledger = self._simulation.exchange.ledger
        return AccountView(
            cash=ledger.account.cash,
            equity=ledger.equity(),
            buying_power=ledger.buying_power(),
            gross_exposure=ledger.gross_exposure(),
        )

    def get_positions(self) -> list[PositionView]:
        """Holdings that are not zero, in the session's order of symbols."""
        if self._simulation is None:
            return []
        exchange = self._simulation.exchange
        return [
            PositionView(symbol=name, quantity=held, last_price=exchange.last_close(number))
            for number, (name, held) in enumerate(
                zip(self._symbols, exchange.ledger.holdings, strict=True)
            )
            if held
        ]

    def get_orders(self, *, working_only: bool = False) -> list[Order]:
        """Orders of the run in the order they came; copies are not made."""
        if self._simulation is None:
            return []
        orders = list(self._simulation.exchange.orders)
        return [order for order in orders if order.status not in FINAL] if working_only else orders

    def get_order_states(self, after: int, most: int) -> list[OrderState]:
        """The first `most` orders whose number is greater than `after`, as they are now."""
        if self._simulation is None:
            return []
        orders = self._simulation.exchange.orders[after : after + most]
        return [
            OrderState.of(order, self._strategies[order.strategy], self._symbols[order.symbol])
            for order in orders
        ]

    def get_fills(self, after: int, most: int) -> list[FillView]:
        """The first `most` fills whose number is greater than `after`."""
        if self._simulation is None:
            return []
        fills = self._simulation.exchange.ledger.fills(after, after + most)
        return [
            FillView(
                number=after + 1 + row,
                order=fills.order_id.item(row),
                strategy=self._strategies[fills.strategy.item(row)],
                symbol=self._symbols[fills.symbol.item(row)],
                quantity=fills.quantity.item(row),
                price=fills.price.item(row),
                commission=fills.commission.item(row),
                slippage=fills.slippage.item(row),
                time=utc(fills.time_ns.item(row)),
            )
            for row in range(len(fills))
        ]
