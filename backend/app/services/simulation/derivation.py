"""The deriving stage: minute bars in; derived bars and indicators out, appended to SessionData."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.core.corporate_actions import NO_ACTIONS, SessionActions
from app.core.data_structures import BarColumns
from app.core.indicators import IndicatorSpec, IndicatorState
from app.core.intervals import ONE_MINUTE
from app.core.market_halts import MarketHalt, halted_minutes
from app.core.quality_gate import QualityGate, RestrictionColumns
from app.core.session_data import SeriesKey, SessionData
from app.core.sessions import SessionGrid
from app.core.types import Int64s
from app.services.indicators import create_indicator
from app.services.market_data.anomalies import JumpFilter
from app.services.market_data.bar_aggregation import Aggregator
from app.services.market_data.price_adjustment import adjusted, split_factors
from app.services.market_data.quality_gating import GateState
from app.services.simulation.plan import Plan


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that one step added to each series of SessionData; complete up to `until_ns`.

    `suspects` has, per symbol, the minute bars of the batch (counted within it) that no order
    may trade in; `restrictions`, per symbol, when entries begin and cease to be refused.
    """

    until_ns: int
    rows: Mapping[SeriesKey, tuple[int, int]]
    suspects: Mapping[str, frozenset[int]] = field(default_factory=dict)
    restrictions: Mapping[str, RestrictionColumns] = field(default_factory=dict)


class Derivation:
    """Aggregates and indicates batch by batch; how the bars are cut does not matter.

    It is the only writer of bars and indicators in `data`. `suspect_bars` counts, per symbol,
    the minute bars so far whose prices cannot be trusted, so that no order may trade in them.
    """

    def __init__(
        self,
        plan: Plan,
        sessions: SessionGrid,
        data: SessionData,
        actions: SessionActions = NO_ACTIONS,
    ) -> None:
        self.data = data
        self._symbols = plan.symbols
        self._sessions = sessions
        self._filters = {symbol: JumpFilter() for symbol in plan.symbols}
        self._splits = {symbol: split_factors(actions, symbol) for symbol in plan.symbols}
        self.suspect_bars = dict.fromkeys(plan.symbols, 0)
        self._halted: Int64s = np.empty(0, np.int64)
        self.gates: dict[str, GateState] = {}
        self._aggregators = {
            symbol: [(interval, Aggregator(interval, sessions)) for interval in intervals]
            for symbol, intervals in plan.intervals.items()
        }
        self._indicators: dict[SeriesKey, list[tuple[IndicatorSpec, IndicatorState]]] = {
            key: [(spec, create_indicator(spec, sessions)) for spec in specs]
            for key, specs in plan.indicators.items()
        }

    def guard(self, gate: QualityGate | None, halts: Sequence[MarketHalt]) -> None:
        """Heed market-wide halts, in which nothing trades, and a gate if there is one.

        To be called before the first step. `gates` has the state of each symbol's gate.
        """
        self._halted = halted_minutes(halts)
        if gate is not None:
            self.gates = {
                symbol: GateState(gate, self._sessions, self._halted) for symbol in self._symbols
            }

    def outputs(self, key: SeriesKey, spec: IndicatorSpec) -> tuple[str, ...]:
        """Names of an indicator's outputs, in the order they are stored."""
        return dict(self._indicators[key])[spec].outputs

    def step(self, minutes: Mapping[str, BarColumns], until_ns: int) -> Batch:
        """Take the session minutes of each symbol up to `until_ns`, and derive from them."""
        rows: dict[SeriesKey, tuple[int, int]] = {}
        suspects: dict[str, frozenset[int]] = {}
        restrictions: dict[str, RestrictionColumns] = {}
        for symbol in self._symbols:
            bars = minutes.get(symbol) or BarColumns.empty()
            rows[symbol, ONE_MINUTE] = self._take((symbol, ONE_MINUTE), bars)
            for interval, aggregator in self._aggregators[symbol]:
                derived = aggregator.step(bars, until_ns=until_ns)
                rows[symbol, interval] = self._take((symbol, interval), derived)
            if found := self._no_trade_rows(symbol, bars):
                suspects[symbol] = found
            if symbol in self.gates:
                restrictions[symbol] = self.gates[symbol].step(bars, until_ns)
        return Batch(until_ns, rows, suspects, restrictions)

    def _no_trade_rows(self, symbol: str, bars: BarColumns) -> frozenset[int]:
        """Rows of `bars` in which nothing may trade: prices out of all reason, or a halt."""
        rows = self._filters[symbol].step(adjusted(bars, self._splits[symbol])).tolist()
        self.suspect_bars[symbol] += len(rows)
        if len(self._halted) and len(bars):
            rows += np.flatnonzero(np.isin(bars.start_ns, self._halted)).tolist()
        return frozenset(rows)

    def _take(self, key: SeriesKey, bars: BarColumns) -> tuple[int, int]:
        symbol, interval = key
        taken = self.data.extend(symbol, interval, bars)
        states = self._indicators.get(key)
        if states and len(bars):
            sessions = _session_of_rows(bars.start_ns, self._sessions)
            for spec, state in states:
                self.data.extend_indicator(symbol, interval, spec, state.step(bars, sessions))
        return taken


def _session_of_rows(start_ns: Int64s, sessions: SessionGrid) -> Int64s:
    """Session number of each bar, for bars that all lie in sessions and are sorted."""
    bounds = np.append(np.searchsorted(start_ns, sessions.open_ns), len(start_ns))
    return np.repeat(np.arange(len(sessions)), np.diff(bounds))
