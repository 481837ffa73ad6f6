"""At what price and when an order trades: the rules one by one, then the same through a run."""

import pytest

from app.core.costs import PercentSlippage, TickSlippage
from app.research import run_backtest
from app.services.execution.pricing import (
    limit_at_open,
    limit_within,
    stop_at_open,
    stop_within,
    trailed,
)
from tests.engine_bars import (
    FLAT,
    bars,
    end_of,
    fills,
    grid,
    play,
    scripted,
    start_of,
    statuses,
)

NO_TRADE = 0.0

# A bar as (open, high, low, close); only the first three decide.
LIMIT_CASES = [
    ("buy, bar stays above", True, 99.0, (100.0, 101.0, 99.5, 100.0), NO_TRADE),
    ("buy, low touches the limit", True, 99.0, (100.0, 101.0, 99.0, 100.0), NO_TRADE),
    ("buy, bar trades through", True, 99.0, (100.0, 101.0, 98.99, 100.0), 99.0),
    ("buy, opens at the limit and stays", True, 100.0, (100.0, 101.0, 100.0, 101.0), NO_TRADE),
    ("buy, opens at the limit and falls", True, 100.0, (100.0, 101.0, 99.0, 101.0), 100.0),
    ("buy, opens beyond", True, 99.0, (98.0, 101.0, 97.0, 100.0), 98.0),
    ("buy, opens beyond and falls on", True, 99.0, (98.0, 98.0, 90.0, 91.0), 98.0),
    ("buy, whole bar beyond", True, 99.0, (98.0, 98.5, 97.0, 98.0), 98.0),
    ("sell, bar stays below", False, 101.0, (100.0, 100.5, 99.0, 100.0), NO_TRADE),
    ("sell, high touches the limit", False, 101.0, (100.0, 101.0, 99.0, 100.0), NO_TRADE),
    ("sell, bar trades through", False, 101.0, (100.0, 101.01, 99.0, 100.0), 101.0),
    ("sell, opens at the limit and stays", False, 100.0, (100.0, 100.0, 99.0, 99.0), NO_TRADE),
    ("sell, opens at the limit and rises", False, 100.0, (100.0, 101.0, 99.0, 99.0), 100.0),
    ("sell, opens beyond", False, 101.0, (102.0, 103.0, 99.0, 100.0), 102.0),
    ("sell, opens beyond and rises on", False, 101.0, (102.0, 110.0, 102.0, 109.0), 102.0),
    ("sell, whole bar beyond", False, 101.0, (102.0, 102.5, 101.5, 102.0), 102.0),
]
STOP_CASES = [
    ("buy, bar stays below", True, 101.0, (100.0, 100.99, 99.0, 100.0), NO_TRADE),
    ("buy, high touches the stop", True, 101.0, (100.0, 101.0, 99.0, 100.0), 101.0),
    ("buy, bar goes through", True, 101.0, (100.0, 105.0, 99.0, 104.0), 101.0),
    ("buy, opens at the stop", True, 101.0, (101.0, 102.0, 99.0, 100.0), 101.0),
    ("buy, gaps over the stop", True, 101.0, (103.0, 104.0, 102.0, 103.0), 103.0),
    ("buy, gaps over and falls back", True, 101.0, (103.0, 103.0, 90.0, 91.0), 103.0),
    ("sell, bar stays above", False, 99.0, (100.0, 101.0, 99.01, 100.0), NO_TRADE),
    ("sell, low touches the stop", False, 99.0, (100.0, 101.0, 99.0, 100.0), 99.0),
    ("sell, bar goes through", False, 99.0, (100.0, 101.0, 95.0, 96.0), 99.0),
    ("sell, opens at the stop", False, 99.0, (99.0, 100.0, 98.0, 99.0), 99.0),
    ("sell, gaps under the stop", False, 99.0, (97.0, 98.0, 96.0, 97.0), 97.0),
    ("sell, gaps under and comes back", False, 99.0, (97.0, 110.0, 97.0, 109.0), 97.0),
]


def _named(cases: list) -> object:
    return pytest.mark.parametrize(
        ("buy", "price", "bar", "expected"),
        [pytest.param(*values, id=name) for name, *values in cases],
    )


