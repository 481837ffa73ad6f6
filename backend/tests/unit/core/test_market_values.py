import dataclasses
import math

import pytest

from app.core.data_structures import Bar, Quote, Tick
from app.core.exceptions import DataError

BAR = {"symbol": "AAPL", "start_ns": 0, "end_ns": 60, "open": 10.0, "high": 12.0}
BAR |= {"low": 9.0, "close": 11.0, "volume": 5.0}
QUOTE = {"symbol": "AAPL", "time_ns": 1, "bid": 10.0, "ask": 10.1, "bid_size": 1.0, "ask_size": 2.0}
TICK = {"symbol": "AAPL", "exchange": "XNAS", "time_ns": 1, "price": 10.0, "volume": 1.0}
IMPOSSIBLE = [math.nan, math.inf, -math.inf, -1.0]


def test_sound_values_are_kept_as_they_are():
    bar = Bar(**BAR)
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (10.0, 12.0, 9.0, 11.0, 5.0)
    assert Quote(**QUOTE).ask == 10.1
    assert Tick(**TICK).bid is None
    assert Bar(**BAR | {"volume": 0.0}).volume == 0.0
    assert Bar(**BAR | dict.fromkeys(("open", "high", "low", "close"), 7.5)).close == 7.5


def test_values_cannot_be_changed():
    for value in (Bar(**BAR), Quote(**QUOTE), Tick(**TICK)):
        with pytest.raises(dataclasses.FrozenInstanceError):
            value.symbol = "MSFT"


@pytest.mark.parametrize("bad", [*IMPOSSIBLE, 0.0])
@pytest.mark.parametrize("field", ["open", "high", "low", "close"])
def test_impossible_bar_prices(field, bad):
    with pytest.raises(DataError, match=rf"Bar\.{field} is .*above zero"):
        Bar(**BAR | {field: bad})


@pytest.mark.parametrize("bad", IMPOSSIBLE)
def test_impossible_sizes(bad):
    with pytest.raises(DataError, match=r"Bar\.volume"):
        Bar(**BAR | {"volume": bad})
    with pytest.raises(DataError, match=r"Quote\.bid_size"):
        Quote(**QUOTE | {"bid_size": bad})
    with pytest.raises(DataError, match=r"Tick\.volume"):
        Tick(**TICK | {"volume": bad})
    with pytest.raises(DataError, match=r"Quote\.ask is"):
        Quote(**QUOTE | {"ask": bad})
    with pytest.raises(DataError, match=r"Tick\.price"):
        Tick(**TICK | {"price": bad})


@pytest.mark.parametrize("change", [{"high": 10.9}, {"low": 10.1}, {"high": 8.0, "low": 9.0}])
def test_high_and_low_enclose_open_and_close(change):
    with pytest.raises(DataError, match="must enclose"):
        Bar(**BAR | change)


@pytest.mark.parametrize("end_ns", [0, -1])
def test_a_bar_ends_after_its_start(end_ns):
    with pytest.raises(DataError, match=r"Bar\.end_ns"):
        Bar(**BAR | {"end_ns": end_ns})
