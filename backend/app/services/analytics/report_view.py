"""From a run to what its report shows."""

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from app.core.run_log import RunLog
from app.core.types import SECOND_NS
from app.services.analytics.definitions import BY_KEY
from app.services.analytics.display import figure, figure_rows, format_figure
from app.services.analytics.equity import EquityCurve, present
from app.services.analytics.info import RunInfo
from app.services.analytics.statistics import Figures, session_returns
from app.services.analytics.strategies import StrategyLedger
from app.services.analytics.trades import TradeColumns
from app.services.reporting.data import CurveData, Figure, FillData, ReportData, Table, TradeData

_SYMBOL_COLUMNS = (
    *("net_profit", "return_pct", "benchmark_return_pct", "sharpe", "max_drawdown_pct"),
    *("exposure_pct", "trades", "win_rate_pct", "profit_factor", "expectancy", "commission"),
)

_LEDGER_COLUMNS = (
    *(("Net Profit", "profit"), ("Realised", "realised"), ("Open", "open_profit")),
    *(("Carry", "carry"), ("Commission", "commission"), ("Slippage", "slippage")),
    ("Cash Used", "cash_used"),
)
_STRATEGY_COLUMNS = (
    *("fills", "trades", "win_rate_pct", "profit_factor", "sharpe", "max_drawdown_pct"),
    "exposure_pct",
)


def report_data(
    log: RunLog,
    info: RunInfo,
    *,
    curve: EquityCurve,
    benchmark: EquityCurve,
    trades: TradeColumns,
    metrics: Figures,
    benchmark_metrics: Figures,
    symbol_metrics: Mapping[str, Figures],
    strategy_metrics: Mapping[str, Figures],
    strategy_ledgers: Mapping[str, StrategyLedger],
    order_hash: str,
) -> ReportData:
    """Everything the report of one run shows."""
    return ReportData(
        title=info.name,
        subtitle=subtitle(log),
        is_synthetic=info.is_synthetic,
        notices=[f"Strategy {name} was ended: {why}" for name, why in info.ended.items()],
        headline=_headline(metrics, benchmark_metrics),
        figures=figure_rows(metrics, benchmark_metrics),
        symbols=log.symbols,
        strategies=log.strategies,
        symbol_figures=_symbol_table(symbol_metrics),
        strategy_figures=_strategy_table(strategy_ledgers, strategy_metrics),
        sessions=log.sessions,
        session_returns=session_returns(curve, log.sessions),
        curve=CurveData(curve.time_ns, curve.equity, benchmark.equity, curve.peak),
        bars=log.bars,
        fills=_fills(log),
        trades=_trades(trades),
        data_quality=_quality(info.data_quality),
        config=info.config,
        provenance=_provenance(info, order_hash),
    )


def subtitle(log: RunLog) -> str:
    """Who traded what, when: one line."""
    shown = ", ".join(log.symbols[:6])
    more = f" and {len(log.symbols) - 6} more" if len(log.symbols) > 6 else ""
    count = len(log.sessions)
    return (
        f"{', '.join(log.strategies)} on {shown}{more}  ·  {period(log)}  ·  {count} "
        f"session{'' if count == 1 else 's'}  ·  starting cash {log.starting_cash:,.2f}"
    )


def period(log: RunLog) -> str:
    """First and last session, as dates of the market."""
    dates = log.sessions.dates
    if not len(dates):
        return "no session"
    first, last = str(dates[0]), str(dates[-1])
    return first if first == last else f"{first} to {last}"


