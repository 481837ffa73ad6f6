"""Everything a run leaves in the record of trading, from its result."""

from collections.abc import Sequence

from app.core.trading_record import RunTrading, StrategyDefinition
from app.services.analytics.result import RunResult
from app.services.recording.orders import fill_columns, order_columns, order_event_columns
from app.services.recording.outcome import (
    Kept,
    equity_columns,
    position_columns,
    snapshot_columns,
    trade_columns,
)
from app.services.recording.signals import Seen, contexts, intents, signal_columns


def run_trading(
    result: RunResult,
    *,
    strategies: Sequence[StrategyDefinition],
    ended: Sequence[tuple[int, int, str]],
    seen: Sequence[Seen],
    kept: Sequence[Kept],
    mode: str,
    until_ns: int,
    price_step: float,
) -> RunTrading:
    """The columns of a run: `seen` is what signals show, `kept` what is kept at the closes.

    `until_ns` is the last moment the run came to: a session that closes later was not closed.

    A signal is an order intent of a strategy; nothing is recorded of bars on which a strategy
    did nothing.
    """
    log, curve, trades = result.log, result.equity_curve, result.trade_columns
    signals = signal_columns(log, intents(log), seen)
    return RunTrading(
        mode=mode,
        price_step=price_step,
        starting_cash=log.starting_cash,
        final_cash=log.final_cash,
        final_equity=curve.final_equity,
        strategies=strategies,
        ended=ended,
        orders=order_columns(log),
        order_events=order_event_columns(log),
        fills=fill_columns(log),
        trades=trade_columns(log, trades, contexts(signals)),
        positions=position_columns(log, trades),
        equity_points=equity_columns(log, curve, until_ns),
        signals=signals,
        indicator_snapshots=snapshot_columns(log, kept, until_ns),
    )
