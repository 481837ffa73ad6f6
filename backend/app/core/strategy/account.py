"""What a strategy sees of its money: its position in a symbol and the account it trades in."""

from collections.abc import Callable


class Position:
    """Holding of one strategy in one symbol; kept up to date by the platform.

    Attributes:
        symbol: what is held.
        quantity: units held, negative when short, 0.0 when flat.
        average_price: average entry price of what is held; 0.0 when flat.
        working_orders: how many orders of the strategy work in the symbol.
    """

    __slots__ = ("average_price", "quantity", "symbol", "working_orders")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.quantity = 0.0
        self.average_price = 0.0
        self.working_orders = 0

    def __bool__(self) -> bool:
        return self.quantity != 0.0

    def __repr__(self) -> str:
        return f"Position({self.symbol} {self.quantity:g} @ {self.average_price:g})"


class Account:
    """The account that all strategies of a run share.

    `cash` is a plain attribute; `equity` and `buying_power` are worked out when asked for,
    from the last closes known at that moment. All in the quote currency.
    """

    __slots__ = ("_buying_power", "_equity", "cash")

    def __init__(
        self, cash: float, equity: Callable[[], float], buying_power: Callable[[], float]
    ) -> None:
        self.cash = cash
        self._equity = equity
        self._buying_power = buying_power

    @property
    def equity(self) -> float:
        """Cash plus every position at its symbol's last close."""
        return self._equity()

    @property
    def buying_power(self) -> float:
        """Value that may still be bought or sold short: leverage × equity − gross exposure."""
        return self._buying_power()
