"""Quantities and prices that cannot be are refused by name, before anything is recorded."""

import math
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
import pytest

from app.core.exceptions import StrategyError
from app.core.orders import PLAIN, Order
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


def sent(**terms: object) -> Order:
    """The one order of a run, sent with `terms`."""
    (order,) = play([FLAT] * 3, {1: lambda s: s.buy(1, **terms)}).log.orders
    return order


@pytest.mark.parametrize(
    ("terms", "type_"),
    [
        ({}, "market"),
        ({"limit": 99.0}, "limit"),
        ({"stop": 101.0}, "stop"),
        ({"limit": 102.0, "stop": 101.0}, "stop_limit"),
        ({"trail": 1.0}, "trailing_stop"),
        ({"trail_pct": 1.0}, "trailing_stop"),
    ],
)
def test_the_prices_given_say_what_type_an_order_is(terms: dict, type_: str) -> None:
    order = sent(**terms)
    assert order.type == type_
    if type_ != "trailing_stop":  # whose stop stands where the platform puts it
        assert order.limit_price == terms.get("limit", 0.0)
        assert order.stop_price == terms.get("stop", 0.0)


def test_an_order_with_no_further_terms_is_plain() -> None:
    assert sent(limit=99.0, time_in_force="gtc", tag="x").instructions is PLAIN


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("kind", ["trail", "trail_pct", "take_profit", "stop_loss"])
@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_a_bad_number_in_the_further_terms(side: str, kind: str, bad: float) -> None:
    error = refused(lambda s: getattr(s, side)(1, **{kind: bad})).value
    assert str(error) == f"{kind} is {bad!r}; give a finite number above zero"


@pytest.mark.parametrize(
    "terms",
    [
        {"trail": 1.0, "trail_pct": 1.0},
        {"trail": 1.0, "limit": 99.0},
        {"trail": 1.0, "stop": 99.0},
        {"trail_pct": 1.0, "limit": 99.0, "stop": 99.0},
    ],
)
def test_terms_of_a_trailing_stop_that_do_not_go_together(terms: dict) -> None:
    error = refused(lambda s: s.buy(1, **terms)).value
    assert str(error) == (
        "a trailing stop has either trail or trail_pct, and neither a limit nor a stop price"
    )


def test_an_unknown_keyword() -> None:
    error = refused(lambda s: s.buy(1, price=99.0)).value
    assert str(error) == (
        "an order has no 'price'; it may have trail, trail_pct, take_profit, stop_loss, "
        "reduce_only, good_till"
    )


@pytest.mark.parametrize("bad", [datetime(2024, 7, 1), "2024-07-01", 5])  # noqa: DTZ001
def test_a_good_till_without_a_time_zone(bad: object) -> None:
    error = refused(lambda s: s.buy(1, time_in_force="gtd", good_till=bad)).value
    assert str(error) == f"good_till is {bad!r}; give a datetime with a time zone"


def test_good_till_is_exact_to_the_microsecond() -> None:
    until = datetime(2024, 7, 2, 13, 45, 6, 789_123, tzinfo=UTC)
    order = sent(limit=90.0, time_in_force="gtd", good_till=until)
    expected = int(np.datetime64("2024-07-02T13:45:06.789123", "ns").astype(np.int64))
    assert order.instructions.good_till_ns == expected


@pytest.mark.parametrize("word", ["day", "gtc", "gtd", "ioc", "fok", "opg", "cls"])
def test_every_time_in_force_may_be_written_as_a_word(word: str) -> None:
    assert sent(limit=90.0, time_in_force=word).time_in_force == word


def test_an_unknown_time_in_force() -> None:
    error = refused(lambda s: s.buy(1, time_in_force="goc")).value
    assert str(error) == ("time_in_force is 'goc'; give one of day, gtc, gtd, ioc, fok, opg, cls")


@pytest.mark.parametrize("kind", ["quantity", "limit", "stop"])
@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_a_replacement_with_a_bad_number(kind: str, bad: float) -> None:
    def act(strategy: Strategy) -> None:
        order = strategy.buy(1, limit=99.0, stop=101.0)
        strategy.replace(order, **{kind: bad})

    assert str(refused(act).value) == f"{kind} is {bad!r}; give a finite number above zero"


@pytest.mark.parametrize(
    ("terms", "change", "message"),
    [
        ({}, {"limit": 99.0}, "limit is 99.0; a market order has no limit"),
        ({"limit": 99.0}, {"stop": 99.0}, "stop is 99.0; a limit order has no stop"),
        ({"stop": 99.0}, {"limit": 99.0}, "limit is 99.0; a stop order has no limit"),
        ({"trail": 1.0}, {"stop": 99.0}, "stop is 99.0; a trailing_stop order has no stop"),
    ],
)
def test_a_replacement_with_a_price_the_type_has_not(
    terms: dict, change: dict, message: str
) -> None:
    error = refused(lambda s: s.replace(s.sell(1, **terms), **change)).value
    assert str(error) == message


ODD_TAGS = {
    "None": None,
    "5": 5,
    "0": 0,
    "['x']": ["x"],
    "('x', 1)": ("x", 1),
    "b'x'": b"x",
    r"'a\x00b'": "a\0b",
    r"'a\ud800'": "a\ud800",
    r"'\xe9\x00'": "é\0",
}


@pytest.mark.parametrize("told", ODD_TAGS)
@pytest.mark.parametrize("method", ["buy", "sell", "close", "flatten"])
def test_a_tag_that_no_database_takes(told: str, method: str) -> None:
    given = () if method in {"close", "flatten"} else (1,)
    error = refused(lambda s: getattr(s, method)(*given, tag=ODD_TAGS[told])).value
    assert str(error).startswith(f"tag is {told}; ")


def test_a_tag_of_any_length_is_shown_shortened() -> None:
    error = refused(lambda s: s.buy(1, tag="x" * 100_000 + "\0")).value
    assert len(str(error)) < 300


class Why(StrEnum):
    CROSSED = "crossed ☃"


@pytest.mark.parametrize("tag", ["", "two words\n", "brückét ☃", "\N{GRINNING FACE}", Why.CROSSED])
def test_a_tag_that_is_text_is_kept(tag: str) -> None:
    order = sent(tag=tag)
    assert order.tag == tag
    assert type(order.tag) is str


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
