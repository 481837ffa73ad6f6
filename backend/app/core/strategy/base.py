"""The strategy API: the one class a user writes, the same in backtest, paper and live."""

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import CodeType, FunctionType
from typing import Any, ClassVar, Protocol, Unpack

from app.core.data_structures.columns import BAR_FIELDS
from app.core.enums import OrderType, TimeInForce
from app.core.exceptions import ConfigurationError, StrategyError
from app.core.intervals import Interval
from app.core.orders import CLOSING, PLAIN, Instructions, Order
from app.core.session_data import SessionData
from app.core.strategy.account import Account, Position
from app.core.strategy.conditions import Condition
from app.core.strategy.declarations import Bars, Indicator, NotYet
from app.core.strategy.parameters import BarInterval, Parameter, resolve
from app.core.strategy.terms import OrderTerms, read_terms, require_number, require_tag
from app.core.strategy.views import BarCursor, Clock, Slice
from app.core.types import MINUTE_NS, Floats

_DECLARED = (Parameter, Indicator, Bars)
_NUMBERS = (int, float)
_MARKET = OrderType.MARKET
_LARGEST = sys.float_info.max


class OrderDesk(Protocol):
    """Where a strategy's orders go; the platform provides it."""

    def submit(
        self,
        symbol: str,
        quantity: float,
        type: OrderType,  # noqa: A002  # the field's word
        time_in_force: TimeInForce,
        limit_price: float,
        stop_price: float,
        tag: str,
        instructions: Instructions,
    ) -> Order:
        """Send an order of `quantity` (signed) units and return it, working or rejected."""

    def cancel(self, order: Order) -> None:
        """Cancel a working order; an order in a final state is left as it is."""

    def replace(self, order: Order, quantity: float, limit: float, stop: float) -> Order:
        """Put an order with other terms in the place of a working one; zero keeps a term."""

    def link(self, orders: Sequence[Order]) -> None:
        """Let the first of these working orders that trades cancel the others."""

    def working(self, symbol: str | None = None) -> Sequence[Order]:
        """The strategy's orders that are neither filled nor ended, oldest first.

        Of one `symbol`, or of all of the strategy's.
        """


class _Declaring(type):
    """Keeps what a class body declares beside the class instead of on it.

    An attribute of an object that the class has as well is looked up twice at each access, and
    the interpreter cannot remember where it was: in a strategy that costs a tenth of a run. On
    the class a declaration is found all the same: ``SmaCross.fast_sma``.
    """

    __declared__: dict[str, Any]

    def __new__(
        cls, name: str, bases: tuple[type, ...], body: dict[str, Any], **options: Any
    ) -> "_Declaring":
        """Take the declarations out of the body, once they know their names."""
        made = super().__new__(cls, name, bases, body, **options)
        found = {key: value for key, value in vars(made).items() if isinstance(value, _DECLARED)}
        made.__declared__ = found
        for key in found:
            type.__delattr__(made, key)
        return made

    def __getattr__(cls, name: str) -> Any:
        """A declaration of this class or of one it is derived from."""
        for base in cls.__mro__:
            if name in (found := vars(base).get("__declared__", {})):
                return found[name]
        raise AttributeError(f"strategy {cls.__name__} has no {name!r}")


