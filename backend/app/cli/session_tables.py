"""A session while it runs, as the commands show it."""

from collections.abc import Sequence
from math import isnan

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from app.core.enums import OperationMode
from app.core.intervals import ONE_MINUTE
from app.managers.execution_manager.api import AccountView, PositionView
from app.managers.system_manager.session_series import SeriesRow
from app.managers.system_manager.status import SystemStatus

WIDE = 110
"""From this width on, prices of the last bar have columns of their own."""

_STATES = {"RUNNING": "green", "PAUSED": "yellow", "FAILED": "bold red", "STOPPED": "dim"}


def render_session_data(rows: Sequence[SeriesRow], *, width: int) -> RenderableType:
    """Series one a line, those of a symbol together; a star marks derived ones."""
    wide = width >= WIDE
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Symbol", style="bold", no_wrap=True)
    table.add_column("Bars", no_wrap=True)
    for name in ("Today", "Before") if wide else ("Today",):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Until", no_wrap=True)
    prices = ("Open", "High", "Low", "Close", "Volume") if wide else ("Close",)
    for name in (*prices, "Quality"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Indicators", ratio=1)
    symbol = ""
    for row in rows:
        name, symbol = ("" if row.symbol == symbol else row.symbol), row.symbol
        table.add_row(name, *_cells(row, wide=wide))
    return table


def _cells(row: SeriesRow, *, wide: bool) -> list[str | Text]:
    interval = Text(str(row.interval))
    if row.interval != ONE_MINUTE:
        interval.append("*", style="dim")
    shown = ["–"] * (6 if wide else 2)
    if row.last is not None:
        moment, *prices = row.last
        texts = [f"{price:,.2f}" for price in prices[:4]]
        is_today = row.bars > 0
        short = f"{moment:%H:%M}" if is_today else f"{moment:%m-%d}"
        shown = [f"{moment:%m-%d %H:%M}", *texts] if wide else [short, *texts[3:]]
        shown += [f"{prices[4]:,.0f}"] if wide else []
    return [
        interval,
        f"{row.bars:,}",
        *([f"{row.history:,}"] if wide else []),
        *shown,
        _quality(row.quality_pct),
        _indicators(row.indicators),
    ]


def _quality(percent: float | None) -> Text:
    if percent is None or isnan(percent):
        return Text("–", style="dim")
    style = "green" if percent >= 99.0 else "yellow" if percent >= 90.0 else "red"
    return Text(f"{percent:.1f} %", style=style)


def _indicators(values: Sequence[tuple[str, tuple[float, ...]]]) -> Text:
    text = Text()
    for name, outputs in values:
        if text:
            text.append("  ")
        numbers = "/".join(map(_number, outputs)) or "–"
        text.append(f"{name}\N{NO-BREAK SPACE}", style="dim").append(numbers)
    return text


def _number(value: float) -> str:
    if isnan(value):
        return "–"
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.4g}"


def render_account(
    account: AccountView | None, positions: Sequence[PositionView], *, width: int
) -> Text:
    """Money and holdings in a line."""
    if account is None:
        return Text()
    text = Text.assemble(("equity ", "dim"), f"{account.equity:,.2f}", ("  cash ", "dim"))
    text.append(f"{account.cash:,.2f}").append("  holds ", style="dim")
    held = ", ".join(f"{each.symbol} {each.quantity:g}" for each in positions) or "nothing"
    text.append(held)
    text.truncate(width, overflow="ellipsis")
    return text


def render_status(status: SystemStatus, *, moment: str = "") -> RenderableType:
    """What the system is doing, a fact a line."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    state = status.state.value
    table.add_row("state", Text(state, style=_STATES[state]))
    if status.session_name is None:
        table.add_row("session", "none was started yet")
        return table
    table.add_row("session", Text(status.session_name, style="bold"))
    if status.mode is not None:
        table.add_row("mode", status.mode.value)
    if status.reason:
        table.add_row("reason", Text(status.reason, style="red"))
    if status.notice:
        table.add_row("notice", Text(status.notice, style="yellow"))
    if moment:
        table.add_row("market time", moment)
    if state in {"RUNNING", "PAUSED"} and status.mode is OperationMode.BACKTEST:
        table.add_row("speed", speed_text(status.speed))
    progress = status.progress
    if progress is not None:
        table.add_row("sessions", f"{progress.sessions_done:,} of {progress.sessions_total:,}")
        table.add_row("bars", f"{progress.bars:,}, {progress.bars_per_s:,.0f} a second")
        if progress.equity:
            table.add_row("profit", f"{progress.pnl:+,.2f}, equity {progress.equity:,.2f}")
        held = ", ".join(f"{symbol} {units:g}" for symbol, units in progress.positions.items())
        table.add_row("holds", held or "nothing")
        table.add_row("orders", f"{progress.orders:,}")
    for name, alive in status.threads.items():
        table.add_row(name, Text("alive", style="green") if alive else Text("ended", style="dim"))
    return table


def speed_text(multiplier: float) -> str:
    """A speed in words."""
    if multiplier == 0:
        return "0, as fast as it goes"
    return f"{multiplier:g} market seconds a second"


def render_live(
    line: RenderableType, account: RenderableType, table: RenderableType, note: str
) -> Group:
    """The whole screen of ``data session``."""
    return Group(line, account, table, Text(note, style="dim"))
