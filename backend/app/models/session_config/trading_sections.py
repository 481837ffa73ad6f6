"""Who trades and on which terms: strategies, the account, how orders fill, what holding costs."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field

from app.core.carry import Carry
from app.core.costs import Slippage
from app.core.fill_rules import ALL_PCT, NS_PER_MS, FillRules
from app.models.session_config.cost_sections import (
    CommissionConfig,
    NoCommissionConfig,
    NoSlippageConfig,
    SlippageConfig,
)
from app.models.session_config.kinds import (
    Name,
    ParameterValue,
    Section,
    StrategyClass,
    SymbolSelection,
    Word,
)


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
        description="A shipped strategy by its name (`strategy list` shows them), or your own as "
        "`my_file.py:Class` in the folder of strategies (`STRATEGIES_DIR`) or `module:Class`.",
        examples=["sma_cross", "my_file.py:MyStrategy", "my_package.my_module:MyStrategy"],
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


class FillModelConfig(Section):
    """How much of a bar an order may take, how soon it acts, and what a touched limit is worth."""

    participation_pct: float = Field(
        10.0,
        ge=0,
        le=ALL_PCT,
        description="Most percent of a minute bar's volume that orders may fill together; the rest "
        "waits for the next bar. 0: no cap.",
        examples=[10],
    )
    latency_ms: float = Field(
        0.0,
        ge=0,
        le=86_400_000,
        description="Milliseconds from a decision until the order can trade: it trades from the "
        "first bar that starts no earlier.",
        examples=[250],
    )
    latency_bars: int = Field(
        0, ge=0, le=1_000, description="Minute bars an order misses on top of that.", examples=[1]
    )
    touch_fills: bool = Field(
        default=False,
        description="Whether a limit order fills when the price only touches it. Off, the price "
        "has to trade through.",
        examples=[False],
    )

    def build(self) -> FillRules:
        """The rules the simulated exchange fills by."""
        return FillRules(
            participation_pct=self.participation_pct,
            latency_ns=round(self.latency_ms * NS_PER_MS),
            latency_bars=self.latency_bars,
            touch_fills=self.touch_fills,
        )


class CarryConfig(Section):
    """What is charged for holding from one session to the next, in percent a year."""

    borrow_rate_pct: float = Field(
        0.25,
        ge=0,
        le=1_000,
        description="Fee for borrowed shares, on the market value of what is short. The default "
        "is that of shares that are easy to borrow.",
        examples=[0.25],
    )
    margin_rate_pct: float = Field(
        6.0, ge=0, le=100, description="Interest on money that is owed.", examples=[6.0]
    )
    cash_rate_pct: float = Field(
        0.0,
        ge=0,
        le=100,
        description="Interest on cash, proceeds of short sales left out.",
        examples=[0.0],
    )
    day_count: int = Field(
        360, ge=360, le=366, description="Days of the year a rate is spread over.", examples=[360]
    )

    def build(self) -> Carry:
        """What the account is charged overnight."""
        return Carry(
            borrow_rate_pct=self.borrow_rate_pct,
            margin_rate_pct=self.margin_rate_pct,
            cash_rate_pct=self.cash_rate_pct,
            day_count=self.day_count,
        )


class ExecutionConfig(Section):
    """The account and what trading costs: said in full, for results hang on it."""

    broker: Word[BrokerName] = Field(
        BrokerName.SIMULATED,
        description="Where orders go; a backtest has the simulated exchange.",
        examples=["simulated"],
    )
    starting_cash: float = Field(
        ge=0.000001,  # the least amount of money that the record holds
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
    fill_model: FillModelConfig = Field(
        default_factory=FillModelConfig, description="How orders fill."
    )
    carry: CarryConfig = Field(
        default_factory=CarryConfig,
        description="Borrowing and interest, charged for each night a position is held.",
    )
    random_seed: int = Field(
        0,
        ge=0,
        le=2**32 - 1,
        description="Seed of everything random in the run: the same config, data and seed give "
        "the same orders.",
        examples=[0],
    )

    def build_slippage(self) -> Slippage:
        """By how much fills are worse than the price, drawing from `random_seed` if at all."""
        return self.slippage.build(self.random_seed)


def watching_only() -> ExecutionConfig:
    """The account of a session without strategies: it never trades, so it costs nothing."""
    return ExecutionConfig(
        starting_cash=100_000.0,
        commission=NoCommissionConfig(model="none"),
        slippage=NoSlippageConfig(model="none"),
    )