@_named(LIMIT_CASES)
def test_limit_price(buy: bool, price: float, bar: tuple, expected: float) -> None:
    open_, high, low, _ = bar
    at_open = limit_at_open(price, open_, buy=buy, touch=False)
    assert at_open == (open_ if expected == open_ != price else NO_TRADE)
    assert (at_open or limit_within(price, high, low, buy=buy, touch=False)) == expected


@_named(STOP_CASES)
def test_stop_price(buy: bool, price: float, bar: tuple, expected: float) -> None:
    open_, high, low, _ = bar
    at_open = stop_at_open(price, open_, buy=buy)
    assert at_open == (open_ if expected == open_ else NO_TRADE)
    assert (at_open or stop_within(price, high, low, buy=buy)) == expected


@pytest.mark.parametrize("buy", [True, False])
def test_a_touch_is_enough_for_a_limit_where_that_is_assumed(buy: bool) -> None:
    assert limit_at_open(100.0, 100.0, buy=buy, touch=True) == 100.0
    assert limit_at_open(100.0, 100.0, buy=buy, touch=False) == NO_TRADE
    assert limit_within(100.0, 100.0, 100.0, buy=buy, touch=True) == 100.0
    assert limit_within(100.0, 100.0, 100.0, buy=buy, touch=False) == NO_TRADE


@pytest.mark.parametrize(
    ("trail", "trail_pct", "buy", "expected"),
    [
        (2.0, 0.0, True, 52.0),  # 50 + 2
        (2.0, 0.0, False, 48.0),  # 50 − 2
        (0.0, 2.0, True, 51.0),  # 2 percent of 50 is 1
        (0.0, 2.0, False, 49.0),
    ],
)
def test_where_a_trailing_stop_stands(
    trail: float, trail_pct: float, buy: bool, expected: float
) -> None:
    assert trailed(50.0, trail, trail_pct, buy=buy) == expected


def _one_order(kind: str, buy: bool, price: float, bar: tuple) -> list:
    """The fills of an order sent at the close of minute 0, working in `bar` alone."""
    side = "buy" if buy else "sell"
    script = {0: lambda s: getattr(s, side)(10, **{kind: price})}
    return fills(play([FLAT, bar], script))


@_named(LIMIT_CASES)
def test_limit_order_in_a_run(buy: bool, price: float, bar: tuple, expected: float) -> None:
    quantity = 10.0 if buy else -10.0
    filled = [(quantity, expected)] if expected else []
    assert [fill[1:] for fill in _one_order("limit", buy, price, bar)] == filled


@_named(STOP_CASES)
def test_stop_order_in_a_run(buy: bool, price: float, bar: tuple, expected: float) -> None:
    quantity = 10.0 if buy else -10.0
    filled = [(quantity, expected)] if expected else []
    assert [fill[1:] for fill in _one_order("stop", buy, price, bar)] == filled


def test_a_market_order_fills_at_the_next_open_whatever_the_rest_of_the_bar() -> None:
    result = play([FLAT, (103.0, 110.0, 90.0, 95.0)], {0: lambda s: s.buy(10)})
    assert fills(result) == [(start_of(1), 10.0, 103.0)]


def test_a_fill_at_the_open_is_timed_at_the_start_and_one_within_at_the_end() -> None:
    through = _one_order("limit", True, 99.0, (100.0, 101.0, 98.0, 100.0))
    beyond = _one_order("limit", True, 99.0, (98.5, 101.0, 98.0, 100.0))
    reached = _one_order("stop", True, 101.0, (100.0, 102.0, 99.0, 100.0))
    gapped = _one_order("stop", True, 101.0, (102.0, 103.0, 101.0, 102.0))
    assert [fill[0] for fill in through + reached] == [end_of(1)] * 2
    assert [fill[0] for fill in beyond + gapped] == [start_of(1)] * 2


def test_a_market_order_waits_for_the_first_bar_of_the_next_session() -> None:
    rows = [FLAT] * 10 + [(120.0, 121.0, 119.0, 120.0)]
    result = play(rows, {9: lambda s: s.buy(10)})
    assert fills(result) == [(start_of(10), 10.0, 120.0)]


