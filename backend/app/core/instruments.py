"""What can be traded."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One symbol of one exchange group, which together name it.

    `tick_size` is the smallest step of its price in `currency`, `lot_size` the smallest step of
    a quantity. One that is no longer traded is not active; its history stays.
    """

    symbol: str
    exchange_group: str
    asset_class: str
    name: str | None = None
    currency: str = "USD"
    tick_size: Decimal = Decimal("0.01")
    lot_size: Decimal = Decimal(1)
    is_active: bool = True
