"""However bars are cut into batches, every indicator says the same to the bit."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.core.data_structures import BarColumns
from app.core.exceptions import ConfigurationError
from app.core.indicators import IndicatorSpec
from app.core.sessions import SessionGrid
from app.core.types import DAY_NS, MINUTE_NS, Floats
from app.services.indicators import create_indicator
from app.services.indicators.catalogue import talib_info
from app.services.indicators.talib_loader import load_talib

SESSION_MINUTES = 40
FUNCTIONS = load_talib().get_functions()
TWO_INPUTS = {"MAVP": ("close", "volume")}  # its second input is no bar field of its own


def grid_of(sessions: int) -> SessionGrid:
    opens = np.arange(sessions) * DAY_NS
    closes = opens + SESSION_MINUTES * MINUTE_NS
    return SessionGrid("UTC", opens.astype("datetime64[ns]"), opens, closes, opens, closes)


class Drawn:
    """Bars with missing minutes and whole sessions, zero volumes, flat stretches; and a cut."""

    def __init__(self, seed: int, count: int, sizes: list[int]) -> None:
        random = np.random.default_rng(seed)
        calendar = np.flatnonzero(random.random(4 * count + 8 * SESSION_MINUTES) < 0.7)
        calendar = calendar[(calendar // SESSION_MINUTES) % 5 != seed % 5][:count]
        self.sessions = calendar // SESSION_MINUTES
        start = self.sessions * DAY_NS + calendar % SESSION_MINUTES * MINUTE_NS
        moves = random.integers(-3, 4, len(calendar)) * (random.random(len(calendar)) < 0.6)
        close = 50.0 + 0.01 * np.abs(np.cumsum(moves))
        open_ = close + 0.01 * random.integers(-2, 3, len(close))
        high = np.maximum(open_, close) + 0.01 * random.integers(0, 3, len(close))
        low = np.minimum(open_, close) - 0.01 * random.integers(0, 3, len(close))
        volume = random.random(len(close)) * 1000 * (random.random(len(close)) < 0.8)
        self.bars = BarColumns.of_minutes(start, open_, high, low, close, volume)
        self.sizes = sizes
        self.grid = grid_of(int(self.sessions[-1]) + 1)

    def __repr__(self) -> str:
        return f"{len(self.bars)} bars in batches of {self.sizes}, repeated"

    def whole(self, spec: IndicatorSpec) -> list[Floats]:
        return create_indicator(spec, self.grid).step(self.bars, self.sessions)

    def in_batches(self, spec: IndicatorSpec) -> list[Floats]:
        state, parts, first, turn = create_indicator(spec, self.grid), [], 0, 0
        while first < len(self.bars):
            last = min(first + self.sizes[turn % len(self.sizes)], len(self.bars))
            parts.append(state.step(self.bars.slice(first, last), self.sessions[first:last]))
            assert all(len(output) == last - first for output in parts[-1])
            first, turn = last, turn + 1
        return [np.concatenate(output) for output in zip(*parts, strict=True)]


# An empty batch, single bars, whole sessions, and leaps across the point where a handle is
# given up for a batch or history is forgotten. At least one batch in a turn has bars.
SIZES = st.lists(st.sampled_from([0, 1, 1, 2, 3, 28, 150]), min_size=1, max_size=6).filter(any)


@st.composite
def drawn(draw: st.DrawFn, lookback: int = 0) -> Drawn:
    count = draw(st.integers(1, lookback + 200))
    return Drawn(draw(st.integers(0, 10_000)), count, draw(SIZES))


def assert_same(actual: list[Floats], expected: list[Floats]) -> None:
    assert len(actual) == len(expected)
    for ours, theirs in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs, strict=True)


def from_talib(spec: IndicatorSpec, bars: BarColumns, lookback: int) -> list[Floats]:
    """What TA-Lib itself says of all bars at once, unknown until warm."""
    info = talib_info(spec.name)
    inputs = [getattr(bars, name) for name in spec.inputs or info.inputs]
    result = getattr(load_talib(), spec.name)(*inputs, **dict(spec.parameters))
    outputs = [np.array(one, float) for one in (result if isinstance(result, tuple) else (result,))]
    for output in outputs:
        output[:lookback] = np.nan
    return outputs


@pytest.mark.parametrize("name", FUNCTIONS)
def test_talib_functions(name: str) -> None:
    spec = IndicatorSpec(name, inputs=TWO_INPUTS.get(name, ()))
    lookback = create_indicator(spec).lookback

    @settings(max_examples=6, deadline=None)
    @given(drawn(lookback))
    def check(example: Drawn) -> None:
        expected = from_talib(spec, example.bars, lookback)
        assert_same(example.whole(spec), expected)
        assert_same(example.in_batches(spec), expected)

    check()


PERIOD = st.integers(1, 40)
FACTOR = st.floats(0.01, 4.0)
AVERAGE = st.sampled_from(
    ["SMA", "EMA", "WMA", "DEMA", "TEMA", "TRIMA", "KAMA", "T3", "HMA", "RMA"]
)
PARAMETERS = {
    "SMA": {"timeperiod": PERIOD},
    "EMA": {"timeperiod": PERIOD},
    "RSI": {"timeperiod": PERIOD},
    "ATR": {"timeperiod": PERIOD},
    "ADX": {"timeperiod": PERIOD},
    "KAMA": {"timeperiod": PERIOD},
    "MACDEXT": {"fastperiod": PERIOD, "slowperiod": PERIOD, "fastmatype": AVERAGE},
    "STOCH": {"fastk_period": PERIOD, "slowk_period": PERIOD, "slowd_matype": AVERAGE},
    "BBANDS": {"timeperiod": PERIOD, "nbdevup": FACTOR, "matype": AVERAGE},
    "SUPERTREND": {"timeperiod": PERIOD, "multiplier": FACTOR},
    "SAREXT": {"accelerationlong": FACTOR, "accelerationmaxshort": FACTOR},
    "T3": {"timeperiod": PERIOD, "vfactor": st.floats(0, 1)},
    "LINEARREG": {"timeperiod": PERIOD},
    "MFI": {"timeperiod": PERIOD},
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_talib_functions_with_other_parameters(name: str) -> None:
    @settings(max_examples=12, deadline=None)
    @given(drawn(100), st.fixed_dictionaries({}, optional=PARAMETERS[name]))
    def check(example: Drawn, parameters: dict[str, float | str]) -> None:
        spec = IndicatorSpec.of(name, **parameters)
        try:
            create_indicator(spec)
        except ConfigurationError:
            assume(False)
        assert_same(example.in_batches(spec), example.whole(spec))

    check()


class Momentum:
    """A custom class with two outputs and a memory across sessions."""

    outputs = ("change", "smoothed")

    def __init__(self, weight: float = 0.1) -> None:
        self.weight, self.close, self.smoothed = weight, None, 0.0

    def update(self, bar):
        change = None if self.close is None else bar.close - self.close
        self.close = bar.close
        self.smoothed += self.weight * ((change or 0.0) - self.smoothed)
        return change, self.smoothed


def running_total(columns):
    return np.cumsum(columns["close"] * columns["volume"])


OWN = [
    IndicatorSpec.of("session_vwap"),
    IndicatorSpec.of("session_vwap", "close"),
    IndicatorSpec.custom(Momentum, weight=0.3),
    IndicatorSpec.custom(running_total),
    *(
        IndicatorSpec.of(name, field=field, period="3d", granularity=granularity, min_periods=2)
        for name in ("trailing_average", "trailing_high", "trailing_low")
        for field in ("open", "high", "low", "close", "volume")
        for granularity in ("daily", "minute")
    ),
]


@pytest.mark.parametrize("spec", OWN, ids=str)
def test_own_and_custom_indicators(spec: IndicatorSpec) -> None:
    @settings(max_examples=15, deadline=None)
    @given(drawn(150))
    def check(example: Drawn) -> None:
        assert_same(example.in_batches(spec), example.whole(spec))

    check()


_DAILY = {"open": lambda v: v[0], "high": max, "low": min, "close": lambda v: v[-1], "volume": sum}


@settings(max_examples=40, deadline=None)
@given(
    drawn(300),
    st.sampled_from(["trailing_average", "trailing_high", "trailing_low"]),
    st.sampled_from(sorted(_DAILY)),
    st.integers(1, 4),
)
def test_trailing_values_come_from_the_sessions_before_alone(example, name, field, period):
    """Against the definition, worked out anew for each session with plain lists."""
    column = getattr(example.bars, field).tolist()
    rows = {int(s): np.flatnonzero(example.sessions == s) for s in np.unique(example.sessions)}
    figures = [_DAILY[field]([column[row] for row in of]) for of in rows.values()]
    over = {"trailing_average": np.mean, "trailing_high": max, "trailing_low": min}[name]
    spec = IndicatorSpec.of(name, field=field, period=period, min_periods=period)
    (values,) = example.in_batches(spec)
    for position, of in enumerate(rows.values()):
        window = figures[position - period : position] if position >= period else []
        expected = over(window) if window else np.nan
        np.testing.assert_allclose(values[of], expected, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(drawn(300), st.integers(1, 4))
def test_by_minute_values_come_from_the_same_minute_of_the_sessions_before(example, period):
    minutes = (example.bars.start_ns % DAY_NS) // MINUTE_NS
    volume = example.bars.volume
    spec = IndicatorSpec.of("trailing_volume", period=period, granularity="minute")
    (values,) = example.in_batches(spec)
    traded = np.unique(example.sessions)
    for row, session in enumerate(example.sessions):
        before = traded[traded < session][-period:]
        same = np.isin(example.sessions, before) & (minutes == minutes[row])
        known = len(before) == period and same.any()
        expected = volume[same].mean() if known else np.nan
        np.testing.assert_allclose(values[row], expected, rtol=1e-12)
