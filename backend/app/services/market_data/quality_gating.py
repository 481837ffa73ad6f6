"""The data-quality gate at work: when entries are refused, decided from what was known then."""

import numpy as np
import numpy.typing as npt

from app.core.data_structures import BarColumns
from app.core.quality_gate import GateAction, QualityGate, RestrictionColumns
from app.core.sessions import SessionGrid
from app.core.types import MINUTE_NS, Bools, Int64s

_NO_MINUTES: Int64s = np.empty(0, np.int64)


class GateState:
    """One symbol under a `QualityGate`, stepped batch by batch; how bars are cut does not matter.

    A minute is judged when it is over, by bars that had ended by then: live data and stored
    data give the same decisions. `halted` are the starts of minutes that overlap a market-wide
    halt, sorted. `restricted_minutes` counts, per session of the grid, the minutes judged so
    far at whose start entries were refused.
    """

    def __init__(
        self, gate: QualityGate, sessions: SessionGrid, halted: Int64s = _NO_MINUTES
    ) -> None:
        self._gate = gate
        self._opens = sessions.open_ns
        self._closes = sessions.close_ns
        self._lengths = -(-(sessions.close_ns - sessions.open_ns) // MINUTE_NS)
        self._halted = halted
        self._session = 0
        self._judged = 0
        self._expected = 0
        self._present = 0
        self._run = 0
        self._was_bad = False
        self._is_skipped = False
        self._blocked = False
        self.restricted_minutes = np.zeros(len(sessions), np.int64)

    def step(self, bars: BarColumns, until_ns: int) -> RestrictionColumns:
        """Judge every minute that is over by `until_ns`; the changes that follow from them.

        `bars` are the session minutes since the last step, sorted, complete up to `until_ns`.
        A session that begins is told with its first minute.
        """
        minutes = self._minutes_until(until_ns)
        if not len(minutes.start_ns):
            return RestrictionColumns.none()
        present = _among(minutes.start_ns, bars.start_ns)
        expected = ~_among(minutes.start_ns, self._halted)
        if self._is_clean() and bool((present | ~expected).all()):
            self._carry_clean(minutes, expected)
            return RestrictionColumns.none()
        return self._changes(minutes, present, expected)

    # ── which minutes ────────────────────────────────────────────────────────

    def _minutes_until(self, until_ns: int) -> "_Minutes":
        """The minutes of the grid that are over and were not judged yet."""
        first = self._session
        last = int(self._opens.searchsorted(until_ns, side="left"))
        if first >= last:
            return _Minutes.none()
        opens, lengths = self._opens[first:last], self._lengths[first:last]
        over = np.where(self._closes[first:last] <= until_ns, lengths, 0)
        over[-1] = over[-1] or (until_ns - opens[-1]) // MINUTE_NS
        begun = np.zeros(last - first, np.int64)
        begun[0] = self._judged
        return _Minutes.of(first, opens, self._closes[first:last], begun, over)

    # ── a batch in which nothing is missing ──────────────────────────────────

    def _is_clean(self) -> bool:
        whole = self._expected == self._present
        return whole and not (self._run or self._was_bad or self._is_skipped or self._blocked)

    def _carry_clean(self, minutes: "_Minutes", expected: Bools) -> None:
        begins = int(minutes.first_row[-1])
        before = self._expected if len(minutes.first_row) == 1 else 0
        self._expected = self._present = before + int(expected[begins:].sum())
        self._move_on(minutes)

    # ── a batch in which something is ────────────────────────────────────────

    def _changes(self, minutes: "_Minutes", present: Bools, expected: Bools) -> RestrictionColumns:
        bad = self._bad(minutes, present, expected)
        tripped = bad.copy()
        tripped[0] |= self._was_bad
        tripped = _per_session(minutes, tripped) > 0
        ended_bad = tripped[minutes.last_row]
        skipped = np.concatenate(([self._is_skipped], ended_bad[:-1]))
        if self._gate.action is GateAction.BLOCK_ENTRIES:
            blocked, at_open = bad, np.zeros(len(ended_bad), np.bool_)
        elif self._gate.action is GateAction.EXITS_ONLY:
            blocked, at_open = tripped, np.zeros(len(ended_bad), np.bool_)
        else:
            blocked, at_open = tripped | skipped[minutes.session], skipped
        self._was_bad, self._is_skipped = bool(ended_bad[-1]), bool(skipped[-1])
        changes = self._told(minutes, blocked, at_open)
        self._move_on(minutes)
        return changes

    def _bad(self, minutes: "_Minutes", present: Bools, expected: Bools) -> Bools:
        """Whether the data are bad, seen at the end of each minute."""
        counts = expected.astype(np.int64)
        counts[0] += self._expected
        wanted = _per_session(minutes, counts)
        there = (expected & present).astype(np.int64)
        there[0] += self._present
        found = _per_session(minutes, there)
        gate = self._gate
        low = (wanted >= gate.after_minutes) & (100.0 * found < gate.min_quality_pct * wanted)
        runs = self._missing_runs(minutes, present, expected)
        self._expected, self._present = wanted.item(-1), found.item(-1)
        self._run = runs.item(-1)
        return low | (runs > gate.max_gap_minutes)

    def _missing_runs(self, minutes: "_Minutes", present: Bools, expected: Bools) -> Int64s:
        """Expected minutes missing in a row up to each; a bar ends a run, a halt does not."""
        missing = (expected & ~present).astype(np.int64)
        carried = missing.copy()
        carried[0] += self._run
        total = np.cumsum(carried)
        floor = np.where(present, total, 0)
        begins = minutes.first_row[minutes.begun == 0]
        floor[begins] = np.maximum(floor[begins], total[begins] - missing[begins])
        return total - np.maximum.accumulate(floor)

    def _told(self, minutes: "_Minutes", blocked: Bools, at_open: Bools) -> RestrictionColumns:
        """What changes, from the state before; a session that begins does so at its open.

        One that begins restricted says so even if the one before ended so: a reader may have
        passed over the history.
        """
        begins = np.flatnonzero(minutes.begun == 0)
        rows = minutes.first_row[begins]
        states = np.insert(blocked, rows, at_open[begins])
        times = np.insert(minutes.end_ns, rows, self._opens[minutes.first_session + begins])
        before = np.concatenate(([self._blocked], states[:-1]))
        own = np.ones(len(states), np.bool_)
        own[rows + np.arange(len(rows))] = False
        restricted = np.bincount(minutes.session[before[own]], minlength=len(minutes.begun))
        last = minutes.first_session + len(restricted)
        self.restricted_minutes[minutes.first_session : last] += restricted
        self._blocked = bool(states[-1])
        changed = (states != before) | (states & ~own)
        return RestrictionColumns(times[changed], states[changed])

    def _move_on(self, minutes: "_Minutes") -> None:
        """Remember where in the grid the next batch begins."""
        self._session = minutes.first_session + len(minutes.begun) - 1
        self._judged = int(minutes.over[-1])
        if self._judged == self._lengths[self._session]:
            self._session += 1
            self._judged = self._expected = self._present = self._run = 0
            self._is_skipped, self._was_bad = self._was_bad, False


class _Minutes:
    """Minutes of consecutive sessions; ``session`` numbers them from the first of these.

    Per session: minutes judged before (``begun``), minutes that are over, and the rows of its
    first and last minute here. Each session has one minute at least.
    """

    __slots__ = (
        "begun",
        "end_ns",
        "first_row",
        "first_session",
        "last_row",
        "over",
        "session",
        "start_ns",
    )

    def __init__(self, first_session: int, begun: Int64s, over: Int64s) -> None:
        self.first_session = first_session
        self.begun = begun
        self.over = over
        ends = np.cumsum(over - begun)
        self.first_row = ends - (over - begun)
        self.last_row = ends - 1
        self.session = np.repeat(np.arange(len(over)), over - begun)
        self.start_ns: Int64s = _NO_MINUTES
        self.end_ns: Int64s = _NO_MINUTES

    @classmethod
    def none(cls) -> "_Minutes":
        return cls(0, _NO_MINUTES, _NO_MINUTES)

    @classmethod
    def of(
        cls, first: int, opens: Int64s, closes: Int64s, begun: Int64s, over: Int64s
    ) -> "_Minutes":
        if over[-1] == begun[-1]:  # the last session's first minute is not over yet
            opens, closes, begun, over = opens[:-1], closes[:-1], begun[:-1], over[:-1]
        made = cls(first, begun, over)
        if len(over):
            number = np.arange(len(made.session)) - made.first_row[made.session]
            number += begun[made.session]
            made.start_ns = opens[made.session] + number * MINUTE_NS
            made.end_ns = np.minimum(made.start_ns + MINUTE_NS, closes[made.session])
        return made


def _among(values: Int64s, known: Int64s) -> Bools:
    """Which of `values` are in `known`, both sorted."""
    if not len(known):
        return np.zeros(len(values), np.bool_)
    places = np.minimum(known.searchsorted(values), len(known) - 1)
    found: Bools = known[places] == values
    return found


def _per_session(minutes: _Minutes, values: npt.NDArray[np.generic]) -> Int64s:
    """Running sum within each session."""
    total = np.cumsum(values, dtype=np.int64)
    before = np.concatenate(([0], total[minutes.last_row[:-1]]))
    return total - before[minutes.session]
