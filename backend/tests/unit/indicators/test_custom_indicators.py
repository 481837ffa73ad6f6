"""Custom indicators: what they may be, and how looking ahead is found out."""

import numpy as np
import pytest

from app.core.data_structures import BarColumns
from app.core.exceptions import ConfigurationError, LookAheadError, StrategyError
from app.core.indicators import IndicatorSpec
from app.core.types import MINUTE_NS
from app.services.indicators import create_indicator

custom = IndicatorSpec.custom


def bars_of(close) -> BarColumns:
    values = np.asarray(close, float)
    start = np.arange(len(values)) * MINUTE_NS
    return BarColumns.of_minutes(start, values, values + 1, values - 1, values, values * 10)


def step(spec, close, sessions=None):
    bars = bars_of(close)
    return create_indicator(spec).step(
        bars, np.zeros(len(bars), np.int64) if sessions is None else np.array(sessions)
    )


class Range:
    """Two outputs: the highest high and the lowest low of the session so far."""

    outputs = ("top", "bottom")
    lookback = 1

    def __init__(self, scale: float = 1.0) -> None:
        self.scale, self.session = scale, -1

    def update(self, bar):
        if bar.session != self.session:
            self.session, self.top, self.bottom = bar.session, bar.high, bar.low
            return None, None
        self.top, self.bottom = max(self.top, bar.high), min(self.bottom, bar.low)
        return self.top * self.scale, self.bottom * self.scale


def test_a_class_is_given_every_bar():
    # highs 6 8 7 | 4 5, lows two less; doubled
    top, bottom = step(custom(Range, scale=2.0), [5, 7, 6, 3, 4], [0, 0, 0, 1, 1])
    np.testing.assert_array_equal(top, [np.nan, 16, 16, np.nan, 10])
    np.testing.assert_array_equal(bottom, [np.nan, 8, 8, np.nan, 4])
    state = create_indicator(custom(Range))
    assert (state.outputs, state.lookback) == (("top", "bottom"), 1)


def test_each_state_has_an_instance_of_its_own():
    first, second = create_indicator(custom(Range)), create_indicator(custom(Range))
    zeros = np.zeros(2, np.int64)
    first.step(bars_of([5, 6]), zeros)
    np.testing.assert_array_equal(second.step(bars_of([1, 2]), zeros)[0], [np.nan, 3])


def shifted(columns, by=1):
    previous = np.full(len(columns["close"]), np.nan)
    previous[by:] = columns["close"][:-by]
    return previous


def test_a_function_of_columns():
    np.testing.assert_array_equal(step(custom(shifted, by=2), [1, 2, 3])[0], [np.nan, np.nan, 1])


def test_a_function_sees_times_and_sessions_as_whole_numbers():
    calls = []
    state = create_indicator(custom(lambda columns: calls.append(columns) or columns["close"]))
    late = np.int64(1_700_000_000_000_000_001)
    for shift in (0, 3):
        bars = bars_of([1, 2, 3])
        bars = BarColumns(bars.start_ns + late + shift * MINUTE_NS, *list(bars)[1:])
        state.step(bars, np.full(3, shift))
    seen = max(calls, key=lambda columns: len(columns["close"]))
    assert seen["start_ns"].tolist() == [int(late) + row * MINUTE_NS for row in range(6)]
    assert seen["session"].tolist() == [0, 0, 0, 3, 3, 3]
    assert not seen["close"].flags.writeable


LOOKING_AHEAD = {
    "next close": lambda columns: np.roll(columns["close"], -1),
    "last close": lambda columns: np.full(len(columns["close"]), columns["close"][-1]),
    "scaled by the highest": lambda columns: columns["close"] / columns["close"].max(),
    "filled backwards": lambda columns: np.minimum.accumulate(columns["close"][::-1])[::-1],
    "half the next close": lambda columns: np.r_[columns["close"][1:], columns["close"][-1]] / 2,
}


@pytest.mark.parametrize("function", LOOKING_AHEAD.values(), ids=LOOKING_AHEAD.keys())
@pytest.mark.parametrize("size", [1, 2, 7, 50])
def test_a_function_that_looks_ahead_is_refused(function, size):
    closes = [float(value * 37 % 50 + 1) for value in range(50)]
    bars, zeros = bars_of(closes), np.zeros(50, np.int64)
    state = create_indicator(custom(function))

    def step_through():
        for first in range(0, 50, size):
            state.step(bars.slice(first, first + size), zeros[first : first + size])

    with pytest.raises(LookAheadError, match="must not depend on later bars"):
        step_through()


def wrong_length(columns):
    return columns["close"][1:]


class Wordy:
    """Gives a text instead of a number."""

    def update(self, bar):
        return "high"


class Generous:
    """Gives two numbers where it names one output."""

    def update(self, bar):
        return 1.0, 2.0


class Misnamed:
    """Names its outputs in a way nobody can use."""

    outputs = "value"

    def update(self, bar):
        return 1.0


@pytest.mark.parametrize(
    ("function", "error", "said"),
    [
        (wrong_length, StrategyError, "must give 1 array(s) of 3 rows, one for each of value"),
        (Wordy, StrategyError, "update(bar) must give 1 number(s), one for each of value"),
        (Generous, StrategyError, "update(bar) must give 1 number(s), one for each of value"),
        (Misnamed, ConfigurationError, "outputs is 'value'; it must be a tuple of names"),
    ],
)
def test_what_cannot_be_used_is_named(function, error, said):
    with pytest.raises(error) as raised:
        step(custom(function), [1, 2, 3])
    assert said in str(raised.value)


def test_the_users_own_error_passes_through():
    def broken(columns):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        step(custom(broken), [1, 2])
