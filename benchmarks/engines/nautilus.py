"""NautilusTrader: W1 and W2, logging off, its post-run analysis off.

Its matching engine fills a market order sent from `on_bar` at the close of that same bar. The
workloads fill at the next open, so the bars handed over carry the next open as their close and
the close the strategy decides on as their open. Quotes at each open with a latency model give
the same fills but double the events (0.03 against 0.05 M bars/s): this is its faster way.
"""

import nautilus_trader
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.backtest.models import FixedFeeModel
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

from workloads import CASH, COMMISSION_PER_SHARE, FAST, QUANTITY, SLOW, TIE, Answer, Case

VERSION = nautilus_trader.__version__
VENUE = Venue("SIM")
MINUTE_NS = 60_000_000_000


class _State:
    """What the strategy remembers of one symbol."""

    __slots__ = ("fast", "instrument_id", "is_long", "slow")

    def __init__(self, instrument_id: InstrumentId) -> None:
        self.instrument_id = instrument_id
        self.fast = SimpleMovingAverage(FAST)
        self.slow = SimpleMovingAverage(SLOW)
        self.is_long = False


class Cross(Strategy):
    """Long 100 shares of each symbol while its fast average is above its slow one."""

    def __init__(self, bar_types: list[BarType]) -> None:
        super().__init__(StrategyConfig(strategy_id="CROSS"))
        self.states = {bar_type: _State(bar_type.instrument_id) for bar_type in bar_types}
        self.by_instrument = {state.instrument_id: state for state in self.states.values()}
        self.quantity = Quantity.from_int(QUANTITY)
        self.fills = 0

    def on_start(self) -> None:
        """Ask for the bars to decide on."""
        for bar_type in self.states:
            self.subscribe_bars(bar_type)

    def on_bar(self, bar: Bar) -> None:
        """Decide at the close of a bar, which the benchmark's bars carry as their open."""
        state = self.states[bar.bar_type]
        close = bar.open.as_double()
        state.fast.update_raw(close)
        state.slow.update_raw(close)
        if not state.slow.initialized:
            return
        difference = state.fast.value - state.slow.value
        if difference > TIE:
            if not state.is_long:
                self._send(state, OrderSide.BUY)
        elif difference < -TIE and state.is_long:
            self._send(state, OrderSide.SELL)

    def on_order_filled(self, event) -> None:
        """Follow the position."""
        self.fills += 1
        self.by_instrument[event.instrument_id].is_long = event.order_side == OrderSide.BUY

    def _send(self, state: _State, side: OrderSide) -> None:
        self.submit_order(self.order_factory.market(state.instrument_id, side, self.quantity))


class _Workload(Case):
    """Timed: ``BacktestEngine.run()`` alone. Making bars, engine and strategy is not."""

    def __init__(self, parquet: str, minutes: int) -> None:
        table = pd.read_parquet(parquet)
        self.instruments, self.bar_types = [], []
        filled, decided = [], []
        for symbol, rows in table.groupby("symbol", observed=True, sort=False):
            self.instruments.append(_equity(symbol))
            filled += _bars(rows, _bar_type(symbol, 1))
            self.bar_types.append(_bar_type(symbol, minutes))
            if minutes > 1:
                decided += _bars(_aggregated(rows, minutes), self.bar_types[-1])
        # At one time the minutes of all symbols come first: they set the price orders fill at.
        self.bars = sorted(filled + decided, key=lambda bar: bar.ts_init)

    def prepare(self) -> None:
        """A new engine with all bars added."""
        self.engine = BacktestEngine(
            BacktestEngineConfig(
                logging=LoggingConfig(bypass_logging=True, log_level="OFF"), run_analysis=False
            )
        )
        self.engine.add_venue(
            VENUE,
            OmsType.NETTING,
            AccountType.CASH,
            [Money(CASH, USD)],
            base_currency=USD,
            fee_model=FixedFeeModel(Money(QUANTITY * COMMISSION_PER_SHARE, USD)),
        )
        for instrument in self.instruments:
            self.engine.add_instrument(instrument)
        self.engine.add_data(self.bars, sort=False)
        self.strategy = Cross(self.bar_types)
        self.engine.add_strategy(self.strategy)

    def run(self) -> None:
        """One backtest."""
        self.engine.run()

    def answer(self, result: object) -> Answer:  # noqa: ARG002  # the engine keeps it
        """Cash of the account, fills as the strategy was told of them."""
        balance = self.engine.portfolio.account(VENUE).balance_total(USD)
        return Answer(cash=balance.as_double(), fills=self.strategy.fills)

    def finish(self) -> None:
        """Give the engine back."""
        self.engine.dispose()


class W1(_Workload):
    """One symbol, one-minute bars."""

    def __init__(self, parquet: str) -> None:
        super().__init__(parquet, 1)


class W2(_Workload):
    """Fifty symbols in one account, decided on five-minute bars that are ready beforehand."""

    def __init__(self, parquet: str) -> None:
        super().__init__(parquet, 5)


def _equity(symbol: str) -> Equity:
    return Equity(
        instrument_id=InstrumentId(Symbol(symbol), VENUE),
        raw_symbol=Symbol(symbol),
        currency=USD,
        price_precision=2,
        price_increment=Price.from_str("0.01"),
        lot_size=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
    )


def _bar_type(symbol: str, minutes: int) -> BarType:
    return BarType.from_str(f"{symbol}.{VENUE}-{minutes}-MINUTE-LAST-EXTERNAL")


def _aggregated(rows: pd.DataFrame, minutes: int) -> pd.DataFrame:
    groups = rows.groupby(rows["ts"] // (minutes * MINUTE_NS), sort=True)
    return groups.agg({"ts": "last", "open": "first", "close": "last", "volume": "sum"})


def _bars(rows: pd.DataFrame, bar_type: BarType) -> list[Bar]:
    """Bars known at their end, from the close decided on to the open that follows it.

    The last bar is left out: no open follows, so nothing decided on it can fill.
    """
    follows = rows["open"].shift(-1).dropna()
    rows = rows.loc[follows.index]
    columns = zip(rows["ts"] + MINUTE_NS, rows["close"], follows, rows["volume"], strict=True)
    return [_bar(bar_type, *values) for values in columns]


def _bar(bar_type: BarType, end_ns: int, close: float, follows: float, volume: int) -> Bar:
    first, last = Price(close, 2), Price(follows, 2)
    return Bar(
        bar_type,
        first,
        max(first, last),
        min(first, last),
        last,
        Quantity(volume, 0),
        end_ns,
        end_ns,
    )
