"""Every figure of a run, for the account and each symbol; `definitions` says what each means."""

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

import numpy as np

from app.core.run_log import RunLog
from app.core.sessions import SessionGrid
from app.core.types import DAY_NS, Floats, Int64s
from app.services.analytics.definitions import METRICS
from app.services.analytics.equity import (
    EquityCurve,
    held_returns_pct,
    strategy_curve,
    symbol_curves,
)
from app.services.analytics.trades import TradeColumns

TRADING_DAYS_PER_YEAR = 252.0
CALENDAR_DAYS_PER_YEAR = 365.0

Figures: TypeAlias = dict[str, float]
"""Figures by key, in the order of `METRICS`; NaN where a figure is undefined."""

Table: TypeAlias = dict[str, Floats]
"""Figures of several books at once: by key, one value per book."""


def periods_per_year(sessions: SessionGrid) -> float:
    """Sessions in a year: 365 where they last around the clock, else 252."""
    if len(sessions) and float(np.median(sessions.close_ns - sessions.open_ns)) >= DAY_NS:
        return CALENDAR_DAYS_PER_YEAR
    return TRADING_DAYS_PER_YEAR


def session_returns(curve: EquityCurve, sessions: SessionGrid) -> Floats:
    """Return of every session, close to close; the first one against the starting cash.

    NaN from the first session on that began with equity of zero or less.
    """
    rows = _returns(curve.at(sessions.close_ns)[None, :], curve.starting_cash)
    return rows.ravel()


def account_figures(log: RunLog, curve: EquityCurve, trades: TradeColumns) -> Figures:
    """Every figure of the whole account, from its `curve` and its `trades`."""
    everyone = np.zeros(len(trades), np.int64)
    held = held_returns_pct(log)
    held = held[~np.isnan(held)]
    table = {
        **curve_figures([curve], log.sessions),
        **trade_figures(trades, everyone, 1),
        **_costs(log, np.zeros(len(log.fills), np.int64), 1, curve),
        **_flow_sums(log, np.zeros(len(log.cash_flows), np.int64), 1),
        "benchmark_return_pct": np.array([held.mean() if len(held) else np.nan]),
    }
    return _rows(table)[0]


def symbol_figures(log: RunLog, curve: EquityCurve, trades: TradeColumns) -> dict[str, Figures]:
    """Every figure of each symbol: of the account as it would be with its fills alone.

    So the net profits of all symbols add up to the account's, but for cash flows that belong to
    no symbol, such as interest. `curve` and `trades` are the
    account's.
    """
    count = len(log.symbols)
    if not count:
        return {}
    table = {
        **curve_figures(symbol_curves(log, curve.time_ns), log.sessions),
        **trade_figures(trades, trades.symbol, count),
        **_costs(log, log.fills.symbol, count, curve),
        **_flow_sums(log, np.array([flow.symbol for flow in log.cash_flows], np.int64), count),
        "benchmark_return_pct": held_returns_pct(log),
    }
    return dict(zip(log.symbols, _rows(table), strict=True))


def strategy_figures(log: RunLog, curve: EquityCurve, trades: TradeColumns) -> dict[str, Figures]:
    """Every figure of each strategy: of the account as it would be with its fills alone.

    So the net profits of all strategies add up to the account's, but for cash flows that belong
    to no strategy, such as interest. The benchmark is the account's, since the log of a run does
    not say what a strategy might have traded. `curve` and `trades` are the account's.
    """
    count = len(log.strategies)
    if not count:
        return {}
    curves = (strategy_curve(log, index, curve.time_ns) for index in range(count))
    held = held_returns_pct(log)
    held = held[~np.isnan(held)]
    table = {
        **curve_figures(curves, log.sessions),
        **trade_figures(trades, trades.strategy, count),
        **_costs(log, log.fills.strategy, count, curve),
        **_flow_sums(log, np.array([flow.strategy for flow in log.cash_flows], np.int64), count),
        "benchmark_return_pct": np.full(count, held.mean() if len(held) else np.nan),
    }
    return dict(zip(log.strategies, _rows(table), strict=True))


class _Reading(NamedTuple):
    """What the figures need of one curve: all that is kept of it.

    `closes` is equity at each session's close, `held` the share of bars with a position in
    percent, `fall` the figures of its drawdowns.
    """

    start: float
    final: float
    closes: Floats
    held: float
    fall: Figures


