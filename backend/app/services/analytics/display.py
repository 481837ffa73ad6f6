"""A result in words: figures as aligned text, as the rows of a report, as a Jupyter cell."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from app.services.analytics.definitions import BY_KEY, METRICS, MetricDefinition, Unit
from app.services.reporting.data import Figure


class Metrics(dict[str, float]):
    """Figures by key; printed as a table of their names and units."""

    def __repr__(self) -> str:
        return text_table([], [figure(BY_KEY[key], value) for key, value in self.items()])

    def _repr_html_(self) -> str:
        return html_table("", "", "", [figure(BY_KEY[key], value) for key, value in self.items()])


_DASH = "–"
_SIGNED = {"net_profit", "return_pct", "benchmark_return_pct", "cagr_pct"}


def format_figure(value: float, unit: Unit) -> str:
    """A figure as people read it; a dash where it is undefined."""
    if math.isnan(value):
        return _DASH
    return {
        "%": f"{value:,.2f} %",
        "money": f"{value:,.2f}",
        "count": f"{value:,.0f}",
        "days": _span(value),
        "bars": f"{value:,.1f}",
        "ratio": f"{value:,.2f}",
    }[unit]


def _span(days: float) -> str:
    if days == 0 or days >= 2:
        return f"{days:,.1f} days"
    hours = days * 24
    return f"{hours:,.1f} hours" if hours >= 2 else f"{hours * 60:,.0f} minutes"


def figure_rows(metrics: Mapping[str, float], benchmark: Mapping[str, float]) -> list[Figure]:
    """Every figure with the benchmark's beside it where it has one."""
    return [
        figure(metric, metrics[metric.key], benchmark.get(metric.key))
        for metric in METRICS
        if metric.key != "benchmark_return_pct"
    ]


def figure(metric: MetricDefinition, value: float, benchmark: float | None = None) -> Figure:
    """One figure ready to show; a loss is marked where the sign means one."""
    beside = "" if benchmark is None else format_figure(benchmark, metric.unit)
    is_bad = metric.key in _SIGNED and value < 0
    source = "" if metric.source == "arithmetic" else f" Formula: {metric.source}."
    text = format_figure(value, metric.unit)
    return Figure(metric.label, text, metric.definition + source, beside, is_bad, metric.group)


def text_table(head: Sequence[tuple[str, str]], figures: Sequence[Figure]) -> str:
    """Lines of label, value and benchmark, aligned for a terminal."""
    lines = [(one.label, one.value, one.benchmark) for one in figures]
    if any(beside for _, _, beside in lines):
        lines.insert(0, ("", "Run", "Buy & Hold"))
    first = max((len(label) for label, *_ in (*lines, *head)), default=0) + 2
    second = max((len(value) for _, value, _ in lines), default=0)
    third = max((len(beside) for _, _, beside in lines), default=0) + 2
    facts = [f"{label:<{first}}{value}" for label, value in head]
    table = [
        f"{label:<{first}}{value:>{second}}{beside:>{third}}".rstrip()
        for label, value, beside in lines
    ]
    return "\n".join(facts + table)


def html_table(title: str, notice: str, picture: str, figures: Sequence[Figure]) -> str:
    """A notebook cell: title, notice, picture and figures, readable on any background."""
    rows = "".join(
        f"<tr><td style='text-align:left' title='{escape(one.definition, quote=True)}'>"
        f"{escape(one.label)}</td><td>{escape(one.value)}</td><td>{escape(one.benchmark)}</td></tr>"
        for one in figures
    )
    warning = f"<p><b>{escape(notice)}</b></p>" if notice else ""
    return (
        f"<div><h4 style='margin:0 0 6px'>{escape(title)}</h4>{warning}"
        f"<div style='color:#3b6fe0'>{picture}</div>"
        f"<table><thead><tr><th></th><th>Run</th><th>Buy &amp; Hold</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )
