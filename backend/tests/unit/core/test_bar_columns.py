import threading

import numpy as np
import pytest

from app.core.data_structures import Bar, BarColumns, BarSeries
from app.core.exceptions import DataError
from app.core.types import MINUTE_NS


def bars(count, first=0):
    starts = (first + np.arange(count)) * MINUTE_NS
    values = starts / MINUTE_NS + 1.0
    return BarColumns.of_minutes(starts, values, values, values, values, values)


def bar(minute):
    start = minute * MINUTE_NS
    prices = dict.fromkeys(("open", "high", "low", "close"), minute + 1.0)
    return Bar(symbol="A", start_ns=start, end_ns=start + MINUTE_NS, volume=0.0, **prices)


def test_minutes_end_a_minute_after_their_start():
    assert (bars(3).end_ns - bars(3).start_ns).tolist() == [MINUTE_NS] * 3


def test_slices_are_views_and_rows_are_copies():
    whole = bars(10)
    assert whole.slice(2, 5).close.base is not None
    assert np.shares_memory(whole.slice(2, 5).close, whole.close)
    assert whole.take(np.array([1, 3])).close.tolist() == [2.0, 4.0]
    assert not np.shares_memory(whole.take(np.arange(10)).close, whole.close)


def test_between_is_half_open():
    starts = bars(10).between(2 * MINUTE_NS, 5 * MINUTE_NS).start_ns // MINUTE_NS
    assert starts.tolist() == [2, 3, 4]
    assert len(bars(10).between(20 * MINUTE_NS, 30 * MINUTE_NS)) == 0


def test_concatenation():
    assert len(BarColumns.concatenate([])) == 0
    one = bars(2)
    assert BarColumns.concatenate([one]) is one
    assert BarColumns.concatenate([one, bars(2, first=2)]).close.tolist() == [1.0, 2.0, 3.0, 4.0]


def test_a_series_refuses_bars_that_do_not_follow():
    series = BarSeries()
    series.extend(bars(3))
    for late in (bar(2), bar(0)):
        with pytest.raises(DataError, match="time order"):
            series.append(late)
    with pytest.raises(DataError, match="time order"):
        series.extend(bars(2, first=2))
    series.extend(BarColumns.empty())
    series.append(bar(3))
    assert len(series) == 4


def test_views_are_read_only_and_stay_as_they_were_taken():
    series = BarSeries()
    series.extend(bars(3))
    early = series.view()
    for minute in range(3, 3_000):
        series.append(bar(minute))
    assert early.close.tolist() == [1.0, 2.0, 3.0]
    assert series.view(2_998).close.tolist() == [2_999.0, 3_000.0]
    assert series.view(0, 10**9).close.tolist() == [minute + 1.0 for minute in range(3_000)]
    for column in series.view():
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 7
    series.clear()
    assert (len(series), len(series.view())) == (0, 0)
    assert early.close.tolist() == [1.0, 2.0, 3.0]
    series.append(bar(0))
    assert series.view().close.tolist() == [1.0]


def test_a_reader_beside_the_writer_sees_whole_rows_only():
    series, wrong = BarSeries(), []
    done = threading.Event()

    def read():
        while not done.is_set():
            view = series.view()
            lengths = {len(column) for column in view}
            if len(lengths) != 1 or not np.array_equal(view.close, view.start_ns / MINUTE_NS + 1):
                wrong.append(view)

    reader = threading.Thread(target=read)
    reader.start()
    for minute in range(5_000):
        series.append(bar(minute))
    done.set()
    reader.join()
    assert not wrong