def curve_figures(curves: Iterable[EquityCurve], sessions: SessionGrid) -> Table:
    """The figures that follow from curves alone, of one or more that share one starting cash.

    Each curve is let go of before the next is asked for.
    """
    starts, finals, every_close, held, falls = zip(
        *(_read(curve, sessions) for curve in curves), strict=True
    )
    start, years = starts[0], len(sessions) / periods_per_year(sessions)
    final, closes = np.array(finals), np.array(every_close)
    growth = final / start
    table: Table = {
        "final_equity": final,
        "net_profit": final - start,
        "return_pct": (growth - 1.0) * 100.0,
        "cagr_pct": (_power(growth, _ratio(np.ones(1), np.array([years]))) - 1.0) * 100.0,
    }
    table.update(_return_figures(_returns(closes, start), periods_per_year(sessions)))
    table["exposure_pct"] = np.array(held)
    table.update({key: np.array([fall[key] for fall in falls]) for key in falls[0]})
    table["calmar"] = _ratio(table["cagr_pct"], -table["max_drawdown_pct"])
    return table


def trade_figures(trades: TradeColumns, book: Int64s, books: int) -> Table:
    """The figures per trade of `books` books; ``book[i]`` says which one trade i belongs to."""
    open_count = _sums(book[trades.is_open], None, books)
    if bool(trades.is_open.any()):
        closed = ~trades.is_open
        trades, book = trades.take(closed), book[closed]
    won, lost = trades.net > 0, trades.net < 0
    is_long = trades.direction > 0
    count = _sums(book, None, books)
    wins, losses = _sums(book[won], None, books), _sums(book[lost], None, books)
    gains = _sums(book[won], trades.net[won], books)
    pains = _sums(book[lost], trades.net[lost], books)
    mean = _ratio(_sums(book, trades.net, books), count)
    spread = _sums(book, (trades.net - mean[book]) ** 2, books)
    deviation = np.sqrt(_ratio(spread, count - 1.0))
    best, worst = _extremes(trades.return_pct, book, books)
    return {
        "trades": count,
        "open_trades": open_count,
        "win_rate_pct": 100.0 * _ratio(wins, count),
        "profit_factor": _ratio(gains, -pains),
        "expectancy": mean,
        "sqn": np.sqrt(count) * _ratio(mean, deviation),
        "average_trade_pct": _ratio(_sums(book, trades.return_pct, books), count),
        "best_trade_pct": best,
        "worst_trade_pct": worst,
        "average_win": _ratio(gains, wins),
        "average_loss": _ratio(pains, losses),
        "average_bars_held": _ratio(_sums(book, trades.bars_held, books), count),
        "long_trades": _sums(book[is_long], None, books),
        "short_trades": _sums(book[~is_long], None, books),
        "long_profit": _sums(book[is_long], trades.net[is_long], books),
        "short_profit": _sums(book[~is_long], trades.net[~is_long], books),
    }


def _read(curve: EquityCurve, sessions: SessionGrid) -> _Reading:
    bars, held = len(curve), int(np.count_nonzero(curve.gross_exposure))
    return _Reading(
        start=curve.starting_cash,
        final=curve.final_equity,
        closes=curve.at(sessions.close_ns),
        held=100.0 * (held / bars) if bars else float("nan"),
        fall=_drawdown_figures(curve, sessions),
    )


def _returns(closes: Floats, starting_cash: float) -> Floats:
    before = np.concatenate((np.full((len(closes), 1), starting_cash), closes[:, :-1]), axis=1)
    if len(closes) and closes.shape[1] and float(closes.min()) <= 0:
        before = np.where(np.minimum.accumulate(before, axis=1) > 0, before, np.nan)
    returns: Floats = closes / before - 1.0
    return returns


def _return_figures(returns: Floats, periods: float) -> Table:
    """Volatility, Sharpe and Sortino of each row of session returns."""
    books, count = returns.shape
    mean = returns.sum(axis=1) / count if count else np.full(books, np.nan)
    spread = ((returns - mean[:, None]) ** 2).sum(axis=1)
    deviation = np.sqrt(spread / (count - 1)) if count > 1 else np.full(books, np.nan)
    falls = np.minimum(returns, 0.0)
    downside = np.sqrt((falls * falls).sum(axis=1) / count) if count else np.full(books, np.nan)
    root = np.sqrt(periods)
    return {
        "volatility_pct": deviation * root * 100.0,
        "sharpe": _ratio(mean, deviation) * root,
        "sortino": _ratio(mean, downside) * root,
    }


