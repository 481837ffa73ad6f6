"""Tables of stored data, as the commands print them."""

from collections.abc import Iterable, Sequence
from math import isnan
from zoneinfo import ZoneInfo

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from app.core.corporate_actions import ActionKind, CorporateAction
from app.core.instants import utc
from app.core.market_halts import MarketHalt
from app.managers.data_manager.bars import market_time
from app.services.market_data.corporate_actions import ActionImportSummary
from app.services.market_data.csv_import import ImportedSymbol, ImportSummary
from app.services.market_data.gap_detection import Gap
from app.services.market_data.parquet_storage import StoredCoverage
from app.services.market_data.quality_scoring import Finding, QualityColumns
from app.services.market_data.validation import Check, ValidationReport

_SHOWN_REJECTIONS = 20
_SHOWN_GAPS = 4
_SHOWN_SESSIONS = 10


def render_import(summary: ImportSummary) -> RenderableType:
    """What an import stored, refused and noticed."""
    table = _table("Symbol", "First", "Last")
    for name in ("Rows", "New", "Sessions", "Cover %"):
        table.add_column(name, justify="right")
    for each in summary.symbols:
        table.add_row(*_import_row(each))
    head = f"{summary.path.name}: {summary.rows:,} rows in {summary.elapsed_s:.2f} s, "
    lines = [head + f"{summary.rejected:,} refused; times without a zone: {summary.timezone}"]
    notes = [*summary.notes, *(note for each in summary.symbols for note in _notes(each))]
    lines += [f"Note: {note}" for note in notes]
    lines += [f"Refused: line {r.line}: {r.reason}" for r in summary.rejections[:_SHOWN_REJECTIONS]]
    if summary.rejected > _SHOWN_REJECTIONS:
        lines.append(f"… and {summary.rejected - _SHOWN_REJECTIONS:,} more refused rows")
    return Group(table, *(Text(line) for line in lines))


def render_action_import(summary: ActionImportSummary) -> RenderableType:
    """What an import of splits and dividends stored and refused."""
    head = f"{summary.path.name}: {summary.rows:,} rows of {', '.join(summary.symbols)}: "
    counts = f"{summary.added:,} new, {summary.replaced:,} changed, {summary.unchanged:,} known, "
    lines = [f"{head}{counts}{len(summary.refused):,} refused"]
    lines += [f"Note: {note}" for note in summary.notes]
    lines += [f"Refused: line {line}: {why}" for line, why in summary.refused[:_SHOWN_REJECTIONS]]
    if len(summary.refused) > _SHOWN_REJECTIONS:
        lines.append(f"… and {len(summary.refused) - _SHOWN_REJECTIONS:,} more refused rows")
    return Group(*(Text(line) for line in lines))


def render_actions(found: Iterable[CorporateAction]) -> RenderableType:
    """Splits and dividends, one a line."""
    table = _table("Symbol", "Ex-date", "Kind")
    table.add_column("Value", justify="right")
    for each in found:
        unit = " for 1" if each.kind is ActionKind.SPLIT else " per unit"
        table.add_row(each.symbol, str(each.ex_date), each.kind.value, f"{each.value:g}{unit}")
    return table


def render_coverage(stored: Iterable[StoredCoverage]) -> RenderableType:
    """What is stored, one symbol a line."""
    table = _table("Symbol", "First (UTC)", "Last (UTC)")
    table.add_column("Minutes", justify="right")
    table.add_column("Label")
    for each in stored:
        labels = ", ".join(sorted(each.labels))
        table.add_row(
            each.symbol, _utc(each.first_ns), _utc(each.last_ns), f"{each.rows:,}", labels
        )
    return table


def render_quality(
    title: str,
    scored: QualityColumns,
    findings: Sequence[Finding],
    halts: Sequence[MarketHalt],
    zone: str,
) -> RenderableType:
    """Sessions with their percentage and gaps (market time), then halts and what is odd."""
    table = _table("Session")
    for name in ("Expected", "Present", "Percent"):
        table.add_column(name, justify="right")
    table.add_column("Gaps")
    clock = ZoneInfo(zone)
    for each in scored:
        counts = (str(each.expected), str(each.present), f"{each.percentage:.2f}")
        table.add_row(f"{each.date:%Y-%m-%d %a}", *counts, _gaps(each.gaps, clock))
    lines = [f"{title}: {scored.total_pct:.2f} % of {len(scored)} sessions' minutes ({zone})"]
    lines += [
        f"Halted: {market_time(halt.start_ns, clock):%Y-%m-%d %H:%M:%S} to "
        f"{market_time(halt.end_ns, clock):%H:%M:%S}, {halt.reason}"
        for halt in halts
    ]
    lines += [
        f"Found: {finding.kind}, {finding.count:,} times, first at "
        f"{market_time(finding.first_ns[0], clock):%Y-%m-%d %H:%M}"
        for finding in findings
    ]
    return Group(table, *(Text(line) for line in lines))


