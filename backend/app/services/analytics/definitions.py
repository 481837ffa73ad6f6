"""What every figure means: its name, unit, definition and where the formula comes from."""

from dataclasses import dataclass
from typing import Literal

Unit = Literal["%", "money", "count", "days", "ratio", "bars"]


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """One figure: the key it is stored under, the name users know, and how it is computed.

    `unit` is ``%`` (5.0 means five percent), ``money`` (quote currency), ``count``, ``days``
    (calendar days), ``bars`` (minute bars of the symbol) or ``ratio``. `group` is the
    heading it is shown under.
    """

    key: str
    label: str
    unit: Unit
    definition: str
    group: str
    source: str = "arithmetic"


_RISK = "Return and risk"
_TRADES = "Trades"
_ACTIVITY = "Activity and costs"
_EMPYRICAL = "empyrical"
_VAN_THARP = "Van K. Tharp, Definitive Guide to Position Sizing (2008)"

METRICS: tuple[MetricDefinition, ...] = (
    MetricDefinition(
        "final_equity",
        "Final Equity",
        "money",
        "Cash plus positions at their last closes, at the end of the run.",
        _RISK,
    ),
    MetricDefinition(
        "net_profit",
        "Net Profit",
        "money",
        "Final equity less starting cash: the sum of the net P&L of all trades, open ones too, "
        "and of dividends, borrow cost, interest and other fees.",
        _RISK,
    ),
    MetricDefinition(
        "return_pct",
        "Return",
        "%",
        "Final equity over starting cash, less one.",
        _RISK,
        f"{_EMPYRICAL}.cum_returns_final",
    ),
    MetricDefinition(
        "benchmark_return_pct",
        "Buy & Hold Return",
        "%",
        "Return of starting cash spread evenly over all symbols, each bought at the open of its "
        "first bar and held to its last close, in fractions and free of costs; splits multiply "
        "what is held, dividends are kept as cash.",
        _RISK,
    ),
    MetricDefinition(
        "cagr_pct",
        "CAGR",
        "%",
        "Compound annual growth rate: (final equity / starting cash) ^ (P / sessions) - 1, where P "
        "is the number of sessions in a year: 252, or 365 for a market that never closes.",
        _RISK,
        f"{_EMPYRICAL}.cagr (annual_return)",
    ),
    MetricDefinition(
        "volatility_pct",
        "Volatility (ann.)",
        "%",
        "Sample standard deviation (n - 1) of the session returns, times the square root of P. A "
        "session return is equity at the session's close over that at the close before, less one.",
        _RISK,
        f"{_EMPYRICAL}.annual_volatility",
    ),
    MetricDefinition(
        "sharpe",
        "Sharpe Ratio",
        "ratio",
        "Mean session return over its sample standard deviation, times the square root of P; "
        "risk-free rate zero.",
        _RISK,
        f"{_EMPYRICAL}.sharpe_ratio; W. F. Sharpe, The Sharpe Ratio (1994)",
    ),
    MetricDefinition(
        "sortino",
        "Sortino Ratio",
        "ratio",
        "Mean session return over the root mean square of the negative ones (positive ones count "
        "as zero), times the square root of P; required return zero.",
        _RISK,
        f"{_EMPYRICAL}.sortino_ratio; F. A. Sortino, L. N. Price (1994)",
    ),
    MetricDefinition(
        "calmar",
        "Calmar Ratio",
        "ratio",
        "CAGR over the size of the maximum drawdown. The drawdown is the one seen minute by "
        "minute, so this is never better than the usual figure from session closes.",
        _RISK,
        f"{_EMPYRICAL}.calmar_ratio; T. W. Young (1991)",
    ),
    MetricDefinition(
        "max_drawdown_pct",
        "Max. Drawdown",
        "%",
        "The deepest fall of equity below its highest value so far (starting cash included), in "
        "percent of that value, seen at the end of every minute bar. Zero or negative.",
        _RISK,
        f"{_EMPYRICAL}.max_drawdown",
    ),
    MetricDefinition(
        "max_drawdown_days",
        "Max. Drawdown Length",
        "days",
        "Calendar days from the peak before the maximum drawdown until equity is back at it, or "
        "to the end of the run if it never is.",
        _RISK,
    ),
    MetricDefinition(
        "max_drawdown_sessions",
        "Max. Drawdown Sessions",
        "count",
        "Session closes that lie within that time, from after the peak to the recovery.",
        _RISK,
    ),
    MetricDefinition(
        "longest_drawdown_days",
        "Longest Drawdown",
        "days",
        "Calendar days of the longest time equity stayed below a peak it had reached.",
        _RISK,
    ),
    MetricDefinition(
        "trades",
        "# Trades",
        "count",
        "Round trips completed. Open ones are counted apart and stay out of every trade figure.",
        _TRADES,
    ),
    MetricDefinition(
        "open_trades",
        "# Open Trades",
        "count",
        "Round trips still open at the end, marked at the last close.",
        _TRADES,
    ),
    MetricDefinition(
        "win_rate_pct",
        "Win Rate",
        "%",
        "Share of completed trades whose net P&L is above zero.",
        _TRADES,
    ),
    MetricDefinition(
        "profit_factor",
        "Profit Factor",
        "ratio",
        "Sum of the net P&L of winning trades over the size of the sum of losing ones. Undefined "
        "without a losing trade.",
        _TRADES,
    ),
    MetricDefinition(
        "expectancy",
        "Expectancy",
        "money",
        "Win rate times the average win, less loss rate times the average loss: the mean net P&L "
        "of a completed trade.",
        _TRADES,
        _VAN_THARP,
    ),
    MetricDefinition(
        "sqn",
        "SQN",
        "ratio",
        "System quality number: square root of the number of completed trades, times the mean of "
        "their net P&L over its sample standard deviation. The count is not capped at 100.",
        _TRADES,
        _VAN_THARP,
    ),
    MetricDefinition(
        "average_trade_pct",
        "Avg. Trade",
        "%",
        "Mean return of completed trades: net P&L over the entry value.",
        _TRADES,
    ),
    MetricDefinition(
        "best_trade_pct",
        "Best Trade",
        "%",
        "Highest return of a completed trade.",
        _TRADES,
    ),
    MetricDefinition(
        "worst_trade_pct",
        "Worst Trade",
        "%",
        "Lowest return of a completed trade.",
        _TRADES,
    ),
    MetricDefinition(
        "average_win",
        "Avg. Win",
        "money",
        "Mean net P&L of the winning trades.",
        _TRADES,
    ),
    MetricDefinition(
        "average_loss",
        "Avg. Loss",
        "money",
        "Mean net P&L of the losing trades (below zero). A trade of exactly zero is neither.",
        _TRADES,
    ),
    MetricDefinition(
        "average_bars_held",
        "Avg. Bars Held",
        "bars",
        "Mean number of minute bars from a completed trade's entry bar to its exit bar.",
        _TRADES,
    ),
    MetricDefinition(
        "exposure_pct",
        "Exposure Time",
        "%",
        "Share of all minute bars at whose end a position was held.",
        _ACTIVITY,
    ),
    MetricDefinition(
        "long_trades",
        "# Long Trades",
        "count",
        "Completed trades that bought first.",
        _ACTIVITY,
    ),
    MetricDefinition(
        "short_trades",
        "# Short Trades",
        "count",
        "Completed trades that sold first.",
        _ACTIVITY,
    ),
    MetricDefinition(
        "long_profit",
        "Long Net P&L",
        "money",
        "Net P&L of the completed long trades.",
        _ACTIVITY,
    ),
    MetricDefinition(
        "short_profit",
        "Short Net P&L",
        "money",
        "Net P&L of the completed short trades.",
        _ACTIVITY,
    ),
    MetricDefinition(
        "fills",
        "# Fills",
        "count",
        "Executions, each side of a trade counted by itself.",
        _ACTIVITY,
    ),
    MetricDefinition(
        "turnover",
        "Turnover",
        "ratio",
        "Value of all fills over the account's mean equity: 2.0 means the account was bought and "
        "sold once. Over the whole run, not annualised.",
        _ACTIVITY,
    ),
    MetricDefinition(
        "commission",
        "Commission",
        "money",
        "Fees of all fills; inside every net figure.",
        _ACTIVITY,
    ),
    MetricDefinition(
        "slippage",
        "Slippage",
        "money",
        "What the fills cost against the prices before slippage. Already inside fill prices, so "
        "inside every figure.",
        _ACTIVITY,
    ),
    MetricDefinition(
        "dividends",
        "Dividends",
        "money",
        "Cash dividends received on long positions, less those paid on short ones. Inside equity, "
        "not inside the P&L of trades.",
        _ACTIVITY,
    ),
    MetricDefinition(
        "borrow",
        "Borrow Cost",
        "money",
        "What borrowing the shares of short positions did to cash: negative where it cost. Inside "
        "equity, not inside the P&L of trades.",
        _ACTIVITY,
    ),
    MetricDefinition(
        "interest",
        "Interest",
        "money",
        "Interest on cash: negative where it was paid on borrowed money. Inside equity, not inside "
        "the P&L of trades.",
        _ACTIVITY,
    ),
    MetricDefinition(
        "fees",
        "Other Fees",
        "money",
        "Fees that belong to no fill: negative where they were paid. Inside equity, not inside the "
        "P&L of trades.",
        _ACTIVITY,
    ),
)
"""Every figure, in the order it is shown."""

