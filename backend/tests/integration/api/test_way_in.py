"""What every request passes: names, addresses, sizes, rates; and what every response carries."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import pytest
from fastapi import FastAPI, Request
from loguru import logger
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from app.api.app import create_app
from app.models import database
from app.models.database import session_factory
from app.monitoring.logs import configure_logging
from app.repositories.credential_repository import ApiKeyRepository
from tests.api_fixtures import Api


@pytest.fixture
def log(api: Api) -> Iterator[Path]:
    """The log of the installation, as JSON lines."""
    yield configure_logging(api.settings.logs_dir, "INFO", as_json=True)
    logger.remove()


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def other(api: Api, **settings: Any) -> TestClient:
    """A second application on the same installation, with other settings; its time stands still."""
    api.clock.hold()
    changed = api.settings.model_copy(update=settings)
    app = create_app(changed, system=api.system, clock=api.clock)
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)


# ── what every response carries ──────────────────────────────────────────────


def test_a_response_has_an_id_a_time_and_safe_headers(api: Api) -> None:
    began = perf_counter()
    headers = api.anonymous().get("/api/v1/health").headers
    lasted_s = perf_counter() - began
    assert re.fullmatch(r"[0-9a-f]{16}", headers["x-request-id"])
    assert 0.0 < float(headers["x-process-time"]) < lasted_s
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "strict-transport-security" not in headers
    assert "server" not in headers


def test_over_tls_browsers_are_told_to_stay_there(api: Api) -> None:
    client = TestClient(api.app, base_url="https://127.0.0.1")
    headers = client.get("/api/v1/health").headers
    assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize(
    ("proxies", "proto", "is_told"),
    [
        ("127.0.0.1", "https", True),
        ("127.0.0.0/8", "http, HTTPS", True),
        ("127.0.0.1", "https, http", False),
        ("127.0.0.1", "http", False),
        ("127.0.0.1", None, False),
        ("10.0.0.1", "https", False),
        ("", "https", False),
    ],
)
def test_a_trusted_proxy_says_that_it_speaks_tls(
    api: Api, proxies: str, proto: str | None, is_told: bool
) -> None:
    app = other(api, trusted_proxies=proxies).app
    client = TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 1))
    headers = {} if proto is None else {"X-Forwarded-Proto": proto}
    answer = client.get("/api/v1/health", headers=headers)
    assert ("strict-transport-security" in answer.headers) is is_told


def test_a_path_with_a_slash_too_many_leads_nowhere_else(api: Api) -> None:
    answer = api.as_("trader").post("/api/v1/system/pause/", follow_redirects=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "DATA_NOT_FOUND")
    assert "location" not in answer.headers


@pytest.mark.parametrize(("wanted", "status"), [("bytes=abc", 400), ("bytes=99999999-", 416)])
def test_a_range_that_is_none_is_answered_in_the_one_form(
    api: Api, wanted: str, status: int
) -> None:
    path = "/docs/swagger-ui.css"
    answer = api.anonymous().get(path, headers={"Range": wanted})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, "BAD_REQUEST")
    assert answer.json()["error"]["message"]
    assert int(answer.headers["content-length"]) == len(answer.content)
    size = len(api.anonymous().get(path).content)
    assert answer.headers.get("content-range") == (f"bytes */{size}" if status == 416 else None)
    part = api.anonymous().get(path, headers={"Range": "bytes=0-9"})
    assert (part.status_code, len(part.content)) == (206, 10)


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("POST", "/api/v1/system/step", "/api/v1/system/step"),
        ("PATCH", "/api/strategies/hunter22", "/api/strategies/{strategy_id}"),
        ("POST", "/api/v1/hunter22", "unmatched"),
        ("POST", "/system/step", "unmatched"),
    ],
)
def test_what_is_answered_before_its_route_is_counted_as_the_route_s(
    api: Api, log: Path, method: str, path: str, route: str
) -> None:
    answer = api.as_("viewer").request(method, path, content=b" " * 9_000)
    assert answer.status_code == 413
    (line,) = lines(log)
    shown = "unmatched" if route == "unmatched" else path
    assert line["message"].startswith(f"{method} {shown} 413 ")
    figures = api.as_("viewer").get("/metrics").text
    assert f'method="{method}",route="{route}",status="413"' in figures


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("deploy-7.check_3", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("", False),
        ("two words", False),
        ("x\tinjected", False),
        ("<script>", False),
    ],
)
def test_a_request_may_bring_its_id_if_it_is_a_short_token(api: Api, sent: str, kept: bool) -> None:
    answer = api.anonymous().get("/api/v1/health", headers={"X-Request-ID": sent})
    assert (answer.headers["x-request-id"] == sent) is kept


def test_errors_and_surprises_carry_the_same_headers_and_the_one_form(api: Api, log: Path) -> None:
    @api.app.get("/broken")
    def broken() -> None:
        raise RuntimeError("SECRET_KEY=hunter22 is not for others")

    answer = api.anonymous().get("/broken", headers={"X-Request-ID": "abc"})
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "INTERNAL_ERROR"
    assert "abc" in answer.json()["error"]["message"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"] == "abc"
    trouble, access = lines(log)
    assert "RuntimeError" in trouble["traceback"]
    assert trouble["request_id"] == access["request_id"] == "abc"
    assert access["message"].startswith("GET /broken 500 ")
    assert "hunter22" not in answer.text + log.read_text()


def test_a_database_that_is_locked_or_gone_is_told_as_one(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    @api.app.get("/gone")
    def gone() -> None:
        told = ConnectionError("connection to server at 10.0.0.7, user mismartera: refused")
        raise OperationalError("SELECT 1", None, told)

    client = api.as_("trader")
    monkeypatch.setattr(database, "SQLITE_PRAGMAS", ("PRAGMA busy_timeout=50",))
    address = api.settings.database_url
    session_factory(address).kw["bind"].dispose()
    with closing(sqlite3.connect(make_url(address).database or "")) as other_program:
        other_program.execute("BEGIN IMMEDIATE")
        locked = client.post("/api/v1/api-keys", json={"name": "a", "scopes": ["read"]})
    assert locked.status_code == 500
    assert locked.json()["error"]["code"] == "DATABASE_ERROR"
    assert "is locked by another program: try again" in locked.json()["error"]["message"]
    answer = client.get("/gone")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "DATABASE_ERROR")
    assert "the database does not answer" in answer.json()["error"]["message"]
    assert "10.0.0.7" not in answer.text
    made = client.post("/api/v1/api-keys", json={"name": "a", "scopes": ["read"]})
    assert made.status_code == 201


def test_one_line_tells_who_asked_what(api: Api, log: Path) -> None:
    api.as_("trader").get("/api/v1/runs?limit=1")
    (line,) = lines(log)
    told = r"GET /api/v1/runs 200 [\d.]+ ms testclient user=trader"
    assert re.fullmatch(told, line["message"])


def test_a_path_that_is_no_route_is_not_logged(api: Api, log: Path) -> None:
    api.anonymous().get("/api/v1/hunter22/hunter22?x=hunter22")
    (line,) = lines(log)
    assert line["message"].startswith("GET unmatched 404 ")
    assert "hunter22" not in log.read_text()


FORGED = "%0A2026-11-20 00:00:00.000 | INFO     | - | x:y:1 - forged%1b[2J%c2%9b%e2%80%a8"


def test_a_path_makes_no_line_of_the_log(api: Api) -> None:
    path = configure_logging(api.settings.logs_dir, "INFO")
    told: list[str] = []
    sink = logger.add(lambda message: told.append(message.record["message"]), level="INFO")
    try:
        api.as_("viewer").get(f"/api/v1/orders/a{FORGED}")
        api.as_("viewer").get(f"/api/v1/orders/{'a' * 4_000}")
    finally:
        logger.remove(sink)
    first, second = path.read_text(encoding="utf-8").splitlines()
    logger.remove()
    assert "GET /api/v1/orders/a%0A2026-11-20%2000:00:00.000%20%7C%20INFO" in first
    assert len(second) < 400
    assert all(each.isprintable() for each in told)


def test_a_surprise_on_a_forged_path_makes_no_line_of_the_log(api: Api) -> None:
    @api.app.get("/broken/{name}")
    def broken(name: str) -> None:
        raise RuntimeError(name)

    path = configure_logging(api.settings.logs_dir, "INFO")
    assert api.anonymous().get(f"/broken/a{FORGED}").status_code == 500
    written = path.read_text(encoding="utf-8")
    logger.remove()
    assert "\n2026-11-20 00:00:00.000 | INFO" not in written
    assert "RuntimeError: a" in written
    assert "\x1b" not in written


def test_what_is_repeated_to_its_sender_is_short_and_takes_no_time(api: Api) -> None:
    client, name = api.anonymous(), "_token" * 10_000
    client.post("/api/v1/auth/login", json={})
    client.get("/no")
    trader = api.as_("trader")
    began = process_time()
    unknown = client.get(f"/{name}")
    refused = trader.post("/api/v1/system/step", json={name: 1})
    many = client.post("/api/v1/auth/login", json={f"_token{n}": 1 for n in range(300)})
    assert process_time() - began < 1.0, "three requests are milliseconds each, not seconds"
    assert [each.status_code for each in (unknown, refused, many)] == [404, 422, 422]
    assert len(unknown.text) < 400
    assert len(refused.text) < 600
    (detail,) = refused.json()["error"]["details"]
    assert detail["field"] == name[:100] + "…"
    assert len(many.json()["error"]["details"]) == 100
    assert many.json()["error"]["message"].endswith("; and 202 more")


# ── who may enter ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8000", "localhost:8000", "[::1]:8000", "LOCALHOST", "10.0.0.7"]
)
def test_an_address_and_localhost_are_always_names_of_ours(api: Api, host: str) -> None:
    assert api.anonymous().get("/api/v1/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil", ""])
def test_a_name_that_is_not_ours_is_refused(api: Api, host: str) -> None:
    answer = api.anonymous().get("/api/v1/health", headers={"Host": host})
    assert answer.status_code == 400
    assert "ALLOWED_HOSTS" in answer.json()["error"]["message"]


def test_a_name_in_the_settings_is_ours(api: Api) -> None:
    client = other(api, allowed_hosts="trading.example, other.example")
    for host, status in (("trading.example:443", 200), ("third.example", 400)):
        assert client.get("/api/v1/health", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    "query",
    ["token=hunter22", "api_key=hunter22", "X-API-Key=hunter22", "access%5Ftoken=hunter22"],
)
def test_a_secret_in_the_address_is_refused_and_not_logged(api: Api, log: Path, query: str) -> None:
    answer = api.as_("admin").get(f"/api/v1/health?{query}")
    assert answer.status_code == 400
    assert "Authorization: Bearer" in answer.json()["error"]["message"]
    assert "hunter22" not in answer.text + log.read_text()


def test_pages_of_other_origins_may_call_only_if_the_settings_say_so(api: Api) -> None:
    asking = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    assert (
        "access-control-allow-origin"
        not in api.anonymous().get("/api/v1/health", headers=asking).headers
    )
    client = other(api, cors_origins="https://app.example")
    answer = client.options("/api/v1/health", headers=asking)
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-credentials" not in answer.headers
    strange = client.options("/api/v1/health", headers=asking | {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in strange.headers
    assert (strange.status_code, strange.json()["error"]["code"]) == (400, "BAD_REQUEST")
    assert strange.json()["error"]["message"] == "Disallowed CORS origin"
    asked = client.get("/api/v1/health", headers={"Origin": "https://app.example"})
    exposed = set(asked.headers["access-control-expose-headers"].split(", "))
    assert exposed == {
        "Idempotent-Replayed",
        "Location",
        "Retry-After",
        "X-Next-Cursor",
        "X-Process-Time",
        "X-Request-ID",
    }


# ── how much, how often ──────────────────────────────────────────────────────


def with_echo(client: TestClient) -> TestClient:
    """A route that says how much it was sent, where imports are, and elsewhere."""
    app = client.app
    assert isinstance(app, FastAPI)

    async def echo(request: Request) -> int:
        return len(await request.body())

    for path in ("/api/v1/echo", "/api/v1/market-data/import/echo"):
        app.post(path)(echo)
    return client


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 1_000):
        yield b"x" * 1_000


@pytest.mark.parametrize("in_chunks", [False, True])
def test_a_body_is_taken_up_to_its_limit(api: Api, in_chunks: bool) -> None:
    client = with_echo(other(api, max_body_bytes=10_000))
    client.headers.update(api.as_("trader").headers)
    for size, status in ((10_000, 200), (11_000, 413)):
        body = chunks(size) if in_chunks else b"x" * size
        answer = client.post("/api/v1/echo", content=body)
        assert answer.status_code == status
        if status == 413:
            assert answer.json()["error"] == {
                "code": "PAYLOAD_TOO_LARGE",
                "message": "the body is longer than the 10,000 bytes that may be sent here",
            }


@pytest.mark.parametrize("in_chunks", [False, True])
@pytest.mark.parametrize(
    ("sender", "path"),
    [
        (None, "/api/v1/auth/login"),
        (None, "/api/v1/system/start"),
        ("viewer", "/api/v1/system/start"),
        ("admin", "/api/v1/users"),
        ("admin", "/api/invitations"),
        ("trader", "/api/v1/api-keys"),
        ("trader", "/api/v1/auth/password"),
    ],
)
def test_a_body_is_short_where_nothing_long_is_of_use(
    api: Api, sender: str | None, path: str, in_chunks: bool
) -> None:
    """8 KiB: in it is not even a thousand unknown fields, which take as long as a login."""
    client = api.as_(sender) if sender else api.anonymous()
    client.headers["Content-Type"] = "application/json"
    for size, refused in ((8_000, False), (9_000, True)):
        body = chunks(size) if in_chunks else b" " * size
        answer = client.post(path, content=body)
        assert (answer.status_code == 413) is refused
        if refused:
            assert answer.json()["error"]["code"] == "PAYLOAD_TOO_LARGE"
            assert "8,192 bytes" in answer.json()["error"]["message"]


def test_of_very_many_fields_only_their_number_is_told(api: Api) -> None:
    fields = {f"f{number}": 1 for number in range(1_001)}
    answer = api.as_("trader").post("/api/v1/system/step", json=fields)
    assert answer.status_code == 422
    (detail,) = answer.json()["error"]["details"]
    assert detail == {"field": "body", "message": "1,001 fields; at most 1,000 are read"}


@pytest.mark.parametrize(("sender", "status"), [("trader", 422), ("viewer", 413), (None, 413)])
@pytest.mark.parametrize("prefix", ["/api", "/api/v1"])
def test_files_may_be_longer_for_those_who_may_import(
    api: Api, prefix: str, sender: str | None, status: int
) -> None:
    """By 1 MiB and 64 KiB for the form; what is sent here is no form (422)."""
    client = with_echo(other(api, max_body_bytes=10_000, import_max_mib=1))
    if sender is not None:
        client.headers.update(api.as_(sender).headers)
    path = f"{prefix}/market-data/import"
    assert client.post(path, content=b"x" * 1_114_112).status_code == status
    assert client.post(path, content=b"x" * 1_114_113).status_code == 413


def test_bodies_are_longer_at_no_path_beside(api: Api) -> None:
    client = with_echo(other(api, max_body_bytes=10_000, import_max_mib=1))
    client.headers.update(api.as_("trader").headers)
    path = "/api/v1/market-data/import/echo"
    assert client.post(path, content=chunks(10_000)).status_code == 200
    assert client.post(path, content=chunks(11_000)).status_code == 413


def test_who_asks_too_often_is_told_when_to_go_on(api: Api) -> None:
    client = other(api, rate_limit_per_minute=3)
    answers = [client.get("/api/v1/health") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json()["error"]["code"] == "RATE_LIMITED"
    wait_s = int(answers[3].headers["retry-after"])
    assert 1 <= wait_s <= 20
    message = answers[3].json()["error"]["message"]
    assert message == f"too many requests: go on in {wait_s} s"
    assert "x-request-id" in answers[3].headers
    client.headers.update(api.as_("viewer").headers)
    assert client.get("/api/v1/health").status_code == 200


def test_a_wrong_token_counts_for_the_address_that_sends_it(api: Api) -> None:
    client = other(api, rate_limit_per_minute=2)
    for number in range(2):
        client.get("/metrics", headers={"Authorization": f"Bearer guess{number}"})
    answer = client.get("/metrics", headers={"Authorization": "Bearer guess3"})
    assert answer.status_code == 429


def test_wrong_keys_reach_the_database_no_oftener_than_requests_are_allowed(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []
    look_up = ApiKeyRepository.find

    def counted(self: ApiKeyRepository, key_hash: str, now: datetime) -> Any:
        looked_up.append(key_hash)
        return look_up(self, key_hash, now)

    monkeypatch.setattr(ApiKeyRepository, "find", counted)
    client = other(api, rate_limit_per_minute=3)
    good = api.as_("viewer").post("/api/v1/api-keys", json={"name": "a", "scopes": ["read"]})
    right = {"X-API-Key": good.json()["secret"]}
    for _ in range(4):
        client.get("/api/v1/health")
    assert client.get("/api/v1/auth/me", headers=right).status_code == 200
    wrong = [
        client.get("/api/v1/auth/me", headers={"X-API-Key": f"mm_wrong{number}"}).status_code
        for number in range(20)
    ]
    assert wrong == [429] * 20
    assert len(looked_up) == 1 + 3
    refused = client.get("/api/v1/auth/me", headers=right)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 20


def test_a_forged_address_gains_nothing(api: Api) -> None:
    client = other(api, rate_limit_per_minute=2)
    statuses = [
        client.get("/api/v1/health", headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code
        for n in range(3)
    ]
    assert statuses == [200, 200, 429]


# ── start and stop ───────────────────────────────────────────────────────────


def test_two_applications_in_one_process_and_each_twice(api: Api) -> None:
    first, second = (create_app(api.settings, system=api.system, clock=api.clock) for _ in range(2))
    for app in (first, second, first, second):
        with TestClient(app, base_url="http://127.0.0.1") as client:
            assert client.get("/api/v1/health").status_code == 200
