"""Stored market data over HTTP, held against the files it came from."""

import csv
import gzip
import io
from datetime import UTC, date, datetime, time
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from starlette.testclient import TestClient

from app.managers.data_manager import DataManager
from app.managers.time_manager import TimeManager
from app.services.market_data.corporate_actions import ActionStorage, import_actions
from app.services.market_data.parquet_storage import SYNTHETIC
from tests.api_fixtures import Api
from tests.system_fixtures import minutes, session_config

MSFT = "stockcharts/us_equity_1m_MSFT_2016.csv.gz"
TICKS = "nautilus/crypto_ticks_BTCUSDT_2021-01-08.csv.gz"
BARS = "/api/v1/market-data/bars/"
MONDAY, TUESDAY = date(2024, 1, 8), date(2024, 1, 9)
FIELDS = ("open", "high", "low", "close", "volume")


def rows_of(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def viewer(api: Api) -> TestClient:
    return api.as_("viewer")


@pytest.fixture
def msft(api: Api, shared_data: Path) -> list[dict[str, str]]:
    """The rows of a real file of minutes that has been imported."""
    api.installation.import_file(shared_data / MSFT)
    return rows_of(shared_data / MSFT)


def all_pages(client: TestClient, path: str, **params: object) -> list[dict[str, object]]:
    items, cursor, pages = [], {}, 0
    while True:
        answer = client.get(path, params=params | cursor)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        items += page["items"]
        pages += 1
        assert pages < 1_000
        if page["next_cursor"] is None:
            return items
        assert page["items"]
        cursor = {"cursor": page["next_cursor"]}


# ── bars ─────────────────────────────────────────────────────────────────────


def as_told(row: dict[str, str]) -> dict[str, object]:
    return {"timestamp": row["timestamp"], **{name: float(row[name]) for name in FIELDS}}


@pytest.mark.parametrize("limit", [1_000, 777, 10_000])
def test_every_stored_minute_comes_once(viewer, msft, limit) -> None:
    assert all_pages(viewer, f"{BARS}MSFT", limit=limit) == list(map(as_told, msft))


def test_a_thousand_bars_unless_asked_otherwise(viewer, msft) -> None:
    page = viewer.get(f"{BARS}MSFT").json()
    assert (page["symbol"], page["interval"], page["adjustment"]) == ("MSFT", "1m", "raw")
    assert page["items"] == list(map(as_told, msft[:1_000]))
    assert page["next_cursor"] == msft[1_000]["timestamp"]


def test_a_range_is_from_a_start_up_to_an_end(viewer, msft) -> None:
    asked = {"start": "2016-04-18T14:00:00Z", "end": "2016-04-18T14:03:00Z"}
    found = viewer.get(f"{BARS}MSFT", params=asked).json()["items"]
    assert [each["timestamp"] for each in found] == [
        f"2016-04-18T14:0{minute}:00Z" for minute in range(3)
    ]
    market = {"start": "2016-04-18T10:00-04:00", "end": "2016-04-18T10:03-04:00"}  # New York
    assert viewer.get(f"{BARS}MSFT", params=market).json()["items"] == found
    day = viewer.get(f"{BARS}MSFT", params={"start": "2016-04-18", "end": "2016-04-18"}).json()
    assert day["items"] == [as_told(r) for r in msft if r["timestamp"].startswith("2016-04-18")]


@pytest.mark.parametrize("name", ["start", "end", "cursor"])
@pytest.mark.parametrize("written", ["2016-04-18T14:00:00", "2016-04-18 14:00", "2016-04-18T14"])
def test_a_time_without_a_zone_is_not_guessed(viewer, msft, name, written) -> None:
    answer = viewer.get(f"{BARS}MSFT", params={name: written})
    assert answer.status_code == 422, answer.text
    (detail,) = answer.json()["error"]["details"]
    assert detail["field"] == name
    assert "is a time without a zone; write 2024-01-31T14:30:00Z" in detail["message"]


@pytest.mark.parametrize("interval", ["5m", "1h", "1d", "1w"])
def test_longer_bars_are_those_of_the_minutes(viewer, msft, interval) -> None:
    """By plain arithmetic: regular minutes grouped from each session's open, or by day or week."""
    zone = ZoneInfo("America/New_York")
    length = {"5m": 5, "1h": 60}.get(interval)
    groups: dict[object, list[dict[str, str]]] = {}
    for row in msft:
        moment = datetime.fromisoformat(row["timestamp"]).astimezone(zone)
        if not time(9, 30) <= moment.time() < time(16):
            continue
        passed = (moment.hour * 60 + moment.minute - 570) // length if length else 0
        day = moment.date().isocalendar()[:2] if interval == "1w" else moment.date()
        groups.setdefault((day, passed), []).append(row)
    expected = [
        (
            float(rows[0]["open"]),
            max(float(row["high"]) for row in rows),
            min(float(row["low"]) for row in rows),
            float(rows[-1]["close"]),
            sum(float(row["volume"]) for row in rows),
        )
        for rows in groups.values()
    ]
    for limit in (1, 7, 1_000) if interval in ("1d", "1w") else (60, 1_000):
        found = all_pages(viewer, f"{BARS}MSFT", interval=interval, limit=limit)
        assert [tuple(each[name] for name in FIELDS) for each in found] == [
            pytest.approx(each) for each in expected
        ]


def test_a_longer_bar_may_begin_with_the_last_minute(api, viewer) -> None:
    api.installation.store("AA", minutes(MONDAY, count=61))  # 09:30 to 10:30, its minute included
    found = viewer.get(f"{BARS}AA?interval=1h").json()["items"]
    assert [each["timestamp"][11:16] for each in found] == ["14:30", "15:30"]


@pytest.mark.parametrize("interval", ["1m", "5m"])
def test_prices_with_a_split_taken_out(api, viewer, tmp_path, interval) -> None:
    api.installation.store(
        "AAPL", minutes(MONDAY, TUESDAY, close=lambda day, _: (400.0, 100.0)[day])
    )
    file = tmp_path / "actions.csv"
    file.write_text("symbol,date,kind,value\nAAPL,2024-01-09,split,4\n")
    import_actions(file, ActionStorage(api.settings.bars_dir))
    for adjustment, first in (("raw", 400.0), ("split", 100.0)):
        asked = {"adjustment": adjustment, "limit": 50, "interval": interval}
        found = all_pages(viewer, f"{BARS}AAPL", **asked)
        assert (found[0]["close"], found[-1]["close"]) == (first, 100.0)
        assert found[0]["volume"] == 1_000.0 * int(interval[0]) * 400.0 / first


def test_csv_is_what_the_file_was(viewer, msft, shared_data) -> None:
    answer = viewer.get(f"{BARS}MSFT?limit=10000", headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert "x-next-cursor" not in answer.headers
    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert [as_told(row) for row in found] == [as_told(row) for row in msft]
    assert {row["symbol"] for row in found} == {"MSFT"}


def test_arrow_is_a_stream_that_polars_reads(viewer, msft) -> None:
    kind = "application/vnd.apache.arrow.stream"
    answer = viewer.get(f"{BARS}MSFT?limit=500", headers={"Accept": f"text/html, {kind}"})
    assert answer.headers["content-type"] == kind
    assert answer.headers["x-next-cursor"] == msft[500]["timestamp"]
    frame = pl.read_ipc_stream(io.BytesIO(answer.content))
    assert frame["timestamp"].dtype == pl.Datetime("ns", "UTC")
    assert frame["close"].to_list() == [float(row["close"]) for row in msft[:500]]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("text/csv;q=0, */*", "application/json"),
        ("text/csv;q=0, application/json", "application/json"),
        ("text/*", "text/csv"),
        ("text/*;q=0.5, application/*;q=0.4", "text/csv"),
        ("*/*;q=0.1, application/json;q=0, application/vnd.apache.arrow.stream;q=0", "text/csv"),
        ("text/*;q=0.9, text/csv;q=0.1, application/json;q=0.5", "application/json"),
        ("text/csv;q=nan", "application/json"),
        ("text/csv;q=-1, application/json;q=0.1", "application/json"),
        ("text/csv;q=2, application/json;q=0.1", "application/json"),
        ("TEXT/CSV; charset=utf-8; Q=1.000", "text/csv"),
        ("", "application/json"),
        ("text/csv;q=0.2, application/json;q=0.9", "application/json"),
        ("text/csv;q=0.9, application/json;q=0.2", "text/csv"),
        ("text/csv;q=x", "application/json"),
        (";;,,q=", "application/json"),
    ],
)
def test_the_format_that_is_liked_best(viewer, msft, accept, kind) -> None:
    answer = viewer.get(f"{BARS}MSFT?limit=1", headers={"Accept": accept})
    assert answer.headers["content-type"].split(";")[0] == kind


