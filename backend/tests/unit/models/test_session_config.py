"""Reading sound configs: the shipped example, the shortest one, and what the models offer."""

import json
import math
from pathlib import Path
from typing import Any

import pandas_market_calendars
import pytest
from pydantic import ValidationError

from app.core.carry import Carry
from app.core.costs import (
    AllOf,
    ImpactSlippage,
    NoCommission,
    NoSlippage,
    PercentOfValue,
    PercentSlippage,
    PerOrder,
    PerShare,
    RandomSlippage,
    RangeSlippage,
    SpreadSlippage,
    TickSlippage,
    Tier,
    Tiered,
    alpaca,
    interactive_brokers_fixed,
    interactive_brokers_tiered,
)
from app.core.exceptions import ConfigurationError
from app.core.fill_rules import FillRules
from app.core.indicators import IndicatorSpec
from app.core.intervals import ONE_DAY, ONE_MINUTE, Interval
from app.core.regulatory_fees import RegulatoryFees
from app.managers.data_manager.sample import SAMPLE_WINDOW
from app.managers.time_manager.exchanges import EXCHANGES
from app.models.session_config import (
    ExecutionConfig,
    load_session_config,
    parse_session_config,
    read_session_config,
)
from app.models.session_config.session import TRADED

CONFIGS = Path(__file__).resolve().parents[3] / "session_configs"
EXAMPLE = CONFIGS / "example_session.json"

# The config of the platform's architecture document, word for word.
DOCUMENTED = """
{
  "session_name": "My Trading Session",
  "exchange_group": "US_EQUITY",
  "asset_class": "EQUITY",
  "mode": "backtest",

  "backtest_config": {
    "backtest_days": 5,
    "speed_multiplier": 0,
    "prefetch_days": 2
  },

  "session_data_config": {
    "symbols": ["AAPL", "RIVN"],
    "streams": ["bars_1m"],

    "historical": {
      "data": [
        {
          "apply_to": "all",
          "intervals": ["1m", "1d"],
          "trailing_days": 10
        }
      ],
      "indicators": {
        "trailing_avg_volume": {
          "type": "trailing_average",
          "field": "volume",
          "period": "10d",
          "granularity": "daily"
        }
      }
    },

    "gap_filler": {
      "max_retries": 3,
      "retry_interval_seconds": 5,
      "enable_session_quality": true
    }
  }
}
"""


def execution(**changes: Any) -> ExecutionConfig:
    config = {
        "session_name": "costs",
        "exchange_group": "CRYPTO",
        "asset_class": "CRYPTO",
        "mode": "backtest",
        "backtest_config": {"backtest_days": 1},
        "session_data_config": {"symbols": ["BTC/USD"]},
        "execution": {
            "starting_cash": 1000,
            "commission": {"model": "none"},
            "slippage": {"model": "none"},
            **changes,
        },
    }
    return read_session_config(config).execution


def test_the_documented_config_is_read() -> None:
    config = parse_session_config(DOCUMENTED)
    assert config.session_data_config.symbols == ("AAPL", "RIVN")
    assert config.backtest_config.backtest_days == 5
    assert config.backtest_config.window is None
    history = config.session_data_config.historical
    assert history.data[0].intervals == (ONE_MINUTE, ONE_DAY)
    assert history.indicators["trailing_avg_volume"].period_days == 10
    assert history.indicators["trailing_avg_volume"].spec == IndicatorSpec.of(
        "trailing_average", "volume", period="10d", granularity="daily"
    )
    assert config.strategies == ()
    assert config.execution.commission.build() == NoCommission()


