"""The session config: its sections, and how one is read from a file, a text or a mapping."""

from app.models.session_config.cost_sections import CommissionConfig, SlippageConfig
from app.models.session_config.data_sections import (
    BacktestConfig,
    BarField,
    GapFiller,
    Granularity,
    Historical,
    HistoricalData,
    HistoricalIndicator,
    HistoricalIndicatorType,
    SessionDataConfig,
    Stream,
)
from app.models.session_config.loading import (
    load_session_config,
    parse_session_config,
    read_session_config,
)
from app.models.session_config.named import is_name, list_named, resolve_named
from app.models.session_config.session import AssetClass, ExchangeGroup, SessionConfig
from app.models.session_config.trading_sections import (
    BrokerName,
    CarryConfig,
    ExecutionConfig,
    FillModelConfig,
    StrategyConfig,
)

__all__ = [
    "AssetClass",
    "BacktestConfig",
    "BarField",
    "BrokerName",
    "CarryConfig",
    "CommissionConfig",
    "ExchangeGroup",
    "ExecutionConfig",
    "FillModelConfig",
    "GapFiller",
    "Granularity",
    "Historical",
    "HistoricalData",
    "HistoricalIndicator",
    "HistoricalIndicatorType",
    "SessionConfig",
    "SessionDataConfig",
    "SlippageConfig",
    "StrategyConfig",
    "Stream",
    "is_name",
    "list_named",
    "load_session_config",
    "parse_session_config",
    "read_session_config",
    "resolve_named",
]
