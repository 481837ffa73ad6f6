"""From a session config to what a run needs: sessions, strategies, symbols, data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy.orm import Session

from app.config.settings import Settings
from app.core.corporate_actions import Adjustment, CorporateAction, SessionActions
from app.core.data_structures import BarColumns
from app.core.exceptions import (
    ConfigurationError,
    DataNotFoundError,
    InsufficientDataError,
)
from app.core.indicators import IndicatorSpec
from app.core.market_halts import MarketHalt
from app.core.session_data import SeriesKey
from app.core.sessions import SessionGrid
from app.managers.time_manager import TimeManager
from app.managers.time_manager.clock import Clock
from app.models.database import session_factory
from app.models.session_config import SessionConfig
from app.services.market_data.bar_aggregation import regular_minutes
from app.services.market_data.corporate_actions import ActionStorage
from app.services.market_data.parquet_storage import ParquetStorage
from app.services.market_data.price_adjustment import (
    AdjustmentFactors,
    adjusted,
    events_left,
    stored_factors,
)
from app.services.simulation.plan import StrategyEntry
from app.services.simulation.simulation import Terms
from app.strategies.registry import load_strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan:
    """Everything decided before a run: nothing in it changes while it runs.

    `sessions` holds history first; trading begins with number `first_session`. `halts` are
    the market-wide halts in them, `actions` the splits and dividends that happen to positions
    before each, `factors` those taken out of each symbol's prices.
    """

    config: SessionConfig
    symbols: tuple[str, ...]
    sessions: SessionGrid
    first_session: int
    halts: tuple[MarketHalt, ...]
    entries: tuple[StrategyEntry, ...]
    extra_series: tuple[SeriesKey, ...]
    historical: dict[str, IndicatorSpec]
    terms: Terms
    synthetic: bool
    actions: SessionActions
    factors: Mapping[str, AdjustmentFactors]

    def adjusted(self, symbol: str, bars: BarColumns) -> BarColumns:
        """Stored bars in the prices of this session: as of the first session traded."""
        basis_ns = int(self.sessions.pre_open_ns[self.first_session])
        return adjusted(bars, self.factors[symbol], basis_ns=basis_ns)

    def read(self, storage: ParquetStorage, symbol: str, first_ns: int, last_ns: int) -> BarColumns:
        """The stored minutes of a symbol that lie in sessions, in the prices of this session."""
        stored = storage.read(symbol, first_ns, last_ns)
        return self.adjusted(symbol, regular_minutes(stored, self.sessions))


def plan_session(
    config: SessionConfig,
    *,
    db: Session,
    time_manager: TimeManager,
    storage: ParquetStorage,
    strategies_dir: Path,
) -> SessionPlan:
    """Resolve `config` against the calendar, the store and the strategies.

    Strategies named by a file lie in `strategies_dir`.

    Raises:
        ConfigurationError: naming the field, for a window without sessions or a strategy that
            cannot be loaded.
        InsufficientDataError: naming every symbol without bars in the window.
        DataError: if the stored splits and dividends of a symbol are damaged.
    """
    history = max((e.trailing_days for e in config.session_data_config.historical.data), default=0)
    first, last = _window(config, time_manager, db)
    earliest = _days_before(time_manager, db, first, history)
    sessions = time_manager.session_grid(db, earliest, last)
    if config.session_data_config.extended_hours:
        sessions = sessions.extended()
    symbols = config.session_data_config.symbols
    data = config.session_data_config.historical
    adjustment = config.session_data_config.adjustment
    actions = {symbol: ActionStorage(storage.root).read(symbol) for symbol in symbols}
    return SessionPlan(
        config=config,
        symbols=symbols,
        sessions=sessions,
        first_session=history,
        halts=time_manager.get_halts(db, earliest, last),
        entries=_entries(config, strategies_dir),
        extra_series=tuple(
            (symbol, interval)
            for entry in data.data
            for symbol in config.session_data_config.selected(entry.apply_to)
            for interval in entry.intervals
        ),
        historical={name: indicator.spec for name, indicator in data.indicators.items()},
        terms=_terms(config),
        synthetic=_require_bars(
            storage, symbols, sessions, history, are_stored=bool(config.replay)
        ),
        actions=_actions(actions, adjustment, sessions, history),
        factors={
            symbol: stored_factors(storage, own, adjustment, sessions)
            for symbol, own in actions.items()
        },
    )


def set_market(time_manager: TimeManager, db: Session, config: SessionConfig) -> None:
    """Let `time_manager` keep the time of the market and the days of a config."""
    replay = config.replay
    window = replay.window if replay else None
    time_manager.configure(
        db,
        exchange_group=config.exchange_group.value,
        asset_class=config.asset_class.value,
        mode=config.mode,
        first_date=window[0] if window else None,
        last_date=window[1] if window else None,
        backtest_days=replay.backtest_days if replay else None,
        extended_hours=config.session_data_config.extended_hours,
    )


def plan_alone(
    config: SessionConfig, settings: Settings, storage: ParquetStorage, clock: Clock | None = None
) -> SessionPlan:
    """`plan_session` of a backtest with a time of its own, so that no session's is moved.

    Raises:
        ConfigurationError: as `plan_session`, and for a session that is no backtest.
    """
    config.require_replay()
    time_manager = TimeManager(clock=clock)
    with session_factory(settings.database_url)() as db:
        set_market(time_manager, db, config)
        return plan_session(
            config,
            db=db,
            time_manager=time_manager,
            storage=storage,
            strategies_dir=settings.strategies_dir,
        )


def _actions(
    actions: Mapping[str, tuple[CorporateAction, ...]],
    adjustment: Adjustment,
    sessions: SessionGrid,
    first_session: int,
) -> SessionActions:
    every = [action for own in actions.values() for action in own]
    basis_ns = int(sessions.pre_open_ns[first_session])
    return events_left(every, adjustment, sessions, basis_ns=basis_ns)


def _window(config: SessionConfig, time_manager: TimeManager, db: Session) -> tuple[date, date]:
    """First and last date that is traded."""
    if config.replay:
        return time_manager.get_backtest_window(db)
    day = time_manager.get_current_session(db).date
    return day, day


def _days_before(time_manager: TimeManager, db: Session, first: date, count: int) -> date:
    for _ in range(count):
        first = time_manager.get_previous_trading_date(db, first)
    return first


def _entries(config: SessionConfig, strategies_dir: Path) -> tuple[StrategyEntry, ...]:
    entries, problems = [], []
    for position, declared in enumerate(config.strategies):
        try:
            entry = StrategyEntry(
                name=declared.name,
                strategy=load_strategy(declared.class_, strategies_dir),
                symbols=config.symbols_of(declared),
                parameters=declared.parameters,
            )
        except ConfigurationError as error:
            problems.append(f"strategies[{position}].class: {error}")
            continue
        try:
            entry.instances()
        except ConfigurationError as error:
            found = error.problems or (str(error),)
            problems += [f"strategies[{position}]: {problem}" for problem in found]
        entries.append(entry)
    if problems:
        raise ConfigurationError("\n".join(problems), tuple(problems))
    return tuple(entries)


def _terms(config: SessionConfig) -> Terms:
    execution = config.execution
    return Terms(
        cash=execution.starting_cash,
        commission=execution.commission.build(),
        slippage=execution.build_slippage(),
        leverage=execution.leverage,
        fill_rules=execution.fill_model.build(),
        carry=execution.carry.build(),
    )


def _require_bars(
    storage: ParquetStorage,
    symbols: tuple[str, ...],
    sessions: SessionGrid,
    first_session: int,
    *,
    are_stored: bool,
) -> bool:
    """Whether any of the stored bars are synthetic, after seeing that each symbol has some.

    Those of the sessions that are traded must be there, or with `are_stored` False any at all.
    """
    begin_ns, end_ns = int(sessions.open_ns[first_session]), int(sessions.close_ns[-1])
    problems, synthetic = [], False
    for position, symbol in enumerate(symbols):
        try:
            coverage = storage.coverage(symbol)
        except DataNotFoundError as error:
            problems.append(f"session_data_config.symbols[{position}]: {error}")
            continue
        synthetic = synthetic or "synthetic" in coverage.labels
        if not are_stored:
            continue
        if coverage.last_ns < begin_ns or coverage.first_ns >= end_ns:
            problems.append(
                f"session_data_config.symbols[{position}]: the stored bars of {symbol} do not "
                f"reach into {sessions.dates[first_session]} to {sessions.dates[-1]}; change "
                "backtest_config, or import bars of these days"
            )
    if problems:
        raise InsufficientDataError("\n".join(problems), tuple(problems))
    return synthetic
