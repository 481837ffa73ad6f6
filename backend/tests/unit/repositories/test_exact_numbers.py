"""Floating-point numbers as the record keeps them: clean decimals, whatever their size."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.exceptions import DatabaseError
from app.models.record_types import Exact, Holding, Money, Price, Quantity
from app.repositories.exact_numbers import exact

CENT_OF_A_CENT = 0.0001
AMOUNTS = st.floats(min_value=1e-290, max_value=9e29)


def kept(kind: Exact, *values: float) -> list[float]:
    return exact("fills.x", values, kind, CENT_OF_A_CENT).tolist()


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        (Price(), 100.00204, 100.002),
        (Price(), 100.1, 100.1),
        (Price(), 1.2345678901234567e-9, 1.23456789012346e-9),
        (Price(), 0.00002, 0.00002),
        (Quantity(), 150_000_000_001.25, 150_000_000_001.25),
        (Quantity(), 0.1 + 0.2, 0.3),
        (Quantity(), 3.3e-9, 3.3e-9),
        (Quantity(), 4e12 / 3, 1333333333333.33),
        (Holding(), -0.0246913578000001, -0.0246913578),
        (Holding(), 66.6666666666642, 66.66666667),
        (Holding(), -5.55111512312578e-17, -5.55111512313e-17),
        (Money(), 0.07499999999998863, 0.075),
        (Money(), 0.00000033, 0.00000033),
        (Money(), 98994.03500000003, 98994.035),
        (Money(), -1e-9, 0.0),
    ],
)
def test_a_number_as_it_is_kept(kind: Exact, value: float, wanted: float) -> None:
    assert kept(kind, value, 2.0, value) == [wanted, 2.0, wanted]


@given(st.lists(AMOUNTS, min_size=1, max_size=5))
def test_a_quantity_keeps_fifteen_digits(values: list[float]) -> None:
    for value, told in zip(values, kept(Quantity(), *values), strict=True):
        whole = Decimal(value)
        unit = Decimal(1).scaleb(whole.adjusted() - 14)
        assert abs(Decimal(told) - whole) <= unit * Decimal("0.6")
        assert float(f"{told:.15g}") == told
        assert told > 0


@given(st.lists(AMOUNTS, min_size=2, max_size=5))
def test_what_is_more_is_not_kept_as_less(values: list[float]) -> None:
    """More filled than was ordered would be refused."""
    for kind in (Price(), Quantity(), Holding(), Money()):
        told = kept(kind, *sorted(values))
        assert told == sorted(told)


def test_what_is_missing_stays_missing() -> None:
    assert np.isnan(kept(Price(), np.nan, 1.5)).tolist() == [True, False]
    assert np.isnan(kept(Quantity(), np.nan)).all()
    assert kept(Money()) == []


@pytest.mark.parametrize("value", [1e30, -1e31, np.inf])
def test_what_is_no_number_of_trading_is_refused(value: float) -> None:
    with pytest.raises(DatabaseError, match=r"fills\.x: (1e\+3\d|inf) is not below 1e\+30"):
        kept(Quantity(), 1.0, value)


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        (100.1, "100.10000000"),
        (10, "10.00000000"),
        (0, "0.00000000"),
        (1.234e-9, "0.000000001234"),
        (150000000000.0, "150000000000.00000000"),
        (1e29, "100000000000000000000000000000.00000000"),
        (Decimal("100.10000000"), "100.10000000"),
        (Decimal("1.230000000000000"), "1.23000000"),
        (Decimal("0.123456789012345"), "0.123456789012345"),
        (None, "None"),
    ],
)
def test_a_number_as_it_is_read(stored: Decimal | float | None, shown: str) -> None:
    read = Price().process_result_value(stored, None)  # type: ignore[arg-type]  # no dialect is asked for a value that is read
    assert ("None" if read is None else f"{read:f}") == shown
