"""What may be bought or sold short: at the order and again at the fill, arithmetic beside."""

import pytest

from app.core.costs import PercentSlippage
from app.core.exceptions import ConfigurationError
from tests.engine_bars import FLAT, play, statuses

UP = (110.0, 110.0, 110.0, 110.0)
AT_SUBMIT, AT_FILL = "not enough buying power", "not enough buying power at the price of the fill"


def reasons(result: object) -> list[str]:
    return [order.reason for order in result.log.orders]


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize(
    ("leverage", "quantity", "status"),
    [
        # 1,000 of cash at 100 a unit is 10 units long or short; leverage multiplies it.
        (1.0, 10.0, "filled"),
        (1.0, 10.01, "rejected"),
        (2.0, 20.0, "filled"),
        (2.0, 20.01, "rejected"),
        (4.0, 40.0, "filled"),
        (4.0, 40.01, "rejected"),
    ],
)
def test_how_much_may_be_held(side: str, leverage: float, quantity: float, status: str) -> None:
    script = {0: lambda s: getattr(s, side)(quantity)}
    result = play([FLAT] * 3, script, cash=1_000.0, leverage=leverage)
    assert statuses(result) == [status]
    assert reasons(result) == ["" if status == "filled" else AT_SUBMIT]


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_leverage_below_one_is_a_limit_too(side: str) -> None:
    """Half of 1,000 is 500: five units at 100, though the cash would pay for ten."""
    for quantity, status in ((5.0, "filled"), (6.0, "rejected")):
        script = {0: lambda s, q=quantity: getattr(s, side)(q)}
        result = play([FLAT] * 3, script, cash=1_000.0, leverage=0.5)
        assert statuses(result) == [status]


def test_a_limit_order_is_valued_at_its_limit_and_a_stop_at_its_stop() -> None:
    script = {
        0: lambda s: s.buy(11, limit=90.0),  # 990
        1: lambda s: s.cancel(s.orders[0]),
        2: lambda s: s.buy(10, stop=101.0),  # 1,010
    }
    result = play([FLAT] * 5, script, cash=1_000.0)
    assert statuses(result) == ["canceled", "rejected"]


def test_working_orders_reserve_what_they_may_cost() -> None:
    script = {
        0: lambda s: s.buy(6, limit=90.0),  # 540 of 1,000
        1: lambda s: s.buy(6, limit=80.0),  # 480 more is 1,020
        2: lambda s: s.buy(5, limit=92.0),  # 460 more is 1,000
    }
    result = play([FLAT] * 5, script, cash=1_000.0)  # the bars end before the session does
    assert [order.reason for order in result.log.orders][1] == AT_SUBMIT
    assert statuses(result) == ["expired", "rejected", "expired"]


def test_what_a_cancelled_order_reserved_is_free_again() -> None:
    script = {
        0: lambda s: s.buy(10, limit=90.0),
        1: lambda s: s.cancel(s.orders[0]),
        2: lambda s: s.buy(10),
    }
    assert statuses(play([FLAT] * 5, script, cash=1_000.0)) == ["canceled", "filled"]


def test_what_an_expired_order_reserved_is_free_again() -> None:
    script = {0: lambda s: s.buy(10, limit=90.0), 11: lambda s: s.buy(10)}
    assert statuses(play([FLAT] * 15, script, cash=1_000.0)) == ["expired", "filled"]


def test_several_orders_of_one_moment_share_the_cash() -> None:
    script = {0: lambda s: [s.buy(4), s.buy(4), s.buy(4), s.buy(2)]}
    result = play([FLAT] * 3, script, cash=1_000.0)
    assert statuses(result) == ["filled", "filled", "rejected", "filled"]
    assert result.log.final_cash == 0.0


def test_a_gap_up_refuses_at_the_fill_what_the_last_close_allowed() -> None:
    result = play([FLAT, UP], {0: lambda s: s.buy(10)}, cash=1_000.0)
    assert (statuses(result), reasons(result)) == (["rejected"], [AT_FILL])
    assert result.log.final_cash == 1_000.0