class Strategy(metaclass=_Declaring):
    """Base of every strategy.

    Write parameters and indicators in the class body and what to do in `on_bar` (one object
    per symbol) or `on_slice` (one object over all symbols)::

        class Cross(Strategy):
            fast = Int(10, low=2)
            slow = Int(30, low=3)
            fast_sma = Indicator("SMA", timeperiod=fast)
            slow_sma = Indicator("SMA", timeperiod=slow)

            def on_bar(self, bar):
                if self.fast_sma.value > self.slow_sma.value and not self.position:
                    self.buy(100)

    The platform sets, before `on_start`: `symbol` (or for a cross-sectional strategy
    `symbols`), `position`, `positions`, `account`. Orders of a bar can trade from the next bar on.
    """

    interval = BarInterval("1m", help="Bars on which the strategy decides.")
    wake: ClassVar[Condition | None] = None
    """A condition: `on_bar` is then called only on bars where it holds."""

    symbol: str
    symbols: tuple[str, ...]
    position: Position
    positions: Mapping[str, Position]
    account: Account
    _desk: OrderDesk
    _clock: Clock
    _data: SessionData

    def __init_subclass__(cls, **options: Any) -> None:
        """Take ``interval = "5m"`` in a class body for what it means."""
        super().__init_subclass__(**options)
        if isinstance(given := vars(cls).get("interval"), str | Interval):
            cls.interval = BarInterval(str(given), help=Strategy.interval.help)
            cls.interval.name = "interval"

    def __init__(self, **parameters: Any) -> None:
        values = resolve(self.declared_parameters(), parameters)
        # One by one: to touch `__dict__` would make every attribute slower to read from then on.
        for name, value in values.items():
            setattr(self, name, value)
        for name in (*self.declared_indicators(), *self.declared_bars()):
            setattr(self, name, NotYet(name))
        self.parameters = values
        self.check()

    # ── what a strategy may override ─────────────────────────────────────────

    def check(self) -> None:
        """Refuse parameters that do not go together, by raising `ConfigurationError`."""

    def on_start(self) -> None:
        """Called once, before the first bar."""

    def on_bar(self, bar: BarCursor) -> None:
        """Called when a bar of the strategy's interval has closed."""

    def on_slice(self, bars: Slice) -> None:
        """Called once per instant at which bars of any of the symbols have closed."""

    def on_order(self, order: Order) -> None:
        """Called when an order was filled, refused by the exchange, or has expired."""

    def on_session_end(self) -> None:
        """Called after a session's last bar; orders sent here work in the next session."""

    # ── what a strategy may ask and do ───────────────────────────────────────

    @property
    def now(self) -> datetime:
        """The present in the market's time zone."""
        return self._clock.now

    @property
    def now_ns(self) -> int:
        """The present in UTC nanoseconds."""
        return self._clock.now_ns

    @property
    def minutes_to_close(self) -> float:
        """Minutes from now to the close of the session, early closes included; never negative.

        With extended hours the session closes with the post-market. Sessions that
        `run_backtest` reads off the bars close with their last bar.
        """
        clock = self._clock
        return (clock.close_ns - clock.now_ns) / MINUTE_NS

    def historical(self, name: str, symbol: str | None = None) -> float | Floats:
        """A historical indicator of the session config, as of this session's start.

        A float, or one value per minute of the session; NaN with too little history.

        Raises:
            DataNotFoundError: if the config declares no indicator of that name.
        """
        return self._data.get_indicator(name, symbol or self.symbols[0])

    @property
    def orders(self) -> Sequence[Order]:
        """Working orders of this strategy, oldest first."""
        return self._desk.working()

    def buy(
        self,
        quantity: float,
        *,
        symbol: str | None = None,
        limit: float | None = None,
        stop: float | None = None,
        time_in_force: TimeInForce | str = TimeInForce.DAY,
        tag: str = "",
        **terms: Unpack[OrderTerms],
    ) -> Order:
        """Buy `quantity` units.

        At market, or with a `limit` price, a `stop` price, or both (a stop-limit order).
        `OrderTerms` lists the further keywords: trailing stops, exits of which one cancels the
        other, reduce-only, and the end of a ``gtd`` order.

        Returns the order, whose `status` is ``new`` (working) or ``rejected`` with a `reason`.

        Raises:
            StrategyError: for a quantity or price that is not a finite number above zero, a
                `tag` that cannot be recorded, or instructions that do not go together.
        """
        return self._order(quantity, symbol, limit, stop, time_in_force, tag, 1.0, terms)

    def sell(
        self,
        quantity: float,
        *,
        symbol: str | None = None,
        limit: float | None = None,
        stop: float | None = None,
        time_in_force: TimeInForce | str = TimeInForce.DAY,
        tag: str = "",
        **terms: Unpack[OrderTerms],
    ) -> Order:
        """Sell `quantity` units, short where more than is held; as `buy` otherwise."""
        return self._order(quantity, symbol, limit, stop, time_in_force, tag, -1.0, terms)

    def close(self, *, symbol: str | None = None, tag: str = "") -> Order | None:
        """Close the position at market; None if there is none.

        The order is reduce-only: whatever happens until it trades, it never opens a position.
        """
        if tag.__class__ is not str or not tag.isascii() or "\0" in tag:
            tag = require_tag(tag)
        name = symbol or self.symbol
        held = self._position(name).quantity
        if not held:
            return None
        return self._desk.submit(
            name, -held, OrderType.MARKET, TimeInForce.DAY, 0.0, 0.0, tag, CLOSING
        )

    def flatten(self, *, symbol: str | None = None, tag: str = "") -> None:
        """Cancel the orders that would enlarge the position, and close it.

        A market order that closes it already is left to do so: to ask again is harmless.
        """
        tag = require_tag(tag)
        name = symbol or self.symbol
        position = self._position(name)
        if position.working_orders:
            for order in self._desk.working(name):
                if order.type is OrderType.MARKET and order.instructions is CLOSING:
                    return
                if order.quantity * position.quantity >= 0.0:
                    self.cancel(order)
        if position.quantity:
            self.close(symbol=name, tag=tag)

    def _position(self, symbol: str) -> Position:
        position = self.positions.get(symbol)
        if position is None:
            raise StrategyError(
                f"symbol is {symbol!r}; name one of {', '.join(self.symbols)} with symbol=…"
            )
        return position

    def cancel(self, order: Order) -> None:
        """Cancel a working order; an order in a final state is left as it is."""
        self._desk.cancel(order)

    def replace(
        self,
        order: Order,
        *,
        quantity: float | None = None,
        limit: float | None = None,
        stop: float | None = None,
    ) -> Order:
        """Change a working order: a new one with the terms given takes its place.

        `quantity` is the new total, what has been filled included. The old order becomes
        ``replaced``. An order in a final state is returned as it is.

        Raises:
            StrategyError: for a number that is not finite and above zero, a price the order's
                type does not have, or a quantity not above what has been filled.
        """
        for name, value in (("quantity", quantity), ("limit", limit), ("stop", stop)):
            if value is not None:
                require_number(name, value)
        return self._desk.replace(
            order, float(quantity or 0.0), float(limit or 0.0), float(stop or 0.0)
        )

    def one_cancels_other(self, *orders: Order) -> None:
        """Let the first of these working orders that trades cancel the others (OCO)."""
        self._desk.link(orders)

    def _order(
        self,
        quantity: float,
        symbol: str | None,
        limit: float | None,
        stop: float | None,
        time_in_force: TimeInForce | str,
        tag: str,
        sign: float,
        terms: OrderTerms,
    ) -> Order:
        if quantity.__class__ not in _NUMBERS or not 0.0 < quantity <= _LARGEST:
            require_number("quantity", quantity)
            quantity = float(quantity)
        if tag.__class__ is not str or not tag.isascii() or "\0" in tag:
            tag = require_tag(tag)
        order_type, asked = _MARKET, PLAIN
        if limit is not None or stop is not None or terms:
            order_type, asked = read_terms(limit, stop, terms)
        return self._desk.submit(
            symbol or self.symbol,
            sign * quantity,
            order_type,
            time_in_force if time_in_force.__class__ is TimeInForce else _tif(time_in_force),
            0.0 if limit is None else float(limit),
            0.0 if stop is None else float(stop),
            tag,
            asked,
        )

    # ── what the platform asks of the class ──────────────────────────────────

    @classmethod
    def declared_parameters(cls) -> dict[str, Parameter[Any]]:
        """Parameters by name, those of base classes first."""
        return _declared(cls, Parameter)

    @classmethod
    def declared_indicators(cls) -> dict[str, Indicator]:
        """Indicators by attribute name."""
        return _declared(cls, Indicator)

    @classmethod
    def declared_bars(cls) -> dict[str, Bars]:
        """Further series of bars by attribute name."""
        return _declared(cls, Bars)

    @classmethod
    def named_fields(cls) -> frozenset[str]:
        """Bar fields that the code of the strategy names, so that a run can reveal just those."""
        names: set[str] = set()
        for base in cls.__mro__[: cls.__mro__.index(Strategy)]:
            for value in vars(base).values():
                if isinstance(value, FunctionType):
                    names |= _names(value.__code__)
        return frozenset(names & set(BAR_FIELDS))

    @classmethod
    def is_cross_sectional(cls) -> bool:
        """Whether the strategy decides over all symbols at once, in `on_slice`.

        Raises:
            ConfigurationError: if it overrides both `on_bar` and `on_slice`, or neither, or has
                a wake condition with `on_slice`.
        """
        by_slice = cls.on_slice is not Strategy.on_slice
        if by_slice and cls.wake is not None:
            raise ConfigurationError(
                f"strategy {cls.__name__}: wake works with on_bar only; on_slice is called at "
                "every instant"
            )
        if by_slice == (cls.on_bar is not Strategy.on_bar):
            raise ConfigurationError(
                f"strategy {cls.__name__} must override exactly one of on_bar (one object per "
                "symbol) and on_slice (one object over all symbols)"
            )
        return by_slice


def _names(code: CodeType) -> set[str]:
    inner = (const for const in code.co_consts if isinstance(const, CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _declared(cls: type, kind: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        body = vars(base)
        found = {name: value for name, value in found.items() if name not in body}
        for name, value in body.get("__declared__", {}).items():
            found.pop(name, None)
            if isinstance(value, kind):
                found[name] = value
    return found


def _tif(word: str) -> TimeInForce:
    try:
        return TimeInForce(word)
    except ValueError:
        raise StrategyError(
            f"time_in_force is {word!r}; give one of {', '.join(TimeInForce)}"
        ) from None
