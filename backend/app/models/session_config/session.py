"""The session config as a whole."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticKnownError

from app.core.enums import OperationMode
from app.core.exceptions import ConfigurationError
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

    A live session is refused when it is read, since no broker is connected yet.
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
        description="`backtest` replays stored bars. `paper` plays the session that is on, or "
        "the next one, as its bars come in, on the same simulated exchange. `live` needs a broker "
        "connection, which is not available yet: it is refused.",
        examples=["backtest"],
    )
    backtest_config: BacktestConfig | None = Field(
        None,
        validate_default=True,
        description="What is replayed, and how. A backtest must have it; a paper session does "
        "not heed it, so that it may have the same config.",
    )
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

    @property
    def replay(self) -> BacktestConfig | None:
        """What is replayed, and how; None for a session that is no backtest."""
        return self.backtest_config if self.mode is OperationMode.BACKTEST else None

    def require_replay(self) -> BacktestConfig:
        """What is replayed, and how.

        Raises:
            ConfigurationError: the session is no backtest.
        """
        replay = self.replay
        if replay is None:
            raise ConfigurationError(
                f'mode: "{self.mode}" plays the session that is on, and a backtest is wanted; '
                'use "backtest"'
            )
        return replay

    def symbols_of(self, strategy: StrategyConfig) -> tuple[str, ...]:
        """What `strategy` trades, in the session's order."""
        return self.session_data_config.selected(strategy.symbols)

    @model_validator(mode="before")
    @classmethod
    def _mode_is_available(cls, data: Any) -> Any:
        mode = data.get("mode") if isinstance(data, Mapping) else None
        if mode == OperationMode.LIVE.value:
            sentence = (
                '"live" needs a broker connection, which is not available yet; '
                'use "paper" or "backtest"'
            )
            refuse([(("mode",), sentence)])
        return data

    @field_validator("backtest_config")
    @classmethod
    def _a_backtest_is_told_what_to_replay(
        cls, section: BacktestConfig | None, info: ValidationInfo
    ) -> BacktestConfig | None:
        if section is None and info.data.get("mode") is not OperationMode.PAPER:
            raise PydanticKnownError("missing")
        return section

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
        if self.mode is not OperationMode.BACKTEST and not (
            self.session_data_config.gap_filler.max_retries
        ):
            yield (
                ("session_data_config", "gap_filler", "max_retries"),
                "0 waits for no bar, so none would be in time; give 1 or more",
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
