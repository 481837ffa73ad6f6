"""However the minutes are cut, the same bars come out, to the bit."""

import itertools

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.data_structures import BarColumns
from app.core.intervals import Interval
from app.core.sessions import SessionGrid
from app.core.types import DAY_NS, HOUR_NS, MINUTE_NS
from app.services.market_data.bar_aggregation import Aggregator, aggregate, regular_minutes

INTERVALS = st.sampled_from(["1m", "2m", "5m", "7m", "15m", "1h", "4h", "24h", "1d", "1w"])


@st.composite
def grids(draw):
    """Up to eight sessions with holes between them, of various lengths, not on the hour."""
    days = sorted(draw(st.sets(st.integers(19_900, 19_920), min_size=1, max_size=8)))
    lengths = [draw(st.sampled_from([25, 210, 390, 1_440])) for _ in days]
    opens = np.array(days, np.int64) * DAY_NS
    opens += np.where(np.array(lengths) == 1_440, 0, 13 * HOUR_NS + 30 * MINUTE_NS)
    closes = opens + np.array(lengths, np.int64) * MINUTE_NS
    return SessionGrid("UTC", np.array(days).astype("datetime64[D]"), opens, closes, opens, closes)


@st.composite
def minutes_of(draw, grid):
    """Minutes around and in the sessions, some of them missing; volumes that do not add exactly."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    first, last = int(grid.open_ns[0]) - HOUR_NS, int(grid.close_ns[-1]) + HOUR_NS
    starts = np.arange(first, last, MINUTE_NS)
    for missing in draw(st.lists(st.integers(0, len(starts) - 1), max_size=6)):
        length = draw(st.sampled_from([1, 3, 30, 500]))
        starts[missing : missing + length] = -1
    if draw(st.booleans()):
        starts = starts[rng.random(len(starts)) > 0.3]
    starts = starts[starts >= 0]
    prices = 100 + rng.random((4, len(starts)))
    return BarColumns.of_minutes(
        starts,
        prices[0],
        prices.max(axis=0),
        prices.min(axis=0),
        prices[3],
        rng.random(len(starts)),
    )


def same_bits(left, right):
    return all(a.tobytes() == b.tobytes() for a, b in zip(left, right, strict=True))


def starting_times(bars, cuts):
    edges = [0, *sorted(cut % (len(bars) + 1) for cut in cuts), len(bars)]
    return list(itertools.pairwise(edges))


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    grid=grids(),
    interval=INTERVALS,
    cuts=st.lists(st.integers(0, 10**5), max_size=40),
)
def test_any_cut_gives_the_bars_of_the_whole(data, grid, interval, cuts):
    bars, step = data.draw(minutes_of(grid)), Interval.parse(interval)
    until = data.draw(st.none() | st.just(int(grid.close_ns[-1])))
    whole = aggregate(bars, step, grid, until_ns=until)
    stage = Aggregator(step, grid)
    parts = [stage.step(bars.slice(*edge)) for edge in starting_times(bars, cuts)]
    parts.append(stage.step(BarColumns.empty(), until_ns=until))
    assert same_bits(BarColumns.concatenate(parts), whole)


@settings(max_examples=40, deadline=None)
@given(
    data=st.data(),
    grid=grids(),
    interval=INTERVALS,
    cuts=st.lists(st.integers(0, 10**5), max_size=20),
)
def test_telling_the_time_at_each_cut_changes_nothing(data, grid, interval, cuts):
    bars, step = data.draw(minutes_of(grid)), Interval.parse(interval)
    whole = aggregate(bars, step, grid, until_ns=int(grid.close_ns[-1]))
    stage, parts, ends = Aggregator(step, grid), [], []
    for first, last in starting_times(bars, cuts):
        present = int(bars.start_ns[last]) if last < len(bars) else int(grid.close_ns[-1])
        parts.append(stage.step(bars.slice(first, last), until_ns=present))
        ends.append(present)
        assert all(parts[-1].end_ns <= max(ends))
    assert same_bits(BarColumns.concatenate(parts), whole)


@settings(max_examples=25, deadline=None)
@given(
    data=st.data(), grid=grids(), interval=st.sampled_from(["2m", "5m", "7m", "15m", "1h", "4h"])
)
def test_bars_are_those_of_polars_group_by(data, grid, interval):
    """Polars groups by (session, minutes since its open // length): an independent way."""
    bars, step = data.draw(minutes_of(grid)), Interval.parse(interval)
    regular = regular_minutes(bars, grid)
    ours = aggregate(bars, step, grid, until_ns=int(grid.close_ns[-1]))
    sessions = pl.DataFrame({"open_ns": grid.open_ns})
    frame = pl.DataFrame(
        {"ts": regular.start_ns, "h": regular.high, "l": regular.low, "o": regular.open}
        | {"c": regular.close, "v": regular.volume}
    )
    theirs = (
        frame.join_asof(sessions, left_on="ts", right_on="open_ns", coalesce=False)
        .group_by("open_ns", (pl.col("ts") - pl.col("open_ns")) // step.ns, maintain_order=True)
        .agg(
            pl.col("o").first(),
            pl.col("h").max(),
            pl.col("l").min(),
            pl.col("c").last(),
            pl.col("v").sum(),
        )
    )
    assert ours.start_ns.tolist() == (theirs["open_ns"] + theirs["ts"] * step.ns).to_list()
    for name, column in zip("ohlc", (ours.open, ours.high, ours.low, ours.close), strict=True):
        assert column.tolist() == theirs[name].to_list()
    np.testing.assert_allclose(ours.volume, theirs["v"].to_numpy(), rtol=1e-12)
