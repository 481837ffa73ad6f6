"""The store and the quality of sessions, against their plain definitions."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.data_structures import BarColumns
from app.core.sessions import SessionGrid
from app.core.types import DAY_NS, HOUR_NS, MINUTE_NS
from app.services.market_data.parquet_storage import ParquetStorage
from app.services.market_data.quality_scoring import session_quality

MIDNIGHT = int(np.datetime64("2024-01-31T23:30", "ns").astype(np.int64))


def bars_of(rows):
    """Bars at minutes around the turn of a month, each close as given."""
    starts = MIDNIGHT + np.array([minute for minute, _ in rows], np.int64) * MINUTE_NS
    close = np.array([float(price) for _, price in rows])
    return BarColumns.of_minutes(starts, close, close, close, close, close)


ROWS = st.lists(st.tuples(st.integers(0, 59), st.integers(1, 9)), min_size=1, max_size=12)


@settings(max_examples=25, deadline=None)
@given(batches=st.lists(ROWS, min_size=1, max_size=4))
def test_a_store_is_a_dictionary_by_minute(batches):
    """Whatever is written in whatever order and pieces, the last value of a minute is read."""
    expected: dict[int, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        store = ParquetStorage(Path(folder))
        for rows in batches:
            distinct = {minute for minute, _ in rows}
            summary = store.write("A", bars_of(rows))
            assert summary.added == len(distinct - expected.keys())
            assert summary.replaced == len(distinct & expected.keys())
            assert summary.duplicates == len(rows) - len(distinct)
            expected |= dict(rows)
        found = store.read("A")
        assert store.coverage("A").rows == len(expected)
    minutes = ((found.start_ns - MIDNIGHT) // MINUTE_NS).tolist()
    assert list(zip(minutes, found.close.tolist(), strict=True)) == sorted(expected.items())


@settings(max_examples=60, deadline=None)
@given(
    missing=st.lists(
        st.tuples(st.integers(0, 1_000), st.sampled_from([1, 2, 40, 400])), max_size=8
    ),
    lengths=st.lists(st.sampled_from([5, 210, 390]), min_size=1, max_size=4),
    until=st.none() | st.tuples(st.integers(0, 4), st.integers(-5, 400)),
)
def test_gaps_are_the_minutes_that_are_not_there(missing, lengths, until):
    opens = np.arange(len(lengths)) * DAY_NS + 13 * HOUR_NS
    closes = opens + np.array(lengths) * MINUTE_NS
    days = np.arange(len(lengths)).astype("datetime64[D]")
    grid = SessionGrid("UTC", days, opens, closes, opens, closes)
    expected = [
        set(range(first, last, MINUTE_NS))
        for first, last in zip(opens.tolist(), closes.tolist(), strict=True)
    ]
    starts = np.array(sorted(set().union(*expected)))
    for at, count in missing:
        starts = np.delete(
            starts, np.arange(at, at + count)[np.arange(at, at + count) < len(starts)]
        )
    until_ns = None
    if until is not None:  # a minute of a day, counted from the open
        until_ns = until[0] * DAY_NS + 13 * HOUR_NS + until[1] * MINUTE_NS
    stray = np.sort(np.concatenate([starts, starts[:3], opens - HOUR_NS]))
    ones = np.ones(len(stray))
    bars = BarColumns.of_minutes(stray, ones, ones, ones, ones, ones)
    for row, quality in enumerate(session_quality(bars, grid, until_ns=until_ns)):
        due = {start for start in expected[row] if until_ns is None or start < until_ns}
        there = due & set(starts.tolist())
        assert (quality.expected, quality.present) == (len(due), len(there))
        in_gaps = {
            start for gap in quality.gaps for start in range(gap.start_ns, gap.end_ns, MINUTE_NS)
        }
        assert in_gaps == due - there
        assert sum(gap.minutes for gap in quality.gaps) == len(in_gaps)
