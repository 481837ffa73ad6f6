"""Trailing indicators: arithmetic by hand over a few sessions."""

import numpy as np
import pytest

from app.core.data_structures import BarColumns
from app.core.indicators import IndicatorSpec
from app.core.sessions import SessionGrid
from app.core.types import DAY_NS, MINUTE_NS
from app.services.indicators import create_indicator, create_trailing, current_values

of = IndicatorSpec.of
OPEN_NS = np.arange(5) * DAY_NS + 570 * MINUTE_NS
CLOSE_NS = OPEN_NS + np.array([4, 4, 2, 4, 4]) * MINUTE_NS  # the third is a half day
GRID = SessionGrid("UTC", OPEN_NS.astype("datetime64[ns]"), OPEN_NS, CLOSE_NS, OPEN_NS, CLOSE_NS)

# session, minute, open, high, low, close, volume; the second session misses its minute 1
ROWS = [
    (0, 0, 10, 12, 9, 11, 100),
    (0, 1, 11, 15, 10, 14, 200),
    (0, 2, 14, 14, 13, 13, 300),
    (0, 3, 13, 13, 12, 12, 400),
    (1, 0, 20, 22, 19, 21, 50),
    (1, 2, 21, 21, 8, 20, 70),
    (2, 0, 30, 31, 29, 30, 10),
    (2, 1, 30, 33, 30, 32, 30),
    (4, 0, 40, 41, 39, 40, 1),
    (4, 3, 40, 44, 40, 43, 2),
]


def bars_and_sessions() -> tuple[BarColumns, np.ndarray]:
    table = np.array(ROWS, float).T
    sessions = table[0].astype(np.int64)
    start = OPEN_NS[sessions] + table[1].astype(np.int64) * MINUTE_NS
    return BarColumns.of_minutes(start, *table[2:]), sessions


def per_session(spec: IndicatorSpec) -> list[float]:
    """The value in force in each of the four sessions that have bars."""
    bars, sessions = bars_and_sessions()
    (values,) = create_indicator(spec, GRID).step(bars, sessions)
    first = [0, 4, 6, 8]
    np.testing.assert_array_equal(values, np.repeat(values[first], [4, 2, 2, 2]))
    return values[first].tolist()


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # volumes of the sessions: 1000, 120, 40
        (of("trailing_volume", period="2d"), [None, None, 560.0, 80.0]),
        (of("trailing_volume", period=2, min_periods=1), [None, 1000.0, 560.0, 80.0]),
        (of("trailing_average", field="volume", period="3d"), [None, None, None, 1160 / 3]),
        # closes: 12, 20, 32; opens: 10, 20, 30; highs: 15, 22, 33; lows: 9, 8, 29
        (of("trailing_average", period="2d"), [None, None, 16.0, 26.0]),
        (of("trailing_average", "open", period="2d"), [None, None, 15.0, 25.0]),
        (of("trailing_high", period="2d"), [None, None, 22.0, 33.0]),
        (of("trailing_low", period="2d"), [None, None, 8.0, 8.0]),
        (of("trailing_low", period="1d"), [None, 9.0, 8.0, 29.0]),
        (of("trailing_high", field="close", period="1d"), [None, 12.0, 20.0, 32.0]),
    ],
)
def test_daily(spec, expected):
    wanted = [np.nan if value is None else value for value in expected]
    np.testing.assert_allclose(per_session(spec), wanted, rtol=1e-15)


def test_by_minute_of_the_session():
    bars, sessions = bars_and_sessions()
    spec = of("trailing_volume", period="2d", granularity="minute")
    (values,) = create_indicator(spec, GRID).step(bars, sessions)
    # third session: minute 0 of the first two is 100 and 50, minute 1 only 200
    # fifth: minute 0 is 50 and 10; minute 3 is in neither the second nor the half day
    np.testing.assert_array_equal(values, [*[np.nan] * 6, 75.0, 200.0, 30.0, np.nan])


@pytest.mark.parametrize(
    ("name", "expected"),
    [("trailing_high", [22.0, 15.0, 21.0, 13.0]), ("trailing_low", [9.0, 10.0, 8.0, 12.0])],
)
def test_extremes_by_minute(name, expected):
    bars, sessions = bars_and_sessions()
    state = create_trailing(of(name, period="2d", granularity="minute"), GRID)
    state.step(bars.slice(0, 6), sessions[:6])
    np.testing.assert_array_equal(current_values(state), expected)


def test_a_bar_outside_its_session_has_no_value_and_is_not_counted():
    state = create_trailing(of("trailing_volume", period="1d", granularity="minute"), GRID)
    start = np.array([OPEN_NS[0] - MINUTE_NS, OPEN_NS[0], CLOSE_NS[0], OPEN_NS[1] - MINUTE_NS])
    ones = np.ones(4)
    bars = BarColumns.of_minutes(start, ones, ones, ones, ones, np.array([5.0, 6.0, 7.0, 8.0]))
    (values,) = state.step(bars, np.array([0, 0, 0, 1]))
    assert np.isnan(values).all()
    np.testing.assert_array_equal(current_values(state, 1), [6.0, np.nan, np.nan, np.nan])


@pytest.mark.parametrize("granularity", ["daily", "minute"])
def test_what_is_said_before_a_session_holds_throughout_it(granularity):
    bars, sessions = bars_and_sessions()
    state = create_trailing(of("trailing_volume", period="2d", granularity=granularity), GRID)
    for session, first, last in ((0, 0, 4), (1, 4, 6), (2, 6, 8), (4, 8, 10)):
        before = current_values(state)
        (values,) = state.step(bars.slice(first, last), sessions[first:last])
        minutes = (bars.start_ns[first:last] - OPEN_NS[session]) // MINUTE_NS
        said = before[minutes] if granularity == "minute" else np.full(last - first, before)
        np.testing.assert_array_equal(values, said)
        np.testing.assert_array_equal(current_values(state, session), before)
        np.testing.assert_array_equal(current_values(state, session + 1), current_values(state))


def test_nothing_is_known_before_the_first_bar():
    daily = create_trailing(of("trailing_high", period="5d"))
    by_minute = create_trailing(of("trailing_high", period="5d", granularity="minute"), GRID)
    assert np.isnan(current_values(daily))
    assert np.isnan(current_values(by_minute)).tolist() == [True] * 4
    assert daily.sessions_needed == by_minute.sessions_needed == 5
