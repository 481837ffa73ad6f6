"""What trading costs: commissions and slippage as small frozen models.

Each commission answers ``charge(quantity, price)``: the fee in the quote currency of a fill
of `quantity` units (signed) at `price`. Each slippage answers ``adverse(price)``: by how
much, in the quote currency per unit, a market or stop order does worse than `price`.
"""

import math
from dataclasses import dataclass, fields
from typing import Protocol

from app.core.exceptions import ConfigurationError


class Commission(Protocol):
    """A commission model."""

    def charge(self, quantity: float, price: float) -> float:
        """Fee of one fill, zero or more, in the quote currency."""


class Slippage(Protocol):
    """A slippage model."""

    def adverse(
        self,
        price: float,
        quantity: float = 0.0,
        high: float = 0.0,
        low: float = 0.0,
        volume: float = 0.0,
    ) -> float:
        """Loss per unit against `price`, zero or more, in the quote currency.

        `quantity` is what is filled (signed); `high`, `low` and `volume` are those of the
        minute bar it is filled in.
        """


class _NotNegative:
    """Refuses negative or infinite amounts, naming the field."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigurationError(
                    f"{type(self).__name__}.{field.name}: {value!r} must be a finite number, "
                    "zero or more"
                )


@dataclass(frozen=True, slots=True)
class NoCommission(_NotNegative):
    """Trading is free."""

    def charge(self, quantity: float, price: float) -> float:  # noqa: ARG002  # the protocol's
        """Always zero."""
        return 0.0


@dataclass(frozen=True, slots=True)
class PerShare(_NotNegative):
    """`rate` for each unit, at least `minimum` a fill."""

    rate: float
    minimum: float = 0.0

    def charge(self, quantity: float, price: float) -> float:  # noqa: ARG002  # the protocol's
        """``max(minimum, rate × |quantity|)``."""
        fee = self.rate * abs(quantity)
        return max(self.minimum, fee)


@dataclass(frozen=True, slots=True)
class PerOrder(_NotNegative):
    """`amount` for each fill, whatever its size."""

    amount: float

    def charge(self, quantity: float, price: float) -> float:  # noqa: ARG002  # the protocol's
        """Always `amount`."""
        return self.amount


@dataclass(frozen=True, slots=True)
class PercentOfValue(_NotNegative):
    """`rate_pct` percent of the value traded, at least `minimum` a fill."""

    rate_pct: float
    minimum: float = 0.0

    def charge(self, quantity: float, price: float) -> float:
        """``max(minimum, rate_pct / 100 × |quantity| × price)``."""
        return max(self.minimum, self.rate_pct / 100.0 * abs(quantity) * price)


@dataclass(frozen=True, slots=True)
class NoSlippage(_NotNegative):
    """Fills at the price itself."""

    def adverse(self, price: float, *_bar: float) -> float:  # noqa: ARG002  # the protocol's
        """Always zero."""
        return 0.0


@dataclass(frozen=True, slots=True)
class TickSlippage(_NotNegative):
    """`ticks` price steps of `tick_size` worse than the price."""

    ticks: float
    tick_size: float = 0.01

    def adverse(self, price: float, *_bar: float) -> float:  # noqa: ARG002  # the protocol's
        """``ticks × tick_size``."""
        return self.ticks * self.tick_size


@dataclass(frozen=True, slots=True)
class PercentSlippage(_NotNegative):
    """`rate_pct` percent worse than the price."""

    rate_pct: float

    def adverse(self, price: float, *_bar: float) -> float:
        """``rate_pct / 100 × price``."""
        return self.rate_pct / 100.0 * price
