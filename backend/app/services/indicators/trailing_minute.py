"""Trailing indicators with one value for each minute of the session."""

import numpy as np

from app.core.data_structures import BarColumns
from app.core.sessions import SessionGrid
from app.core.types import MINUTE_NS, Floats, Int64s
from app.services.indicators.catalogue import SINGLE_OUTPUT
from app.services.indicators.segments import session_segments
from app.services.indicators.trailing import TrailingRule


class MinuteTrailing:
    """A statistic of the same minute in the last sessions, counted from each session's open.

    `grid` gives the opens; session numbers are positions in it. Minutes without a bar are
    left out of the statistic; sessions without any bar do not count. NaN until `min_periods`
    sessions are complete, at a minute that none of them has, and at bars outside the session.
    See `IndicatorState` and `TrailingState`.
    """

    __slots__ = (
        "_completed",
        "_open_ns",
        "_rule",
        "_table",
        "_today",
        "_values",
        "_width",
        "lookback",
        "outputs",
        "session",
    )

    def __init__(self, rule: TrailingRule, grid: SessionGrid) -> None:
        self.outputs = SINGLE_OUTPUT
        self.lookback = 0
        self.session: int | None = None
        self._rule = rule
        self._open_ns = grid.open_ns
        self._width = int(-(-(grid.close_ns - grid.open_ns).max() // MINUTE_NS))
        self._table = np.full((rule.sessions, self._width), np.nan)
        self._today = np.full(self._width, np.nan)
        self._values = np.full(self._width, np.nan)
        self._completed = 0

    @property
    def sessions_needed(self) -> int:
        """Completed sessions it looks back on."""
        return self._rule.sessions

    def step(self, bars: BarColumns, sessions: Int64s) -> list[Floats]:
        """Take the next bars and give the value in force during each."""
        column: Floats = getattr(bars, self._rule.field)
        values = np.full(len(bars), np.nan)
        minutes = (bars.start_ns - self._open_ns[sessions]) // MINUTE_NS
        for session, first, last in session_segments(sessions):
            if session != self.session:
                self._begin(session)
            rows = np.arange(first, last)
            inside = (minutes[first:last] >= 0) & (minutes[first:last] < self._width)
            rows = rows[inside]
            values[rows] = self._values[minutes[rows]]
            self._today[minutes[rows]] = column[rows]
        return [values]

    def present(self) -> Floats:
        """The values for the session in progress, by minute since its open."""
        return self._values

    def upcoming(self) -> Floats:
        """The values for the next session, by minute since its open."""
        if self.session is None:
            return self._values
        table = self._table.copy()
        table[self._completed % len(table)] = self._today
        return self._statistic(table, self._completed + 1)

    def _begin(self, session: int) -> None:
        if self.session is not None:
            self._table[self._completed % len(self._table)] = self._today
            self._completed += 1
            self._values = self._statistic(self._table, self._completed)
            self._today.fill(np.nan)
        self.session = session

    def _statistic(self, table: Floats, completed: int) -> Floats:
        if completed < self._rule.min_periods:
            return np.full(self._width, np.nan)
        return self._rule.statistic(table)
