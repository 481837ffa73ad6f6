"""Tables of runs and strategies, as the commands print them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import cleandoc
from math import isnan
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Group, JustifyMethod
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from app.core.enums import OperationMode
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
    if len(record.strategies) > 1:
        parts.append(_ledgers(record))
    if record.data_quality:
        parts.append(_quality(record.data_quality))
    parts.append(_proofs(record))
    return Group(*parts)


def line_of_counts(counts: Mapping[str, int]) -> str:
    """How many rows of each kind a run left in the database; empty if it left none."""
    kinds = [(name, counts.get(name, 0)) for name in _KINDS]
    if not any(count for _, count in kinds):
        return ""
    told = (f"{count:,} {name.replace('_', ' ')}" for name, count in kinds)
    return f"In the database: {', '.join(told)}"


_KINDS = ("signals", "orders", "fills", "trades", "positions", "equity_points")


@dataclass(frozen=True, slots=True)
class _RunColumn:
    """A column of the list of runs; the least important ones give way in a narrow terminal."""

    heading: str
    cell: Callable[[RunRecord], str | Text]
    importance: int
    justify: JustifyMethod = "right"

    def width(self, records: Iterable[RunRecord]) -> int:
        """Characters it takes when nothing is wrapped."""
        return max(len(self.heading), *(len(self.cell(record)) for record in records))


def render_runs(records: Sequence[RunRecord], *, width: int) -> Table:
    """Runs one a line, newest first, with as many columns as fit into `width` characters."""
    table = Table(box=SIMPLE, pad_edge=False)
    columns = _fitting(records, width)
    for column in columns:
        is_name = column.heading == _SESSION
        table.add_column(
            column.heading,
            justify=column.justify,
            no_wrap=not is_name,
            overflow="fold" if is_name else "ellipsis",
        )
    for record in records:
        table.add_row(*(column.cell(record) for column in columns))
    return table


def render_progress(
    session_name: str, progress: RunProgress, *, moment: str = "", width: int = 120
) -> Text:
    """A running session in one line of at most `width` characters.

    `moment` is the session's time as the market's clock shows it.
    """
    done, total = progress.sessions_done, max(progress.sessions_total, 1)
    bar = _WIDE_BAR if width >= _WIDE else _NARROW_BAR
    filled = bar * done // total
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(_shortened(session_name, width // 4), style="bold")
    line.append("  " + "━" * filled, style="green").append("━" * (bar - filled), style="dim")
    facts = [f"{done}/{progress.sessions_total}", moment, f"{progress.bars_per_s:,.0f} bars/s"]
    line.append("".join(f"  {fact}" for fact in [*facts, f"P&L {progress.pnl:+,.2f}"] if fact))
    holdings = "  " + _holdings(progress.positions, width - len(line) - 2)
    line.append(holdings if len(line) + len(holdings) <= width else "")
    line.truncate(width, overflow="ellipsis")
    return line


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
        Constrain(Text(_unwrapped(about)), _READABLE),
        parameters,
        Text(f"Indicators: {indicators}"),
    )


_READABLE = 100
"""Characters in a line of prose, at most."""
_WIDE, _WIDE_BAR, _NARROW_BAR = 100, 24, 8
_UNITS = {metric.key: metric.unit for metric in METRICS}


def _facts(record: RunRecord) -> Table:
    table = Table.grid(padding=(0, 2))
    if record.synthetic:
        table.add_row("", Text(SYNTHETIC, style="bold yellow"))
    table.add_row("session", Text(record.session_name, style="bold"))
    table.add_row("mode", record.mode)
    table.add_row("status", _status(record.status) + Text(f"  {record.reason or ''}"))
    table.add_row("period", f"{record.first_session} to {record.last_session}")
    table.add_row("traded", f"{record.sessions:,} sessions, {record.bars:,} minute bars")
    for strategy in record.strategies:
        values = ", ".join(f"{k}={v}" for k, v in strategy["parameters"].items())
        table.add_row("strategy", f"{strategy['name']} ({values})")
        if ended := strategy.get("ended"):
            table.add_row("", Text(f"{strategy['name']} was ended: {ended}", style="bold red"))
    table.add_row("symbols", ", ".join(record.symbols))
    return table


def _figures(metrics: Mapping[str, float | None]) -> Table:
    """Figures in two columns, in the order of their definitions."""
    table = Table(box=SIMPLE, show_header=False)
    for _ in range(2):
        table.add_column(style="dim", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
    shown = [(metric.label, _figure(metrics, metric.key)) for metric in METRICS]
    half = -(-len(shown) // 2)
    for left, right in zip(shown[:half], [*shown[half:], ("", "")], strict=False):
        table.add_row(*left, *right)
    return table


def _ledgers(record: RunRecord) -> Table:
    """What each strategy did to the account; the account itself last."""
    table = Table("Strategy", box=SIMPLE)
    for heading in ("Net Profit", "Open", "Costs", "Cash Used", "Fills", "Trades"):
        table.add_column(heading, justify="right", no_wrap=True)
    for strategy in record.strategies:
        own = strategy.get("ledger", {})
        costs = own["commission"] + own["slippage"] if own else None
        money = (own.get("profit"), own.get("open_profit"), costs, own.get("cash_used"))
        counts = (own.get("fills"), own.get("trades"))
        table.add_row(strategy["name"], *map(_money, money), *map(_count, counts))
    whole = record.metrics
    costs = (whole.get("commission") or 0.0) + (whole.get("slippage") or 0.0)
    money = (whole.get("net_profit"), None, costs, None)
    counts = (whole.get("fills"), whole.get("trades"))
    table.add_section()
    table.add_row("account", *map(_money, money), *map(_count, counts))
    return table


def _money(value: float | None) -> str:
    return "" if value is None else format_figure(value, "money")


def _count(value: float | None) -> str:
    return "" if value is None else format_figure(value, "count")


_COUNTED = {
    "blocked_entries": "Entries blocked",
    "restricted_minutes": "Minutes restricted",
    "late_bars": "Bars late",
    "changed_bars": "Bars changed",
    "overdue_minutes": "Minutes overdue",
}
"""What a session may have counted beside its gaps, and what the terminal calls it."""


def _quality(quality: Mapping[str, Mapping[str, Any]]) -> Group:
    table = Table("Data", "Quality", "Minutes", "Gaps", box=SIMPLE)
    counted = {
        name: heading
        for name, heading in _COUNTED.items()
        if any(name in figures for figures in quality.values())
    }
    for heading in counted.values():
        table.add_column(heading)
    for symbol, figures in quality.items():
        cells = [symbol, "–", "–", "–"]
        if figures.get("quality_pct") is not None:
            present, expected = figures["present_minutes"], figures["expected_minutes"]
            minutes = f"{present:,} of {expected:,}"
            cells[1:] = [f"{figures['quality_pct']:.2f} %", minutes, f"{figures['gaps']:,}"]
        table.add_row(*cells, *(f"{figures.get(name, 0):,}" for name in counted))
    halts = dict.fromkeys(halt for figures in quality.values() for halt in figures.get("halts", ()))
    return Group(table, *(Text(f"Halted: {halt}") for halt in halts))


def _proofs(record: RunRecord) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
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
    return own_text(strategy).partition("\n")[0]


def lines_of_files(record: RunRecord, *, validation: str | None = None) -> list[str]:
    """Where the run's files are, or that they are not there any more, a line each, never cut."""
    folder = Path(record.folder)
    lines = [f"report      {_there(folder / 'report.html')}", f"files       {_there(folder)}"]
    if not (folder / "report.html").exists():
        lines[0] += f": `run report {str(record.id)[:_SHORT_ID]}` runs it again"
    return [*lines, f"per bar     {validation}"] if validation else lines