def test_the_example_replays_the_sample_behind_its_three_sessions_of_history() -> None:
    config = load_session_config(EXAMPLE)
    first, last = config.backtest_config.window or (None, None)
    calendar = pandas_market_calendars.get_calendar("XNYS")
    sample, traded = calendar.schedule(*SAMPLE_WINDOW), calendar.schedule(first, last)
    assert (len(sample), len(calendar.early_closes(sample))) == (30, 1)
    assert last == SAMPLE_WINDOW[1]
    assert len(sample) - len(traded) == config.session_data_config.historical.data[0].trailing_days
    assert config.session_data_config.symbols == ("ALPHA", "BRAVO", "CHARLIE")
    assert [strategy.class_ for strategy in config.strategies] == ["sma_cross", "rsi_reversion"]


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.json")), ids=lambda path: path.name)
def test_every_shipped_config_is_sound_and_survives_a_round_trip(path: Path) -> None:
    config = load_session_config(path)
    assert read_session_config(config.to_dict()) == config
    assert parse_session_config(json.dumps(config.to_dict())) == config


@pytest.mark.parametrize(
    ("section", "model"),
    [
        ({"model": "none"}, NoCommission()),
        ({"model": "per_share", "rate": 0.005, "minimum": 1}, PerShare(0.005, 1.0)),
        ({"model": "per_share", "rate": 0.005}, PerShare(0.005, 0.0)),
        ({"model": "per_order", "rate": 1}, PerOrder(1.0)),
        ({"model": "percent", "rate": 0.1, "minimum": 0.5}, PercentOfValue(0.1, 0.5)),
        (
            {"model": "per_share", "rate": 0.005, "maximum_pct": 1, "regulatory_fees": True},
            AllOf((PerShare(0.005, 0.0, 1.0), RegulatoryFees())),
        ),
        (
            {
                "model": "tiered",
                "tiers": [{"up_to": 300_000, "rate": 0.0035}, {"rate": 0.002}],
                "minimum": 0.35,
                "maximum_pct": 1,
            },
            Tiered((Tier(300_000, 0.0035), Tier(math.inf, 0.002)), 0.35, 1.0),
        ),
        ({"model": "ibkr_fixed"}, interactive_brokers_fixed()),
        ({"model": "ibkr_tiered"}, interactive_brokers_tiered()),
        ({"model": "ibkr_tiered", "venue_rate": 0}, interactive_brokers_tiered(0.0)),
        ({"model": "alpaca"}, alpaca()),
    ],
)
def test_commission_sections_build_their_models(section: dict[str, Any], model: object) -> None:
    assert execution(commission=section).commission.build() == model


@pytest.mark.parametrize(
    ("section", "model"),
    [
        ({"model": "none"}, NoSlippage()),
        ({"model": "ticks", "amount": 2, "tick_size": 0.25}, TickSlippage(2.0, 0.25)),
        ({"model": "percent", "amount": 0.05}, PercentSlippage(0.05)),
        ({"model": "range", "amount": 10}, RangeSlippage(10.0)),
        (
            {"model": "spread", "amount": 0.02, "least_ticks": 1},
            SpreadSlippage(0.02, 1.0, 0.01),
        ),
        ({"model": "impact"}, ImpactSlippage(1.0, 0.0)),
        ({"model": "impact", "coefficient": 0.5, "spread": 0.02}, ImpactSlippage(0.5, 0.02)),
        ({"model": "random", "amount": 0.05}, RandomSlippage(0.05, seed=42)),
    ],
)
def test_slippage_sections_build_their_models(section: dict[str, Any], model: object) -> None:
    assert execution(slippage=section, random_seed=42).build_slippage() == model


def test_how_orders_fill_and_what_holding_costs() -> None:
    said = execution(
        fill_model={"participation_pct": 5, "latency_ms": 250.5, "latency_bars": 1},
        carry={"borrow_rate_pct": 2, "margin_rate_pct": 7, "cash_rate_pct": 1, "day_count": 365},
    )
    assert said.fill_model.build() == FillRules(
        participation_pct=5.0, latency_ns=250_500_000, latency_bars=1
    )
    assert said.carry.build() == Carry(
        borrow_rate_pct=2.0, margin_rate_pct=7.0, cash_rate_pct=1.0, day_count=365
    )
    unsaid = execution()
    assert unsaid.fill_model.build() == FillRules(participation_pct=10.0)
    assert unsaid.carry.build() == Carry(borrow_rate_pct=0.25, margin_rate_pct=6.0)


