"""What the broker charges, and how much worse than the bar's price orders fill."""

import math
from collections.abc import Iterator
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from app.core.costs import (
    AllOf,
    Commission,
    ImpactSlippage,
    NoCommission,
    NoSlippage,
    PercentOfValue,
    PercentSlippage,
    PerOrder,
    PerShare,
    RandomSlippage,
    RangeSlippage,
    Slippage,
    SpreadSlippage,
    TickSlippage,
    Tier,
    Tiered,
    alpaca,
    interactive_brokers_fixed,
    interactive_brokers_tiered,
)
from app.core.costs.brokers import ACCESS_FEE_CAP
from app.core.regulatory_fees import RegulatoryFees
from app.models.session_config.kinds import Mistake, Section, refuse
from app.models.session_config.wording import Wanted

MOST_PERCENT = 10
"""A cost above a tenth of the value is a slip of the decimal point."""

_LeastFee: TypeAlias = Annotated[
    float,
    Field(ge=0, description="Least fee of one order, in the quote currency.", examples=[1.0]),
]
_HighestFeePct: TypeAlias = Annotated[
    float,
    Field(
        ge=0,
        le=100,
        description="Highest fee of one order in percent of its value; it wins over `minimum`. "
        "0: no highest.",
        examples=[1.0],
    ),
]
_TickSize: TypeAlias = Annotated[
    float,
    Field(
        gt=0,
        description="The price step, in the quote currency: 0.01 for US shares.",
        examples=[0.01],
    ),
]


class _OwnCommission(Section):
    """What every commission that is not a broker's list has in common."""

    regulatory_fees: bool = Field(
        default=False,
        description="Whether sales also pay the fees of the SEC and of FINRA, at the rates of "
        "their day: for US shares.",
        examples=[True],
    )

    def _passed_on(self, commission: Commission) -> Commission:
        return AllOf((commission, RegulatoryFees())) if self.regulatory_fees else commission


class NoCommissionConfig(Section):
    """Orders are free."""

    model: Literal["none"] = Field(description="No commission.", examples=["none"])

    def build(self) -> Commission:
        """The commission the simulated exchange charges."""
        return NoCommission()


class PerShareConfig(_OwnCommission):
    """A fee for each share or unit."""

    model: Literal["per_share"] = Field(
        description="So much for each share or unit.", examples=["per_share"]
    )
    rate: float = Field(gt=0, description="Fee per share, in the quote currency.", examples=[0.005])
    minimum: _LeastFee = 0.0
    maximum_pct: _HighestFeePct = 0.0

    def build(self) -> Commission:
        """The commission the simulated exchange charges."""
        return self._passed_on(PerShare(self.rate, self.minimum, self.maximum_pct))


class PerOrderConfig(_OwnCommission):
    """A fee for each order."""

    model: Literal["per_order"] = Field(
        description="So much for each order that fills, whatever its size.", examples=["per_order"]
    )
    rate: float = Field(gt=0, description="Fee per order, in the quote currency.", examples=[1.0])

    def build(self) -> Commission:
        """The commission the simulated exchange charges."""
        return self._passed_on(PerOrder(self.rate))


class PercentConfig(_OwnCommission):
    """A fee in percent of the value traded."""

    model: Literal["percent"] = Field(
        description="A percentage of the value traded.", examples=["percent"]
    )
    rate: float = Field(
        gt=0,
        le=MOST_PERCENT,
        description="Percent of the value traded: 0.1 is a tenth of one percent.",
        examples=[0.1],
    )
    minimum: _LeastFee = 0.0

    def build(self) -> Commission:
        """The commission the simulated exchange charges."""
        return self._passed_on(PercentOfValue(self.rate, self.minimum))


class TierConfig(Section):
    """A rate for the units of a month up to a number."""

    up_to: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="Last unit of the month that costs this rate; the last tier leaves it out.",
        examples=[300_000],
    )
    rate: float = Field(ge=0, description="Fee per share, in the quote currency.", examples=[0.002])


