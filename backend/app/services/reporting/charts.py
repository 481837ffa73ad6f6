"""Static pictures without a script: the table of months, the distribution, a curve as SVG."""

from html import escape

import numpy as np
import numpy.typing as npt

from app.core.types import Floats

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BINS = 36


def monthly_returns(
    dates: npt.NDArray[np.datetime64], returns: Floats
) -> dict[int, dict[int, float]]:
    """Session returns (fractions) compounded by calendar month: ``{year: {month: percent}}``.

    Sessions without a defined return are left out; months without a session are missing.
    """
    months = dates.astype("datetime64[M]").astype(np.int64)
    table: dict[int, dict[int, float]] = {}
    for month in np.unique(months).tolist():
        own = returns[months == month]
        growth = float(np.prod(1.0 + own[~np.isnan(own)]))
        table.setdefault(1970 + month // 12, {})[month % 12 + 1] = (growth - 1.0) * 100.0
    return table


def monthly_table(dates: npt.NDArray[np.datetime64], returns: Floats) -> str:
    """Months of every year as a table, coloured by size, with the year's compound return."""
    table = monthly_returns(dates, returns)
    if not table:
        return "<p class=none>No session was traded.</p>"
    largest = max((abs(value) for year in table.values() for value in year.values()), default=0.0)
    head = "".join(f"<th scope=col>{name}</th>" for name in _MONTHS)
    rows = []
    for year, months in table.items():
        cells = "".join(_month_cell(months.get(month), largest) for month in range(1, 13))
        whole = (float(np.prod([1 + value / 100 for value in months.values()])) - 1) * 100
        tone = " class=bad" if whole < 0 else ""
        rows.append(f"<tr><th scope=row>{year}</th>{cells}<td{tone}><b>{whole:+.2f}</b></td></tr>")
    return (
        "<div class=scroll><table class=months><thead><tr><td></td>"
        f"{head}<th scope=col>Year</th></tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _month_cell(value: float | None, largest: float) -> str:
    if value is None:
        return "<td></td>"
    weight = abs(value) / largest if largest else 0.0
    tone = "loss" if value < 0 else "gain"
    return f'<td class="{tone}" style="--w:{weight:.2f}">{value:+.2f}</td>'


def distribution(returns_pct: Floats) -> str:
    """Histogram of trade returns; the outermost bars hold everything beyond them."""
    if len(returns_pct) < 2:
        return "<p class=none>Fewer than two completed trades.</p>"
    low, high = _range(returns_pct)
    edges = np.linspace(low, high, _BINS + 1)
    edges += (
        edges[np.abs(edges).argmin()] * -1.0
    )  # one edge at zero: no bar is half gain, half loss
    counts, _ = np.histogram(np.clip(returns_pct, edges[0], edges[-1]), edges)
    bars = "".join(
        _bar(place, int(count), edges, int(counts.max()))
        for place, count in enumerate(counts.tolist())
        if count
    )
    mean = float(returns_pct.mean())
    zero = _across(0.0, edges)
    return (
        '<svg class=hist viewBox="0 0 640 212" role=img aria-label="Distribution of trade returns">'
        f"{bars}<line class=axis x1=0 x2=640 y1=210 y2=210 />"
        f"<line class=zero x1={zero:.1f} x2={zero:.1f} y1=8 y2=210 /></svg>"
        f"<p class=ticks><span>{edges[0]:+.2f} %</span><span>{edges[-1]:+.2f} %</span>"
        f"<span style=left:{zero / 6.4:.1f}%>0</span></p>"
        f"<p class=note>{len(returns_pct):,} completed trades, mean {mean:+.3f} %, "
        f"median {float(np.median(returns_pct)):+.3f} %. Returns per trade in percent of the "
        "entry value, after costs.</p>"
    )


def _range(values: Floats) -> tuple[float, float]:
    low, high = (float(edge) for edge in np.percentile(values, (0.5, 99.5)))
    low, high = min(low, 0.0), max(high, 0.0)
    spread = high - low or max(abs(low), 1e-6)
    return low - 0.02 * spread, high + 0.02 * spread


def _across(value: float, edges: Floats) -> float:
    return 640.0 * (value - float(edges[0])) / float(edges[-1] - edges[0])


def _bar(place: int, count: int, edges: Floats, most: int) -> str:
    left, right = float(edges[place]), float(edges[place + 1])
    x, width = _across(left, edges), _across(right, edges) - _across(left, edges)
    height = max(196.0 * count / most, 1.0)
    tone = "loss" if (left + right) < 0 else "gain"
    return (
        f"<rect class={tone} x={x + 1:.1f} y={210 - height:.1f} width={max(width - 2, 1):.1f} "
        f"height={height:.1f} rx=2><title>{left:+.3f} % to {right:+.3f} %: {count} trades"
        "</title></rect>"
    )


def sparkline(values: Floats, *, label: str, width: int = 520, height: int = 120) -> str:
    """A curve as one inline SVG path that takes the colour of the text around it."""
    if len(values) < 2:
        return ""
    stride = max(len(values) // width, 1)
    points = np.append(values[:-1:stride], values[-1])
    low, high = float(points.min()), float(points.max())
    x = np.linspace(2, width - 2, len(points))
    y = height - 4 - (points - low) / ((high - low) or 1.0) * (height - 8)
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(label)}"><polyline points="{path}" fill="none" '
        'stroke="currentColor" stroke-width="1.5"/></svg>'
    )
