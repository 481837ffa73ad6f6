"""`run honesty`: a session on its own terms and on others, leaving nothing behind."""

import math
from datetime import date
from typing import Any

import pytest

from app.core.exceptions import ConfigurationError, StageFailedError, StrategyError
from tests.system_fixtures import Installation, minutes, session_config

DAYS = [date(2024, 3, day) for day in (4, 5)]
COSTS: dict[str, Any] = {
    "starting_cash": 10_000,
    "commission": {"model": "per_order", "rate": 2.0},
    "slippage": {"model": "ticks", "amount": 2, "tick_size": 0.01},
    "carry": {"margin_rate_pct": 0, "borrow_rate_pct": 0},
}


@pytest.fixture
def market(installation: Installation) -> Installation:
    waves = minutes(*DAYS, close=lambda _day, minute: 100.0 + 2.0 * math.sin(minute / 25.0))
    installation.store("AAA", waves)
    return installation


def config(**strategies: str) -> dict[str, Any]:
    named = strategies or {"cross": "sma_cross"}
    return session_config(
        "AAA",
        first="2024-03-04",
        last="2024-03-05",
        strategies={name: (class_, {}) for name, class_ in named.items()},
        execution=COSTS,
    )


def test_realistic_is_the_session_itself(market: Installation) -> None:
    report = market.system().honesty(config())
    assert market.records() == ()
    assert not market.settings.runs_dir.exists()
    record = market.run(config()).record
    assert record is not None
    assert report.name == "test_session"
    assert report.realistic.return_pct == record.metrics["return_pct"]
    assert report.realistic.fills == record.metrics["fills"]
    assert report.realistic.commission == record.metrics["commission"] > 0
    assert report.naive.commission == report.naive.slippage == 0.0
    assert report.pessimistic.return_pct < report.realistic.return_pct < report.naive.return_pct


def test_a_paced_session_is_not_waited_for(market: Installation) -> None:
    paced = config()
    paced["backtest_config"]["speed_multiplier"] = 1.0
    assert market.system().honesty(paced).realistic.fills > 0


def test_a_config_without_strategies_is_refused(market: Installation) -> None:
    quiet = session_config("AAA", first="2024-03-04", last="2024-03-05")
    with pytest.raises(ConfigurationError, match="strategies: there are none"):
        market.system().honesty(quiet)


def test_a_run_that_fails_does_not_compare(market: Installation) -> None:
    raises = "tests.session_strategies:Raises"
    with pytest.raises(StageFailedError, match="AnalysisEngine: ZeroDivisionError"):
        market.system().honesty(config(wrong=raises))
    with pytest.raises(StrategyError, match="strategy wrong was ended: ZeroDivisionError"):
        market.system().honesty(config(wrong=raises, cross="sma_cross"))
