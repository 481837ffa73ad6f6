"""However the stream of minutes is cut into batches, a run is the same to the bit."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.data_structures import BarColumns
from app.core.run_log import RunLog
from app.core.types import MINUTE_NS
from tests.engine_walks import Diary, Market, described, make_market, markets, new_simulation


def closed_between(bars: BarColumns, first_ns: int, last_ns: int) -> BarColumns:
    """The bars that closed after `first_ns` and by `last_ns`."""
    first, last = np.searchsorted(bars.end_ns, (first_ns, last_ns), side="right")
    return bars.slice(int(first), int(last))


def play(
    market: Market,
    cuts_ns: Sequence[int],
    *,
    kind: int = 5,
    first_session: int = 0,
    reads_values_when_told: bool = False,
) -> tuple[RunLog, Diary]:
    """A run handed over in batches that end at each of `cuts_ns`, and at the very end.

    `kind` runs one kind of strategy alone, or (5) all of them in one account.
    """
    diary: Diary = []
    simulation = new_simulation(
        market,
        diary,
        first_session=first_session,
        kinds=[kind] if kind < 5 else range(5),
        reads_values_when_told=reads_values_when_told,
    )
    reached = int(market.sessions.open_ns[first_session])
    if first_session:
        history = {s: closed_between(bars, -1, reached) for s, bars in market.minutes.items()}
        simulation.derivation.step(history, reached)
    for until_ns in [*(cut for cut in cuts_ns if cut > reached), int(market.sessions.close_ns[-1])]:
        batch = {
            symbol: closed_between(bars, reached, until_ns)
            for symbol, bars in market.minutes.items()
        }
        simulation.stepper.step(simulation.derivation.step(batch, until_ns))
        reached = until_ns
    return simulation.stepper.finish(), diary


def assert_same(actual: tuple[RunLog, Diary], expected: tuple[RunLog, Diary]) -> None:
    assert actual[1] == expected[1]
    ours, theirs = described(actual[0]), described(expected[0])
    for part in theirs:
        assert ours[part] == theirs[part], part


@st.composite
def cut_markets(draw: st.DrawFn) -> tuple[Market, list[int]]:
    """A market, and moments to cut it at: ends of minutes, instants between, closes, nights."""
    market = draw(markets())
    ends = market.ends_ns
    picked = draw(st.lists(st.integers(0, len(ends) - 1), max_size=8))
    shift = st.sampled_from([0, 0, 0, MINUTE_NS // 3, 1, 90 * MINUTE_NS])
    moments = {int(ends[row]) + draw(shift) for row in picked}
    moments |= {int(close) for close in market.sessions.close_ns if draw(st.booleans())}
    moments |= {int(open_) for open_ in market.sessions.open_ns if draw(st.booleans())}
    last = int(market.sessions.close_ns[-1])
    return market, sorted(moment for moment in moments if moment < last)


@settings(max_examples=30, deadline=None)
@given(drawn=cut_markets(), kind=st.integers(0, 5))
def test_random_cuts(drawn: tuple[Market, list[int]], kind: int) -> None:
    market, cuts_ns = drawn
    assert_same(play(market, cuts_ns, kind=kind), play(market, [], kind=kind))


@settings(max_examples=40, deadline=None)
@given(market=markets(max_sessions=2), kind=st.integers(0, 5))
def test_one_minute_at_a_time(market: Market, kind: int) -> None:
    minutes = market.ends_ns.tolist()[:-1]
    assert_same(play(market, minutes, kind=kind), play(market, [], kind=kind))


@pytest.mark.parametrize(
    ("seed", "minutes", "present"), [(90_816_536, 12, 0.6), (121_751_464, 24, 0.4)]
)
def test_a_split_before_a_minute_without_a_bar(seed: int, minutes: int, present: float) -> None:
    """What is held of a symbol is worth the split's price until its next bar, in any batch."""
    market = make_market(seed, symbols=3, sessions=2, minutes=minutes, present=present)
    assert_same(play(market, market.ends_ns.tolist()[:-1]), play(market, []))


@pytest.mark.parametrize("kind", range(6))
def test_what_on_order_reads_does_not_depend_on_cuts(kind: int) -> None:
    """Values and a bar kept since the last call are, for `on_order`, those of that call."""
    market = make_market(5, symbols=2, sessions=2, minutes=16, present=0.9)
    minutes = market.ends_ns.tolist()[:-1]
    whole, cut = (
        play(market, cuts, kind=kind, reads_values_when_told=True) for cuts in ([], minutes)
    )
    assert_same(cut, whole)


@settings(max_examples=12, deadline=None)
@given(drawn=cut_markets(), kind=st.integers(0, 5))
def test_cuts_after_a_history(drawn: tuple[Market, list[int]], kind: int) -> None:
    """History warms indicators and is not traded; then any cuts of what is."""
    market, cuts_ns = drawn
    first = len(market.sessions) - 1
    whole = play(market, [], kind=kind, first_session=first)
    assert_same(play(market, cuts_ns, kind=kind, first_session=first), whole)
    assert whole[0].sessions.open_ns.tolist() == market.sessions.open_ns[first:].tolist()


def test_a_session_a_batch_equals_the_inline_run() -> None:
    """As the threads hand a backtest over, against `Simulation.run`, which knows no batches."""
    market = make_market(11, symbols=3, sessions=4, minutes=16, present=0.85)
    diary: Diary = []
    simulation = new_simulation(market, diary, reads_values_when_told=False)
    until_ns = int(market.sessions.close_ns[-1])
    log = simulation.run(market.minutes, history_until_ns=0, until_ns=until_ns)
    by_session = market.sessions.close_ns.tolist()[:-1]
    assert_same(play(market, by_session), (log, diary))
    assert len(log.fills) > 50