class TieredConfig(_OwnCommission):
    """A fee for each share that falls with the shares traded in the month so far."""

    model: Literal["tiered"] = Field(
        description="So much for each share, by the month's volume.", examples=["tiered"]
    )
    tiers: Annotated[tuple[TierConfig, ...], Field(strict=False, min_length=1)] = Field(
        description="The rates, from the first share of a month on."
    )
    minimum: _LeastFee = 0.0
    maximum_pct: _HighestFeePct = 0.0

    def build(self) -> Commission:
        """The commission the simulated exchange charges."""
        tiers = tuple(Tier(tier.up_to or math.inf, tier.rate) for tier in self.tiers)
        return self._passed_on(Tiered(tiers, self.minimum, self.maximum_pct))

    @model_validator(mode="after")
    def _tiers_follow_one_another(self) -> Self:
        refuse(self._mistakes())
        return self

    def _mistakes(self) -> Iterator[Mistake]:
        highest = 0.0
        *earlier, last = self.tiers
        for position, tier in enumerate(earlier):
            place = ("tiers", position, "up_to")
            if tier.up_to is None:
                yield place, "is missing; only the last tier has no end"
            elif tier.up_to <= highest:
                sentence = f"{tier.up_to:g} is not above the {highest:g} of the tier before; "
                yield place, sentence + "list tiers in rising order"
            highest = tier.up_to or highest
        if last.up_to is not None:
            sentence = f"{last.up_to:g} ends the last tier; leave it out, "
            yield ("tiers", len(earlier), "up_to"), sentence + "so that every share has a rate"


class InteractiveBrokersFixedConfig(Section):
    """Like Interactive Brokers' fixed prices for US shares, regulatory fees included."""

    model: Literal["ibkr_fixed"] = Field(
        description="0.005 a share, at least 1.00 and at most 1 % of the value an order.",
        examples=["ibkr_fixed"],
    )

    def build(self) -> Commission:
        """The commission the simulated exchange charges."""
        return interactive_brokers_fixed()


class InteractiveBrokersTieredConfig(Section):
    """Like Interactive Brokers' tiered prices for US shares, regulatory fees included."""

    model: Literal["ibkr_tiered"] = Field(
        description="0.0035 a share, less with the month's volume; at least 0.35 and at most 1 % "
        "of the value an order; clearing and exchange fees on top.",
        examples=["ibkr_tiered"],
    )
    venue_rate: float = Field(
        ACCESS_FEE_CAP,
        ge=0,
        description="What the exchange takes for each share. The default is the most a venue may "
        "charge for taking liquidity.",
        examples=[ACCESS_FEE_CAP],
    )

    def build(self) -> Commission:
        """The commission the simulated exchange charges."""
        return interactive_brokers_tiered(self.venue_rate)


class AlpacaConfig(Section):
    """Like Alpaca for US shares: no commission, regulatory fees rounded up to the cent."""

    model: Literal["alpaca"] = Field(
        description="Free but for regulatory fees.", examples=["alpaca"]
    )

    def build(self) -> Commission:
        """The commission the simulated exchange charges."""
        return alpaca()


class NoSlippageConfig(Section):
    """Orders fill at the price itself."""

    model: Literal["none"] = Field(description="No slippage.", examples=["none"])

    def build(self, seed: int = 0) -> Slippage:  # noqa: ARG002  # as the others
        """By how much fills are worse than the price."""
        return NoSlippage()


class TickSlippageConfig(Section):
    """Fills a number of price steps worse."""

    model: Literal["ticks"] = Field(
        description="A number of price steps worse than the price.", examples=["ticks"]
    )
    amount: float = Field(gt=0, le=1_000, description="How many price steps.", examples=[1])
    tick_size: _TickSize

    def build(self, seed: int = 0) -> Slippage:  # noqa: ARG002  # as the others
        """By how much fills are worse than the price."""
        return TickSlippage(self.amount, self.tick_size)


