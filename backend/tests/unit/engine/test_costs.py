"""Commission and slippage models, each against arithmetic, alone and through a run."""

import math

import pytest

from app.core.costs import (
    NoCommission,
    NoSlippage,
    PercentOfValue,
    PercentSlippage,
    PerOrder,
    PerShare,
    TickSlippage,
)
from app.core.exceptions import ConfigurationError
from tests.engine_bars import FLAT, play

COMMISSIONS = [
    (NoCommission(), 1_000.0, 10.0, 0.0),
    (PerShare(0.005), 100.0, 10.0, 0.50),
    (PerShare(0.005), -100.0, 10.0, 0.50),
    (PerShare(0.005, minimum=1.0), 100.0, 10.0, 1.00),
    (PerShare(0.005, minimum=1.0), 1_000.0, 10.0, 5.00),
    (PerOrder(4.95), 1.0, 10.0, 4.95),
    (PerOrder(4.95), -10_000.0, 10.0, 4.95),
    # 0.1 percent of 20 × 50 = 1,000.
    (PercentOfValue(0.1), 20.0, 50.0, 1.00),
    (PercentOfValue(0.1), -20.0, 50.0, 1.00),
    (PercentOfValue(0.1, minimum=2.5), 20.0, 50.0, 2.50),
    (PercentOfValue(0.1, minimum=2.5), 200.0, 50.0, 10.00),
]


@pytest.mark.parametrize(("model", "quantity", "price", "fee"), COMMISSIONS)
def test_commission(model: object, quantity: float, price: float, fee: float) -> None:
    assert model.charge(quantity, price) == pytest.approx(fee)


@pytest.mark.parametrize(
    ("model", "price", "loss"),
    [
        (NoSlippage(), 100.0, 0.0),
        (TickSlippage(3), 100.0, 0.03),
        (TickSlippage(3, tick_size=0.25), 5.0, 0.75),
        (PercentSlippage(0.02), 250.0, 0.05),
    ],
)
def test_slippage(model: object, price: float, loss: float) -> None:
    assert model.adverse(price) == pytest.approx(loss)


@pytest.mark.parametrize("bad", [-0.01, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("model", "field"),
    [
        (PerShare, "rate"),
        (PerOrder, "amount"),
        (PercentOfValue, "rate_pct"),
        (TickSlippage, "ticks"),
        (PercentSlippage, "rate_pct"),
    ],
)
def test_impossible_costs_are_refused_by_name(model: type, field: str, bad: float) -> None:
    with pytest.raises(ConfigurationError, match=rf"{model.__name__}\.{field}: {bad!r}"):
        model(bad)


def test_other_fields_are_refused_too() -> None:
    with pytest.raises(ConfigurationError, match=r"PerShare\.minimum: -1"):
        PerShare(0.01, minimum=-1)
    with pytest.raises(ConfigurationError, match=r"TickSlippage\.tick_size: nan"):
        TickSlippage(1, tick_size=math.nan)


def test_cash_after_a_round_trip_with_costs() -> None:
    """Buy 100 at 100 + 0.01, sell 100 at 110 − 0.01, one dollar of commission each way."""
    rows = [FLAT, FLAT, (110.0, 110.0, 110.0, 110.0)]
    script = {0: lambda s: s.buy(100), 1: lambda s: s.sell(100)}
    result = play(rows, script, cash=50_000.0, commission=PerShare(0.01), slippage=TickSlippage(1))
    # 50,000 − 10,001 − 1 + 10,999 − 1 = 50,996
    assert result.log.final_cash == pytest.approx(50_996.0)
    assert result.log.fills.commission.tolist() == [1.0, 1.0]


def test_commission_is_taken_from_the_price_after_slippage() -> None:
    # 1 percent of slippage makes 101; 2 percent of 10 × 101 is 20.20.
    result = play(
        [FLAT, FLAT],
        {0: lambda s: s.buy(10)},
        commission=PercentOfValue(2.0),
        slippage=PercentSlippage(1.0),
    )
    assert result.log.fills.commission.tolist() == [pytest.approx(20.20)]
