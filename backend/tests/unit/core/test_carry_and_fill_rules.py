"""Overnight charges, and what may be said about fills."""

import math
from typing import Any

import pytest

from app.core.carry import Carry
from app.core.exceptions import ConfigurationError
from app.core.fill_rules import FillRules


@pytest.mark.parametrize(
    ("carry", "cash", "short_value", "days", "borrow", "interest"),
    [
        # 100,000 at 3.6 % a year of 360 days: 10 a day.
        (Carry(margin_rate_pct=3.6), -100_000, 0, 1, 0.0, -10.0),
        (Carry(margin_rate_pct=3.6), -100_000, 0, 3, 0.0, -30.0),
        (Carry(cash_rate_pct=3.6), 100_000, 0, 1, 0.0, 10.0),
        (Carry(cash_rate_pct=3.65, day_count=365), 100_000, 0, 1, 0.0, 10.0),
        (Carry(borrow_rate_pct=0.36), 200_000, 100_000, 1, -1.0, 0.0),
        # Proceeds of short sales earn nothing: 50,000 of the 150,000 are one's own.
        (Carry(cash_rate_pct=3.6), 150_000, 100_000, 1, 0.0, 5.0),
        # And they do not pay off a loan: 150,000 of shares bought with 100,000 of one's own.
        (Carry(margin_rate_pct=3.6), 50_000, 100_000, 1, 0.0, -5.0),
        (Carry(margin_rate_pct=3.6, cash_rate_pct=1.8), 0, 0, 1, 0.0, 0.0),
        (Carry(margin_rate_pct=3.6), -100_000, 0, 0, 0.0, 0.0),
    ],
)
def test_what_a_night_costs(
    carry: Carry, cash: float, short_value: float, days: int, borrow: float, interest: float
) -> None:
    assert carry.accrue(cash, short_value, days) == pytest.approx((borrow, interest))


def test_a_carry_without_rates_is_free() -> None:
    assert Carry().free
    assert not Carry(borrow_rate_pct=0.1).free
    assert Carry().accrue(-1e6, 1e6, 365) == (0.0, 0.0)


@pytest.mark.parametrize(
    "rates",
    [{"borrow_rate_pct": -1.0}, {"margin_rate_pct": math.nan}, {"cash_rate_pct": math.inf}],
)
def test_impossible_rates_are_refused(rates: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="must be a finite number, zero or more"):
        Carry(**rates)


def test_a_year_has_days() -> None:
    with pytest.raises(ConfigurationError, match="360 or 365"):
        Carry(day_count=0)


def test_rules_that_say_nothing_assume_nothing() -> None:
    rules = FillRules()
    assert (rules.participation_pct, rules.latency_ns, rules.latency_bars) == (0.0, 0, 0)
    assert not rules.touch_fills


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"participation_pct": 101.0}, "not a share of a bar's volume"),
        ({"participation_pct": -1.0}, "or 0 for no cap"),
        ({"participation_pct": math.nan}, "not a share"),
        ({"latency_ns": -1}, "latency_ns: -1 must be zero or more"),
        ({"latency_bars": -2}, "cannot arrive before it is sent"),
    ],
)
def test_impossible_rules_are_refused(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        FillRules(**rules)
