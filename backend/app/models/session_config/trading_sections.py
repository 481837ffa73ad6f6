"""Who trades and what it costs: strategies, commission, slippage, the simulated account."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from app.core.costs import (
    Commission,
    NoCommission,
    NoSlippage,
    PercentOfValue,
    PercentSlippage,
    PerOrder,
    PerShare,
    Slippage,
    TickSlippage,
)
from app.models.session_config.kinds import (
    Name,
    ParameterValue,
    Section,
    StrategyClass,
    SymbolSelection,
    Word,
)
from app.models.session_config.wording import Wanted

MOST_PERCENT = 10
"""A cost above a tenth of the value is a slip of the decimal point."""


class BrokerName(StrEnum):
    """Where orders go."""

    SIMULATED = "simulated"


class StrategyConfig(Section):
    """One strategy at work in the session."""

    name: Name = Field(
        description="Your name for it in orders, results and logs; no two strategies share one.",
        examples=["fast_cross"],
    )
    class_: StrategyClass = Field(
        alias="class",
        description="A shipped strategy by its name (`strategy list` shows them), or your own "
        "as `module:Class`.",
        examples=["sma_cross", "my_package.my_module:MyStrategy"],
    )
    symbols: SymbolSelection = Field(
        "all",
        description='What it trades: `"all"`, or a list of some of the session\'s symbols.',
        examples=["all"],
    )
    parameters: Mapping[str, ParameterValue] = Field(
        default_factory=dict,
        description="Values of its parameters; those left out keep the strategy's defaults. "
        "The strategy itself checks names and bounds (`strategy show NAME`).",
        examples=[{"fast": 10, "slow": 30}],
    )


class NoCommissionConfig(Section):
    """Orders are free."""

    model: Literal["none"] = Field(description="No commission.", examples=["none"])

    def build(self) -> Commission:
        """The commission the simulated exchange charges."""
        return NoCommission()


class PerShareConfig(Section):
    """A fee for each share or unit."""

    model: Literal["per_share"] = Field(
        description="So much for each share or unit.", examples=["per_share"]
    )
    rate: float = Field(gt=0, description="Fee per share, in the quote currency.", examples=[0.005])
    minimum: float = Field(
        0.0, ge=0, description="Least fee of one fill, in the quote currency.", examples=[1.0]
    )

    def build(self) -> Commission:
        """The commission the simulated exchange charges."""
        return PerShare(self.rate, self.minimum)


class PerOrderConfig(Section):
    """A fee for each order."""

    model: Literal["per_order"] = Field(
        description="So much for each order that fills, whatever its size.", examples=["per_order"]
    )
    rate: float = Field(gt=0, description="Fee per order, in the quote currency.", examples=[1.0])

    def build(self) -> Commission:
        """The commission the simulated exchange charges."""
        return PerOrder(self.rate)


class PercentConfig(Section):
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
    minimum: float = Field(
        0.0, ge=0, description="Least fee of one fill, in the quote currency.", examples=[0.0]
    )

    def build(self) -> Commission:
        """The commission the simulated exchange charges."""
        return PercentOfValue(self.rate, self.minimum)


class NoSlippageConfig(Section):
    """Orders fill at the price itself."""

    model: Literal["none"] = Field(description="No slippage.", examples=["none"])

    def build(self) -> Slippage:
        """By how much fills are worse than the price."""
        return NoSlippage()


class TickSlippageConfig(Section):
    """Fills a number of price steps worse."""

    model: Literal["ticks"] = Field(
        description="A number of price steps worse than the price.", examples=["ticks"]
    )
    amount: float = Field(gt=0, le=1_000, description="How many price steps.", examples=[1])
    tick_size: float = Field(
        gt=0,
        description="The price step, in the quote currency: 0.01 for US shares.",
        examples=[0.01],
    )

    def build(self) -> Slippage:
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

    def build(self) -> Slippage:
        """By how much fills are worse than the price."""
        return PercentSlippage(self.amount)


CommissionConfig: TypeAlias = Annotated[
    NoCommissionConfig | PerShareConfig | PerOrderConfig | PercentConfig,
    Field(discriminator="model"),
    Wanted("a section that names a model: none, per_share, per_order or percent", "sections"),
]
SlippageConfig: TypeAlias = Annotated[
    NoSlippageConfig | TickSlippageConfig | PercentSlippageConfig,
    Field(discriminator="model"),
    Wanted("a section that names a model: none, ticks or percent", "sections"),
]


class ExecutionConfig(Section):
    """The account and what trading costs: said in full, for results hang on it."""

    broker: Word[BrokerName] = Field(
        BrokerName.SIMULATED,
        description="Where orders go; a backtest has the simulated exchange.",
        examples=["simulated"],
    )
    starting_cash: float = Field(
        gt=0,
        le=1e12,
        description="Cash at the start, in the quote currency of the symbols.",
        examples=[100_000],
    )
    commission: CommissionConfig = Field(
        description="What the broker charges. Write `none` if that is what you mean: costs "
        "left out by accident make every strategy look good.",
        examples=[{"model": "per_share", "rate": 0.005, "minimum": 1.0}],
    )
    slippage: SlippageConfig = Field(
        description="How much worse than the bar's price market and stop orders fill.",
        examples=[{"model": "ticks", "amount": 1, "tick_size": 0.01}],
    )
    leverage: float = Field(
        1.0,
        ge=1,
        le=100,
        description="Buying power as a multiple of equity: 1 for a cash account, 2 overnight "
        "and 4 intraday in a US margin account.",
        examples=[1],
    )
    random_seed: int = Field(
        0,
        ge=0,
        le=2**32 - 1,
        description="Seed of everything random in the run: the same config, data and seed give "
        "the same orders.",
        examples=[0],
    )


def watching_only() -> ExecutionConfig:
    """The account of a session without strategies: it never trades, so it costs nothing."""
    return ExecutionConfig(
        starting_cash=100_000.0,
        commission=NoCommissionConfig(model="none"),
        slippage=NoSlippageConfig(model="none"),
    )
