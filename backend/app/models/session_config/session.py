"""The session config as a whole."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from app.core.enums import OperationMode
from app.models.session_config.data_sections import BacktestConfig, SessionDataConfig
from app.models.session_config.kinds import Mistake, Section, SessionName, Word, refuse
from app.models.session_config.trading_sections import (
    ExecutionConfig,
    StrategyConfig,
    watching_only,
)


class ExchangeGroup(StrEnum):
    """Markets with one calendar."""

    US_EQUITY = "US_EQUITY"
    CRYPTO = "CRYPTO"
    IN_EQUITY = "IN_EQUITY"


class AssetClass(StrEnum):
    """What is traded there."""

    EQUITY = "EQUITY"
    CRYPTO = "CRYPTO"


TRADED = {
    ExchangeGroup.US_EQUITY: AssetClass.EQUITY,
    ExchangeGroup.CRYPTO: AssetClass.CRYPTO,
    ExchangeGroup.IN_EQUITY: AssetClass.EQUITY,
}
"""The asset class of each exchange group: together they name a market's hours and time zone."""


class SessionConfig(Section):
    """Everything that decides a session: the same config, data and code give the same result.

    A paper or live session is refused when it is read, since no broker is connected yet.
    """

    session_name: SessionName = Field(
        description="Its name in results; the validation file is named after it.",
        examples=["My session"],
    )
    exchange_group: Word[ExchangeGroup] = Field(
        description="The market: with `asset_class` it decides hours, holidays and time zone.",
        examples=["US_EQUITY"],
    )
    asset_class: Word[AssetClass] = Field(
        description="`EQUITY` for `US_EQUITY` and `IN_EQUITY`, `CRYPTO` for `CRYPTO`.",
        examples=["EQUITY"],
    )
    mode: Word[OperationMode] = Field(
        description="`backtest` replays stored bars. `paper` and `live` need a broker "
        "connection, which is not available yet: they are refused.",
        examples=["backtest"],
    )
    backtest_config: BacktestConfig = Field(description="What is replayed, and how.")
    session_data_config: SessionDataConfig = Field(description="Which data it works on.")
    strategies: Annotated[tuple[StrategyConfig, ...], Field(strict=False)] = Field(
        (),
        description="The strategies at work, called in this order. Without any, the session "
        "only replays and scores its data.",
    )
    execution: ExecutionConfig = Field(
        default_factory=watching_only,
        description="The account and its costs; must be given as soon as there is a strategy.",
    )

    def to_dict(self) -> dict[str, Any]:
        """Everything, defaults included, in JSON's types; reading it back gives an equal config."""
        return self.model_dump(mode="json", exclude_none=True)

    def symbols_of(self, strategy: StrategyConfig) -> tuple[str, ...]:
        """What `strategy` trades, in the session's order."""
        return self.session_data_config.selected(strategy.symbols)

    @model_validator(mode="before")
    @classmethod
    def _mode_is_available(cls, data: Any) -> Any:
        mode = data.get("mode") if isinstance(data, Mapping) else None
        if mode in (OperationMode.PAPER.value, OperationMode.LIVE.value):
            sentence = (
                f'"{mode}" needs a broker connection, which is not available yet; use "backtest"'
            )
            refuse([(("mode",), sentence)])
        return data

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(self._mistakes())
        return self

    def _mistakes(self) -> Iterator[Mistake]:
        traded = TRADED[self.exchange_group]
        if self.asset_class is not traded:
            yield (
                ("asset_class",),
                f'"{self.asset_class}" is not traded in {self.exchange_group}; use "{traded}"',
            )
        names = [strategy.name for strategy in self.strategies]
        for position, strategy in enumerate(self.strategies):
            if strategy.name in names[:position]:
                yield (
                    ("strategies", position, "name"),
                    f'"{strategy.name}" is taken by another strategy; give each its own name',
                )
            for path, sentence in self.session_data_config.strangers(strategy.symbols):
                yield ("strategies", position, "symbols", *path), sentence
        if self.strategies and "execution" not in self.model_fields_set:
            yield (
                ("execution",),
                "is missing; strategies trade, so give starting_cash, commission and slippage",
            )