def _there(path: Path) -> str:
    return str(path) if path.exists() else f"not there any more ({path})"


def _unwrapped(text: str) -> str:
    """Paragraphs without the line breaks of their source."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _holdings(positions: Mapping[str, float], room: int) -> str:
    """Units per symbol if there is room for them, else how many symbols are held."""
    if not positions:
        return "flat"
    held = ", ".join(f"{symbol} {units:g}" for symbol, units in positions.items())
    return held if len(held) <= room else f"{len(positions)} held"


def _fitting(records: Sequence[RunRecord], width: int) -> list[_RunColumn]:
    """The most important columns that fit, in their usual order."""
    kept: set[str] = set()
    for column in sorted(_RUN_COLUMNS, key=lambda column: column.importance):
        room = column.width(records)
        if column.heading == _SESSION:
            room = min(room, max(_NARROWEST_NAME, width // 4))
        width -= room + _BETWEEN
        if width < 0 and kept:
            break
        kept.add(column.heading)
    return [column for column in _RUN_COLUMNS if column.heading in kept]


def _metric_column(heading: str, key: str, importance: int) -> _RunColumn:
    return _RunColumn(heading, lambda record: _figure(record.metrics, key), importance)


def _named(record: RunRecord) -> str:
    """The session's name, and in brackets what is not usual about it."""
    unusual = ["synthetic"] if record.synthetic else []
    unusual += [record.mode] if record.mode != OperationMode.BACKTEST else []
    return f"{record.session_name} ({', '.join(unusual)})" if unusual else record.session_name


_SESSION, _NARROWEST_NAME, _BETWEEN = "Session", 15, 3
_RUN_COLUMNS = (
    _RunColumn("Run", lambda record: str(record.id)[:_SHORT_ID], 0, "left"),
    _RunColumn(_SESSION, _named, 1, "left"),
    _RunColumn("Finished (UTC)", lambda record: f"{record.finished_at:%Y-%m-%d %H:%M}", 4, "left"),
    _RunColumn("Status", lambda record: _status(record.status), 2, "left"),
    _RunColumn("Sessions", lambda record: f"{record.sessions:,}", 9),
    _RunColumn("Bars", lambda record: f"{record.bars:,}", 8),
    _metric_column("Return", "return_pct", 3),
    _metric_column("Sharpe", "sharpe", 6),
    _metric_column("Max. DD", "max_drawdown_pct", 7),
    _metric_column("Trades", "trades", 5),
)


def own_text(strategy: type[Strategy]) -> str:
    """A strategy's own docstring; empty if it has none (a base class's says nothing of it)."""
    return cleandoc(vars(strategy).get("__doc__") or "")