def test_a_market_order_waits_through_missing_minutes() -> None:
    rows = [FLAT, None, None, None, (107.0, 108.0, 106.0, 107.0)]
    result = play(rows, {0: lambda s: s.buy(10)})
    assert fills(result) == [(start_of(4), 10.0, 107.0)]


@pytest.mark.parametrize("kind", ["market", "limit", "stop"])
def test_nothing_trades_in_a_bar_without_volume(kind: str) -> None:
    prices = {"limit": {"limit": 105.0}, "stop": {"stop": 95.0}}.get(kind, {})
    silent = (101.0, 101.0, 101.0, 101.0, 0.0)
    rows = [FLAT, silent, silent, (102.0, 102.0, 102.0, 102.0, 1.0)]
    result = play(rows, {0: lambda s: s.buy(10, **prices)})
    assert fills(result) == [(start_of(3), 10.0, 102.0)]


@pytest.mark.parametrize("price", [1_000.0, 10.0])
def test_nothing_trades_in_a_bar_far_from_the_prices_before_it(price: float) -> None:
    """Ten times up or down within a minute is a slip of the data; the order waits for the next."""
    jump = (100.0, max(price, 100.0), min(price, 100.0), 100.0)
    rows = [FLAT] * 6 + [jump, (101.0, 101.0, 101.0, 101.0)]
    result = play(rows, {5: lambda s: s.buy(1)})
    assert fills(result) == [(start_of(7), 1.0, 101.0)]


def test_nothing_trades_outside_the_sessions() -> None:
    """The last ten of these twenty minutes come after the close: no fill, though they have bars."""
    minutes = bars([FLAT] * 10 + [(50.0, 50.0, 50.0, 50.0)] * 10, session_minutes=20)
    follower = scripted({0: lambda s: s.buy(1, limit=60.0), 9: lambda s: s.buy(1)})
    result = run_backtest(follower, minutes, sessions=grid(1))
    assert len(result.log.bars["SYMBOL"]) == 10
    assert fills(result) == []
    assert statuses(result) == ["expired", "canceled"]


def test_orders_that_trade_at_the_open_fill_in_the_order_they_were_sent() -> None:
    script = {0: lambda s: [s.buy(1), s.buy(2, limit=101.0), s.sell(4, stop=100.5), s.buy(8)]}
    result = play([FLAT, FLAT], script)
    assert [quantity for _, quantity, _ in fills(result)] == [1.0, 2.0, -4.0, 8.0]


@pytest.mark.parametrize(
    ("kind", "price", "bar", "expected"),
    [
        # Two ticks of 0.05 are 0.10 a unit.
        ("market", None, (100.0, 101.0, 99.0, 100.0), 100.10),
        ("stop", 101.0, (100.0, 102.0, 99.0, 100.0), 101.10),
        ("stop", 101.0, (103.0, 104.0, 99.0, 100.0), 103.10),
        ("limit", 99.0, (100.0, 101.0, 98.0, 100.0), 99.0),
        ("limit", 99.0, (98.0, 101.0, 97.0, 100.0), 98.0),
    ],
)
def test_slippage_is_paid_by_market_and_stop_orders_alone(
    kind: str, price: float | None, bar: tuple, expected: float
) -> None:
    prices = {} if price is None else {kind: price}
    result = play(
        [FLAT, bar], {0: lambda s: s.buy(10, **prices)}, slippage=TickSlippage(2, tick_size=0.05)
    )
    log = result.log.fills
    assert log.price.tolist() == [pytest.approx(expected)]
    # The cost of slippage is 10 units of 0.10.
    assert log.slippage.tolist() == [pytest.approx(0.0 if kind == "limit" else 1.0)]


def test_slippage_is_against_the_seller_too() -> None:
    # 0.5 percent of 200 is 1.00 a unit.
    rows = [FLAT, (200.0, 200.0, 200.0, 200.0)]
    result = play(rows, {0: lambda s: s.sell(10)}, slippage=PercentSlippage(0.5))
    assert result.log.fills.price.tolist() == [199.0]
    assert result.log.fills.slippage.tolist() == [10.0]
