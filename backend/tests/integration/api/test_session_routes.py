"""The running session's data over HTTP: what has closed by its own time, and no more."""

from datetime import date
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.core.data_structures import BarColumns
from tests.api_fixtures import Api
from tests.system_fixtures import minutes, session_config, until

FRIDAY, MONDAY, TUESDAY = date(2024, 1, 5), date(2024, 1, 8), date(2024, 1, 9)
ROUTES = ("data", "quality", "indicators")


@pytest.fixture
def paused(api: Api) -> TestClient:
    """A viewer of a session that is 11 minutes into its Monday; BRAVO misses one minute of it.

    Its Tuesday has been read ahead.
    """
    full = minutes(FRIDAY, MONDAY, TUESDAY)
    api.installation.store("ALPHA", full)
    api.installation.store(
        "BRAVO", BarColumns.concatenate([full.slice(0, 395), full.slice(396, 1_170)])
    )
    trader = api.as_("trader")
    config = session_config(
        "ALPHA",
        "BRAVO",
        first="2024-01-08",
        last="2024-01-09",
        strategies={
            "cross": ("sma_cross", {"fast": 2, "slow": 4, "quantity": 1, "interval": "5m"})
        },
        historical={
            "data": [{"apply_to": "all", "intervals": ["1m"], "trailing_days": 1}],
            "indicators": {
                "usual": {
                    "type": "trailing_average",
                    "field": "volume",
                    "period": "1d",
                    "granularity": "daily",
                }
            },
        },
    )
    answer = trader.post("/api/v1/system/start", json={"config": config, "paused": True})
    assert answer.status_code == 202, answer.text
    trader.post("/api/v1/system/step", json={"count": 11})
    return api.as_("viewer")


@pytest.mark.parametrize("route", ROUTES)
def test_before_the_first_session_there_is_nothing(api, route) -> None:
    answer = api.as_("viewer").get(f"/api/v1/session/{route}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "DATA_NOT_FOUND")


def test_data_is_what_has_closed(paused) -> None:
    told = paused.get("/api/v1/session/data").json()
    assert (told["session"], told["state"]) == ("2024-01-08", "PAUSED")
    assert told["market_time"] == "2024-01-08T14:41:00Z"  # 09:41 in New York
    alpha, bravo = told["symbols"]
    assert (alpha["symbol"], bravo["symbol"]) == ("ALPHA", "BRAVO")
    one, five = alpha["series"]
    assert (one["interval"], one["derived"], one["bars"], one["history"]) == ("1m", False, 11, 390)
    assert (five["interval"], five["derived"], five["bars"]) == ("5m", True, 2)
    assert one["last"] == {  # the Monday's eleventh minute, as `minutes` makes it
        "end": "2024-01-08T14:41:00Z",
        "open": pytest.approx(101.009),
        "high": pytest.approx(101.010),
        "low": pytest.approx(101.009),
        "close": pytest.approx(101.010),
        "volume": 1_000.0,
    }
    assert bravo["series"][0]["bars"] == 10
    assert [each["name"] for each in five["indicators"]] == ["SMA(2)", "SMA(4)"]
    mean = (101.004 + 101.009) / 2  # the closes of the Monday's two five-minute bars
    assert five["indicators"][0]["values"] == [pytest.approx(mean)]


def test_some_symbols_only(paused) -> None:
    told = paused.get("/api/v1/session/data", params={"symbols": "BRAVO"}).json()
    assert [each["symbol"] for each in told["symbols"]] == ["BRAVO"]
    answer = paused.get("/api/v1/session/data", params={"symbols": "BRAVO,X"})
    assert answer.status_code == 422
    assert "ALPHA, BRAVO" in answer.json()["error"]["message"]


def test_quality_is_of_the_sessions_that_have_begun(paused) -> None:
    def symbols() -> list[dict[str, Any]]:
        return paused.get("/api/v1/session/quality").json()["symbols"]

    until(lambda: all(each["quality_pct"] is not None for each in symbols()))
    alpha, bravo = symbols()
    assert alpha["sessions"] == [{"session": "2024-01-08", "quality_pct": 100.0}]
    assert bravo["quality_pct"] == pytest.approx(100 * 389 / 390)


def test_indicators_with_the_historical_ones(paused) -> None:
    told = paused.get("/api/v1/session/indicators").json()
    assert [(each["symbol"], each["interval"]) for each in told["series"]] == [
        ("ALPHA", "5m"),
        ("BRAVO", "5m"),
    ]
    assert told["historical"] == [
        {"name": "usual", "symbol": symbol, "values": [390_000.0]}  # 390 minutes of 1,000
        for symbol in ("ALPHA", "BRAVO")
    ]