def market_time(time_ns: int, zone: str) -> str:
    """An instant on the market's clock, to the minute."""
    instant = datetime.fromtimestamp(time_ns // SECOND_NS, UTC)
    return f"{instant.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def _headline(metrics: Figures, benchmark: Figures) -> list[Figure]:
    def tile(key: str, beside: str) -> Figure:
        plain = figure(BY_KEY[key], metrics[key])
        return Figure(plain.label, plain.value, plain.definition, beside, plain.is_bad)

    held = format_figure(benchmark["return_pct"], "%")
    length = format_figure(metrics["max_drawdown_days"], "days")
    average = format_figure(metrics["average_bars_held"], "bars")
    expectancy = format_figure(metrics["expectancy"], "money")
    cost = metrics["commission"] + metrics["slippage"]
    return [
        tile("return_pct", f"buy & hold {held}"),
        tile("sharpe", f"buy & hold {format_figure(benchmark['sharpe'], 'ratio')}"),
        tile("max_drawdown_pct", f"lasted {length}"),
        tile("trades", f"{average} bars on average"),
        tile("win_rate_pct", f"{expectancy} a trade"),
        tile("profit_factor", f"costs {format_figure(cost, 'money')}"),
    ]


def _symbol_table(metrics: Mapping[str, Figures]) -> Table:
    headings = ("Symbol", *(BY_KEY[key].label for key in _SYMBOL_COLUMNS))
    rows = [
        (name, *(format_figure(figures[key], BY_KEY[key].unit) for key in _SYMBOL_COLUMNS))
        for name, figures in metrics.items()
    ]
    return Table(headings, rows)


def _strategy_table(ledgers: Mapping[str, StrategyLedger], metrics: Mapping[str, Figures]) -> Table:
    """A row per strategy: its money, and what a sum cannot say; the rest of the account last."""
    money = [label for label, _ in _LEDGER_COLUMNS]
    figures = [BY_KEY[key].label for key in _STRATEGY_COLUMNS]
    rows = []
    for name, ledger in ledgers.items():
        own = metrics.get(name)
        texts = [format_figure(getattr(ledger, key), "money") for _, key in _LEDGER_COLUMNS]
        beside = [
            format_figure(own[key], BY_KEY[key].unit) if own else "" for key in _STRATEGY_COLUMNS
        ]
        rows.append((name, *texts, *beside))
    return Table(("Strategy", *money, *figures), rows)


def _quality(quality: Mapping[str, Mapping[str, object]]) -> Table:
    names = list(dict.fromkeys(name for figures in quality.values() for name in figures))
    headings = ("Symbol", *(name.replace("_pct", ", %").replace("_", " ") for name in names))
    rows = [
        (symbol, *(_cell(figures.get(name, "")) for name in names))
        for symbol, figures in quality.items()
    ]
    return Table(headings, rows)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _provenance(info: RunInfo, order_hash: str) -> dict[str, str]:
    return {
        "Parameters": _settings(info.parameters),
        "Data": "synthetic (seeded generator)" if info.is_synthetic else "",
        "Data fingerprint": info.data_fingerprint,
        "Order hash": order_hash,
        "Code version": info.code_version,
    }


def _settings(values: Mapping[str, object]) -> str:
    """Names and values in one line; a strategy's own after its name."""
    groups = [
        f"{name}: {_settings(value)}"
        for name, value in values.items()
        if isinstance(value, Mapping)
    ]
    plain = [
        f"{name} = {value}" for name, value in values.items() if not isinstance(value, Mapping)
    ]
    return ";  ".join([", ".join(plain), *groups] if plain else groups)


def _fills(log: RunLog) -> dict[str, FillData]:
    found = {}
    for index in present(log.fills.symbol):
        own = log.fills.take(log.fills.symbol == index)
        found[log.symbols[index]] = FillData(own.bar_end_ns, own.quantity, own.price)
    return found


def _trades(trades: TradeColumns) -> TradeData:
    return TradeData(
        symbol=trades.symbol,
        strategy=trades.strategy,
        direction=trades.direction,
        quantity=trades.quantity,
        entry_ns=trades.entry_ns,
        entry_bar_end_ns=trades.entry_bar_end_ns,
        entry_price=trades.entry_price,
        exit_ns=trades.exit_ns,
        exit_bar_end_ns=trades.exit_bar_end_ns,
        exit_price=trades.exit_price,
        net=trades.net,
        return_pct=trades.return_pct,
        is_open=trades.is_open,
    )
