"""Slippage models, against arithmetic in the comments."""

import math
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.costs import (
    ImpactSlippage,
    NoSlippage,
    PercentSlippage,
    RandomSlippage,
    RangeSlippage,
    Slippage,
    SpreadSlippage,
    TickSlippage,
    TimesSlippage,
)
from app.core.exceptions import ConfigurationError

# A fill of 100 units at 50 in a bar from 49 to 51 with a volume of 10,000.
FILL = (50.0, 100.0, 51.0, 49.0, 10_000.0)


@pytest.mark.parametrize(
    ("model", "loss"),
    [
        (NoSlippage(), 0.0),
        (TickSlippage(2, 0.01), 0.02),
        (PercentSlippage(0.1), 0.05),  # a thousandth of 50
        (RangeSlippage(10), 0.2),  # a tenth of 51 − 49
        (SpreadSlippage(0.02), 0.005),  # half of 0.0002 × 50
        (SpreadSlippage(0.02, least_ticks=4), 0.02),  # half of 4 × 0.01
        (SpreadSlippage(0.02, least_ticks=1), 0.005),  # half of 0.01: both are the same
        # √(100 / 10,000) = 0.1; volatility 2 / √(4 ln 2) = 2 / 1.6651092 = 1.2011224
        (ImpactSlippage(), 0.12011224),
        (ImpactSlippage(0.5, spread_pct=0.02), 0.06005612 + 0.005),
        (TimesSlippage(TickSlippage(1, 0.25), 2.0), 0.5),
    ],
)
def test_loss_per_unit(model: Slippage, loss: float) -> None:
    assert model.adverse(*FILL) == pytest.approx(loss, rel=1e-6)


def test_four_times_the_size_moves_the_price_twice_as_far() -> None:
    model = ImpactSlippage()
    once, four = (model.adverse(50.0, size, 51.0, 49.0, 10_000.0) for size in (-100.0, -400.0))
    assert four == pytest.approx(2 * once)


def test_without_volume_only_the_spread_is_lost() -> None:
    assert ImpactSlippage(spread_pct=0.02).adverse(50.0, 100.0, 51.0, 49.0) == pytest.approx(0.005)


def test_draws_are_spread_evenly_and_hang_on_the_seed() -> None:
    losses = [RandomSlippage(1.0, seed=7).adverse(100.0, float(size)) for size in range(2_000)]
    assert all(0.0 <= loss < 1.0 for loss in losses)
    # The mean of 2,000 even draws has a standard deviation of 1 / √(12 × 2,000) = 0.0065.
    assert mean(losses) == pytest.approx(0.5, abs=0.03)
    tenths = [sum(int(loss * 10) == tenth for loss in losses) for tenth in range(10)]
    assert min(tenths) > 140
    again = [RandomSlippage(1.0, seed=7).adverse(100.0, float(size)) for size in range(2_000)]
    other = [RandomSlippage(1.0, seed=8).adverse(100.0, float(size)) for size in range(2_000)]
    assert again == losses
    assert all(one != two for one, two in zip(losses, other, strict=True))


PRICES = st.floats(0.01, 10_000)


@given(PRICES, st.floats(-1e6, 1e6), st.floats(0, 100), st.floats(0, 1e9), st.integers(0, 99))
def test_no_model_ever_pays(
    price: float, quantity: float, spread: float, volume: float, seed: int
) -> None:
    bar = (price, quantity, price + spread, price, volume)
    models: tuple[Slippage, ...] = (
        RangeSlippage(5),
        SpreadSlippage(0.1, 1),
        ImpactSlippage(1.0, 0.1),
        RandomSlippage(0.1, seed),
    )
    for model in models:
        loss = model.adverse(*bar)
        assert math.isfinite(loss)
        assert loss >= 0.0
        assert TimesSlippage(model, 2.0).adverse(*bar) == 2.0 * loss


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"RangeSlippage\.share_pct: -1"):
        RangeSlippage(-1)
    with pytest.raises(ConfigurationError, match=r"ImpactSlippage\.coefficient: nan"):
        ImpactSlippage(math.nan)
