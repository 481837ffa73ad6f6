"""The tables of a run as polars frames: times as UTC datetimes, names instead of positions.

Only imported when somebody asks for a table: polars takes a while to load, and a backtest
that is only asked for its figures needs none of it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from app.core.data_structures import BarColumns
from app.core.run_log import FillColumns, RunLog
from app.core.types import Floats, Int64s
from app.services.analytics.equity import EquityCurve, symbol_position
from app.services.analytics.strategies import StrategyLedger
from app.services.analytics.trades import TradeColumns, excursions_pct

UTC_TIME = pl.Datetime("ns", "UTC")


def trades_frame(log: RunLog, trades: TradeColumns) -> pl.DataFrame:
    """One row per round trip, in the order they ended; the excursions beside."""
    adverse, favourable = excursions_pct(log, trades)
    return pl.DataFrame(
        {
            "strategy": _names(log.strategies, trades.strategy),
            "symbol": _names(log.symbols, trades.symbol),
            "side": _either(trades.direction > 0, "long", "short"),
            "quantity": trades.quantity,
            "entry_time": _times(trades.entry_ns),
            "entry_price": trades.entry_price,
            "exit_time": _times(trades.exit_ns),
            "exit_price": trades.exit_price,
            "gross_pnl": trades.gross,
            "commission": trades.commission,
            "slippage": trades.slippage,
            "net_pnl": trades.net,
            "return_pct": trades.return_pct,
            "bars_held": trades.bars_held,
            "mae_pct": adverse,
            "mfe_pct": favourable,
            "is_open": trades.is_open,
        }
    )


def fills_frame(log: RunLog) -> pl.DataFrame:
    """One row per execution, in the order they happened; quantities above zero."""
    fills: FillColumns = log.fills
    return pl.DataFrame(
        {
            "time": _times(fills.time_ns),
            "order_id": fills.order_id,
            "strategy": _names(log.strategies, fills.strategy),
            "symbol": _names(log.symbols, fills.symbol),
            "side": _either(fills.quantity > 0, "buy", "sell"),
            "quantity": np.abs(fills.quantity),
            "price": fills.price,
            "commission": fills.commission,
            "slippage": fills.slippage,
        }
    )


def orders_frame(log: RunLog) -> pl.DataFrame:
    """One row per order; prices the type does not have, and fills that never came, are null."""
    orders = log.orders
    text = pl.String
    return pl.DataFrame(
        {
            "id": pl.Series([order.id for order in orders], dtype=pl.Int64),
            "submitted_at": _times(np.array([order.submitted_ns for order in orders], np.int64)),
            "strategy": pl.Series([log.strategies[order.strategy] for order in orders], dtype=text),
            "symbol": pl.Series([log.symbols[order.symbol] for order in orders], dtype=text),
            "side": pl.Series([order.side.value for order in orders], dtype=text),
            "quantity": pl.Series([abs(order.quantity) for order in orders], dtype=pl.Float64),
            "type": pl.Series([order.type.value for order in orders], dtype=text),
            "time_in_force": pl.Series([order.time_in_force.value for order in orders], dtype=text),
            "limit_price": _or_null([order.limit_price for order in orders]),
            "stop_price": _or_null([order.stop_price for order in orders]),
            "status": pl.Series([order.status.value for order in orders], dtype=text),
            "filled_at": pl.Series(
                [order.filled_ns or None for order in orders], dtype=pl.Int64
            ).cast(UTC_TIME),
            "fill_price": _or_null([order.fill_price for order in orders]),
            "reason": pl.Series([order.reason for order in orders], dtype=text),
            "tag": pl.Series([order.tag for order in orders], dtype=text),
        }
    )


def equity_frame(curve: EquityCurve) -> pl.DataFrame:
    """One row per minute bar end."""
    return pl.DataFrame(
        {
            "time": _times(curve.time_ns),
            "cash": curve.cash,
            "position_value": curve.position_value,
            "gross_exposure": curve.gross_exposure,
            "equity": curve.equity,
            "drawdown_pct": curve.drawdown_pct,
        }
    )


def strategy_equity_frame(
    curve: EquityCurve, ledgers: Mapping[str, StrategyLedger]
) -> pl.DataFrame:
    """One row per minute bar end: what each strategy added to the starting cash by then."""
    parts = {name: ledger.contribution for name, ledger in ledgers.items()}
    return pl.DataFrame({"time": _times(curve.time_ns)} | parts)


def validation_frame(
    log: RunLog,
    curve: EquityCurve,
    columns: Mapping[str, Mapping[str, Floats]],
    quality_pct: Mapping[str, Floats],
) -> pl.DataFrame:
    """One row per minute bar and symbol: everything a decision at its end could rest on.

    ``time`` is the bar's start in the market's zone, ``time_utc`` the same in UTC. `columns`
    (derived values and indicators, by symbol and name) and `quality_pct` (by symbol) have one
    value per bar; a symbol may have columns others lack: null there. ``position``, ``cash``
    and ``equity`` are those at the bar's end. Rows go by time, then in the run's symbol order.
    """
    parts = [
        _validation_part(log, curve, index, columns.get(name, {}), quality_pct.get(name))
        for index, name in enumerate(log.symbols)
    ]
    frame = pl.concat(parts, how="diagonal")
    if len(parts) > 1:
        frame = frame.sort("time_utc", maintain_order=True)
    last = ["quality_pct", "position", "cash", "equity"]
    return frame.select(pl.exclude(last), *last)


def _validation_part(
    log: RunLog,
    curve: EquityCurve,
    index: int,
    columns: Mapping[str, Floats],
    quality_pct: Floats | None,
) -> pl.DataFrame:
    bars: BarColumns = log.bars[log.symbols[index]]
    rows = np.searchsorted(curve.time_ns, bars.end_ns)
    start = _times(bars.start_ns)
    unknown = np.full(len(bars), np.nan)
    return pl.DataFrame(
        {
            "time": start.dt.convert_time_zone(log.sessions.timezone),
            "time_utc": start,
            "symbol": pl.repeat(log.symbols[index], len(bars), dtype=pl.String, eager=True),
            "open": bars.open,
            "high": bars.high,
            "low": bars.low,
            "close": bars.close,
            "volume": bars.volume,
            **columns,
            "quality_pct": unknown if quality_pct is None else quality_pct,
            "position": symbol_position(log, index, bars.end_ns),
            "cash": curve.cash[rows],
            "equity": curve.equity[rows],
        }
    )


def _times(times_ns: Int64s) -> pl.Series:
    return pl.Series(times_ns, dtype=pl.Int64).cast(UTC_TIME)


def _names(names: Sequence[str], positions: Int64s) -> pl.Series:
    if not len(positions):
        return pl.Series(dtype=pl.String)
    return pl.Series(list(names), dtype=pl.String).gather(positions)


def _either(choice: np.typing.NDArray[np.bool_], yes: str, no: str) -> pl.Series:
    return pl.Series(np.where(choice, yes, no).tolist(), dtype=pl.String)


def _or_null(prices: Sequence[float]) -> pl.Series:
    return pl.Series([price or None for price in prices], dtype=pl.Float64)
