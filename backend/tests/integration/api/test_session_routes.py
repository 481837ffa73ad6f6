"""The running session's data over HTTP: what has closed by its own time, and no more."""

from datetime import date, time
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.core.data_structures import BarColumns
from app.core.intervals import ONE_MINUTE
from app.managers.system_manager.session_series import session_series
from tests.api_fixtures import Api
from tests.system_fixtures import PATIENCE_S, minutes, session_config, until

FRIDAY, MONDAY, TUESDAY = date(2024, 1, 5), date(2024, 1, 8), date(2024, 1, 9)
ROUTES = ("data", "quality", "indicators")


@pytest.fixture
def held(api: Api) -> TestClient:
    """A trader whose session is held before its Monday; BRAVO misses one minute of that.

    Monday and Tuesday have been read ahead.
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
    until(lambda: is_read_ahead(api))
    return trader


def is_read_ahead(api: Api) -> bool:
    """Whether all there is lies in the session's store, to be shown by mistake."""
    data = api.system.get_session_data()
    assert data is not None
    bars = [len(data.all_bars(symbol, ONE_MINUTE)) for symbol in ("ALPHA", "BRAVO")]
    return bars == [1_170, 1_169] and data.get_quality("BRAVO") is not None


@pytest.fixture
def paused(api: Api, held: TestClient) -> TestClient:
    """A viewer of that session when it is 11 minutes into its Monday."""
    held.post("/api/v1/system/step", json={"count": 11})
    return api.as_("viewer")


@pytest.mark.parametrize("ends", [False, True])
class TestOfASessionThatHasNotBegun:
    """Held before its first step, and after a stop there: nothing but the Friday has happened."""

    FRIDAYS_CLOSE = "2024-01-05T21:00:00Z"  # 16:00 in New York
    LAST = 100.389  # the close of the Friday's last minute, as `minutes` makes it

    @pytest.fixture
    def viewer(self, api: Api, held: TestClient, ends: bool) -> TestClient:
        if ends:
            assert held.post("/api/v1/system/stop").status_code == 200
            assert api.system.wait(PATIENCE_S)
        return api.as_("viewer")

    def test_data_is_its_history(self, viewer: TestClient, ends: bool) -> None:
        told = viewer.get("/api/v1/session/data").json()
        assert (told["state"], told["session"]) == ("STOPPED" if ends else "PAUSED", None)
        assert told["market_time"] is None
        alpha, bravo = (each["series"] for each in told["symbols"])
        assert [(each["bars"], each["history"]) for each in alpha] == [(0, 390), (0, 78)]
        assert [(each["bars"], each["history"]) for each in bravo] == [(0, 390), (0, 78)]
        for each in (*alpha, *bravo):
            assert each["last"]["end"] == self.FRIDAYS_CLOSE
            assert each["last"]["close"] == pytest.approx(self.LAST)
            assert each["quality_pct"] is None

    def test_indicators_are_those_of_the_last_bar_of_history(self, viewer: TestClient) -> None:
        told = viewer.get("/api/v1/session/indicators").json()
        means = [100 + (0.384 + 0.389) / 2, 100 + (0.374 + 0.379 + 0.384 + 0.389) / 4]
        assert [
            [value for each in series["indicators"] for value in each["values"]]
            for series in told["series"]
        ] == [[pytest.approx(mean) for mean in means]] * 2
        assert told["historical"] == []

    def test_quality_is_of_no_session(self, viewer: TestClient) -> None:
        told = viewer.get("/api/v1/session/quality").json()
        assert [(each["quality_pct"], each["sessions"]) for each in told["symbols"]] == [
            (None, []),
            (None, []),
        ]

    def test_streams_are_at_the_end_of_history(self, viewer: TestClient) -> None:
        told = viewer.get("/api/v1/market-data/stream_status").json()
        lasts = {each["last"] for each in told["streams"]}
        assert lasts <= {self.FRIDAYS_CLOSE}
        assert {each["bars"] for each in told["streams"]} <= {390, 78}

    def test_nothing_was_ordered_or_traded(self, viewer: TestClient) -> None:
        for route in ("orders", "fills"):
            assert viewer.get(f"/api/v1/session/{route}").json()["items"] == []

    def test_the_shell_shows_no_more(self, api: Api, viewer: TestClient) -> None:
        assert viewer
        for row in session_series(api.system):
            assert (row.bars, row.history) in {(0, 390), (0, 78)}
            assert row.last is not None
            assert row.last[4] == pytest.approx(self.LAST)
            assert row.quality_pct is None


def test_the_latest_price_of_a_held_session_is_that_before_it(api: Api, held: TestClient) -> None:
    told = api.as_("viewer").get("/api/v1/market-data/latest/ALPHA").json()
    assert (told["source"], told["timestamp"]) == ("session", "2024-01-05T21:00:00Z")
    assert told["price"] == pytest.approx(100.389)  # the Friday's last close


def test_the_latest_price_is_not_taken_from_the_sessions_future(api: Api) -> None:
    """No bar of NEWLY has closed at the session's present, and all of them are stored."""
    installation, trader = api.installation, api.as_("trader")
    installation.store("ALPHA", minutes(FRIDAY, MONDAY))
    installation.store("NEWLY", minutes(MONDAY, first=time(12, 0), count=240))
    installation.store("OTHER", minutes(FRIDAY))
    config = session_config("ALPHA", "NEWLY", first="2024-01-08", last="2024-01-08")
    trader.post("/api/v1/system/start", json={"config": config, "paused": True})
    trader.post("/api/v1/system/step")

    def latest(symbol: str) -> Any:
        return trader.get(f"/api/v1/market-data/latest/{symbol}")

    assert latest("NEWLY").status_code == 404
    assert "no bar of NEWLY has closed" in latest("NEWLY").json()["error"]["message"]
    assert latest("ALPHA").json()["timestamp"] == "2024-01-08T14:31:00Z"  # 09:31 in New York
    assert latest("OTHER").json()["source"] == "store"
    trader.post("/api/v1/system/stop")
    assert latest("NEWLY").json()["timestamp"] == "2024-01-08T21:00:00Z"  # what is stored


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
