"""A backtest from Python: no database, no thread, no file; the engine of the sessions, inline."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app import __version__
from app.core.carry import Carry
from app.core.corporate_actions import CorporateAction, events_by_session
from app.core.costs import Commission, NoCommission, NoSlippage, Slippage
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
        commission: a model of `app.core.costs`; free by default.
        slippage: a model of `app.core.costs`; exact by default.
        leverage: value that may be held per unit of equity.
        fill_rules: participation in a bar's volume, latency, touched limits; by default orders
            fill whole, at once, and only when the price trades through.
        carry: fees of borrowing and interest; none by default.
        sessions: the trading sessions; bars outside them are left out. Without it the sessions
            are read off the bars and every bar is used.
        timezone: of the market, for dates of sessions read off the bars.
        actions: splits and dividends, where `bars` are as traded; bars that are adjusted need
            none. Positions and open orders follow a split, dividends are paid to cash.
        name: what the run is called in its report.

    Raises:
        ConfigurationError: for parameters, symbols or columns that cannot be, or a class that is
            not written as a strategy has to be.
        DataError: for a bar that cannot be, naming its row.
    """
    minutes = columns_by_symbol(bars, symbols)
    if not any(map(len, minutes.values())):
        raise DataNotFoundError("bars: there are none to run on; give one bar or more")
    _require_strategy(strategy)
    if sessions is None:
        grid = sessions_in(minutes.values(), timezone)
    else:
        grid = sessions
        minutes = {symbol: regular_minutes(part, grid) for symbol, part in minutes.items()}
    entry = StrategyEntry(
        name=name or strategy.__name__,
        strategy=strategy,
        symbols=tuple(minutes),
        parameters=parameters or {},
    )
    simulation = Simulation(
        entries=[entry],
        symbols=tuple(minutes),
        sessions=grid,
        actions=events_by_session(actions, grid),
        terms=Terms(
            cash=cash,
            commission=commission,
            slippage=slippage,
            leverage=leverage,
            fill_rules=fill_rules,
            carry=carry,
        ),
    )
    log = simulation.run(minutes, history_until_ns=0, until_ns=int(grid.close_ns[-1]))
    return RunResult(
        log,
        RunInfo(name=entry.name, parameters=simulation.parameters, code_version=__version__),
    )


def _require_strategy(value: object) -> None:
    if not (isinstance(value, type) and issubclass(value, Strategy)):
        raise ConfigurationError(f"strategy: {value!r} is not a subclass of Strategy")
    require_sound(value)