def _drawdown_figures(curve: EquityCurve, sessions: SessionGrid) -> Figures:
    """Depth and length of the deepest fall, and the length of the longest one.

    Peaks are the rows at which equity stands at its highest so far. The time before the first
    bar counts as one: there equity is the starting cash.
    """
    equity, times = curve.equity, curve.time_ns
    if not len(equity):
        return dict.fromkeys(_DRAWDOWN_KEYS, 0.0)
    ratio = equity / curve.peak
    deepest = int(ratio.argmin())
    depth = float(ratio[deepest]) - 1.0
    if depth >= 0:
        return dict.fromkeys(_DRAWDOWN_KEYS, 0.0)
    peaks = np.flatnonzero(equity == curve.peak)
    after = int(np.searchsorted(peaks, deepest))
    began = int(times[peaks[after - 1]]) if after else int(times[0])
    ended = int(times[peaks[after]]) if after < len(peaks) else int(times[-1])
    first, last = np.searchsorted(sessions.close_ns, (began, ended), side="right")
    edges = np.concatenate((times[:1], times[peaks], times[-1:]))
    values = (depth * 100.0, (ended - began) / DAY_NS, float(last - first), _longest(edges, peaks))
    return dict(zip(_DRAWDOWN_KEYS, values, strict=True))


_DRAWDOWN_KEYS = (
    *("max_drawdown_pct", "max_drawdown_days", "max_drawdown_sessions"),
    "longest_drawdown_days",
)


def _longest(edges: Int64s, peaks: Int64s) -> float:
    """Days of the longest stretch between peaks that has other bars in it."""
    spans = np.diff(edges)
    inner = np.diff(peaks) > 1
    spans[1:-1][~inner] = 0
    return float(spans.max()) / DAY_NS


def _costs(log: RunLog, book: Int64s, books: int, account: EquityCurve) -> Table:
    fills = log.fills
    value = _sums(book, np.abs(fills.quantity) * fills.price, books)
    mean_equity = float(account.equity.mean()) if len(account) else np.nan
    return {
        "fills": _sums(book, None, books),
        "turnover": _ratio(value, np.full(books, mean_equity)),
        "commission": _sums(book, fills.commission, books),
        "slippage": _sums(book, fills.slippage, books),
    }


_FLOWS = {"dividends": "dividend", "borrow": "borrow", "interest": "interest", "fees": "fee"}
"""Figures of cash flows, and the kind each adds up."""


def _flow_sums(log: RunLog, book: Int64s, books: int) -> Table:
    """Cash flows by kind; those of book -1 belong to none."""
    kinds = np.array([flow.kind for flow in log.cash_flows], np.str_)
    amounts = np.array([flow.amount for flow in log.cash_flows], np.float64)
    chosen = {key: (kinds == kind) & (book >= 0) for key, kind in _FLOWS.items()}
    return {key: _sums(book[rows], amounts[rows], books) for key, rows in chosen.items()}


def _sums(book: Int64s, values: Floats | Int64s | None, books: int) -> Floats:
    """Sum of `values` (None: their count) per book."""
    sums: Floats = np.bincount(book, values, books).astype(np.float64, copy=False)
    return sums


def _extremes(values: Floats, book: Int64s, books: int) -> tuple[Floats, Floats]:
    highest, lowest = np.full(books, -np.inf), np.full(books, np.inf)
    np.maximum.at(highest, book, values)
    np.minimum.at(lowest, book, values)
    none = highest < lowest
    highest[none], lowest[none] = np.nan, np.nan
    return highest, lowest


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Element by element; NaN where the denominator is zero or either is undefined."""
    divisor = np.where(denominator == 0, np.nan, denominator)
    quotient: Floats = numerator / divisor
    return quotient


def _power(base: Floats, exponent: Floats) -> Floats:
    """NaN for a base of zero or less: money that is gone does not grow."""
    result: Floats = np.where(base > 0, base, np.nan) ** exponent
    return result


def _rows(table: Table) -> list[Figures]:
    """One dict per book, counts as whole numbers."""
    keys = [metric.key for metric in METRICS]
    columns = [
        (table[metric.key].astype(np.int64) if metric.unit == "count" else table[metric.key])
        for metric in METRICS
    ]
    return [
        dict(zip(keys, values, strict=True))
        for values in zip(*(column.tolist() for column in columns), strict=True)
    ]