def render_validation(
    report: ValidationReport, zone: str, labels: Sequence[str] = ()
) -> RenderableType:
    """Every check with what it found, then the sessions that miss most (market time)."""
    clock = ZoneInfo(zone)
    table = _table("", "Check")
    table.add_column("Found", justify="right")
    table.add_column("First at")
    for check in report.checks:
        mark, style = _mark(check)
        firsts = (f"{market_time(ns, clock):%Y-%m-%d %H:%M}" for ns in check.first_ns[:1])
        name, count = Text(check.name), Text(f"{check.count:,}" if check.count else "–")
        table.add_row(Text(mark, style=style), name, count, "".join(firsts))
    quality = report.quality
    verdict = f"{report.errors:,} bars cannot be true" if report.errors else "no bar is impossible"
    head = Text.assemble(
        (report.symbol, "bold"),
        (f" ({', '.join(labels)})" if labels else "", "bold yellow"),
        f"  {report.bars:,} bars, {len(quality):,} sessions, {quality.total_pct:.2f} % complete: ",
        (verdict, "bold red" if report.errors else "green"),
    )
    return Group(head, table, *_worst_sessions(report, clock))


def _mark(check: Check) -> tuple[str, str]:
    if not check.count:
        return "✓", "green"
    return ("✗", "bold red") if check.is_error else ("!", "yellow")


def _worst_sessions(report: ValidationReport, clock: ZoneInfo) -> list[RenderableType]:
    incomplete = [each for each in report.quality if each.present < each.expected]
    if not incomplete:
        return []
    worst = sorted(incomplete, key=lambda each: (each.percentage, each.date))[:_SHOWN_SESSIONS]
    table = _table("Session")
    for name in ("Missing", "Percent"):
        table.add_column(name, justify="right")
    table.add_column("Gaps")
    for each in sorted(worst, key=lambda each: each.date):
        missing = each.expected - each.present
        percent, gaps = f"{each.percentage:.2f}", _gaps(each.gaps, clock)
        table.add_row(f"{each.date:%Y-%m-%d %a}", f"{missing:,}", percent, gaps)
    count = len(incomplete)
    told = f"{count:,} of {len(report.quality):,} sessions miss minutes"
    if count > len(worst):
        told += f"; the {len(worst)} worst (all: data quality {report.symbol})"
    return [Text(told), table]


def _table(*columns: str) -> Table:
    return Table(*columns, box=SIMPLE, pad_edge=False)


def _import_row(each: ImportedSymbol) -> list[str]:
    coverage = "" if isnan(each.coverage_pct) else f"{each.coverage_pct:.2f}"
    counts = (f"{count:,}" for count in (each.rows, each.write.added, each.sessions))
    return [each.symbol, _utc(each.first_ns)[:10], _utc(each.last_ns)[:10], *counts, coverage]


def _notes(each: ImportedSymbol) -> list[str]:
    facts = (
        (each.write.replaced, "bars replaced stored ones of the same minute"),
        (each.write.duplicates, "rows gave way to a later row of the same minute"),
        (each.out_of_order, "rows out of order, sorted"),
        (each.outside, "bars outside regular hours, stored"),
        (each.zero_volume, "bars without volume, stored"),
        (each.spikes, f"price spikes, stored; the first at {_utc(each.first_spike_ns or 0)} UTC"),
    )
    return [f"{each.symbol}: {count:,} {what}" for count, what in facts if count]


def _gaps(gaps: Sequence[Gap], clock: ZoneInfo) -> str:
    shown = [
        f"{market_time(gap.start_ns, clock):%H:%M}-{market_time(gap.end_ns, clock):%H:%M}"
        for gap in gaps[:_SHOWN_GAPS]
    ]
    more = [f"… {len(gaps)} gaps"] if len(gaps) > _SHOWN_GAPS else []
    return ", ".join(shown + more)


def utc_text(ns: int) -> str:
    """UTC nanoseconds as ISO text with ``Z``."""
    return f"{utc(ns):%Y-%m-%dT%H:%M:%SZ}"


def _utc(ns: int) -> str:
    return f"{utc(ns):%Y-%m-%d %H:%M}"
