"""`run honesty`: a session on its own terms and on others, leaving nothing behind."""

from datetime import date
from typing import Any

import pytest

from app.core.exceptions import ConfigurationError, StrategyError
from app.managers.system_manager.session_honesty import session_honesty
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
    installation.store("AAA", minutes(*DAYS))
    return installation


def config(class_: str = "sma_cross", **more: Any) -> dict[str, Any]:
    named = {"cross": (class_, {"interval": "5m"} if class_ == "sma_cross" else {})}
    return session_config(
        "AAA", first="2024-03-04", last="2024-03-05", strategies=named, execution=COSTS, **more
    )


def test_realistic_is_the_session_itself(market: Installation) -> None:
    report = session_honesty(config(), market.settings)
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
    assert session_honesty(paced, market.settings).realistic.fills > 0


def test_what_does_not_compare_is_refused(market: Installation) -> None:
    quiet = session_config("AAA", first="2024-03-04", last="2024-03-05")
    with pytest.raises(ConfigurationError, match="strategies: there are none"):
        session_honesty(quiet, market.settings)
    with pytest.raises(StrategyError, match="strategy cross was ended: ZeroDivisionError"):
        session_honesty(config("tests.session_strategies:Raises"), market.settings)
