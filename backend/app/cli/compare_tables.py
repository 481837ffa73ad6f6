"""Two runs side by side, as the commands print them."""

from collections.abc import Mapping

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from app.services.analytics.compare import FigureDifference, RunComparison
from app.services.analytics.definitions import BY_KEY
from app.services.analytics.display import format_figure
from app.services.analytics.frame_diff import ROW, Difference, FrameComparison

_UNDEFINED = "–"


def render_comparison(found: RunComparison) -> RenderableType:
    """What two runs have in common and where they part."""
    parts: list[RenderableType] = [_verdict(found), _settings(found), _figures(found)]
    for name, table in found.tables.items():
        parts.extend(lines_of_difference(name, table))
    parts.extend(_lines_of_missing(found.missing))
    return Group(*parts)


def _lines_of_missing(missing: Mapping[str, str]) -> list[Text]:
    """What was not compared, and why, and what is not looked at instead."""
    lines = [
        Text(
            f"{name.capitalize()}: NOT compared, {sides} left no such file or it is gone", "yellow"
        )
        for name, sides in missing.items()
    ]
    if missing.keys() & {"orders", "fills"}:
        lines.append(
            Text("What the database has of orders and fills is not compared; `orders` above is.")
        )
    return lines


def lines_of_difference(name: str, found: FrameComparison) -> list[Text]:
    """Whether two tables are equal, else the first cell that is not."""
    if found.is_equal:
        return [Text(f"{name.capitalize()}: equal, {found.rows_a:,} rows", style="green")]
    lines = [
        Text(f"{name.capitalize()}: only {side} has the column {column}", style="yellow")
        for side, columns in (("A", found.only_a), ("B", found.only_b))
        for column in columns
    ]
    if found.first is not None:
        lines += _pointed_at(name, found, found.first)
    return lines


def _pointed_at(name: str, found: FrameComparison, first: Difference) -> list[Text]:
    counts = (
        f"{found.rows_a:,}"
        if found.rows_a == found.rows_b
        else (f"{found.rows_a:,} and {found.rows_b:,}")
    )
    head = Text(f"{name.capitalize()}: {found.different_rows:,} of {counts} rows differ", "red")
    named = ", ".join(f"{key} {value}" for key, value in first.named.items())
    what = "the row" if first.column == ROW else first.column
    values = f"A {first.a or _UNDEFINED}, B {first.b or _UNDEFINED}"
    return [head, Text(f"  first at row {first.row + 1:,} ({named}), {what}: {values}")]


def _verdict(found: RunComparison) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row("A", Text(found.a.name, style="bold"))
    table.add_row("B", Text(found.b.name, style="bold"))
    table.add_row("orders", _same(found.a.order_hash, found.b.order_hash))
    table.add_row("data", _same(found.a.data_fingerprint, found.b.data_fingerprint))
    table.add_row("code", _same(found.a.code_version, found.b.code_version))
    return table


def _same(a: str, b: str) -> Text:
    if not (a and b):
        return Text("unknown", style="dim")
    return Text("the same", style="green") if a == b else Text("differ", style="red")


def _settings(found: RunComparison) -> RenderableType:
    if not (found.a.config and found.b.config):
        return Text("Settings: the config of one of the runs is not known.")
    if not found.settings:
        return Text("Settings: the same")
    table = Table("Setting", "A", "B", box=SIMPLE, pad_edge=False)
    for each in found.settings:
        table.add_row(each.path, *(_UNDEFINED if v is None else str(v) for v in (each.a, each.b)))
    return table


def _figures(found: RunComparison) -> Table:
    table = Table("Figure", box=SIMPLE, pad_edge=False)
    for heading in ("A", "B", "B - A"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in found.figures:
        metric = BY_KEY[each.key]
        cells = (_figure(each, value) for value in (each.a, each.b, each.delta))
        table.add_row(metric.label, *cells, style="" if each.delta else "dim")
    return table


def _figure(figure: FigureDifference, value: float | None) -> str:
    return _UNDEFINED if value is None else format_figure(value, BY_KEY[figure.key].unit)
