"""What holding positions costs from day to day: fees of borrowed shares, interest on cash."""

import math
from dataclasses import dataclass, fields

from app.core.exceptions import ConfigurationError

DAYS_OF_MONEY_MARKET_YEAR = 360


@dataclass(frozen=True, slots=True, kw_only=True)
class Carry:
    """Yearly rates in percent, charged for calendar days; zero, the default, for nothing.

    Attributes:
        borrow_rate_pct: fee on the market value of what is sold short.
        margin_rate_pct: interest on what is owed to the broker.
        cash_rate_pct: interest on cash that is neither owed nor the proceeds of short sales.
        day_count: days of a year that a yearly rate is spread over, 360 by the custom of US
            brokers, 365 elsewhere.
    """

    borrow_rate_pct: float = 0.0
    margin_rate_pct: float = 0.0
    cash_rate_pct: float = 0.0
    day_count: int = DAYS_OF_MONEY_MARKET_YEAR

    def __post_init__(self) -> None:
        """Refuse rates that are negative or infinite.

        Raises:
            ConfigurationError: for a rate below zero or not finite, or a year without days.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigurationError(
                    f"Carry.{field.name}: {value!r} must be a finite number, zero or more"
                )
        if self.day_count == 0:
            raise ConfigurationError("Carry.day_count: 0 must be 360 or 365, the days of a year")

    @property
    def free(self) -> bool:
        """Whether holding costs and earns nothing, so that nothing need be asked."""
        return not (self.borrow_rate_pct or self.margin_rate_pct or self.cash_rate_pct)

    def accrue(self, cash: float, short_value: float, days: int) -> tuple[float, float]:
        """What is booked for `days` calendar days: fee of borrowing and interest, both signed.

        `cash` is the account's cash with the proceeds of short sales in it, `short_value` the
        market value of all short positions as a number of zero or more, both at the close the
        days begin with. What costs is below zero, so both are added to cash as they are.

        The proceeds of a short sale stay with the lender as collateral: they neither earn
        interest nor pay off a loan, so interest runs on ``cash - short_value``, at the cash
        rate if that is above zero, at the margin rate if it is below. Simple interest.
        """
        years = days / self.day_count
        borrow = -short_value * self.borrow_rate_pct / 100.0 * years
        balance = cash - short_value
        rate = self.cash_rate_pct if balance > 0 else self.margin_rate_pct
        return borrow, balance * rate / 100.0 * years
