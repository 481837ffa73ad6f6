"""Minute bars to longer ones, aligned to the session; the same bars however the minutes are cut."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from app.core.data_structures import BarColumns
from app.core.exceptions import DataError
from app.core.intervals import Interval
from app.core.sessions import SessionGrid
from app.core.types import Bools, Floats, Int64s

_EMPTY = BarColumns.empty()
_FEW = 8
"""Minutes in a bar up to which its extremes are found a minute at a time."""
_MONDAY_OFFSET = 3
"""1970-01-01 was a Thursday: day number plus three, floored by seven, counts ISO weeks."""


def session_rows(start_ns: Int64s, sessions: SessionGrid) -> Int64s:
    """Which session each bar starts in: its row in `sessions`, or -1 outside all of them."""
    rows = np.searchsorted(sessions.open_ns, start_ns, side="right").astype(np.int64) - 1
    if len(sessions):
        rows[start_ns >= sessions.close_ns[rows]] = -1
    return rows


def regular_minutes(minutes: BarColumns, sessions: SessionGrid) -> BarColumns:
    """The bars that start inside a session, ``open <= start < close``.

    `minutes` is sorted by start. When nothing has to go it is returned as it is, and one
    unbroken stretch is returned as views; otherwise the rows are copied. A bar labelled
    with the close (a closing auction) starts after the session and is left out.
    """
    if not len(minutes):
        return minutes
    starts = minutes.start_ns
    first = int(sessions.close_ns.searchsorted(starts[0], side="right"))
    last = int(sessions.open_ns.searchsorted(starts[-1], side="right"))
    if first >= last:
        return _EMPTY
    lows = starts.searchsorted(sessions.open_ns[first:last])
    highs = starts.searchsorted(sessions.close_ns[first:last])
    if np.array_equal(highs[:-1], lows[1:]):
        return _slice(minutes, int(lows[0]), int(highs[-1]))
    return minutes.take(np.flatnonzero(_inside(len(minutes), lows, highs)))


def _slice(bars: BarColumns, first: int, last: int) -> BarColumns:
    return bars if (first, last) == (0, len(bars)) else bars.slice(first, last)


def _inside(length: int, lows: Int64s, highs: Int64s) -> Bools:
    """Rows that lie in one of the non-overlapping ranges ``[low, high)``."""
    steps = np.zeros(length + 1, np.int8)
    np.add.at(steps, lows, 1)
    np.subtract.at(steps, highs, 1)
    return np.cumsum(steps[:-1], dtype=np.int8).view(np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class BarGrid:
    """Where the bars of one interval may lie: starts and ends, sorted, not overlapping."""

    start_ns: Int64s
    end_ns: Int64s


@lru_cache(maxsize=64)
def bar_grid(interval: Interval, sessions: SessionGrid) -> BarGrid:
    """Every bar of `interval` that `sessions` have room for.

    Intraday bars are counted from the session's open; the last one of a session ends at the
    close. ``1d`` spans a session, ``1w`` the sessions of one ISO week, as far as they are
    in `sessions`.
    """
    if interval.is_intraday:
        return _intraday_grid(interval.ns, sessions)
    if interval.days == 1:
        return BarGrid(sessions.open_ns, sessions.close_ns)
    weeks = (sessions.dates.astype(np.int64) + _MONDAY_OFFSET) // 7
    firsts = np.flatnonzero(np.diff(weeks, prepend=weeks[:1] - 1))
    lasts = np.append(firsts[1:], len(weeks))[: len(firsts)] - 1
    return BarGrid(sessions.open_ns[firsts], sessions.close_ns[lasts])


def _intraday_grid(step_ns: int, sessions: SessionGrid) -> BarGrid:
    counts = -(-(sessions.close_ns - sessions.open_ns) // step_ns)
    row = np.repeat(np.arange(len(sessions)), counts)
    number = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = sessions.open_ns[row] + number * step_ns
    return BarGrid(starts, np.minimum(starts + step_ns, sessions.close_ns[row]))


class Aggregator:
    """Makes longer bars of one symbol from its minutes, batch by batch.

    A bar is handed out once it is complete: the minute that ends with it has arrived, or a
    later one, or time has reached its end. A bar of which no minute exists is not made.
    Minutes outside `sessions` pass time but belong to no bar. How the minutes are cut into
    batches changes nothing: the bars are equal to the bit.
    """

    __slots__ = ("_grid", "_last_start_ns", "_open_end_ns", "_pending", "_sessions", "_time_ns")

    def __init__(self, interval: Interval, sessions: SessionGrid) -> None:
        self._sessions = sessions
        self._grid = bar_grid(interval, sessions)
        self._pending: list[BarColumns] = []
        self._open_end_ns = 0
        self._last_start_ns = -1
        self._time_ns = -1

    def step(self, minutes: BarColumns, *, until_ns: int | None = None) -> BarColumns:
        """The bars that `minutes` complete, or that time does by reaching `until_ns`.

        `minutes` is sorted and follows the batch before it.

        Raises:
            DataError: for a minute that does not come after the last one, or that belongs
                to a bar already handed out.
        """
        before_ns = self._time_ns
        if until_ns is not None and until_ns > self._time_ns:
            self._time_ns = until_ns
        if len(minutes):
            self._pass_time(minutes)
            minutes = regular_minutes(minutes, self._sessions)
        if self._pending and self._time_ns < self._open_end_ns:
            if len(minutes):
                self._pending.append(minutes)
            return _EMPTY
        if not self._pending and len(minutes):
            self._require_open(int(minutes.start_ns[0]), before_ns)
        rows = self._merge(minutes)
        return self._complete(rows) if len(rows) else _EMPTY

    def _pass_time(self, minutes: BarColumns) -> None:
        first_ns, end_ns = int(minutes.start_ns[0]), int(minutes.end_ns[-1])
        if first_ns <= self._last_start_ns:
            raise DataError(
                f"a minute starting at {first_ns} cannot follow one starting at "
                f"{self._last_start_ns}: minutes are aggregated in time order"
            )
        self._last_start_ns = int(minutes.start_ns[-1])
        self._time_ns = max(self._time_ns, end_ns)

    def _require_open(self, start_ns: int, before_ns: int) -> None:
        bar = int(self._grid.start_ns.searchsorted(start_ns, side="right")) - 1
        if self._grid.end_ns[bar] <= before_ns:
            raise DataError(
                f"the minute starting at {start_ns} came after its bar was complete "
                f"(time had reached {before_ns}); hand minutes over before time passes them"
            )

    def _merge(self, minutes: BarColumns) -> BarColumns:
        if not self._pending:
            return minutes
        parts = [*self._pending, minutes]
        self._pending = []
        return BarColumns.concatenate(parts)

    def _complete(self, rows: BarColumns) -> BarColumns:
        starts, grid = rows.start_ns, self._grid
        first = int(grid.start_ns.searchsorted(starts[0], side="right")) - 1
        last = int(grid.start_ns.searchsorted(starts[-1], side="right"))
        edges = np.append(starts.searchsorted(grid.start_ns[first:last]), len(rows))
        filled = np.flatnonzero(edges[1:] > edges[:-1])
        lows, highs, bars = edges[filled], edges[filled + 1], filled + first
        if grid.end_ns[bars[-1]] > self._time_ns:
            self._keep(rows.slice(int(lows[-1]), len(rows)), int(grid.end_ns[bars[-1]]))
            lows, highs, bars = lows[:-1], highs[:-1], bars[:-1]
        return _reduce(rows, lows, highs, grid, bars) if len(bars) else _EMPTY

    def _keep(self, rows: BarColumns, end_ns: int) -> None:
        """Remember the minutes of the bar that is not complete; copied, to let the batch go."""
        self._pending = [BarColumns(*(column.copy() for column in rows))]
        self._open_end_ns = end_ns


def _reduce(
    rows: BarColumns, lows: Int64s, highs: Int64s, grid: BarGrid, bars: Int64s
) -> BarColumns:
    """One bar for each adjoining row range ``[low, high)``, at the places `bars` in `grid`."""
    first, stop = lows[0], highs[-1]
    each = int(highs[0] - first)
    if 1 < each <= _FEW and bool((highs - lows == each).all()):
        high = _folded(np.maximum, rows.high[first:stop].reshape(-1, each))
        low = _folded(np.minimum, rows.low[first:stop].reshape(-1, each))
    else:
        high = np.maximum.reduceat(rows.high[:stop], lows)
        low = np.minimum.reduceat(rows.low[:stop], lows)
    return BarColumns(
        grid.start_ns[bars],
        grid.end_ns[bars],
        rows.open[lows],
        high,
        low,
        rows.close[highs - 1],
        np.add.reduceat(rows.volume[:stop], lows),
    )


def _folded(pick: np.ufunc, minutes: Floats) -> Floats:
    """The extreme of each row of `minutes`, column by column.

    Several times as fast as `reduceat`, which is slow where there is little to reduce.
    """
    extreme: Floats = minutes[:, 0].copy()
    for minute in range(1, minutes.shape[1]):
        pick(extreme, minutes[:, minute], out=extreme)
    return extreme


def aggregate(
    minutes: BarColumns,
    interval: Interval,
    sessions: SessionGrid,
    *,
    until_ns: int | None = None,
) -> BarColumns:
    """Bars of `interval` from all of `minutes` at once; see `Aggregator` for what is complete."""
    return Aggregator(interval, sessions).step(minutes, until_ns=until_ns)
