"""The data-quality gate against a minute-by-minute rendering of its rules, however bars are cut."""

from itertools import cycle, islice, pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.data_structures import BarColumns
from app.core.quality_gate import GateAction, QualityGate
from app.core.sessions import SessionGrid
from app.core.types import DAY_NS, HOUR_NS, MINUTE_NS
from app.services.market_data.quality_gating import GateState


def grid_of(lengths):
    """Sessions of so many minutes, one a day, that open at 13:00."""
    opens = np.arange(len(lengths)) * DAY_NS + 13 * HOUR_NS
    closes = opens + np.array(lengths) * MINUTE_NS
    days = np.arange(len(lengths)).astype("datetime64[D]")
    return SessionGrid("UTC", days, opens, closes, opens, closes)


def bars_at(starts):
    """One-minute bars at these times."""
    ones = np.ones(len(starts))
    return BarColumns.of_minutes(np.array(sorted(starts), np.int64), ones, ones, ones, ones, ones)


def restricted_plainly(gate, grid, there, halted):
    """The minutes at whose start entries are refused, per session, one minute after the other."""
    found, skip = [], False
    for open_ns, close_ns in zip(grid.open_ns.tolist(), grid.close_ns.tolist(), strict=True):
        expected = present = run = 0
        was_bad, blocked = False, skip
        refused = set()
        for start in range(open_ns, close_ns, MINUTE_NS):
            if blocked:
                refused.add(start)
            if start in there:
                run = 0
            if start not in halted:
                expected += 1
                present += start in there
                run += start not in there
            low = expected >= gate.after_minutes and 100 * present < gate.min_quality_pct * expected
            bad = low or run > gate.max_gap_minutes
            was_bad = was_bad or bad
            blocked = {
                GateAction.BLOCK_ENTRIES: bad,
                GateAction.EXITS_ONLY: was_bad,
                GateAction.SKIP_SYMBOL: was_bad or skip,
            }[gate.action]
        found.append(refused)
        skip = was_bad and gate.action is GateAction.SKIP_SYMBOL
    return found


def restricted_by(changes, grid):
    """The same, from changes in time order."""
    times, states = [-1], [False]
    for change in changes:
        times += change.from_ns.tolist()
        states += change.blocked.tolist()
    assert times == sorted(set(times))
    opens = set(grid.open_ns.tolist())
    told = zip(times[1:], pairwise(states), strict=True)
    assert all(a != b or (b and time in opens) for time, (a, b) in told)
    return [
        {
            start
            for start in range(open_ns, close_ns, MINUTE_NS)
            if states[np.searchsorted(times, start, side="right") - 1]
        }
        for open_ns, close_ns in zip(grid.open_ns.tolist(), grid.close_ns.tolist(), strict=True)
    ]


GATES = st.builds(
    QualityGate,
    min_quality_pct=st.sampled_from([0.0, 50.0, 80.0, 100.0]),
    max_gap_minutes=st.integers(1, 6),
    action=st.sampled_from(list(GateAction)),
    after_minutes=st.sampled_from([1, 5, 20]),
)
STRETCHES = st.lists(
    st.tuples(
        st.sampled_from(["there", "missing", "halted", "halted, yet there"]), st.integers(1, 9)
    ),
    min_size=1,
    max_size=9,
)


@settings(max_examples=150, deadline=None)
@given(
    gate=GATES,
    lengths=st.lists(st.sampled_from([1, 7, 30]), min_size=1, max_size=4),
    stretches=STRETCHES,
    cuts=st.sets(st.integers(0, 99), max_size=6),
    second=st.integers(0, 59),
)
def test_restrictions_are_those_of_the_rules_however_bars_are_cut(
    gate, lengths, stretches, cuts, second
):
    grid = grid_of(lengths)
    minutes = [
        start
        for open_ns, close_ns in zip(grid.open_ns.tolist(), grid.close_ns.tolist(), strict=True)
        for start in range(open_ns, close_ns, MINUTE_NS)
    ]
    kinds = cycle([kind for kind, count in stretches for _ in range(count)])
    kinds = list(zip(minutes, islice(kinds, len(minutes)), strict=True))
    there = {start for start, kind in kinds if kind.endswith("there")}
    halted = {start for start, kind in kinds if kind.startswith("halted")}
    until = sorted(minutes[cut % len(minutes)] + second * 10**9 for cut in cuts)
    until.append(int(grid.close_ns[-1]))
    state = GateState(gate, grid, np.array(sorted(halted), np.int64))
    changes, taken = [], 0
    for limit in until:
        batch = {start for start in there if taken < start + MINUTE_NS <= limit}
        changes.append(state.step(bars_at(batch), limit))
        taken = max(taken, limit)
    expected = restricted_plainly(gate, grid, there, halted)
    assert restricted_by(changes, grid) == expected
    told = {
        time
        for change in changes
        for time, blocked in zip(change.from_ns.tolist(), change.blocked.tolist(), strict=True)
        if blocked
    }
    for open_ns, refused in zip(grid.open_ns.tolist(), expected, strict=True):
        assert (open_ns in told) == (open_ns in refused)
    assert state.restricted_minutes.tolist() == [len(refused) for refused in expected]
    whole = GateState(gate, grid, np.array(sorted(halted), np.int64))
    at_once = whole.step(bars_at(there), int(grid.close_ns[-1]))
    assert at_once.from_ns.tolist() == [t for c in changes for t in c.from_ns.tolist()]
