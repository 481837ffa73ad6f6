"""Every check of stored minutes, with what it found or that it found nothing."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from app.core.data_structures import BarColumns
from app.core.sessions import SessionGrid
from app.core.types import Int64s
from app.services.market_data.bar_aggregation import regular_minutes
from app.services.market_data.gap_detection import NO_MINUTES
from app.services.market_data.quality_scoring import (
    KINDS,
    QualityColumns,
    inspect_bars,
    session_quality,
)

ERRORS: Final = frozenset(KINDS[:5])
"""Checks that no true bar fails; what the others find may be so."""

MISSING, EXTENDED, CLOSED = "missing minutes", "outside regular hours", "while the market is closed"
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what it looks for, how often it was found, and where first (UTC ns).

    ``is_error`` says that no true bar is like that. For missing minutes ``count`` is how many
    are missing and ``first_ns`` the beginnings of gaps.
    """

    name: str
    is_error: bool
    count: int
    first_ns: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ValidationReport:
    """The checks of one symbol, all of them, and the quality of each session."""

    symbol: str
    bars: int
    checks: tuple[Check, ...]
    quality: QualityColumns

    @property
    def errors(self) -> int:
        """Bars that cannot be true."""
        return sum(check.count for check in self.checks if check.is_error)

    @property
    def remarks(self) -> int:
        """What is odd and may be so."""
        return sum(check.count for check in self.checks if not check.is_error)


def validate_bars(
    symbol: str,
    bars: BarColumns,
    sessions: SessionGrid,
    *,
    until_ns: int | None = None,
    halted: Int64s = NO_MINUTES,
) -> ValidationReport:
    """Check stored minutes (in the order they came) against themselves and the calendar.

    `sessions` covers the days that are asked about; with `until_ns` only minutes that have
    ended by then are expected, and none of `halted` (starts of minutes of market-wide halts).
    """
    found = {finding.kind: finding for finding in inspect_bars(bars)}
    checks = [
        Check(kind, kind in ERRORS, found[kind].count, found[kind].first_ns)
        if kind in found
        else Check(kind, kind in ERRORS, 0, ())
        for kind in KINDS
    ]
    ordered = bars.take(np.argsort(bars.start_ns, kind="stable"))
    regular = regular_minutes(ordered, sessions)
    quality = session_quality(regular, sessions, until_ns=until_ns, halted=halted)
    gaps = quality.gaps
    missing = int(gaps.minutes.sum())
    checks.append(_remark(MISSING, missing, gaps.start_ns))
    extended = sessions.extended()
    inside, open_at_all = (_inside(bars.start_ns, grid) for grid in (sessions, extended))
    for name, rows in ((EXTENDED, open_at_all & ~inside), (CLOSED, ~open_at_all & ~inside)):
        checks.append(_remark(name, int(rows.sum()), bars.start_ns[rows]))
    return ValidationReport(symbol, len(bars), tuple(checks), quality)


def _inside(starts_ns: Int64s, sessions: SessionGrid) -> np.typing.NDArray[np.bool_]:
    if not len(sessions):
        return np.zeros(len(starts_ns), np.bool_)
    rows = np.searchsorted(sessions.open_ns, starts_ns, side="right") - 1
    return (rows >= 0) & (starts_ns < sessions.close_ns[np.maximum(rows, 0)])


def _remark(name: str, count: int, starts_ns: Int64s) -> Check:
    return Check(name, is_error=False, count=count, first_ns=tuple(starts_ns[:_SHOWN].tolist()))
