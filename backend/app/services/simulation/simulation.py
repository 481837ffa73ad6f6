"""One run, assembled: strategies bound to their data, the exchange, and the two stages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from app.core.carry import Carry
from app.core.corporate_actions import NO_ACTIONS, SessionActions
from app.core.costs import Commission, NoCommission, NoSlippage, Slippage
from app.core.data_structures import BarColumns
from app.core.data_structures.columns import BAR_FIELDS
from app.core.enums import OrderType, TimeInForce
from app.core.exceptions import ConfigurationError, StrategyError
from app.core.fill_rules import FillRules
from app.core.indicators import IndicatorSpec
from app.core.intervals import ONE_MINUTE, Interval
from app.core.orders import Instructions, Order
from app.core.run_log import RunLog
from app.core.session_data import SeriesKey, SessionData
from app.core.sessions import SessionGrid
from app.core.strategy import (
    BarsView,
    Clock,
    IndicatorValue,
    Slice,
    SliceIndicator,
    Strategy,
)
from app.core.strategy.declarations import resolve_interval
from app.core.strategy.views import cursor_class
from app.services.execution.exchange import SimulatedExchange
from app.services.execution.ledger import Ledger
from app.services.execution.overnight import Overnight
from app.services.simulation.calls import Cast
from app.services.simulation.derivation import Derivation
from app.services.simulation.feeds import BarFeed, Feed, SliceFeed, Source
from app.services.simulation.naming import distinct
from app.services.simulation.plan import Plan, StrategyEntry, Wanted
from app.services.simulation.stepper import Stepper

_FREE, _EXACT, _WHOLE, _NO_CARRY = NoCommission(), NoSlippage(), FillRules(), Carry()


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a run trades: money, costs and leverage."""

    cash: float = 100_000.0
    commission: Commission = _FREE
    slippage: Slippage = _EXACT
    leverage: float = 1.0
    fill_rules: FillRules = _WHOLE
    carry: Carry = _NO_CARRY

    def __post_init__(self) -> None:
        for name, value in (("cash", self.cash), ("leverage", self.leverage)):
            if not 0.0 < value < float("inf"):
                raise ConfigurationError(f"{name}: {value!r} must be a finite number above zero")


