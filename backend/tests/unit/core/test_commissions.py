"""Commissions, against the examples the brokers publish and arithmetic."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.costs import (
    AllOf,
    Charger,
    Commission,
    NoCommission,
    PercentOfValue,
    PerOrder,
    PerShare,
    Tier,
    Tiered,
    Times,
    alpaca,
    interactive_brokers_fixed,
    interactive_brokers_tiered,
)
from app.core.exceptions import ConfigurationError


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


JULY = ns("2025-07-01 15:00")
"""A day on which sales pay no section 31 fee."""


@pytest.mark.parametrize(
    ("shares", "price", "fee"),
    [(100, 25.0, 1.00), (1_000, 25.0, 5.00), (1_000, 0.25, 2.50), (10, 0.20, 0.02)],
)
def test_fixed_prices_are_those_of_the_published_examples(
    shares: float, price: float, fee: float
) -> None:
    charger = interactive_brokers_fixed().start()
    assert charger.charge(shares, price, JULY) == pytest.approx(fee)


def test_a_month_of_tiered_prices_is_the_published_example() -> None:
    # 400,000 shares in a month: 300,000 × 0.0035 + 100,000 × 0.0020.
    model = Tiered((Tier(300_000, 0.0035), Tier(math.inf, 0.0020)))
    charger = model.start()
    fees = [charger.charge(50_000, 10.0, JULY) for _ in range(8)]
    assert sum(fees) == pytest.approx(1_050 + 200)
    assert fees[0] == pytest.approx(175)
    assert fees[-1] == pytest.approx(100)


def test_one_order_may_fall_into_two_tiers() -> None:
    charger = Tiered((Tier(100, 1.0), Tier(math.inf, 0.5))).start()
    assert charger.charge(-150, 10.0, JULY) == pytest.approx(100 * 1.0 + 50 * 0.5)


def test_a_month_begins_at_its_first_trade_date_in_new_york() -> None:
    charger = Tiered((Tier(100, 1.0), Tier(math.inf, 0.5))).start()
    charger.charge(100, 10.0, ns("2025-07-31 19:59"))
    # Half past midnight UTC on August 1 is the evening of July 31 there.
    assert charger.charge(10, 10.0, ns("2025-08-01 00:30")) == pytest.approx(5.0)
    assert charger.charge(10, 10.0, ns("2025-08-01 13:30")) == pytest.approx(10.0)


def test_december_is_followed_by_january() -> None:
    charger = Tiered((Tier(100, 1.0), Tier(math.inf, 0.5))).start()
    charger.charge(100, 10.0, ns("2025-12-31 19:59"))
    assert charger.charge(1, 10.0, ns("2026-01-02 14:30")) == pytest.approx(1.0)


def test_tiered_prices_of_one_order_add_up() -> None:
    charger = interactive_brokers_tiered().start()
    # 1,000 × 0.0035 = 3.50; × 0.000735 passed on; 1,000 × (0.0002 + 0.003) clearing and venue.
    assert charger.charge(1_000, 25.0, JULY) == pytest.approx(3.50 * 1.000735 + 3.2)
    # 10 × 0.0035 is less than the minimum of 0.35.
    assert charger.charge(10, 100.0, JULY) == pytest.approx(0.35 * 1.000735 + 0.032)


def test_a_venue_that_takes_nothing() -> None:
    charger = interactive_brokers_tiered(venue_rate=0.0).start()
    assert charger.charge(1_000, 25.0, JULY) == pytest.approx(3.50 * 1.000735 + 0.2)


def test_alpaca_is_free_but_for_fees_on_sales() -> None:
    charger = alpaca().start()
    assert charger.charge(1_000, 100.0, ns("2024-07-01 15:00")) == 0.0
    # 100,000 × 27.80 / million = 2.78; 1,000 × 0.000166 = 0.166, up to 0.17.
    assert charger.charge(-1_000, 100.0, ns("2024-07-01 15:00")) == pytest.approx(2.95)


@pytest.mark.parametrize(
    ("model", "fee"),
    [
        (NoCommission(), 0.0),
        (PerShare(0.01), 3.0),
        (PerShare(0.01, minimum=5.0), 5.0),
        (PerShare(0.01, minimum=5.0, maximum_pct=0.1), 3.0),
        (PerOrder(1.5), 1.5),
        (PercentOfValue(0.1), 3.0),
        (PercentOfValue(0.1, minimum=4.0), 4.0),
        (AllOf((PerOrder(1.5), PerShare(0.01))), 4.5),
        (Times(PerShare(0.01), 2.0), 6.0),
    ],
)
def test_an_order_costs_the_same_in_one_fill_or_in_three(model: Commission, fee: float) -> None:
    # 300 units at 10: 3,000 of value.
    assert model.start().charge(-300, 10.0, JULY) == pytest.approx(fee)
    assert _in_parts(model.start(), [(-50, 10.0), (-150, 10.0), (-100, 10.0)]) == pytest.approx(fee)


PARTS = st.lists(st.tuples(st.floats(0.1, 10_000), st.floats(0.01, 1_000)), min_size=1, max_size=5)


@given(PARTS)
def test_fills_of_one_order_cost_what_the_order_costs(parts: list[tuple[float, float]]) -> None:
    units = sum(quantity for quantity, _ in parts)
    average = sum(quantity * price for quantity, price in parts) / units
    for model in (PerShare(0.005, 1.0, 1.0), PercentOfValue(0.1, 2.0), PerOrder(1.0)):
        whole = model.charge(units, average)
        assert _in_parts(model, parts) == pytest.approx(whole, rel=1e-9, abs=1e-9)
    tiers = (Tier(1_000, 0.01), Tier(5_000, 0.005), Tier(math.inf, 0.001))
    tiered = Tiered(tiers, minimum=1.0, clearing_rate=0.0002)
    whole = tiered.start().charge(units, average, JULY)
    assert _in_parts(tiered.start(), parts) == pytest.approx(whole, rel=1e-9, abs=1e-9)


def _in_parts(charger: Charger, parts: list[tuple[float, float]]) -> float:
    fees, filled, value = 0.0, 0.0, 0.0
    for quantity, price in parts:
        average = value / filled if filled else 0.0
        fee = charger.charge(quantity, price, JULY, filled, average)
        assert fee >= 0.0
        fees, filled, value = fees + fee, filled + quantity, value + quantity * price
    return fees


def test_models_are_values_and_each_run_starts_anew() -> None:
    assert interactive_brokers_tiered() == interactive_brokers_tiered()
    model = Tiered((Tier(100, 1.0), Tier(math.inf, 0.5)))
    first = model.start()
    first.charge(100, 10.0, JULY)
    assert first.charge(1, 10.0, JULY) == pytest.approx(0.5)
    assert model.start().charge(1, 10.0, JULY) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PerShare(-0.01), r"PerShare\.rate: -0\.01 must be a finite number"),
        (lambda: Times(NoCommission(), math.inf), r"Times\.factor: inf"),
        (lambda: AllOf(()), "use NoCommission"),
        (lambda: Tiered(()), r"Tiered\.tiers: \[\] must rise"),
        (lambda: Tiered((Tier(100, 1.0),)), "the last be infinity"),
        (lambda: Tiered((Tier(9, 1.0), Tier(9, 1.0), Tier(math.inf, 1.0))), "must rise"),
        (lambda: Tiered((Tier(math.inf, -1.0),)), "every rate must be finite"),
        (lambda: Tiered((Tier(math.inf, 1.0),), minimum=-1.0), r"Tiered\.minimum"),
    ],
)
def test_what_cannot_be_is_refused(build: object, message: str) -> None:
    assert callable(build)
    with pytest.raises(ConfigurationError, match=message):
        build()
