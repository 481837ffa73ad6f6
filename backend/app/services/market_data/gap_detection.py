"""Which minutes of a session are missing."""

from dataclasses import dataclass

import numpy as np

from app.core.data_structures import BarColumns
from app.core.sessions import SessionGrid
from app.core.types import MINUTE_NS, Int64s
from app.services.market_data.bar_aggregation import regular_minutes, session_rows


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing minutes in a row: from the start of the first to the end of the last (UTC ns)."""

    start_ns: int
    end_ns: int
    minutes: int


@dataclass(frozen=True, slots=True, eq=False)
class GapColumns:
    """Gaps in time order, as columns of equal length; ``session`` is a row of the grid."""

    session: Int64s
    start_ns: Int64s
    end_ns: Int64s

    @property
    def minutes(self) -> Int64s:
        """Missing minutes of each gap; a part of a minute counts as one."""
        return -(-(self.end_ns - self.start_ns) // MINUTE_NS)

    def of_session(self, session: int) -> tuple[Gap, ...]:
        """The gaps of one session."""
        first, last = np.searchsorted(self.session, (session, session + 1)).tolist()
        rows = slice(first, last)
        columns = (self.start_ns[rows], self.end_ns[rows], self.minutes[rows])
        return tuple(Gap(*row) for row in zip(*(c.tolist() for c in columns), strict=True))

    def __len__(self) -> int:
        return len(self.session)


NO_MINUTES: Int64s = np.empty(0, np.int64)


def find_gaps(
    minutes: BarColumns,
    sessions: SessionGrid,
    *,
    until_ns: int | None = None,
    halted: Int64s = NO_MINUTES,
) -> GapColumns:
    """The stretches of each session without a minute bar, sorted.

    `minutes` is sorted; bars outside the sessions and repeated minutes are left out of
    account. With `until_ns` only what lies before it is expected (a session under way).
    `halted` are the starts of minutes of market-wide halts, sorted: no gap is made of them.
    """
    opens, closes = sessions.open_ns, sessions.close_ns
    if until_ns is not None:
        closes = np.clip(closes, opens, np.maximum(opens, until_ns))
    starts = regular_minutes(minutes, sessions).start_ns
    if len(halted):
        starts = np.union1d(starts, halted[session_rows(halted, sessions) >= 0])
    lows, highs = starts.searchsorted(opens), starts.searchsorted(closes)
    covered_to = np.insert(starts + MINUTE_NS, lows, opens)
    next_start = np.insert(starts, highs, closes)
    holes = np.flatnonzero(next_start > covered_to)
    session = np.repeat(np.arange(len(sessions)), highs - lows + 1)
    return GapColumns(session[holes], covered_to[holes], next_start[holes])
