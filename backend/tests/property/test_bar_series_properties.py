"""A series is a list of rows, however it is filled and whenever it is looked at."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.data_structures import BarColumns, BarSeries
from app.core.intervals import Interval
from app.core.types import MINUTE_NS


def batch(first, count):
    starts = np.arange(first, first + count) * MINUTE_NS
    value = starts / MINUTE_NS + 1.0
    return BarColumns.of_minutes(starts, value, value + 1, value - 0.5, value, value * 2)


SIZES = st.lists(st.sampled_from([0, 1, 2, 3, 511, 512, 513, 700, 1_500]), max_size=12)


@settings(max_examples=60, deadline=None)
@given(sizes=SIZES, data=st.data())
def test_views_taken_at_any_moment_never_change(sizes, data):
    series, taken, total = BarSeries(), [], 0
    for size in sizes:
        series.extend(batch(total, size))
        total += size
        first = data.draw(st.integers(0, total))
        taken.append((first, total, series.view(first)))
    for first, last, view in taken:
        for column, expected in zip(view, batch(first, last - first), strict=True):
            np.testing.assert_array_equal(column, expected)
    assert len(series) == total


@settings(max_examples=40, deadline=None)
@given(count=st.integers(0, 60), cuts=st.lists(st.integers(0, 60), max_size=8))
def test_slices_put_together_are_the_whole(count, cuts):
    whole = batch(0, count)
    edges = [0, *sorted(min(cut, count) for cut in cuts), count]
    parts = [whole.slice(first, last) for first, last in itertools.pairwise(edges)]
    for column, expected in zip(BarColumns.concatenate(parts), whole, strict=True):
        np.testing.assert_array_equal(column, expected)


@given(first=st.integers(-5, 65), last=st.integers(-5, 65))
def test_between_is_a_filter(first, last):
    whole = batch(0, 60)
    expected = [minute for minute in range(60) if first <= minute < last]
    found = whole.between(first * MINUTE_NS, last * MINUTE_NS).start_ns // MINUTE_NS
    assert found.tolist() == expected


@given(minutes=st.integers(1, 1_440))
def test_every_intraday_length_is_read_back(minutes):
    interval = Interval.parse(f"{minutes}m")
    assert interval.minutes == minutes
    assert Interval.parse(str(interval)) == interval