BY_KEY = {metric.key: metric for metric in METRICS}

_RETURN_KEYS = (
    *("final_equity", "net_profit", "return_pct", "cagr_pct", "volatility_pct", "sharpe"),
    *("sortino", "calmar", "max_drawdown_pct", "max_drawdown_days", "max_drawdown_sessions"),
    "longest_drawdown_days",
)
RETURN_METRICS = tuple(BY_KEY[key] for key in _RETURN_KEYS)
"""The figures that follow from an equity curve alone: also given for the benchmark."""

_UNITS = {
    "%": "percent (5.0 is five percent)",
    "money": "quote currency",
    "count": "number",
    "days": "calendar days",
    "bars": "minute bars",
    "ratio": "ratio",
}

_INTRODUCTION = """\
# What every figure means

A result's `metrics` hold these figures for the account, its `symbol_metrics` for each symbol and
its `strategy_metrics` for [each strategy](strategies.md#several-on-one-account): of the account
as it would be with these fills alone, so that net profits add up. A figure that is undefined (a
ratio to nothing, a mean of no trades) is NaN, and null in JSON; it is never zero or infinite by
accident.

- **Equity** is cash plus positions at each symbol's last close, at the end of every minute
  bar. A fill shows from the end of the bar it was executed in.
- **Session returns** are taken from close to close, the first against the starting cash. A
  year has 252 sessions, or 365 where sessions last around the clock.
- **Trades** are round trips of one strategy in one symbol, lots first in, first out. A fill
  that closes part of a lot, several lots, or reverses the position is split, its costs pro
  rata. What is open at the end is marked at the last close, reported as open, and kept out of
  the figures per trade. The net P&L of all trades, open ones included, and the cash flows
  (dividends, borrow cost, interest, other fees) are the final equity less the starting cash.
- **Over a split** a trade is in the units of its exit: 100 bought at 500 and 400 sold at 130
  after four for one are a trade of 400 bought at 125. Equity does not move: the last close is
  divided as the units are multiplied. `position` at a bar is in the units of that bar.
- **Dividends** are paid to cash on the ex-date, before its first bar: equity has the cash when
  the price falls by it. What belongs to no symbol (borrow cost, interest) is in the
  account's figures only.
- **Buy & hold** spreads the starting cash evenly over all symbols, buys each at the open of
  its first bar in fractions, free of costs, and holds to the last close; splits multiply what
  is held, dividends are kept as cash.
- **Excursions** (`mae_pct`, `mfe_pct` of a trade) are the worst and best price it saw against
  its entry price, over the bars it was held in full, and its exit price.

The formulas are held by tests to `empyrical-reloaded`, or to arithmetic where it has none.
"""


def markdown() -> str:
    """The page ``docs/metrics.md``: every definition, by group."""
    lines = [_INTRODUCTION]
    for group in dict.fromkeys(metric.group for metric in METRICS):
        lines += [f"## {group}", "", "| figure | key | unit | definition | formula |"]
        lines.append("|---|---|---|---|---|")
        lines += [
            f"| {one.label} | `{one.key}` | {_UNITS[one.unit]} | {one.definition} | {one.source} |"
            for one in METRICS
            if one.group == group
        ]
        lines.append("")
    return "\n".join(lines)
