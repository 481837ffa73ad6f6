"""What trading costs: commissions and slippage as small frozen models.

A commission is started once a run and then charges fill after fill; a slippage says by how much
a market or stop order does worse than a bar's price.
"""

from app.core.costs.brokers import alpaca, interactive_brokers_fixed, interactive_brokers_tiered
from app.core.costs.commissions import (
    AllOf,
    Charger,
    Commission,
    NoCommission,
    PercentOfValue,
    PerOrder,
    PerShare,
    Times,
)
from app.core.costs.slippages import (
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
from app.core.costs.tiered import Tier, Tiered

__all__ = [
    "AllOf",
    "Charger",
    "Commission",
    "ImpactSlippage",
    "NoCommission",
    "NoSlippage",
    "PerOrder",
    "PerShare",
    "PercentOfValue",
    "PercentSlippage",
    "RandomSlippage",
    "RangeSlippage",
    "Slippage",
    "SpreadSlippage",
    "TickSlippage",
    "Tier",
    "Tiered",
    "Times",
    "TimesSlippage",
    "alpaca",
    "interactive_brokers_fixed",
    "interactive_brokers_tiered",
]
