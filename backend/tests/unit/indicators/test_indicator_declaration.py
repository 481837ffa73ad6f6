"""What a spec may say, and what the message is when it says something else."""

import numpy as np
import pytest

from app.core.data_structures import BarColumns
from app.core.exceptions import ConfigurationError, DataError
from app.core.indicators import IndicatorSpec
from app.core.types import MINUTE_NS
from app.services.indicators import available, create_indicator, create_trailing
from app.services.indicators.talib_loader import load_talib

of = IndicatorSpec.of


def bars_of(close: list[float]) -> BarColumns:
    values = np.array(close)
    start = np.arange(len(close)) * MINUTE_NS
    return BarColumns.of_minutes(start, values, values + 1, values - 1, values, values * 10)


def step(spec: IndicatorSpec, close: list[float]):
    return create_indicator(spec).step(bars_of(close), np.zeros(len(close), np.int64))


class Doubled:
    """A class without update."""


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (of("SMMA"), "indicator 'SMMA' is not known; did you mean SMA"),
        (of("sma"), "did you mean SMA"),
        (of("trailing_avrage"), "did you mean trailing_average"),
        (of("SMA", timeperod=3), "no parameter 'timeperod'; did you mean timeperiod?"),
        (of("SMA", timeperod=3), "its parameters and defaults: timeperiod=30"),
        (of("OBV", timeperiod=3), "it takes no parameters"),
        (of("SMA", timeperiod=0), "SMA does not accept timeperiod=0"),
        (of("BBANDS", timeperiod=5, nbdevup=1e300), "BBANDS does not accept nbdevup=1e+300;"),
        (of("MAVP", "close", "volume", minperiod=9, maxperiod=3), "maxperiod=3, minperiod=9"),
        (of("SMA", timeperiod=2.5), "timeperiod=2.5 must be a whole number"),
        (of("SMA", timeperiod=True), "timeperiod=True must be a whole number"),
        (of("SMA", timeperiod="ten"), "timeperiod='ten' must be a whole number"),
        (of("BBANDS", nbdevup="two"), "nbdevup='two' must be a number"),
        (of("BBANDS", matype="SMAA"), "matype='SMAA' is not a moving average; they are SMA, EMA"),
        (of("SMA", "vwap"), "cannot read 'vwap'; name bar fields (open, high, low, close, volume)"),
        (of("ADX", "high"), "ADX reads 3 inputs (high, low, close), not the 1 given (high)"),
        (of("MAVP"), "MAVP cannot read 'periods'"),
        (of("session_vwap", "bid"), "session_vwap cannot read 'bid'"),
        (of("session_vwap", period=3), "session_vwap has no parameter 'period'"),
        (of("trailing_high", period="2w"), "period='2w' must be a number of sessions such as"),
        (of("trailing_high", period=0), "period='0d' must be a number of sessions"),
        (of("trailing_high", min_periods=11), "min_periods=11 must lie between 1 and the"),
        (of("trailing_high", min_periods=-1), "min_periods=-1 must lie between 1 and the"),
        (of("trailing_high", granularity="hourly"), "granularity='hourly' must be 'daily' or"),
        (of("trailing_high", granularity=1), "granularity=1 must be a text"),
        (of("trailing_high", granularity="minute"), "needs the sessions' opening times"),
        (of("trailing_average", field="vol"), "cannot read 'vol'"),
        (of("trailing_average", "high", field="low"), "disagree; give one"),
        (of("trailing_volume", "close"), "reads volume, not close; use trailing_average"),
        (of("trailing_volume", field="close"), "trailing_volume has no parameter 'field'"),
        (IndicatorSpec("custom"), "needs a class with update(bar) or a function of columns"),
        (IndicatorSpec("SMA", function=len), "only 'custom' takes a function"),
        (IndicatorSpec.custom(Doubled), "its class has no method update(bar)"),
        (IndicatorSpec.custom(lambda columns, span: columns["close"], spin=3), "it takes (columns"),
        (IndicatorSpec.custom(lambda columns: columns["close"], "close"), "drop inputs"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(spec, said):
    with pytest.raises(ConfigurationError) as raised:
        create_indicator(spec)
    assert said in str(raised.value)


def test_only_trailing_indicators_can_be_asked_for_before_a_session():
    with pytest.raises(ConfigurationError, match="those that do: trailing_average"):
        create_trailing(of("SMA"))


def test_inputs_replace_the_usual_ones():
    # closes 1 2 3 are given highs 2 3 4: their average over two bars is 2.5, 3.5
    (values,) = step(of("SMA", "high", timeperiod=2), [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(values, [np.nan, 2.5, 3.5])


def test_vwap_of_one_field():
    # closes 1 2 with volumes 10 20: (10 + 40) / 30
    (values,) = step(of("session_vwap", "close"), [1.0, 2.0])
    np.testing.assert_allclose(values, [1.0, 5 / 3], rtol=1e-15)


def test_vwap_is_unknown_without_volume_and_begins_anew_each_session():
    zero = np.array([0.0, 2.0, 0.0, 3.0])
    price = np.array([5.0, 6.0, 7.0, 8.0])
    bars = BarColumns.of_minutes(np.arange(4) * MINUTE_NS, price, price, price, price, zero)
    (values,) = create_indicator(of("session_vwap")).step(bars, np.array([0, 0, 1, 1]))
    np.testing.assert_array_equal(values, [np.nan, 6.0, np.nan, 8.0])


def test_integers_come_as_floats_unknown_until_warm():
    state = create_indicator(of("CDLENGULFING"))
    (values,) = state.step(bars_of([5.0, 4.0, 3.0, 4.0]), np.zeros(4, np.int64))
    assert values.dtype == np.float64
    np.testing.assert_array_equal(np.isnan(values), [True, True, False, False])
    assert state.lookback == 2


def test_a_whole_number_may_be_written_as_a_float():
    np.testing.assert_array_equal(
        step(of("SMA", timeperiod=2.0), [1.0, 3.0]), step(of("SMA", timeperiod=2), [1.0, 3.0])
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("batch", [1, 4])
def test_an_input_that_is_no_number_is_refused_and_leaves_the_state_as_it_was(bad, batch):
    state, undisturbed = (
        create_indicator(of("EMA", timeperiod=3)),
        create_indicator(of("EMA", timeperiod=3)),
    )
    first, then = bars_of([float(value) for value in range(1, 9)]), bars_of([9.0] * batch)
    zeros = np.zeros(8, np.int64)
    for warm in (state, undisturbed):
        warm.step(first, zeros)
        warm.step(first, zeros)
    with pytest.raises(DataError, match=r"EMA\(timeperiod=3\): close is .* in row"):
        state.step(bars_of([9.0] * (batch - 1) + [bad]), zeros[:batch])
    expected = undisturbed.step(then, zeros[:batch])
    np.testing.assert_array_equal(state.step(then, zeros[:batch]), expected)


def test_a_handle_that_wants_more_history_than_the_look_back_is_opened_later():
    state, usual = create_indicator(of("RSI")), create_indicator(of("RSI"))
    state.lookback = 0
    bars = bars_of([float(value % 7 + 1) for value in range(40)])
    zeros = np.zeros(40, np.int64)
    singly = [state.step(bars.slice(row, row + 1), zeros[:1])[0] for row in range(40)]
    np.testing.assert_array_equal(np.concatenate(singly), usual.step(bars, zeros)[0])


def test_the_catalogue_has_every_function_of_talib_and_our_own():
    names = {info.name for info in available()}
    assert names >= set(load_talib().get_functions())
    assert names >= {"session_vwap", "trailing_average", "trailing_high", "trailing_low"}
    assert len(names) == len(available()) == len(load_talib().get_functions()) + 5


def test_outputs_are_named_as_talib_names_them():
    outputs = {info.name: info.outputs for info in available()}
    assert outputs["MACD"] == ("macd", "macdsignal", "macdhist")
    assert outputs["SMA"] == outputs["session_vwap"] == ("value",)
