"""A backtest from Python: no database, no thread, no file; the engine of the sessions, inline."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from app import __version__
from app.core.carry import Carry
from app.core.corporate_actions import CorporateAction, SessionActions, events_by_session
from app.core.costs import Commission, NoCommission, NoSlippage, Slippage
from app.core.data_structures import BarColumns
from app.core.exceptions import ConfigurationError, DataNotFoundError
from app.core.fill_rules import FillRules
from app.core.sessions import SessionGrid
from app.core.strategy import Strategy
from app.research.inputs import columns_by_symbol
from app.research.sessions import sessions_in
from app.services.analytics.info import RunInfo
from app.services.analytics.result import RunResult
from app.services.market_data.bar_aggregation import regular_minutes
from app.services.simulation.plan import StrategyEntry
from app.services.simulation.simulation import Simulation, Terms
from app.strategies.soundness import require_sound

Minutes: TypeAlias = Mapping[str, BarColumns]

_FREE, _EXACT, _WHOLE, _NO_CARRY = NoCommission(), NoSlippage(), FillRules(), Carry()


def run_backtest(
    strategy: type[Strategy],
    bars: Any,
    *,
    parameters: Mapping[str, Any] | None = None,
    symbols: Sequence[str] | None = None,
    cash: float = 100_000.0,
    commission: Commission = _FREE,
    slippage: Slippage = _EXACT,
    leverage: float = 1.0,
    fill_rules: FillRules = _WHOLE,
    carry: Carry = _NO_CARRY,
    sessions: SessionGrid | None = None,
    timezone: str | None = None,
    actions: Iterable[CorporateAction] = (),
    name: str | None = None,
) -> RunResult:
    """Run `strategy` over one-minute `bars` and return everything that happened.

    Args:
        strategy: a subclass of `Strategy`; one object per symbol is made of it (or one over
            all symbols, if it overrides `on_slice`).
        bars: a polars or pandas frame (one symbol, or several with a ``symbol`` column), or a
            mapping of symbol to frame; labelled by the bar's start, in UTC.
        parameters: values for the strategy's parameters; defaults for the rest.
        symbols: which symbols, in which order; all in `bars` by default.
        cash: starting cash in the quote currency.
        commission: a model of `app.core.costs`, as is `slippage`; by default trading is free.
        slippage: how much worse than the bar's price market and stop orders fill.
        leverage: value that may be held per unit of equity.
        fill_rules: participation in a bar's volume, latency, touched limits; by default orders
            fill whole, at once, and only when the price trades through.
        carry: fees of borrowing and interest; none by default.
        sessions: what is traded, the bars outside left out; read off the bars by default.
        timezone: of the market, for dates of sessions read off the bars.
        actions: splits and dividends, where `bars` are as traded: positions and open orders
            follow a split, dividends are paid to cash.
        name: what the run is called in its report.

    Raises:
        ConfigurationError: for what cannot be: parameters, symbols, columns, or a class that is
            not written as a strategy has to be.
        DataError: for a bar that cannot be, naming its row.
    """
    minutes = _minutes(bars, symbols)
    _require_strategy(strategy)
    minutes, grid = _in_sessions(minutes, sessions, timezone)
    entry = _entry(strategy, name, tuple(minutes), parameters)
    terms = Terms(
        cash=cash,
        commission=commission,
        slippage=slippage,
        leverage=leverage,
        fill_rules=fill_rules,
        carry=carry,
    )
    return _run(entry, minutes, grid, terms, events_by_session(actions, grid))


def _minutes(bars: Any, symbols: Sequence[str] | None) -> Minutes:
    minutes = columns_by_symbol(bars, symbols)
    if not any(map(len, minutes.values())):
        raise DataNotFoundError("bars: there are none to run on; give one bar or more")
    return minutes


def _require_strategy(value: object) -> None:
    if not (isinstance(value, type) and issubclass(value, Strategy)):
        raise ConfigurationError(f"strategy: {value!r} is not a subclass of Strategy")
    require_sound(value)


def _in_sessions(
    minutes: Minutes, sessions: SessionGrid | None, timezone: str | None
) -> tuple[Minutes, SessionGrid]:
    """The minutes that are traded, and in which sessions: in those given, or all of them."""
    if sessions is None:
        return minutes, sessions_in(minutes.values(), timezone)
    within = {symbol: regular_minutes(part, sessions) for symbol, part in minutes.items()}
    return within, sessions


def _entry(
    strategy: type[Strategy],
    name: str | None,
    symbols: tuple[str, ...],
    parameters: Mapping[str, Any] | None,
) -> StrategyEntry:
    return StrategyEntry(
        name=name or strategy.__name__,
        strategy=strategy,
        symbols=symbols,
        parameters=parameters or {},
    )


def _run(
    entry: StrategyEntry,
    minutes: Minutes,
    grid: SessionGrid,
    terms: Terms,
    actions: SessionActions,
) -> RunResult:
    """Everything at once, inline."""
    simulation = Simulation(
        entries=[entry], symbols=tuple(minutes), sessions=grid, actions=actions, terms=terms
    )
    log = simulation.run(minutes, history_until_ns=0, until_ns=int(grid.close_ns[-1]))
    return RunResult(
        log,
        RunInfo(name=entry.name, parameters=simulation.parameters, code_version=__version__),
    )
