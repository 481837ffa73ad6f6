"""Parameters: types, bounds, defaults, and every mistake told at once."""

import math
from typing import Any

import pytest

from app.core.exceptions import ConfigurationError
from app.core.intervals import Interval
from app.core.strategy import (
    BarCursor,
    BarInterval,
    Bool,
    Choice,
    Float,
    Indicator,
    Int,
    Slice,
    Strategy,
)
from app.research import run_backtest
from app.strategies.rsi_reversion import RsiReversion
from app.strategies.sma_cross import SmaCross
from tests.engine_bars import FLAT, bars, closes, grid


class Every(Strategy):
    """One parameter of each kind."""

    count = Int(5, low=1, high=10, help="How many.")
    anything = Int(-3)
    rate = Float(0.5, low=0.0, high=1.0)
    floor = Float(1.0, low=0.5)
    ceiling = Int(1, high=2)
    both = Bool(False)
    mode = Choice("mean", ("mean", "median"))
    pace = BarInterval("15m")

    def on_bar(self, bar: BarCursor) -> None:
        """Nothing."""


def test_defaults_and_what_is_given() -> None:
    assert Every().parameters == {
        "interval": Interval.parse("1m"),
        "count": 5,
        "anything": -3,
        "rate": 0.5,
        "floor": 1.0,
        "ceiling": 1,
        "both": False,
        "mode": "mean",
        "pace": Interval.parse("15m"),
    }
    made = Every(count=10, rate=0, both=True, mode="median", pace="1h", interval="5m")
    assert (made.count, made.rate, made.both, made.mode) == (10, 0.0, True, "median")
    assert (made.pace, made.interval) == (Interval.parse("60m"), Interval.parse("5m"))
    assert isinstance(made.rate, float)


def test_one_object_does_not_change_another() -> None:
    assert (Every(count=7).count, Every().count, Every.count.default) == (7, 5, 5)


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("count", 0, "a whole number from 1 to 10"),
        ("count", 11, "a whole number from 1 to 10"),
        ("count", 5.0, "a whole number from 1 to 10"),
        ("count", "5", "a whole number from 1 to 10"),
        ("count", True, "a whole number from 1 to 10"),
        ("count", None, "a whole number from 1 to 10"),
        ("anything", 1.5, "a whole number"),
        ("rate", -0.01, "a number from 0.0 to 1.0"),
        ("rate", 1.01, "a number from 0.0 to 1.0"),
        ("rate", math.nan, "a number from 0.0 to 1.0"),
        ("rate", math.inf, "a number from 0.0 to 1.0"),
        ("rate", "0.5", "a number from 0.0 to 1.0"),
        ("rate", True, "a number from 0.0 to 1.0"),
        ("floor", 0.4, "a number of 0.5 or more"),
        ("floor", math.inf, "a number of 0.5 or more"),
        ("ceiling", 3, "a whole number of 2 or less"),
        ("both", 1, "true or false"),
        ("both", "yes", "true or false"),
        ("mode", "mode", "one of mean, median"),
        ("mode", 3, "one of mean, median"),
        ("pace", 15, "a bar interval such as 1m, 5m, 1h or 1d"),
    ],
)
def test_what_is_not_accepted_is_named_with_what_would_be(
    name: str, value: Any, accepted: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Every(**{name: value})
    assert caught.value.problems == (f"{name}: {value!r} is not accepted; give {accepted}",)


@pytest.mark.parametrize("text", ["0m", "7x", "2d", "25h", "", "1M"])
def test_an_unknown_interval_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^pace: interval {text!r} is not known"):
        Every(pace=text)


def test_all_mistakes_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Every(count=99, rate="x", both=0, speed=3)
    problems = caught.value.problems
    assert sorted(problem.split(":")[0] for problem in problems) == [
        "both",
        "count",
        "rate",
        "speed",
    ]
    assert all(problem in str(caught.value) for problem in problems)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"speed: no such parameter.*count, anything"):
        Every(speed=1)


def test_mistakes_in_a_run_name_the_strategy_and_the_path() -> None:
    with pytest.raises(ConfigurationError) as caught:
        run_backtest(SmaCross, closes([100.0] * 3), parameters={"fast": 1, "slow": 2, "x": 3})
    assert [problem.split(": ")[:2] for problem in caught.value.problems] == [
        ["strategy SmaCross", "parameters.x"],
        ["strategy SmaCross", "parameters.fast"],
        ["strategy SmaCross", "parameters.slow"],
    ]


@pytest.mark.parametrize(
    ("strategy", "parameters", "message"),
    [
        (SmaCross, {"fast": 30, "slow": 30}, "fast: 30 must be less than slow, 30"),
        (RsiReversion, {"oversold": 50.0, "exit_level": 40.0}, "exit_level: 40.0 must be above"),
    ],
)
def test_parameters_that_do_not_go_together(
    strategy: type[Strategy], parameters: dict, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        strategy(**parameters)


def test_parameters_are_inherited_overridden_and_removed() -> None:
    class Child(Every):
        count = Int(8, low=8)
        mode = "fixed"
        extra = Float(2.0)

    assert Child().parameters.keys() == Every().parameters.keys() - {"mode"} | {"extra"}
    assert (Child().count, Child().mode) == (8, "fixed")


def test_a_parameter_sets_the_length_of_an_indicator() -> None:
    seen = []

    class Averages(Strategy):
        length = Int(2, low=2)
        average = Indicator("SMA", timeperiod=length)

        def on_bar(self, bar: BarCursor) -> None:
            seen.append(self.average.value)

    run_backtest(Averages, closes([1.0, 2.0, 3.0, 4.0]), parameters={"length": 3})
    assert seen[2:] == [2.0, 3.0]
    assert all(math.isnan(value) for value in seen[:2])


def test_the_interval_parameter_decides_on_which_bars() -> None:
    seen = []

    class Counts(Strategy):
        def on_bar(self, bar: BarCursor) -> None:
            seen.append((self.now.strftime("%H:%M"), bar.open, bar.close, bar.volume))

    minutes = bars([(100.0 + m, 200.0, 50.0, 100.5 + m, 10.0) for m in range(10)])
    run_backtest(Counts, minutes, sessions=grid(1), parameters={"interval": "4m"})
    # The last bar is cut short by the close at 09:40.
    assert seen == [
        ("09:34", 100.0, 103.5, 40.0),
        ("09:38", 104.0, 107.5, 40.0),
        ("09:40", 108.0, 109.5, 20.0),
    ]


def test_a_strategy_overrides_exactly_one_of_on_bar_and_on_slice() -> None:
    class Neither(Strategy):
        """Decides nothing."""

    class Both(Strategy):
        def on_bar(self, bar: BarCursor) -> None:
            """Nothing."""

        def on_slice(self, bars: Slice) -> None:
            """Nothing."""

    for strategy in (Neither, Both):
        with pytest.raises(ConfigurationError, match=f"{strategy.__name__} must override exactly"):
            run_backtest(strategy, bars([FLAT]))


@pytest.mark.parametrize("not_one", [Every(), "sma_cross", int, None])
def test_what_is_not_a_strategy_class_is_refused(not_one: Any) -> None:
    with pytest.raises(ConfigurationError, match="is not a subclass of Strategy"):
        run_backtest(not_one, bars([FLAT]))
