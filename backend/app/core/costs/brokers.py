"""Schedules like those of real brokers for US shares, from their published price lists.

Like, not equal: what is left out is in the documentation of costs. The price lists are those of
today, for every date; only the regulatory fees are those of the day.
"""

import math

from app.core.costs.commissions import AllOf, Commission, PerShare
from app.core.costs.tiered import Tier, Tiered
from app.core.regulatory_fees import RegulatoryFees

_US_FEES = RegulatoryFees()
ACCESS_FEE_CAP = 0.003
"""Most a venue may charge for taking a share priced at a dollar or more (17 CFR 242.610(c), as
it applied until its amendment of 2024)."""


def interactive_brokers_fixed() -> Commission:
    """0.005 a share, at least 1.00 and at most 1 % of the value an order; regulatory fees on top.

    Source: Interactive Brokers, "Commissions: Stocks, ETFs", United States, Fixed (IBKR Pro).
    """
    return AllOf((PerShare(0.005, minimum=1.0, maximum_pct=1.0), _US_FEES))


def interactive_brokers_tiered(venue_rate: float = ACCESS_FEE_CAP) -> Commission:
    """0.0035 down to 0.0005 a share by the month's volume, at least 0.35, at most 1 % an order.

    With clearing (0.0002 a share), fees passed on in proportion to the commission (NYSE 0.0175 %,
    FINRA 0.056 %) and regulatory fees on top. `venue_rate` is what the venue takes for each
    share: the default supposes that every order takes liquidity, at the most that is allowed.

    Source: Interactive Brokers, "Commissions: Stocks, ETFs", United States, Tiered (IBKR Pro).
    """
    tiers = (
        Tier(300_000, 0.0035),
        Tier(3_000_000, 0.0020),
        Tier(20_000_000, 0.0015),
        Tier(100_000_000, 0.0010),
        Tier(math.inf, 0.0005),
    )
    schedule = Tiered(
        tiers,
        minimum=0.35,
        maximum_pct=1.0,
        pass_through_pct=0.0175 + 0.056,
        clearing_rate=0.0002,
        venue_rate=venue_rate,
    )
    return AllOf((schedule, _US_FEES))


def alpaca() -> Commission:
    """No commission; regulatory fees, the day's total of each rounded up to the cent.

    Source: Alpaca, "Regulatory Fees" (docs.alpaca.markets/docs/regulatory-fees).
    """
    return RegulatoryFees(rounded_up_to=0.01)