@pytest.mark.parametrize("accept", ["image/png", "text/csv;q=0", "*/*;q=0", "text/html, image/*"])
def test_a_format_that_cannot_be_had(viewer, msft, accept) -> None:
    answer = viewer.get(f"{BARS}MSFT?limit=1", headers={"Accept": accept})
    assert (answer.status_code, answer.json()["error"]["code"]) == (406, "NOT_ACCEPTABLE")
    assert "text/csv" in answer.json()["error"]["message"]


def test_what_is_not_stored_is_not_found(viewer, msft) -> None:
    for path in ("bars/NONE", "latest/NONE", "quality/NONE", "ticks/MSFT"):
        answer = viewer.get(f"/api/v1/market-data/{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "DATA_NOT_FOUND"), path


def test_a_range_without_bars_is_an_empty_page(viewer, msft) -> None:
    for asked in (
        {"start": "2030-01-01"},
        {"end": "1971-01-01"},
        {"start": "2016-04-19", "end": "2016-04-18"},
        {"start": "0001-01-01", "end": "0001-01-02T00:00:00Z"},
        {"start": "9999-12-31T23:59:59Z"},
        {"start": "2016-04-16", "end": "2016-04-17"},  # a weekend
    ):
        for interval in ("1m", "5m", "1d"):
            answer = viewer.get(f"{BARS}MSFT", params=asked | {"interval": interval})
            assert answer.status_code == 200, (asked, answer.text)
            assert (answer.json()["items"], answer.json()["next_cursor"]) == ([], None)


@pytest.mark.parametrize(
    "asked",
    [
        {"interval": "7x"},
        {"interval": "1441m"},
        {"interval": "0m"},
        {"limit": 0},
        {"limit": 10_001},
        {"limit": "many"},
        {"start": "yesterday"},
        {"start": ""},
        {"end": "2016-13-01"},
        {"cursor": "next"},
        {"adjustment": "all of it"},
        {"exchange": "MOON"},
    ],
)
def test_what_cannot_be_asked_is_named(viewer, msft, asked) -> None:
    answer = viewer.get(f"{BARS}MSFT", params=asked)
    assert answer.status_code == 422
    (field,) = asked
    assert [each["field"] for each in answer.json()["error"]["details"]] == [field]


@pytest.mark.parametrize("written", ["BTC/USD", "BTC%2FUSD"])
def test_a_symbol_with_a_slash(api, viewer, written) -> None:
    api.installation.store("BTC/USD", minutes(MONDAY, count=3))
    assert len(viewer.get(f"{BARS}{written}").json()["items"]) == 3
    assert viewer.get(f"/api/market-data/latest/{written}").json()["symbol"] == "BTC/USD"


# ── symbols, quality, latest, ticks, streams ─────────────────────────────────


def test_symbols_with_what_is_stored_of_them(api, viewer) -> None:
    for name in ("CC", "AA"):
        api.installation.store(name, minutes(MONDAY, count=2))
    api.installation.storage.write("BB", minutes(TUESDAY, count=3), labels=[SYNTHETIC])
    found = all_pages(viewer, "/api/v1/market-data/symbols", limit=1)
    assert [each["symbol"] for each in found] == ["AA", "BB", "CC"]
    assert viewer.get("/api/v1/market-data/symbols").json()["items"] == found
    assert found[1] == {
        "symbol": "BB",
        "first": "2024-01-09T14:30:00Z",
        "last": "2024-01-09T14:32:00Z",
        "bars": 3,
        "synthetic": True,
        "labels": ["synthetic"],
    }
    assert found[0]["synthetic"] is False


def test_quality_names_what_is_missing(api, viewer) -> None:
    bars = minutes(MONDAY)
    api.installation.store("AA", bars.slice(0, 100))
    api.installation.store("AA", bars.slice(103, 390))
    found = viewer.get("/api/v1/market-data/quality/AA").json()
    (session,) = found["sessions"]
    assert (session["session"], session["expected"], session["present"]) == ("2024-01-08", 390, 387)
    assert session["quality_pct"] == found["quality_pct"] == pytest.approx(100 * 387 / 390)
    assert session["gaps"] == [  # the 101st minute after 14:30 UTC
        {"start": "2024-01-08T16:10:00Z", "end": "2024-01-08T16:13:00Z", "minutes": 3}
    ]
    whole = {"start": "1900-01-01", "end": "2999-01-01"}
    assert viewer.get("/api/v1/market-data/quality/AA", params=whole).json() == found


@pytest.mark.parametrize(
    "asked",
    [
        {"start": "2030-01-01", "end": "2030-01-31"},
        {"start": "1999-01-01", "end": "2024-01-07"},
        {"start": "2024-01-09"},
        {"end": "2024-01-07"},
    ],
)
def test_of_days_of_which_nothing_is_stored_there_is_no_quality(api, viewer, asked) -> None:
    api.installation.store("AA", minutes(MONDAY))
    found = viewer.get("/api/v1/market-data/quality/AA", params=asked)
    assert found.status_code == 200
    assert found.json() == {
        "symbol": "AA",
        "labels": [],
        "quality_pct": None,
        "sessions": [],
        "findings": [],
        "halts": [],
    }


def test_quality_of_days_the_wrong_way_round_is_refused(api, viewer) -> None:
    api.installation.store("AA", minutes(MONDAY))
    asked = {"start": "2024-01-09", "end": "2024-01-08"}
    refused = viewer.get("/api/v1/market-data/quality/AA", params=asked)
    assert refused.status_code == 422
    assert [each["field"] for each in refused.json()["error"]["details"]] == ["end"]
    assert viewer.get(
        "/api/v1/market-data/quality/AA", params={"start": "2024-01-08", "end": "2024-01-08"}
    ).json()["sessions"]


def test_the_latest_is_the_last_that_is_stored(viewer, msft) -> None:
    found = viewer.get("/api/v1/market-data/latest/MSFT").json()
    assert found["source"] == "store"
    assert found["bar"] == as_told(msft[-1])
    assert (found["price"], found["tick"]) == (float(msft[-1]["close"]), None)


def test_the_latest_of_a_session_is_by_its_own_time(api, viewer) -> None:
    api.installation.store("AA", minutes(MONDAY, TUESDAY))
    config = session_config("AA", first="2024-01-08", last="2024-01-09")
    trader = api.as_("trader")
    trader.post("/api/v1/system/start", json={"config": config, "paused": True})
    trader.post("/api/v1/system/step", json={"count": 5})
    found = viewer.get("/api/v1/market-data/latest/AA").json()
    assert (found["source"], found["timestamp"]) == ("session", "2024-01-08T14:35:00Z")
    assert found["price"] == pytest.approx(100.004)  # the fifth close of `minutes`
    trader.post("/api/v1/system/stop")
    assert viewer.get("/api/v1/market-data/latest/AA").json()["source"] == "store"


@pytest.fixture
def btc(api: Api, shared_data: Path) -> list[dict[str, str]]:
    """The rows of a real file of ticks that has been imported."""
    with api.installation.database() as db:
        market = TimeManager.for_exchange(db, "CRYPTO")
    DataManager(api.installation.storage, market).import_ticks(shared_data / TICKS)
    return rows_of(shared_data / TICKS)


@pytest.mark.parametrize("limit", [1_000, 173])
def test_every_tick_comes_once(viewer, btc, limit) -> None:
    found = all_pages(viewer, "/api/v1/market-data/ticks/BTCUSDT", limit=limit, exchange="CRYPTO")
    assert [(each["price"], each["volume"]) for each in found] == [
        (float(row["price"]), float(row["size"])) for row in btc
    ]
    times = [datetime.fromisoformat(each["timestamp"]) for each in found]
    assert times == [datetime.fromisoformat(row["timestamp"]) for row in btc]


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_ticks_of_one_time_are_not_lost_between_pages(api, viewer, tmp_path, limit) -> None:
    file = tmp_path / "ticks.csv"
    seconds = [0, 1, 1, 1, 1, 1, 1, 1, 2, 2]
    lines = [f"X,2024-01-08T15:00:0{s}Z,{100 + n},1" for n, s in enumerate(seconds)]
    file.write_text("\n".join(["symbol,timestamp,price,size", *lines]) + "\n")
    api.system.get_data_manager().import_ticks(file)
    found = all_pages(viewer, "/api/v1/market-data/ticks/X", limit=limit)
    assert [each["price"] for each in found] == [100.0 + n for n in range(10)]


def test_a_hundred_ticks_as_the_documents_ask_for_them(viewer, btc) -> None:
    answer = viewer.get("/api/v1/market-data/ticks/BTCUSDT?limit=100")
    assert len(answer.json()["items"]) == 100


def test_the_latest_tick(viewer, btc) -> None:
    found = viewer.get("/api/v1/market-data/latest/BTCUSDT").json()
    assert found["tick"]["price"] == found["price"] == float(btc[-1]["price"])
    assert found["bar"] is None


def test_streams_of_the_session(api, viewer) -> None:
    nothing = viewer.get("/api/v1/market-data/stream_status").json()
    assert (nothing["state"], nothing["streams"], nothing["subscriptions"]) == ("STOPPED", [], [])
    api.installation.store("AA", minutes(MONDAY))
    api.system.get_data_manager().start_bar_stream("AA", "5m")
    config = session_config("AA", first="2024-01-08", last="2024-01-08")
    trader = api.as_("trader")
    trader.post("/api/v1/system/start", json={"config": config, "paused": True})
    trader.post("/api/v1/system/step", json={"count": 11})
    found = viewer.get("/api/v1/market-data/stream_status").json()
    assert found["market_time"] == "2024-01-08T14:41:00Z"
    assert sorted((s["interval"], s["bars"], s["last"]) for s in found["streams"]) == [
        ("1m", 11, "2024-01-08T14:41:00Z"),
        ("5m", 2, "2024-01-08T14:40:00Z"),
    ]
    (stream,) = found["subscriptions"]
    assert (stream["symbol"], stream["interval"], stream["dropped"]) == ("AA", "5m", 0)
    assert (stream["last"], stream["waiting"]) == ("2024-01-08T14:40:00Z", 2)


# ── hostile input ────────────────────────────────────────────────────────────

INJECTIONS = (
    "' OR '1'='1",
    "'; DROP TABLE users; --",
    '" OR ""="',
    "1; DELETE FROM audit_log",
    "' UNION SELECT password_hash FROM users --",
    "admin'--",
    "1 OR SLEEP(5)",
    "%' AND 1=CAST((SELECT 1) AS int) --",
    "$$; SELECT pg_sleep(5); $$",
    "\\'; ATTACH DATABASE 'x.db' AS x; --",
    "{{7*7}}",
    "NULL",
)
CLIMBS = (
    "../../../etc/passwd",
    "..%2F..%2F..%2Fetc%2Fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "..%5C..%5Cetc",
    "%252e%252e%252fetc%252fpasswd",
    "/etc/passwd",
    "//etc/passwd",
    "%00",
    "AA%00.parquet",
    "%0a",
    "%ff%fe",
    "..",
    ".",
    "....//etc",
    "A" * 65,
    "%EF%BC%8E%EF%BC%8E%EF%BC%8F",
    "~root",
    "-rf",
    "*",
    "$(id)",
    "AA/../../1m/AA",
)
BY_SYMBOL = ("bars", "latest", "quality", "ticks")


@pytest.mark.parametrize("route", BY_SYMBOL)
def test_no_symbol_leads_out_of_the_store(api, viewer, route) -> None:
    api.installation.store("AA", minutes(MONDAY, count=3))
    before = sorted(api.settings.bars_dir.rglob("*"))
    for payload in (*CLIMBS, *INJECTIONS):
        answer = viewer.get(f"/api/v1/market-data/{route}/{payload}")
        assert 400 <= answer.status_code < 500, (payload, answer.text)
        assert "root:" not in answer.text
    assert sorted(api.settings.bars_dir.rglob("*")) == before


PARAMETERS = {
    "/market-data/bars/AA": (
        "interval",
        "start",
        "end",
        "limit",
        "cursor",
        "adjustment",
        "exchange",
    ),
    "/market-data/latest/AA": ("exchange",),
    "/market-data/quality/AA": ("start", "end", "exchange"),
    "/market-data/ticks/X": ("start", "end", "limit", "cursor", "exchange"),
    "/market-data/symbols": ("limit", "cursor"),
    "/session/data": ("symbols",),
    "/session/indicators": ("symbols",),
}


HOSTILE = (*INJECTIONS, "../../etc/passwd", "\0", "\ud7ff", "9" * 400, "-1", "1e309", "")


@pytest.mark.parametrize("path", PARAMETERS)
def test_no_parameter_is_more_than_a_text(api, viewer, path) -> None:
    api.installation.store("AA", minutes(MONDAY, count=3))
    for name in PARAMETERS[path]:
        for payload in HOSTILE:
            answer = viewer.get(f"/api/v1{path}", params={name: payload})
            assert answer.status_code < 500, (name, payload, answer.text)
            if answer.status_code == 200:  # taken as what it says: a name that others come after
                assert (path, name) == ("/market-data/symbols", "cursor")
    with api.work() as work:
        assert [user.username for user in work.users.list()] == ["viewer"]


def test_an_import_id_is_an_id(viewer) -> None:
    for payload in HOSTILE:
        answer = viewer.get(f"/api/v1/market-data/imports/{quote(payload, safe='')}")
        assert answer.status_code in (404, 422), payload


def test_the_clock_bounds_what_is_told(api, viewer) -> None:
    """A bar of tomorrow, which only a wrong import can have stored, is not told."""
    tomorrow = datetime(2099, 1, 5, tzinfo=UTC).date()
    api.installation.store("AA", minutes(MONDAY, tomorrow, count=3))
    assert len(viewer.get(f"{BARS}AA").json()["items"]) == 3
    last = viewer.get("/api/v1/market-data/latest/AA").json()["bar"]
    assert last["timestamp"] == "2024-01-08T14:32:00Z"
