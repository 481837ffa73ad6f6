"""The session that is on: which minutes are played when, by bars that come in as they please."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.data_structures import BarColumns
from app.core.sessions import SessionGrid
from app.threads.live_itinerary import LiveItinerary, LiveSource
from app.threads.messages import Slab

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
OPEN_NS = 1_000 * MINUTE_NS
DAY_NS = 1_440 * MINUTE_NS
PATIENCE_S = 15


def grid(minutes: int) -> SessionGrid:
    """Two sessions of so many minutes, a day apart."""
    opens = np.array([OPEN_NS - DAY_NS, OPEN_NS])
    closes = opens + minutes * MINUTE_NS
    dates = np.array(["2024-03-04", "2024-03-05"], "datetime64[D]")
    return SessionGrid("UTC", dates, opens, closes, opens, closes)


def bars(starts_ns: Sequence[int], closes: Mapping[int, float] | None = None) -> BarColumns:
    starts = np.array(sorted(starts_ns), np.int64)
    prices = np.array([(closes or {}).get(ns, 100.0) for ns in starts.tolist()])
    return BarColumns.of_minutes(starts, prices, prices, prices, prices, prices)


@dataclass
class World:
    """A market whose bars come at given times; to wait is to let the time go by."""

    arrivals: Mapping[str, Mapping[int, int]]
    """Per symbol, when the bar of each minute comes, both counted from the open: minute, ns."""
    minutes: int
    now_ns: int = OPEN_NS
    history: Mapping[str, BarColumns] = field(default_factory=dict)
    reads: int = 0
    stop_at_ns: int | None = None
    stands_still: tuple[int, int] = (0, 0)
    """From when to when the process is not let run."""
    changes: Mapping[str, Mapping[int, tuple[int, float]]] = field(default_factory=dict)
    """Per symbol and minute, when its bar changes, and what it closes at from then on."""

    def come(self, symbol: str) -> list[int]:
        return [
            OPEN_NS + minute * MINUTE_NS
            for minute, came_ns in self.arrivals[symbol].items()
            if OPEN_NS + came_ns <= self.now_ns
        ]

    def version(self, symbol: str, _first_ns: int, _last_ns: int) -> int:
        return len(self.come(symbol)) + len(self.changed(symbol))

    def changed(self, symbol: str) -> dict[int, float]:
        return {
            OPEN_NS + minute * MINUTE_NS: close
            for minute, (when_ns, close) in self.changes.get(symbol, {}).items()
            if OPEN_NS + when_ns <= self.now_ns
        }

    def read(self, symbol: str, first_ns: int, last_ns: int) -> BarColumns:
        self.reads += 1
        known = self.history.get(symbol, BarColumns.empty())
        come = bars(self.come(symbol), self.changed(symbol))
        return BarColumns.concatenate([known, come]).between(first_ns, last_ns)

    def wait(self, seconds: float) -> bool:
        self.now_ns += round(seconds * SECOND_NS)
        from_ns, until_ns = self.stands_still
        if from_ns < self.now_ns < until_ns:
            self.now_ns = until_ns
        return self.stop_at_ns is not None and self.now_ns >= self.stop_at_ns

    def play(self) -> list[tuple[int, Slab]]:
        """Every slab, and when it came: nanoseconds since the open."""
        itinerary = LiveItinerary(
            symbols=tuple(self.arrivals),
            sessions=grid(self.minutes),
            first_session=1,
            patience_s=PATIENCE_S,
            source=LiveSource(self.version, lambda: self.now_ns),
            wait=self.wait,
        )
        return [(self.now_ns - OPEN_NS, slab) for slab in itinerary.slabs(self.read)]


def at(minute: int, seconds: float) -> int:
    """So many seconds after the end of a minute, counted from the open."""
    return (minute + 1) * MINUTE_NS + round(seconds * SECOND_NS)


def started(slab: Slab, symbol: str = "AAA") -> list[int]:
    """The minutes whose bars are in a slab."""
    return [(ns - OPEN_NS) // MINUTE_NS for ns in slab.minutes[symbol].start_ns.tolist()]


def counted(slab: Slab) -> dict[str, dict[str, int]]:
    return {symbol: dict(counts) for symbol, counts in slab.counted.items()}


def seconds(ns: int) -> float:
    return ns / SECOND_NS


# ── case by case ─────────────────────────────────────────────────────────────


def test_a_minute_is_played_as_soon_as_all_its_bars_are_there() -> None:
    world = World(
        {"AAA": {0: at(0, 1), 1: at(1, 1)}, "BBB": {0: at(0, 4), 1: at(1, 2)}},
        minutes=2,
    )
    _, (first_ns, first), (second_ns, second) = world.play()
    assert seconds(first_ns) == pytest.approx(64, abs=0.06)
    assert seconds(second_ns) == pytest.approx(122, abs=0.06)
    assert (started(first), started(first, "BBB")) == ([0], [0])
    assert (started(second), started(second, "BBB")) == ([1], [1])
    assert (first.until_ns, second.until_ns) == (OPEN_NS + MINUTE_NS, OPEN_NS + 2 * MINUTE_NS)
    assert first.traded
    assert second.traded


def test_no_minute_is_played_before_it_has_passed() -> None:
    world = World({"AAA": {0: at(0, -30), 1: at(1, -70)}}, minutes=2)
    _, (first_ns, first), (second_ns, second) = world.play()
    assert (seconds(first_ns), seconds(second_ns)) == (60, 120)
    assert [started(first), started(second)] == [[0], [1]]


def test_a_missing_bar_is_waited_for_so_long_and_no_longer() -> None:
    world = World({"AAA": {0: at(0, 1), 2: at(2, 1)}}, minutes=3)
    _, first, second, third = world.play()
    assert seconds(second[0]) == pytest.approx(120 + PATIENCE_S, abs=0.06)
    assert started(second[1]) == []
    assert second[1].until_ns == OPEN_NS + 2 * MINUTE_NS
    assert [started(first[1]), started(third[1])] == [[0], [2]]


def test_a_late_bar_is_counted_once_and_not_played() -> None:
    world = World({"AAA": {0: at(0, 20), 1: at(1, 1), 2: at(2, 1)}}, minutes=3)
    slabs = [slab for _, slab in world.play()]
    assert [started(slab) for slab in slabs[1:]] == [[], [1], [2]]
    assert [counted(slab) for slab in slabs[1:]] == [{}, {"AAA": {"late_bars": 1}}, {}]


def test_a_bar_that_changes_after_it_was_played_is_counted_once() -> None:
    """It was stored while it was still forming, and once more when it was whole."""
    world = World({"AAA": {minute: at(minute, 1) for minute in range(4)}}, minutes=4)
    world.changes = {"AAA": {0: (at(0, 30), 101.0)}}
    slabs = [slab for _, slab in world.play()]
    assert [started(slab) for slab in slabs[1:]] == [[0], [1], [2], [3]]
    assert slabs[1].minutes["AAA"].close.tolist() == [100.0]
    assert [counted(slab) for slab in slabs[2:]] == [{"AAA": {"changed_bars": 1}}, {}, {}]


def test_minutes_are_played_together_that_are_over_together() -> None:
    """The process stood still from the first minute to the fourth."""
    world = World({"AAA": {minute: at(minute, 1) for minute in range(5)}}, minutes=5)
    world.stands_still = OPEN_NS + 65 * SECOND_NS, OPEN_NS + 242 * SECOND_NS
    slabs = [slab for _, slab in world.play()[1:]]
    assert [started(slab) for slab in slabs] == [[0], [1, 2, 3], [4]]
    assert not any(slab.counted for slab in slabs)


def test_what_has_passed_of_a_session_is_not_traded() -> None:
    """Entered at 3:30: three minutes have passed, the fourth is traded on when it is over."""
    world = World({"AAA": {minute: at(minute, 1) for minute in range(5)}}, minutes=5)
    world.now_ns = OPEN_NS + 210 * SECOND_NS
    history, missed, first, second = (slab for _, slab in world.play())
    assert not history.traded
    assert (started(missed), missed.traded) == ([0, 1, 2], False)
    assert (started(first), first.traded) == ([3], True)
    assert (started(second), second.traded) == ([4], True)


def test_the_last_bar_that_was_missed_is_waited_for_too() -> None:
    """Entered a second after the end of the second minute, whose bar takes three."""
    world = World({"AAA": {0: at(0, 1), 1: at(1, 3), 2: at(2, 1)}}, minutes=3)
    world.now_ns = OPEN_NS + 121 * SECOND_NS
    slabs = [slab for _, slab in world.play()[1:]]
    assert [(started(slab), slab.traded) for slab in slabs] == [
        ([0], False),
        ([1], False),
        ([2], True),
    ]


def test_before_the_open_it_waits_and_history_is_read_at_the_open() -> None:
    yesterday = bars([OPEN_NS - DAY_NS + minute * MINUTE_NS for minute in range(2)])
    world = World({"AAA": {0: at(0, 1)}}, minutes=1, history={"AAA": yesterday})
    world.now_ns = OPEN_NS - 600 * SECOND_NS
    (came_ns, history), (_, first) = world.play()
    assert seconds(came_ns) == pytest.approx(0, abs=0.06)
    assert (history.first, history.last, history.traded) == (0, 1, False)
    assert history.until_ns == OPEN_NS - DAY_NS + MINUTE_NS
    assert len(history.minutes["AAA"]) == 1  # the session had one minute
    assert (first.first, first.last) == (1, 2)


@pytest.mark.parametrize("stop_s", [-300, 30, 70])
def test_a_stop_ends_it_wherever_it_waits(stop_s: int) -> None:
    world = World({"AAA": {}}, minutes=5, now_ns=OPEN_NS - 600 * SECOND_NS)
    world.stop_at_ns = OPEN_NS + stop_s * SECOND_NS
    assert len(world.play()) == (0 if stop_s < 0 else 1)
    assert world.now_ns == world.stop_at_ns


def test_nothing_is_read_while_nothing_comes() -> None:
    world = World({"AAA": {0: at(0, 1)}}, minutes=1)
    world.play()
    assert world.reads == 3  # history, the first look, and the bar


# ── whatever comes whenever ──────────────────────────────────────────────────

MINUTES = 12
Delays = dict[str, dict[int, int]]
delays = st.dictionaries(
    st.integers(0, MINUTES - 1), st.integers(-30, 2 * PATIENCE_S), min_size=1, max_size=MINUTES
)


@given(
    waits=st.fixed_dictionaries({"AAA": delays, "BBB": delays}),
    entered_s=st.integers(-100, MINUTES * 60 - 1),
)
def test_any_arrival(waits: Delays, entered_s: int) -> None:
    """Each bar in time is played once and none before its minute is over; the others are late."""
    world = World(
        {
            symbol: {minute: at(minute, wait) for minute, wait in own.items()}
            for symbol, own in waits.items()
        },
        minutes=MINUTES,
        now_ns=OPEN_NS + entered_s * SECOND_NS,
    )
    played = world.play()[1:]
    untils = [OPEN_NS, *(slab.until_ns for _, slab in played)]
    assert untils[-1] == OPEN_NS + MINUTES * MINUTE_NS
    assert all(early < late for early, late in pairwise(untils))
    assert all(slab.until_ns - OPEN_NS <= came_ns for came_ns, slab in played)
    in_order = [slab.traded for _, slab in played]
    assert in_order == sorted(in_order)
    for symbol, own in waits.items():
        seen = [minute for _, slab in played for minute in started(slab, symbol)]
        assert seen == sorted(set(seen))
        in_time = {minute for minute, wait in own.items() if wait <= PATIENCE_S}
        assert in_time <= set(seen) <= set(own)
        lost = set(own) - set(seen)
        told = sum(counted(slab).get(symbol, {}).get("late_bars", 0) for _, slab in played)
        ended_ns = played[-1][0]
        assert told == sum(at(minute, own[minute]) <= ended_ns for minute in lost)
        for minute in lost:
            assert own[minute] > PATIENCE_S
