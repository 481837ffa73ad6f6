"""Trailing indicators with one value a session."""

from collections import deque
from collections.abc import Callable

import numpy as np

from app.core.data_structures import BarColumns
from app.core.types import Floats, Int64s
from app.services.indicators.catalogue import SINGLE_OUTPUT
from app.services.indicators.segments import session_segments
from app.services.indicators.trailing import TrailingRule


def _first(so_far: float, _new: Floats) -> float:
    return so_far


def _last(_so_far: float, new: Floats) -> float:
    return float(new[-1])


def _max(so_far: float, new: Floats) -> float:
    return max(so_far, float(new.max()))


def _min(so_far: float, new: Floats) -> float:
    return min(so_far, float(new.min()))


def _sum(so_far: float, new: Floats) -> float:
    """One after another: numpy's own sum would round differently with each cut."""
    return float(np.add.accumulate(np.concatenate(((so_far,), new)))[-1])


_MERGE: dict[str, Callable[[float, Floats], float]] = {
    "open": _first,
    "high": _max,
    "low": _min,
    "close": _last,
    "volume": _sum,
}


class DailyTrailing:
    """A statistic of the last sessions' daily figures, constant over a session.

    A session's figure is its first open, highest high, lowest low, last close or total volume.
    Sessions without a bar do not count. NaN until `min_periods` sessions are complete.
    See `IndicatorState` and `TrailingState`.
    """

    __slots__ = ("_days", "_merge", "_rule", "_today", "_value", "lookback", "outputs", "session")

    def __init__(self, rule: TrailingRule) -> None:
        self.outputs = SINGLE_OUTPUT
        self.lookback = 0
        self.session: int | None = None
        self._rule = rule
        self._merge = _MERGE[rule.field]
        self._days: deque[float] = deque(maxlen=rule.sessions)
        self._today = 0.0
        self._value = float("nan")

    @property
    def sessions_needed(self) -> int:
        """Completed sessions it looks back on."""
        return self._rule.sessions

    def step(self, bars: BarColumns, sessions: Int64s) -> list[Floats]:
        """Take the next bars and give the value in force during each."""
        column: Floats = getattr(bars, self._rule.field)
        values = np.empty(len(bars))
        for session, first, last in session_segments(sessions):
            rows = column[first:last]
            if session != self.session:
                self._begin(session, float(rows[0]))
                rows = rows[1:]
            if len(rows):
                self._today = self._merge(self._today, rows)
            values[first:last] = self._value
        return [values]

    def present(self) -> float:
        """The value for the session in progress."""
        return self._value

    def upcoming(self) -> float:
        """The value for the next session."""
        seen = [] if self.session is None else [self._today]
        days = [*self._days, *seen][-self._rule.sessions :]
        if len(days) < self._rule.min_periods:
            return float("nan")
        return float(self._rule.statistic(np.array(days).reshape(-1, 1))[0])

    def _begin(self, session: int, figure: float) -> None:
        self._value = self.upcoming()
        if self.session is not None:
            self._days.append(self._today)
        self.session, self._today = session, figure
