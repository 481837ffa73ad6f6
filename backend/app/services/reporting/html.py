"""The report: one HTML file with everything inside, readable offline, in light and in dark."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np
from pydantic_core import to_json

from app.core.data_structures import BarColumns
from app.core.types import Int64s
from app.services.reporting import charts
from app.services.reporting.data import Figure, FillData, ReportData, Table
from app.services.reporting.sampling import (
    Candles,
    WallClock,
    candle_minutes,
    curve_rows,
    decimals_of,
    encode_candles,
    encode_fills,
    join,
)

MOST_CANDLES = 40_000
MOST_FILLS = 20_000
MOST_TRADES = 10_000

_SYNTHETIC = (
    "<p class=synthetic><b>Synthetic data.</b> These prices come from a seeded generator, not "
    "from a market. They show that the machinery works, nothing about a strategy.</p>"
)
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_NO_FILLS = FillData(np.empty(0, np.int64), np.empty(0), np.empty(0))


def render(data: ReportData) -> str:
    """The report of one run as a complete HTML document of a few megabytes at most.

    Long series are thinned to what a screen can show: curves keep the extremes of every
    stretch, minute bars are joined to longer candles where there are more than 40,000 of
    them. The files beside the report hold every row.
    """
    page = _asset("report.html")
    parts = {
        "title": escape(data.title),
        "css": _asset("report.css"),
        "header": _header(data),
        "headline": "".join(_tile(figure) for figure in data.headline),
        "synthetic": _SYNTHETIC if data.is_synthetic else "",
        "notices": "".join(f"<p class=synthetic>{escape(text)}</p>" for text in data.notices),
        "figures": _figures(data.figures, slice(0, 1)),
        "more_figures": _figures(data.figures, slice(1, None)),
        "monthly": charts.monthly_table(data.sessions.dates, data.session_returns),
        "distribution": charts.distribution(data.trades.return_pct[~data.trades.is_open]),
        "strategies": _section("Strategies", "strategies", _table(data.strategy_figures)),
        "symbols": _section("Symbols", "symbols", _table(data.symbol_figures)),
        "quality": _section("Data quality", "quality", _table(data.data_quality)),
        "provenance": _provenance(data.provenance),
        "config": escape(json.dumps(data.config, indent=2, default=str, ensure_ascii=False)),
        "data": _script_safe(_payload(data)),
        "library": _asset("lightweight-charts.standalone.production.js"),
        "script": _asset("report.js"),
    }
    return _PLACE.sub(lambda place: parts[place[1]], page)


@cache
def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")


def _header(data: ReportData) -> str:
    return f"<h1>{escape(data.title)}</h1><p class=subtitle>{escape(data.subtitle)}</p>"


def _tile(figure: Figure) -> str:
    beside = f"<small>{escape(figure.benchmark)}</small>" if figure.benchmark else ""
    tone = " bad" if figure.is_bad else ""
    return (
        f'<div class=tile><span class=label data-tip="{escape(figure.definition)}" tabindex=0>'
        f'{escape(figure.label)}</span><span class="value{tone}">{escape(figure.value)}</span>'
        f"{beside}</div>"
    )


def _figures(figures: Sequence[Figure], place: slice) -> str:
    """Cards with the figures of some of the groups, in the order the groups first appear."""
    groups = list(dict.fromkeys(figure.group for figure in figures))[place]
    return "".join(
        f"<section class=card><h2>{escape(group)}</h2>"
        f"{_figure_table([figure for figure in figures if figure.group == group])}</section>"
        for group in groups
    )


def _figure_table(figures: Sequence[Figure]) -> str:
    compares = any(figure.benchmark for figure in figures)
    rows = "".join(
        f'<tr><th scope=row><span data-tip="{escape(figure.definition)}" tabindex=0>'
        f"{escape(figure.label)}</span></th>"
        f"<td{' class=bad' if figure.is_bad else ''}>{escape(figure.value)}</td>"
        + (f"<td class=beside>{escape(figure.benchmark)}</td></tr>" if compares else "</tr>")
        for figure in figures
    )
    head = "<tr><td></td><th scope=col>Run</th><th scope=col class=beside>Buy &amp; hold</th></tr>"
    top = f"<thead>{head}</thead>" if compares else ""
    return f"<table class=figures>{top}<tbody>{rows}</tbody></table>"


def _table(table: Table) -> str:
    if not table.rows:
        return ""
    head = "".join(f"<th scope=col>{escape(text)}</th>" for text in table.headings)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    return (
        f"<div class=scroll><table class=plain><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _section(title: str, name: str, content: str) -> str:
    if not content:
        return ""
    return f'<section class=card id="{name}"><h2>{escape(title)}</h2>{content}</section>'


def _provenance(values: Mapping[str, str]) -> str:
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
        for name, value in values.items()
        if value
    )
    return f"<dl>{rows}</dl>"


def _payload(data: ReportData) -> dict[str, Any]:
    clock = WallClock(data.sessions.timezone, data.curve.time_ns)
    traded = [name for name in data.symbols if len(data.bars[name])]
    minutes = candle_minutes(sum(len(data.bars[name]) for name in traded), MOST_CANDLES)
    joined = {name: join(data.bars[name], data.sessions, minutes) for name in traded}
    return {
        "zone": clock.name,
        "symbols": data.symbols,
        "strategies": data.strategies,
        "curve": _curve(data, clock),
        "candles": {name: _candles(joined[name], clock) for name in traded},
        "fills": {name: _fills(data, name, joined[name]) for name in traded},
        "trades": _trades(data, clock, joined),
        "trade_count": len(data.trades),
    }


def _curve(data: ReportData, clock: WallClock) -> dict[str, Any]:
    rows = curve_rows(data.curve)
    fall = data.curve.equity[rows] / data.curve.peak[rows] - 1.0
    return {
        "t": np.diff(clock.seconds(data.curve.time_ns[rows]), prepend=0).tolist(),
        "equity": np.round(data.curve.equity[rows], 2).tolist(),
        "benchmark": np.round(data.curve.benchmark[rows], 2).tolist(),
        "drawdown": np.round(fall * 100.0, 4).tolist(),
    }


def _candles(candles: Candles, clock: WallClock) -> dict[str, Any]:
    places = decimals_of(candles.bars.close)
    return encode_candles(candles, clock.seconds(candles.bars.start_ns), places)


def _fills(data: ReportData, symbol: str, candles: Candles) -> list[list[float]]:
    fills = data.fills.get(symbol, _NO_FILLS)
    recent = slice(-(MOST_FILLS // max(len(data.fills), 1)), None)
    shown = FillData(fills.bar_end_ns[recent], fills.quantity[recent], fills.price[recent])
    return encode_fills(shown, candles.row_of(data.bars[symbol], shown.bar_end_ns))


def _trades(data: ReportData, clock: WallClock, joined: Mapping[str, Candles]) -> list[list[float]]:
    trades = data.trades
    last = slice(-MOST_TRADES, None)
    columns = (
        trades.symbol[last],
        trades.strategy[last],
        trades.direction[last] * trades.quantity[last],
        clock.seconds(trades.entry_ns[last]),
        np.round(trades.entry_price[last], 6),
        clock.seconds(trades.exit_ns[last]),
        np.round(trades.exit_price[last], 6),
        np.round(trades.net[last], 2),
        np.round(trades.return_pct[last], 4),
        trades.is_open[last].astype(np.int64),
        _candle_rows(data, joined, trades.entry_bar_end_ns[last], trades.symbol[last]),
        _candle_rows(data, joined, trades.exit_bar_end_ns[last], trades.symbol[last]),
    )
    return [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _candle_rows(
    data: ReportData, joined: Mapping[str, Candles], ends_ns: Int64s, symbol: Int64s
) -> Int64s:
    rows = np.zeros(len(ends_ns), np.int64)
    for index in np.unique(symbol).tolist():
        own, name = symbol == index, data.symbols[index]
        bars: BarColumns = data.bars[name]
        rows[own] = joined[name].row_of(bars, ends_ns[own])
    return rows


def _script_safe(value: object) -> str:
    """JSON that cannot end the script element it stands in."""
    text = to_json(value, inf_nan_mode="null").decode()
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
