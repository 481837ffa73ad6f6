"""Floating-point numbers of a run as the record keeps them: clean decimals of 15 digits."""

from typing import Any

import numpy as np

from app.core.exceptions import DatabaseError
from app.core.types import Floats
from app.models.record_types import BOUND, DIGITS, Exact, Holding, Money, Price

_ONE_UNIT = 1.0
"""Of the quote currency. A step is one of prices from here on: those below keep their digits."""

_SMALL_AMOUNT = 10_000.0
_DECIMALS = (8, 6)
"""Of a small amount of money, since it may be of bitcoins, and of another one."""

_LARGE_AMOUNT = 1e9
"""From here on 6 decimals are more than 15 digits."""

_DIGITS_OF_A_SUM = 12
"""What is held is a sum of what was bought and sold: its last digits are the summation's."""

_POWERS = np.array([float(10**power) for power in range(23)])
"""All powers of ten that are exact as floating-point numbers."""


def exact(where: str, column: Any, kind: Exact, price_step: float) -> Floats:
    """Numbers rounded as columns of `kind` keep them; NaN stays.

    Prices from 1 on are rounded to `price_step`, money to 6 decimals and below 10,000 to 8, what
    is held to 8 decimals and below 1 to 12 digits, and all to 15 digits, which is what a
    floating-point number has: 100.1 stays 100.1. Nothing but money is rounded to nothing. `where`
    is what an error calls the column.

    Raises:
        DatabaseError: a number is infinite, or too large to be one of trading.
    """
    values = np.asarray(column, np.float64)
    sizes = np.abs(values)
    largest = float(np.fmax.reduce(sizes, initial=0.0))
    if largest >= BOUND:
        raise DatabaseError(
            f"{where}: {largest:g} is not below {BOUND:g}, the most that is recorded; look at "
            "prices and quantities of the run"
        )
    if not largest:
        return values
    if isinstance(kind, Money):
        many, few = (np.round(values, decimals) for decimals in _DECIMALS)
        values = np.where(sizes < _SMALL_AMOUNT, many, few)
        if largest < _LARGE_AMOUNT:
            return values
    elif isinstance(kind, Price):
        steps = np.rint(values / price_step)
        values = np.where(sizes >= _ONE_UNIT, steps * price_step, values)
    elif isinstance(kind, Holding):
        few = _to_digits(values, sizes, _DIGITS_OF_A_SUM)
        values = np.where(sizes >= _ONE_UNIT, np.round(values, _DECIMALS[0]), few)
    return _to_digits(values, sizes, DIGITS)


def _to_digits(values: Floats, sizes: Floats, digits: int) -> Floats:
    """The nearest numbers of so many digits to `values`, whose magnitudes are `sizes`."""
    if np.array_equal(values, np.trunc(values), equal_nan=True) and not (sizes >= 1e15).any():
        return values
    known = np.where(sizes > 0, sizes, 1.0)
    decimals = digits - 1 - np.floor(np.log10(known)).astype(np.int64)
    factors = _POWERS[np.clip(np.abs(decimals), 0, len(_POWERS) - 1)]
    rounded: Floats = np.where(
        decimals >= 0, np.rint(values * factors) / factors, np.rint(values / factors) * factors
    )
    tiny = np.flatnonzero(decimals >= len(_POWERS))
    if len(tiny):
        rounded[tiny] = [float(f"{value:.{digits}g}") for value in values[tiny].tolist()]
    return rounded