class PercentSlippageConfig(Section):
    """Fills a percentage worse."""

    model: Literal["percent"] = Field(
        description="A percentage worse than the price.", examples=["percent"]
    )
    amount: float = Field(
        gt=0,
        le=MOST_PERCENT,
        description="Percent of the price: 0.05 is a twentieth of one percent.",
        examples=[0.05],
    )

    def build(self, seed: int = 0) -> Slippage:  # noqa: ARG002  # as the others
        """By how much fills are worse than the price."""
        return PercentSlippage(self.amount)


class RangeSlippageConfig(Section):
    """Fills a share of the minute bar's range worse."""

    model: Literal["range"] = Field(
        description="A share of the bar's high minus its low worse than the price.",
        examples=["range"],
    )
    amount: float = Field(
        gt=0, le=100, description="Percent of the bar's range: 10 is a tenth of it.", examples=[10]
    )

    def build(self, seed: int = 0) -> Slippage:  # noqa: ARG002  # as the others
        """By how much fills are worse than the price."""
        return RangeSlippage(self.amount)


class SpreadSlippageConfig(Section):
    """Fills half a quoted spread worse."""

    model: Literal["spread"] = Field(
        description="Half of a spread of a percentage, or of a number of price steps if that is "
        "more.",
        examples=["spread"],
    )
    amount: float = Field(
        gt=0,
        le=MOST_PERCENT,
        description="The whole spread in percent of the price.",
        examples=[0.02],
    )
    least_ticks: float = Field(
        0.0, ge=0, le=1_000, description="The spread is at least this many steps.", examples=[1]
    )
    tick_size: _TickSize = 0.01

    def build(self, seed: int = 0) -> Slippage:  # noqa: ARG002  # as the others
        """By how much fills are worse than the price."""
        return SpreadSlippage(self.amount, self.least_ticks, self.tick_size)


class ImpactSlippageConfig(Section):
    """Fills half a spread worse, and the more the larger the order is beside the bar's volume."""

    model: Literal["impact"] = Field(
        description="The square-root law of market impact, on the volume and the range of the "
        "minute bar.",
        examples=["impact"],
    )
    coefficient: float = Field(
        1.0,
        gt=0,
        le=100,
        description="Factor of the law; studies find it near 1.",
        examples=[1.0],
    )
    spread: float = Field(
        0.0,
        ge=0,
        le=MOST_PERCENT,
        description="A spread in percent of the price, half of which is lost as well.",
        examples=[0.02],
    )

    def build(self, seed: int = 0) -> Slippage:  # noqa: ARG002  # as the others
        """By how much fills are worse than the price."""
        return ImpactSlippage(self.coefficient, self.spread)


class RandomSlippageConfig(Section):
    """Fills by chance, between not at all and a percentage worse."""

    model: Literal["random"] = Field(
        description="A percentage worse that is drawn for each fill, from `random_seed`.",
        examples=["random"],
    )
    amount: float = Field(
        gt=0, le=MOST_PERCENT, description="Most percent of the price.", examples=[0.05]
    )

    def build(self, seed: int = 0) -> Slippage:
        """By how much fills are worse than the price."""
        return RandomSlippage(self.amount, seed)


CommissionConfig: TypeAlias = Annotated[
    NoCommissionConfig
    | PerShareConfig
    | PerOrderConfig
    | PercentConfig
    | TieredConfig
    | InteractiveBrokersFixedConfig
    | InteractiveBrokersTieredConfig
    | AlpacaConfig,
    Field(discriminator="model"),
    Wanted(
        "a section that names a model: none, per_share, per_order, percent, tiered, ibkr_fixed, "
        "ibkr_tiered or alpaca",
        "sections",
    ),
]
SlippageConfig: TypeAlias = Annotated[
    NoSlippageConfig
    | TickSlippageConfig
    | PercentSlippageConfig
    | RangeSlippageConfig
    | SpreadSlippageConfig
    | ImpactSlippageConfig
    | RandomSlippageConfig,
    Field(discriminator="model"),
    Wanted(
        "a section that names a model: none, ticks, percent, range, spread, impact or random",
        "sections",
    ),
]