@pytest.mark.parametrize(
    ("tiers", "problem"),
    [
        (
            [{"rate": 1}, {"rate": 2}],
            "tiers[0].up_to: is missing; only the last tier has no end",
        ),
        (
            [{"up_to": 9, "rate": 1}, {"up_to": 5, "rate": 1}, {"rate": 2}],
            "tiers[1].up_to: 5 is not above the 9 of the tier before; list tiers in rising order",
        ),
        (
            [{"up_to": 9, "rate": 1}],
            "tiers[0].up_to: 9 ends the last tier; leave it out, so that every share has a rate",
        ),
    ],
)
def test_tiers_follow_one_another(tiers: list[dict[str, float]], problem: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        execution(commission={"model": "tiered", "tiers": tiers})
    assert refusal.value.problems == (f"execution.commission.{problem}",)


def test_selections_come_in_the_order_of_the_session() -> None:
    raw = json.loads(EXAMPLE.read_text())
    raw["strategies"][1]["symbols"] = ["CHARLIE", "ALPHA"]
    config = read_session_config(raw)
    assert config.symbols_of(config.strategies[0]) == ("ALPHA", "BRAVO", "CHARLIE")
    assert config.symbols_of(config.strategies[1]) == ("ALPHA", "CHARLIE")


@pytest.mark.parametrize(
    "symbol", ["AAPL", "BRK.B", "BTC/USD", "BINANCE:BTCBUSD", "BTC-PERP", "M&M", "^GSPC", "ES=F"]
)
def test_symbols_of_every_market_are_symbols(symbol: str) -> None:
    raw = json.loads(DOCUMENTED)
    raw["session_data_config"]["symbols"] = [symbol]
    assert read_session_config(raw).session_data_config.symbols == (symbol,)


def test_the_markets_of_a_config_are_those_with_a_calendar() -> None:
    known = {(exchange.exchange_group, exchange.asset_class) for exchange in EXCHANGES}
    assert {(group.value, traded.value) for group, traded in TRADED.items()} == known


def test_an_interval_keeps_its_value_through_a_round_trip() -> None:
    raw = json.loads(DOCUMENTED)
    raw["session_data_config"]["historical"]["data"][0]["intervals"] = ["60m", "90m", "1w"]
    config = read_session_config(raw)
    assert config.session_data_config.historical.data[0].intervals[0] == Interval(minutes=60)
    assert config.to_dict()["session_data_config"]["historical"]["data"][0]["intervals"] == [
        "1h",
        "90m",
        "1w",
    ]


def test_a_config_cannot_be_changed() -> None:
    config = parse_session_config(DOCUMENTED)
    with pytest.raises(ValidationError, match="frozen"):
        config.session_name = "other"  # type: ignore[misc]  # that is what is tested


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(b"\xef\xbb\xbf" + DOCUMENTED.encode())
    assert load_session_config(path).session_name == "My Trading Session"


def test_a_missing_file_names_the_configs_there_are(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    with pytest.raises(ConfigurationError, match=r"mine.json does not exist; .* holds no session"):
        load_session_config(path)
    for name in ("b.json", "a.json", "notes.txt"):
        (tmp_path / name).touch()
    with pytest.raises(ConfigurationError, match=r"holds a.json and b.json$"):
        load_session_config(path)
    with pytest.raises(ConfigurationError, match=r"there is no folder .*nowhere either"):
        load_session_config(tmp_path / "nowhere" / "mine.json")


def test_a_file_that_cannot_be_a_config_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(b'{"session_name": "caf\xe9"}')
    with pytest.raises(ConfigurationError, match=r"is not UTF-8 text \(byte 21\); save it as"):
        load_session_config(path)
    path.write_bytes(b" " * 1_048_577)
    with pytest.raises(ConfigurationError, match="is larger than 1 MiB"):
        load_session_config(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_session_config(tmp_path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_session_config(tmp_path / "a\0b.json")
