"""What trading came to: round trips, open positions, equity, indicators at session closes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.core.run_log import RunLog
from app.core.trading_record import Columns
from app.core.types import Floats, Int64s
from app.services.analytics.equity import EquityCurve
from app.services.analytics.trades import TradeColumns
from app.services.recording.units import since_entry

EQUITY_POINTS = 1_000
"""Points of an equity curve, if there are not more sessions than that."""

SNAPSHOTS = 1_000
"""Values of indicators, all together, if there are not more indicators than that."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One output of an indicator that is kept of a series of bars."""

    symbol: str
    interval: str
    name: str
    as_of: Callable[[Int64s], Floats]


def trade_columns(log: RunLog, trades: TradeColumns, contexts: Mapping[int, str]) -> Columns:
    """Every round trip, as `RunTrading.trades` has them; `contexts` by the entry's order.

    In units of the exit, the stop and the target as well; a context is as it was seen.
    """
    entries = trades.entry_order.tolist()
    asked = [log.orders[number - 1].instructions for number in entries]
    none, units = np.nan, since_entry(log, trades)
    return {
        "strategy": trades.strategy.tolist(),
        "number": range(1, len(trades) + 1),
        "symbol": [log.symbols[symbol] for symbol in trades.symbol.tolist()],
        "direction": ["long" if up else "short" for up in (trades.direction > 0).tolist()],
        "quantity": trades.quantity,
        "entry_order": entries,
        "entry_ns": trades.entry_ns,
        "entry_price": trades.entry_price,
        "exit_order": trades.exit_order.tolist(),
        "exit_ns": np.where(trades.is_open, 0, trades.exit_ns),
        "exit_price": np.where(trades.is_open, none, trades.exit_price),
        "stop_price": np.array([each.stop_loss or none for each in asked], np.float64) / units,
        "target_price": np.array([each.take_profit or none for each in asked], np.float64) / units,
        "gross_pnl": trades.gross,
        "commission": trades.commission,
        "slippage": trades.slippage,
        "net_pnl": trades.net,
        "return_pct": trades.return_pct.tolist(),
        "bars_held": trades.bars_held.tolist(),
        "market_context": [contexts.get(number, "{}") for number in entries],
    }


def position_columns(log: RunLog, trades: TradeColumns) -> Columns:
    """What was still held at the end, as `RunTrading.positions` has it, marked at last closes."""
    held: dict[tuple[int, int], list[int]] = {}
    for row in np.flatnonzero(trades.is_open).tolist():
        key = trades.strategy.item(row), trades.symbol.item(row)
        held.setdefault(key, []).append(row)
    groups = list(held.values())
    firsts = [rows[0] for rows in groups]
    sizes = trades.quantity * trades.direction
    worth = trades.quantity * trades.entry_price
    return {
        "strategy": [strategy for strategy, _ in held],
        "symbol": [log.symbols[symbol] for _, symbol in held],
        "quantity": _sums(sizes, groups),
        "average_price": _sums(worth, groups) / _sums(trades.quantity, groups),
        "last_price": trades.exit_price[firsts],
        "unrealized_pnl": _sums(trades.gross, groups),
        "time_ns": trades.exit_ns[firsts],
    }


def equity_columns(log: RunLog, curve: EquityCurve, until_ns: int) -> Columns:
    """The last point of every session, and points between up to `EQUITY_POINTS` in all.

    Besides, the end of a run that was stopped within a session, at `until_ns`, and the peak and
    the trough of the deepest fall: the least drawdown of the points is that of the run.
    """
    closed_ns = log.sessions.close_ns[log.sessions.close_ns <= until_ns]
    closes = np.unique(curve.time_ns.searchsorted(closed_ns, side="right") - 1)
    closes = closes[closes >= 0]
    more = max(EQUITY_POINTS - len(closes), 0)
    between = np.linspace(0, len(curve) - 1, min(more, len(curve))).astype(np.int64)
    drawdown_pct = curve.drawdown_pct
    last = np.arange(len(curve))[-1:]
    rows = np.unique(np.concatenate((closes, between, last, _turns(curve, drawdown_pct))))
    return {
        "time_ns": curve.time_ns[rows],
        "is_session_close": np.isin(rows, closes).tolist(),
        "cash": curve.cash[rows],
        "position_value": curve.position_value[rows],
        "gross_exposure": curve.gross_exposure[rows],
        "equity": curve.equity[rows],
        "drawdown_pct": drawdown_pct[rows].tolist(),
    }


def snapshot_columns(log: RunLog, kept: Sequence[Kept], until_ns: int) -> Columns:
    """The indicators at session closes: all of them, or as many as `SNAPSHOTS` leaves room for.

    The last close is always among them, or `until_ns` if the run was stopped before it; values
    that are not known yet are left out.
    """
    columns: dict[str, list[object]] = {
        name: [] for name in ("symbol", "interval", "name", "time_ns", "value")
    }
    closes = np.unique(np.minimum(log.sessions.close_ns, until_ns))
    count = min(max(SNAPSHOTS // max(len(kept), 1), 1), len(closes))
    times = closes[np.linspace(len(closes) - 1, 0, count).astype(np.int64)[::-1]]
    for one in kept:
        values = one.as_of(times)
        known = np.isfinite(values)
        rows = int(known.sum())
        columns["symbol"] += [one.symbol] * rows
        columns["interval"] += [one.interval] * rows
        columns["name"] += [one.name] * rows
        columns["time_ns"] += times[known].tolist()
        columns["value"] += values[known].tolist()
    return columns


def _turns(curve: EquityCurve, drawdown_pct: Floats) -> Int64s:
    """Rows of the trough of the deepest fall, and of the last peak before it if it has one."""
    if not len(curve):
        return np.empty(0, np.int64)
    trough = int(drawdown_pct.argmin())
    peaks = np.flatnonzero(curve.equity[: trough + 1] == curve.peak[: trough + 1])
    return np.array([*peaks[-1:].tolist(), trough], np.int64)


def _sums(values: Floats, groups: Sequence[Sequence[int]]) -> Floats:
    return np.array([float(values[list(rows)].sum()) for rows in groups], np.float64)