class Simulation:
    """A run of some strategies over some symbols: `derivation` derives, `stepper` decides.

    `sessions` is the grid of history and traded sessions; trading begins with number
    `first_session`. Further intervals and indicators can be asked for by `extra_series`.
    """

    def __init__(
        self,
        *,
        entries: Sequence[StrategyEntry],
        symbols: Sequence[str],
        sessions: SessionGrid,
        first_session: int = 0,
        terms: Terms,
        extra_series: Sequence[SeriesKey] = (),
        isolate: bool = False,
        actions: SessionActions = NO_ACTIONS,
    ) -> None:
        self.data = SessionData()
        self.clock = Clock(ZoneInfo(sessions.timezone))
        self.exchange = self._open_exchange(symbols, len(entries), terms)
        self._symbols = tuple(symbols)
        self._plan = Plan.for_symbols(symbols)
        for key in extra_series:
            self._plan.want_series(*key)
        per_bar = [e.strategy for e in entries if not e.strategy.is_cross_sectional()]
        self._fields = frozenset[str]().union(*(each.named_fields() for each in per_bar))
        self._bound = strategies = [_Bound(entry, self._plan) for entry in entries]
        self.parameters = {bound.entry.name: bound.parameters for bound in strategies}
        self.derivation = Derivation(self._plan, sessions, self.data, actions)
        feeds = [
            feed for number, bound in enumerate(strategies) for feed in self._feeds(number, bound)
        ]
        self._feeds_of_run = feeds
        cast = Cast(
            names=tuple(entry.name for entry in entries),
            strategies=[
                (number, strategy)
                for number, bound in enumerate(strategies)
                for strategy in bound.instances
            ],
            feeds=feeds,
            exchange=self.exchange,
            overnight=Overnight(
                self.exchange,
                symbols=symbols,
                sessions=sessions,
                actions=actions,
                carry=terms.carry,
            ),
            clock=self.clock,
        )
        self.stepper = Stepper(
            cast=cast,
            data=self.data,
            symbols=symbols,
            sessions=sessions,
            first_session=first_session,
            isolate=isolate,
        )

    def run(
        self, minutes: Mapping[str, BarColumns], history_until_ns: int, until_ns: int
    ) -> RunLog:
        """Derive and decide over everything at once: history first, then the traded bars."""
        if history_until_ns:
            history = {s: bars.between(0, history_until_ns) for s, bars in minutes.items()}
            self.derivation.step(history, history_until_ns)
            minutes = {s: bars.between(history_until_ns, until_ns) for s, bars in minutes.items()}
        self.stepper.step(self.derivation.step(minutes, until_ns))
        return self.stepper.finish()

    def heartbeat(self) -> tuple[int, int]:
        """Changes with every call of a strategy: the present, and the rows of all cursors."""
        return self.clock.now_ns, sum(feed.cursor.row for feed in self._feeds_of_run)

    def indicator_sources(self) -> list[tuple[Source, str]]:
        """Every output of every indicator of the run, with its name.

        No name occurs twice in a series: where it would, the strategy and the attribute that
        first wanted the indicator follow it, as in ``mine() [cross.slow]``.
        """
        found: list[tuple[Source, str]] = []
        owners = self._owners()
        for key, specs in self._plan.indicators.items():
            own = [
                (Source(key, spec, number), str(spec) if len(outputs) == 1 else f"{spec}.{output}")
                for spec in specs
                for outputs in [self.derivation.outputs(key, spec)]
                for number, output in enumerate(outputs)
            ]
            names = [name for _, name in own]
            told = distinct(names, [owners[key, source.spec] for source, _ in own])
            found += [(source, name) for (source, _), name in zip(own, told, strict=True)]
        return found

    def _owners(self) -> dict[tuple[SeriesKey, IndicatorSpec], str]:
        """Strategy and attribute that first wanted each indicator."""
        owners: dict[tuple[SeriesKey, IndicatorSpec], str] = {}
        for bound in self._bound:
            for want in chain.from_iterable(bound.wanted):
                owners.setdefault((want.key, want.spec), f"{bound.entry.name}.{want.attribute}")
        return owners

    def declared_indicators(self) -> list[tuple[int, str, str, Source]]:
        """What each strategy declares: its position, the symbol, the attribute, the values."""
        return [
            (number, symbol, want.attribute, self._source(want))
            for number, bound in enumerate(self._bound)
            for symbol, wanted in zip(bound.entry.symbols, bound.wanted, strict=True)
            for want in wanted
        ]

    # ── binding strategies to their data ─────────────────────────────────────

    def _open_exchange(
        self, symbols: Sequence[str], strategies: int, terms: Terms
    ) -> SimulatedExchange:
        ledger = Ledger(
            cash=terms.cash,
            symbols=symbols,
            strategies=strategies,
            commission=terms.commission,
            leverage=terms.leverage,
        )
        return SimulatedExchange(
            symbols=symbols,
            ledger=ledger,
            clock=self.clock,
            slippage=terms.slippage,
            rules=terms.fill_rules,
        )

    def _feeds(self, number: int, bound: "_Bound") -> list[Feed]:
        if bound.entry.strategy.is_cross_sectional():
            return [self._slice_feed(number, bound)]
        return [
            self._bar_feed(number, strategy, symbol, wanted)
            for strategy, symbol, wanted in zip(
                bound.instances, bound.entry.symbols, bound.wanted, strict=True
            )
        ]

    def _bar_feed(
        self, number: int, strategy: Strategy, symbol: str, wanted: Sequence[Wanted]
    ) -> BarFeed:
        self._equip(number, strategy, (symbol,))
        position = self._symbols.index(symbol)
        strategy.symbol = symbol
        strategy.position = self.exchange.ledger.positions[number][position]
        handles = [(want.attribute, *self._handle(want)) for want in wanted]
        for attribute, handle, _ in handles:
            setattr(strategy, attribute, handle)
        columns = self._columns((symbol, strategy.interval))
        cursor = cursor_class(self._fields)(symbol, self.clock, columns)
        if strategy.interval == ONE_MINUTE:
            self.exchange.tape.minute_cursors[position] = cursor
        return BarFeed(
            number=number,
            strategy=strategy,
            symbol=symbol,
            interval=strategy.interval,
            cursor=cursor,
            handles=handles,
        )

    def _slice_feed(self, number: int, bound: "_Bound") -> SliceFeed:
        strategy, symbols = bound.instances[0], bound.entry.symbols
        self._equip(number, strategy, symbols)
        indicators = []
        for wants in zip(*bound.wanted, strict=True):
            handle = SliceIndicator(symbols)
            setattr(strategy, wants[0].attribute, handle)
            indicators.append((handle, [self._source(want) for want in wants]))
        return SliceFeed(
            number=number,
            strategy=strategy,
            symbols=symbols,
            interval=strategy.interval,
            cursor=cursor_class(frozenset(BAR_FIELDS))("", self.clock, BarColumns.empty),
            slice_=Slice(symbols, self.clock),
            indicators=indicators,
        )

    def _equip(self, number: int, strategy: Strategy, symbols: Sequence[str]) -> None:
        """Give a strategy object its money, its desk, its clock and its further series."""
        ledger = self.exchange.ledger
        strategy.account = ledger.account
        strategy.symbol, strategy.symbols = "", tuple(symbols)
        positions = dict(zip(self._symbols, ledger.positions[number], strict=True))
        strategy.positions = MappingProxyType(positions)
        strategy._data = self.data  # noqa: SLF001  # set by the platform, as the class says
        strategy._clock = self.clock  # noqa: SLF001
        strategy._desk = _Desk(self.exchange, number, self._symbols, symbols)  # noqa: SLF001
        for attribute, declared in strategy.declared_bars().items():
            interval = resolve_interval(declared.interval, strategy.parameters, strategy.interval)
            key = (declared.symbol or symbols[0], interval)
            setattr(strategy, attribute, BarsView(key[0], self.clock, self._columns(key)))
        if type(strategy).on_order is not Strategy.on_order:
            for symbol in symbols:
                self.exchange.listen(number, self._symbols.index(symbol), strategy.on_order)

    def _handle(self, want: Wanted) -> tuple[IndicatorValue, Source]:
        source = self._source(want)
        handle = IndicatorValue(
            self.clock,
            lambda: self.data.all_bars(*source.key).end_ns,
            lambda: self.data.all_values(*source.key, source.spec, source.output),
        )
        return handle, source

    def _source(self, want: Wanted) -> Source:
        outputs = self.derivation.outputs(want.key, want.spec)
        if want.output and want.output not in outputs:
            raise ConfigurationError(
                f"indicator {want.attribute}: {want.spec} has no output {want.output!r}; "
                f"it has {', '.join(outputs)}"
            )
        return Source(want.key, want.spec, outputs.index(want.output) if want.output else 0)

    def _columns(self, key: tuple[str, Interval]) -> Callable[[], BarColumns]:
        return lambda: self.data.all_bars(*key)


