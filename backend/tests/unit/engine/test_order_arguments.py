"""Quantities and prices that cannot be are refused by name, before anything is recorded."""

import math

import pytest

from app.core.exceptions import StrategyError
from app.core.strategy import Slice, Strategy
from app.research import run_backtest
from tests.engine_bars import FLAT, bars, play

BAD_NUMBERS = [0.0, -1.0, math.nan, math.inf, -math.inf, 0, -5]


def refused(action: object) -> pytest.ExceptionInfo:
    with pytest.raises(StrategyError) as caught:
        play([FLAT] * 3, {1: action})
    return caught


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_a_bad_quantity(side: str, bad: float) -> None:
    error = refused(lambda s: getattr(s, side)(bad)).value
    assert str(error) == f"quantity is {bad!r}; give a finite number above zero"


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("kind", ["limit", "stop"])
@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_a_bad_price(side: str, kind: str, bad: float) -> None:
    error = refused(lambda s: getattr(s, side)(1, **{kind: bad})).value
    assert str(error) == f"{kind} is {bad!r}; give a finite number above zero"


def test_a_limit_and_a_stop_together() -> None:
    error = refused(lambda s: s.buy(1, limit=99.0, stop=101.0)).value
    assert "either a limit or a stop" in str(error)


def test_an_unknown_time_in_force() -> None:
    error = refused(lambda s: s.buy(1, time_in_force="ioc")).value
    assert str(error) == "time_in_force is 'ioc'; give day or gtc"


def test_a_symbol_the_strategy_does_not_trade() -> None:
    with pytest.raises(StrategyError, match=r"symbol is 'MSFT'; this strategy trades SYMBOL"):
        play([FLAT] * 3, {1: lambda s: s.buy(1, symbol="MSFT")})


@pytest.mark.parametrize("bad", ["5", None])
def test_what_is_no_number(bad: object) -> None:
    assert "quantity is" in str(refused(lambda s: s.buy(bad)).value)
    assert "limit is" in str(refused(lambda s: s.buy(1, limit=bad or "5")).value)


@pytest.mark.parametrize("act", [lambda s: s.buy(1), lambda s: s.sell(1), lambda s: s.close()])
def test_a_cross_sectional_strategy_has_to_name_the_symbol(act: object) -> None:
    class Forgets(Strategy):
        def on_slice(self, bars: Slice) -> None:
            act(self)

    with pytest.raises(StrategyError, match="symbol"):
        run_backtest(Forgets, {"A": bars([FLAT] * 3), "B": bars([FLAT] * 3)})


def test_what_is_refused_leaves_no_order_behind() -> None:
    def tolerant(strategy: object) -> None:
        with pytest.raises(StrategyError):
            strategy.buy(math.nan)
        strategy.buy(1)

    log = play([FLAT] * 3, {1: tolerant}).log
    assert [order.quantity for order in log.orders] == [1.0]


def test_close_without_a_position_sends_nothing() -> None:
    given = []
    log = play([FLAT] * 3, {1: lambda s: given.append(s.close())}).log
    assert given == [None]
    assert not log.orders


@pytest.mark.parametrize(("side", "closing"), [("buy", -7.0), ("sell", 7.0)])
def test_close_sends_the_opposite_of_what_is_held(side: str, closing: float) -> None:
    script = {0: lambda s: getattr(s, side)(7), 2: lambda s: s.close(tag="out")}
    log = play([FLAT] * 5, script).log
    assert [order.quantity for order in log.orders] == [-closing, closing]
    assert log.orders[1].tag == "out"