def test_slippage_counts_at_the_fill() -> None:
    result = play(
        [FLAT, FLAT], {0: lambda s: s.buy(10)}, cash=1_000.0, slippage=PercentSlippage(0.1)
    )
    assert reasons(result) == [AT_FILL]


def test_reducing_is_always_allowed_even_when_under_water() -> None:
    """Long 20 at 100 on leverage 2; at 40 the account is worth −200, and may still sell."""
    low = (40.0, 40.0, 40.0, 40.0)
    script = {0: lambda s: s.buy(20), 3: lambda s: s.sell(15), 4: lambda s: s.buy(1)}
    result = play([FLAT, FLAT, low, low, low, low], script, cash=1_000.0, leverage=2.0)
    assert statuses(result) == ["filled", "filled", "rejected"]
    # 1,000 − 2,000 + 15 × 40
    assert result.log.final_cash == -400.0


def test_a_short_that_went_against_us_may_be_bought_back() -> None:
    high = (250.0, 250.0, 250.0, 250.0)
    script = {0: lambda s: s.sell(10), 3: lambda s: s.buy(10)}
    result = play([FLAT, FLAT, high, high, high], script, cash=1_000.0)
    assert statuses(result) == ["filled", "filled"]
    # 1,000 + 10 × 100 − 10 × 250
    assert result.log.final_cash == -500.0


def test_the_proceeds_of_a_short_buy_nothing() -> None:
    """Short 10 at 100: 2,000 of cash, and buying power of 1,000 − 1,000."""
    script = {("A", 0): lambda s: s.sell(10), ("B", 2): lambda s: s.buy(1)}
    result = play({"A": [FLAT] * 5, "B": [FLAT] * 5}, script, cash=1_000.0)
    assert statuses(result) == ["filled", "rejected"]
    assert result.log.final_cash == 2_000.0


def test_a_flip_needs_room_for_what_it_opens_alone() -> None:
    """Long 10 to short 10 adds nothing; to short 11 it adds one unit more than there is."""
    for quantity, status in ((20.0, "filled"), (21.0, "rejected")):
        script = {0: lambda s: s.buy(10), 2: lambda s, q=quantity: s.sell(q)}
        result = play([FLAT] * 5, script, cash=1_000.0)
        assert statuses(result) == ["filled", status]


def test_two_orders_that_each_close_may_not_together_open_too_much() -> None:
    """Each only reduces when it is sent; at the fill the second would open a short of 3,000.

    Long 10 from 100, all of 1,000; sold at 150 that makes 1,500 of cash and buying power.
    """
    high = (150.0, 150.0, 150.0, 150.0)
    script = {0: lambda s: s.buy(10), 2: lambda s: [s.sell(10), s.sell(20)]}
    result = play([FLAT, FLAT, FLAT, high, high], script, cash=1_000.0)
    assert statuses(result) == ["filled", "filled", "rejected"]
    assert reasons(result)[2] == AT_FILL


def test_closing_over_and_over_opens_nothing() -> None:
    """Five closes of 10 units would leave 40 short; the first leaves nothing to close."""
    script = {0: lambda s: s.buy(10), 2: lambda s: [s.close() for _ in range(5)]}
    result = play([FLAT] * 5, script, cash=1_000.0)
    assert statuses(result) == ["filled", "filled", *["canceled"] * 4]
    assert all("reduce-only" in order.reason for order in result.log.orders[2:])


def test_symbols_share_the_account() -> None:
    rows = {"A": [FLAT] * 4, "B": [FLAT] * 4}
    script = {("A", 0): lambda s: s.buy(6), ("B", 0): lambda s: s.buy(5)}
    result = play(rows, script, cash=1_000.0)
    assert statuses(result) == ["filled", "rejected"]


@pytest.mark.parametrize("name", ["cash", "leverage"])
@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_terms_that_cannot_be_are_refused_by_name(name: str, bad: float) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name}: "):
        play([FLAT], {}, **{name: bad})