class _Bound:
    """An entry's strategy objects and what each declared, per symbol."""

    def __init__(self, entry: StrategyEntry, plan: Plan) -> None:
        self.entry = entry
        self.instances = entry.instances()
        self.parameters = {
            name: _plain(value) for name, value in self.instances[0].parameters.items()
        }
        per_symbol = (
            self.instances * len(entry.symbols)
            if entry.strategy.is_cross_sectional()
            else self.instances
        )
        self.wanted = [
            plan.want_declared(strategy, symbol)
            for strategy, symbol in zip(per_symbol, entry.symbols, strict=True)
        ]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Interval) else value


class _Desk:
    """One strategy object's way to the exchange: names become positions in the run's lists."""

    def __init__(
        self,
        exchange: SimulatedExchange,
        strategy: int,
        all_symbols: Sequence[str],
        symbols: Sequence[str],
    ) -> None:
        self._submit = exchange.submit
        self._exchange = exchange
        self._strategy = strategy
        self._numbers = {symbol: all_symbols.index(symbol) for symbol in symbols}

    def submit(
        self,
        symbol: str,
        quantity: float,
        type: OrderType,  # noqa: A002  # the protocol's
        time_in_force: TimeInForce,
        limit_price: float,
        stop_price: float,
        tag: str,
        instructions: Instructions,
    ) -> Order:
        """Send an order to the exchange."""
        number = self._numbers.get(symbol)
        if number is None:
            raise StrategyError(
                f"symbol is {symbol!r}; this strategy trades {', '.join(self._numbers)}: name one "
                "with symbol=…"
            )
        return self._submit(
            self._strategy,
            number,
            quantity,
            type,
            time_in_force,
            limit_price,
            stop_price,
            tag,
            instructions,
        )

    def replace(self, order: Order, quantity: float, limit: float, stop: float) -> Order:
        """Put an order with other terms in the place of a working one."""
        if quantity and quantity <= abs(order.filled_quantity):
            raise StrategyError(
                f"quantity is {quantity!r}; order {order.id} has filled "
                f"{abs(order.filled_quantity):g} units, give more than that"
            )
        own_stop = order.type is not OrderType.TRAILING_STOP and order.stop_price
        for name, price, has in (("limit", limit, order.limit_price), ("stop", stop, own_stop)):
            if price and not has:
                raise StrategyError(f"{name} is {price!r}; a {order.type} order has no {name}")
        return self._exchange.replace(order, quantity, limit, stop)

    def link(self, orders: Sequence[Order]) -> None:
        """Let the first of these working orders that trades cancel the others."""
        self._exchange.link(orders)

    def cancel(self, order: Order) -> None:
        """Cancel a working order."""
        self._exchange.cancel(order)

    def working(self, symbol: str | None = None) -> Sequence[Order]:
        """This strategy's working orders in a symbol or all of its symbols, oldest first."""
        numbers = self._numbers.values() if symbol is None else (self._numbers[symbol],)
        mine = [
            order
            for number in numbers
            for order in self._exchange.working.get(number, ())
            if order.strategy == self._strategy
        ]
        return sorted(mine, key=lambda order: order.id)
