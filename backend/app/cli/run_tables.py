"""Tables of runs and strategies, as the commands print them."""

from collections.abc import Iterable, Mapping
from math import isnan
from typing import Any

from rich.box import SIMPLE
from rich.console import Group
from rich.table import Table
from rich.text import Text

from app.core.run_record import RunRecord
from app.core.strategy import Strategy
from app.services.analytics.definitions import METRICS
from app.services.analytics.display import format_figure
from app.threads.progress import RunProgress

SYNTHETIC = "synthetic data: prices from a seeded generator, not from a market"
_SHORT_ID = 8


def render_run(record: RunRecord) -> Group:
    """One run: what was run, its figures, the quality of its data, and how it can be proven."""
    parts: list[Any] = [_facts(record), _figures(record.metrics)]
    if record.data_quality:
        parts.append(_quality(record.data_quality))
    parts.append(_proofs(record))
    return Group(*parts)


def render_runs(records: Iterable[RunRecord]) -> Table:
    """Runs one a line, newest first."""
    table = Table("Run", "Session", "Finished (UTC)", "Status", box=SIMPLE)
    for name in ("Sessions", "Bars", "Return", "Sharpe", "Max. DD", "Trades"):
        table.add_column(name, justify="right")
    for record in records:
        table.add_row(
            str(record.id)[:_SHORT_ID],
            record.session_name + (" (synthetic)" if record.synthetic else ""),
            f"{record.finished_at:%Y-%m-%d %H:%M}",
            _status(record.status),
            f"{record.sessions:,}",
            f"{record.bars:,}",
            *(_figure(record.metrics, key) for key in _LISTED),
        )
    return table


def render_progress(session_name: str, progress: RunProgress) -> Table:
    """A running session in one line."""
    table = Table.grid(padding=(0, 2))
    done, total = progress.sessions_done, max(progress.sessions_total, 1)
    width = 24
    filled = width * done // total
    held = ", ".join(f"{symbol} {units:g}" for symbol, units in progress.positions.items())
    table.add_row(
        Text(session_name, style="bold"),
        Text("━" * filled, style="green") + Text("━" * (width - filled), style="dim"),
        f"{done}/{progress.sessions_total}",
        str(progress.session or ""),
        f"{progress.bars_per_s:,.0f} bars/s",
        f"P&L {progress.pnl:+,.2f}",
        held or "flat",
    )
    return table


def render_strategies(strategies: Mapping[str, type[Strategy]]) -> Table:
    """Strategies one a line."""
    table = Table("Name", "What it does", "Parameters", box=SIMPLE)
    for name, strategy in strategies.items():
        table.add_row(name, _first_line(strategy), ", ".join(strategy.declared_parameters()))
    return table


def render_strategy(name: str, strategy: type[Strategy], about: str) -> Group:
    """One strategy: what it does, when it loses, its parameters and indicators."""
    parameters = Table("Parameter", "Default", "Accepted", "Meaning", box=SIMPLE)
    for key, parameter in strategy.declared_parameters().items():
        parameters.add_row(key, str(parameter.default), parameter.bounds, parameter.help)
    indicators = ", ".join(strategy.declared_indicators()) or "none"
    return Group(
        Text(name, style="bold"),
        Text(about),
        parameters,
        Text(f"Indicators: {indicators}"),
    )


_LISTED = ("return_pct", "sharpe", "max_drawdown_pct", "trades")
_UNITS = {metric.key: metric.unit for metric in METRICS}


def _facts(record: RunRecord) -> Table:
    table = Table.grid(padding=(0, 2))
    if record.synthetic:
        table.add_row("", Text(SYNTHETIC, style="bold yellow"))
    table.add_row("session", Text(record.session_name, style="bold"))
    table.add_row("status", _status(record.status) + Text(f"  {record.reason or ''}"))
    table.add_row("period", f"{record.first_session} to {record.last_session}")
    table.add_row("traded", f"{record.sessions:,} sessions, {record.bars:,} minute bars")
    for strategy in record.strategies:
        values = ", ".join(f"{k}={v}" for k, v in strategy["parameters"].items())
        table.add_row("strategy", f"{strategy['name']} ({values})")
    table.add_row("symbols", ", ".join(record.symbols))
    return table


def _figures(metrics: Mapping[str, float | None]) -> Table:
    """Figures in two columns, in the order of their definitions."""
    table = Table(box=SIMPLE, show_header=False)
    for _ in range(2):
        table.add_column(style="dim")
        table.add_column(justify="right")
    shown = [(metric.label, _figure(metrics, metric.key)) for metric in METRICS]
    half = -(-len(shown) // 2)
    for left, right in zip(shown[:half], [*shown[half:], ("", "")], strict=False):
        table.add_row(*left, *right)
    return table


def _quality(quality: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table("Data", "Quality", "Minutes", "Gaps", box=SIMPLE)
    for symbol, figures in quality.items():
        table.add_row(
            symbol,
            f"{figures['quality_pct']:.2f} %",
            f"{figures['present_minutes']:,} of {figures['expected_minutes']:,}",
            f"{figures['gaps']:,}",
        )
    return table


def _proofs(record: RunRecord) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row("run", str(record.id))
    table.add_row("order hash", record.order_hash)
    table.add_row("data", record.data_fingerprint)
    table.add_row("code", record.code_version)
    return table


def _figure(metrics: Mapping[str, float | None], key: str) -> str:
    value = metrics.get(key)
    if value is None or isnan(value):
        return "–"
    return format_figure(value, _UNITS[key])


def _status(status: str) -> Text:
    style = {"completed": "green", "stopped": "yellow", "failed": "bold red"}[status]
    return Text(status, style=style)


def _first_line(strategy: type[Strategy]) -> str:
    return (strategy.__doc__ or "").strip().partition("\n")[0]


def lines_of_files(record: RunRecord, *, validation: str | None = None) -> list[str]:
    """Where the run's files are, a line each, never cut."""
    lines = [f"report      {record.folder}/report.html", f"files       {record.folder}"]
    return [*lines, f"per bar     {validation}"] if validation else lines
