"""Commissions: what the broker charges for a fill."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from app.core.costs.checks import NotNegative
from app.core.exceptions import ConfigurationError


class Charger(Protocol):
    """Charges the fills of one run, in the order they happen."""

    def charge(
        self,
        quantity: float,
        price: float,
        time_ns: int = 0,
        filled: float = 0.0,
        average: float = 0.0,
    ) -> float:
        """Fee of one fill, zero or more, in the quote currency.

        `quantity` (signed) at `price`, slippage included, at `time_ns` in UTC nanoseconds.
        `filled` and `average` are what was filled of the same order before, and at which average
        price: a minimum is per order, however many fills the order takes.
        """


class Commission(Protocol):
    """A commission model: a value that can be compared, and used for any number of runs."""

    def start(self) -> Charger:
        """A charger for one run, with whatever it has to remember empty."""


class PricedByOrder(NotNegative, ABC):
    """A commission that is a function of an order's units and value alone.

    Such a model remembers nothing, so it is its own charger: a further fill of an order costs
    what the whole order costs by now less what it cost before.
    """

    __slots__ = ()

    @abstractmethod
    def fee(self, units: float, value: float) -> float:
        """Fee of an order over `units` (zero or more) worth `value`."""

    def start(self) -> Self:
        """The model itself."""
        return self

    def charge(
        self,
        quantity: float,
        price: float,
        time_ns: int = 0,  # noqa: ARG002  # the protocol's
        filled: float = 0.0,
        average: float = 0.0,
    ) -> float:
        """Fee of one fill, as `Charger.charge` says."""
        units = abs(quantity)
        if not filled:
            return self.fee(units, units * price)
        before = abs(filled)
        value = before * average
        # Rounding of an average must not make a fee negative.
        return max(0.0, self.fee(before + units, value + units * price) - self.fee(before, value))


@dataclass(frozen=True, slots=True)
class NoCommission(PricedByOrder):
    """Trading is free."""

    def fee(self, units: float, value: float) -> float:  # noqa: ARG002  # the protocol's
        """Always zero."""
        return 0.0


@dataclass(frozen=True, slots=True)
class PerShare(PricedByOrder):
    """`rate` for each unit, at least `minimum` an order, at most `maximum_pct` of its value.

    The maximum wins over the minimum; 0 is no maximum.
    """

    rate: float
    minimum: float = 0.0
    maximum_pct: float = 0.0

    def fee(self, units: float, value: float) -> float:
        """``min(max(minimum, rate × units), maximum_pct / 100 × value)``."""
        fee = max(self.minimum, self.rate * units)
        return min(fee, self.maximum_pct / 100.0 * value) if self.maximum_pct else fee


@dataclass(frozen=True, slots=True)
class PerOrder(PricedByOrder):
    """`amount` for each order that is filled, whatever its size and in however many fills."""

    amount: float

    def fee(self, units: float, value: float) -> float:  # noqa: ARG002  # the protocol's
        """Always `amount`."""
        return self.amount


@dataclass(frozen=True, slots=True)
class PercentOfValue(PricedByOrder):
    """`rate_pct` percent of the value traded, at least `minimum` an order."""

    rate_pct: float
    minimum: float = 0.0

    def fee(self, units: float, value: float) -> float:  # noqa: ARG002  # the protocol's
        """``max(minimum, rate_pct / 100 × value)``."""
        return max(self.minimum, self.rate_pct / 100.0 * value)


@dataclass(frozen=True, slots=True)
class AllOf:
    """Several commissions at once: a broker's, and the fees it passes on."""

    parts: tuple[Commission, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise ConfigurationError("AllOf.parts: () is empty; use NoCommission for free trading")

    def start(self) -> Charger:
        """A charger that adds up."""
        return _Sum([part.start() for part in self.parts], 1.0)


@dataclass(frozen=True, slots=True)
class Times(NotNegative):
    """`factor` times another commission."""

    commission: Commission
    factor: float

    def start(self) -> Charger:
        """A charger that multiplies."""
        return _Sum([self.commission.start()], self.factor)


class _Sum:
    __slots__ = ("_chargers", "_factor")

    def __init__(self, chargers: Sequence[Charger], factor: float) -> None:
        self._chargers = chargers
        self._factor = factor

    def charge(
        self,
        quantity: float,
        price: float,
        time_ns: int = 0,
        filled: float = 0.0,
        average: float = 0.0,
    ) -> float:
        fees = (each.charge(quantity, price, time_ns, filled, average) for each in self._chargers)
        return self._factor * sum(fees)
