"""What a run must compute: which intervals and indicators of which symbols its strategies want."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.core.exceptions import ConfigurationError
from app.core.indicators import IndicatorSpec
from app.core.intervals import ONE_MINUTE, Interval
from app.core.session_data import SeriesKey
from app.core.strategy import Bars, Indicator, Strategy
from app.core.strategy.declarations import resolve_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyEntry:
    """One strategy of a run: its class, the name it trades under, symbols and parameters."""

    name: str
    strategy: type[Strategy]
    symbols: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def instances(self) -> list[Strategy]:
        """One object per symbol, or one over all for a cross-sectional strategy.

        Raises:
            ConfigurationError: naming the strategy, for parameters it does not accept.
        """
        count = 1 if self.strategy.is_cross_sectional() else len(self.symbols)
        try:
            return [self.strategy(**self.parameters) for _ in range(count)]
        except ConfigurationError as error:
            problems = error.problems or (str(error),)
            named = tuple(f"strategy {self.name}: parameters.{p}" for p in problems)
            raise ConfigurationError("\n".join(named), named) from None


@dataclass(frozen=True, slots=True)
class Wanted:
    """An indicator of one series, and the strategy attribute and output it is wanted for."""

    attribute: str
    key: SeriesKey
    spec: IndicatorSpec
    output: str


@dataclass(slots=True)
class Plan:
    """Series and indicators to derive, each listed once however many strategies want it.

    `intervals` has, per symbol, the derived intervals (the minute bars are always there);
    `indicators`, per series, the specs to compute on it.
    """

    symbols: tuple[str, ...]
    intervals: dict[str, list[Interval]]
    indicators: dict[SeriesKey, list[IndicatorSpec]]

    @classmethod
    def for_symbols(cls, symbols: Sequence[str]) -> "Plan":
        """A plan with nothing to derive yet."""
        return cls(tuple(symbols), {symbol: [] for symbol in symbols}, {})

    def want_series(self, symbol: str, interval: Interval) -> SeriesKey:
        """Add a series.

        Raises:
            ConfigurationError: for a symbol the run has no bars of.
        """
        if symbol not in self.intervals:
            raise ConfigurationError(
                f"symbol {symbol!r} is not part of this run; it has {', '.join(self.symbols)}"
            )
        if interval != ONE_MINUTE and interval not in self.intervals[symbol]:
            self.intervals[symbol].append(interval)
        return symbol, interval

    def want_indicator(self, key: SeriesKey, spec: IndicatorSpec) -> None:
        """Add an indicator on a series."""
        specs = self.indicators.setdefault(key, [])
        if spec not in specs:
            specs.append(spec)

    def want_declared(self, strategy: Strategy, symbol: str) -> list[Wanted]:
        """Add everything `strategy` declares, for its `symbol`; its indicators as bound to it."""
        self.want_series(symbol, strategy.interval)
        wanted = []
        for attribute, declared in strategy.declared_indicators().items():
            key = self._series_of(declared, strategy, symbol)
            spec = declared.spec(strategy.parameters)
            self.want_indicator(key, spec)
            wanted.append(Wanted(attribute, key, spec, declared.output))
        for bars in strategy.declared_bars().values():
            self._series_of(bars, strategy, symbol)
        return wanted

    def _series_of(self, declared: Indicator | Bars, strategy: Strategy, symbol: str) -> SeriesKey:
        interval = resolve_interval(declared.interval, strategy.parameters, strategy.interval)
        return self.want_series(declared.symbol or symbol, interval)
