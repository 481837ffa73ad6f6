"""What a TA-Lib state keeps: nothing is copied for one batch, nothing kept for single bars."""

import numpy as np

from app.core.data_structures import BarColumns
from app.core.indicators import IndicatorSpec
from app.core.types import MINUTE_NS
from app.services.indicators import create_indicator


def bars_of(count: int, first: int = 0) -> BarColumns:
    values = 50 + np.sin(np.arange(first, first + count))
    start = np.arange(first, first + count) * MINUTE_NS
    return BarColumns.of_minutes(start, values, values + 1, values - 1, values, values)


def test_one_batch_is_one_call_without_a_copy_or_a_handle():
    state, bars = create_indicator(IndicatorSpec.of("SMA", timeperiod=5)), bars_of(1000)
    state.step(bars, np.zeros(1000, np.int64))
    assert state._handle is None
    assert state._history.columns[0] is bars.close


def test_single_bars_after_a_long_history_let_it_go():
    state = create_indicator(IndicatorSpec.of("SMA", timeperiod=5))
    state.step(bars_of(1000), np.zeros(1000, np.int64))
    for row in (1000, 1001):
        state.step(bars_of(1, row), np.zeros(1, np.int64))
    assert not state._history.columns


def test_the_caller_may_write_to_its_arrays_only_after_the_history_was_copied():
    """From the second batch on the rows are the state's own: a reused buffer does no harm."""
    spec, zeros = IndicatorSpec.of("EMA", timeperiod=9), np.zeros(40, np.int64)
    state, expected = create_indicator(spec), create_indicator(spec).step(bars_of(80), zeros)[0]
    state.step(bars_of(20), zeros[:20])
    scratch = bars_of(20, 20)
    state.step(scratch, zeros[:20])
    scratch.close[:] = 0
    (values,) = state.step(bars_of(40, 40), zeros)
    np.testing.assert_array_equal(values, expected[40:])
