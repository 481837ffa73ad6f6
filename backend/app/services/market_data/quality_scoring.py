"""How much of a session is there, and what is odd about its bars."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from app.core.data_structures import BarColumns
from app.core.sessions import SessionGrid
from app.core.types import MINUTE_NS, Bools, Floats, Int64s
from app.services.market_data import anomalies
from app.services.market_data.bar_aggregation import regular_minutes, session_rows
from app.services.market_data.gap_detection import NO_MINUTES, Gap, GapColumns, find_gaps


@dataclass(frozen=True, slots=True)
class SessionQuality:
    """One session of one symbol: minutes expected and present, and the gaps between.

    ``percentage`` is NaN if no minute was expected yet.
    """

    date: date
    expected: int
    present: int
    percentage: float
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True, eq=False)
class QualityColumns:
    """Quality per session, as columns of equal length, with the gaps of all of them."""

    dates: np.typing.NDArray[np.datetime64]
    expected: Int64s
    present: Int64s
    gaps: GapColumns

    @property
    def percentage(self) -> Floats:
        """Percent of the expected minutes present; NaN where none was expected yet."""
        some = self.expected > 0
        return np.where(some, 100.0 * self.present / np.maximum(self.expected, 1), np.nan)

    @property
    def total_pct(self) -> float:
        """Percent of all expected minutes present; NaN if none was expected."""
        expected = int(self.expected.sum())
        return 100.0 * int(self.present.sum()) / expected if expected else float("nan")

    def __len__(self) -> int:
        return len(self.dates)

    def __iter__(self) -> Iterator[SessionQuality]:
        percentages = self.percentage.tolist()
        for row, day in enumerate(self.dates.tolist()):
            expected, present = int(self.expected[row]), int(self.present[row])
            gaps = self.gaps.of_session(row)
            yield SessionQuality(day, expected, present, percentages[row], gaps)


def session_quality(
    minutes: BarColumns,
    sessions: SessionGrid,
    *,
    until_ns: int | None = None,
    halted: Int64s = NO_MINUTES,
) -> QualityColumns:
    """Expected and present minutes of each session, and its gaps.

    `minutes` is sorted and may hold bars outside the sessions: they do not count. With
    `until_ns` only minutes that have ended by then are expected. `halted` are the starts of
    minutes of market-wide halts, sorted: they are not expected, and their bars do not count.
    """
    if until_ns is not None:
        until_ns -= until_ns % MINUTE_NS
    gaps = find_gaps(minutes, sessions, until_ns=until_ns, halted=halted)
    closes = sessions.close_ns
    if until_ns is not None:
        closes = np.clip(closes, sessions.open_ns, np.maximum(sessions.open_ns, until_ns))
    expected = -(-(closes - sessions.open_ns) // MINUTE_NS)
    if len(halted):
        expected -= halted.searchsorted(closes) - halted.searchsorted(sessions.open_ns)
    missing = np.bincount(gaps.session, weights=gaps.minutes, minlength=len(sessions))
    return QualityColumns(sessions.dates, expected, expected - missing.astype(np.int64), gaps)


def derived_quality(
    bars: BarColumns, minutes: BarColumns, sessions: SessionGrid, *, halted: Int64s = NO_MINUTES
) -> Floats:
    """Percent of each derived bar's regular minutes that are present in `minutes`.

    `bars` are those that `minutes` make; a week counts the minutes of its sessions. Minutes
    in `halted` (starts, sorted) are left out of account; NaN where nothing else is left.
    """
    starts = regular_minutes(minutes, sessions).start_ns
    distinct = starts[np.diff(starts, prepend=-1) > 0]
    distinct = np.setdiff1d(distinct, halted, assume_unique=True)
    present = distinct.searchsorted(bars.end_ns) - distinct.searchsorted(bars.start_ns)
    expected = _minutes_before(bars.end_ns, sessions) - _minutes_before(bars.start_ns, sessions)
    if len(halted):
        inside = halted[session_rows(halted, sessions) >= 0]
        expected -= inside.searchsorted(bars.end_ns) - inside.searchsorted(bars.start_ns)
    return np.where(expected > 0, 100.0 * present / np.maximum(expected, 1), np.nan)


def _minutes_before(times_ns: Int64s, sessions: SessionGrid) -> Int64s:
    """Regular minutes of all sessions up to each time."""
    lengths = -(-(sessions.close_ns - sessions.open_ns) // MINUTE_NS)
    totals = np.concatenate(([0], np.cumsum(lengths)))
    rows = np.searchsorted(sessions.open_ns, times_ns, side="right")
    last = np.maximum(rows - 1, 0)
    part = -(-(np.minimum(times_ns, sessions.close_ns[last]) - sessions.open_ns[last]) // MINUTE_NS)
    return np.where(rows > 0, totals[last] + part, 0)


KINDS: Final = (
    "duplicate",
    "out of order",
    "price not above zero",
    "volume below zero",
    "high and low do not enclose open and close",
    "spike",
    "stale",
    "zero volume",
)


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """One kind of oddity: how many bars show it, and where the first ones start (UTC ns)."""

    kind: str
    count: int
    first_ns: tuple[int, ...]


def inspect_bars(bars: BarColumns) -> tuple[Finding, ...]:
    """Every oddity of `bars` (in the order they came, any order), by kind; none: nothing odd.

    A stale finding counts runs of half an hour and more in which the bar never changed.
    """
    rows = (
        anomalies.duplicate_rows(bars.start_ns),
        anomalies.out_of_order_rows(bars.start_ns),
        np.flatnonzero(_any_impossible(bars)),
        np.flatnonzero(anomalies.impossible_volumes(bars.volume)),
        np.flatnonzero(anomalies.not_enclosed(bars.open, bars.high, bars.low, bars.close)),
        anomalies.spike_rows(bars),
        anomalies.stale_runs(bars),
        anomalies.zero_volume_rows(bars),
    )
    return tuple(
        Finding(kind, len(found), tuple(bars.start_ns[found[:10]].tolist()))
        for kind, found in zip(KINDS, rows, strict=True)
        if len(found)
    )


def _any_impossible(bars: BarColumns) -> Bools:
    impossible = anomalies.impossible_prices
    open_or_high = impossible(bars.open) | impossible(bars.high)
    return open_or_high | impossible(bars.low) | impossible(bars.close)
