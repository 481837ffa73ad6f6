"""Fifty secrets, planted wherever a request can carry one, are nowhere afterwards.

Looked for in every response, its headers, the log and the figures.
"""

import base64
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException
from loguru import logger
from pydantic import SecretStr
from starlette.testclient import TestClient

from app.api.app import create_app
from app.core.exceptions import DatabaseError, ExternalServiceError
from app.managers.system_manager import SystemManager
from app.monitoring.logs import log_of, set_level
from tests.api_fixtures import Api
from tests.system_fixtures import Installation

QUERIES = (
    "token",
    "access_token",
    "refresh_token",
    "api_key",
    "password",
    "secret",
    "client_secret",
    "X-API-Key",
    "jwt",
    "apikey",
)
HEADERS = ("X-API-Key", "Cookie", "Proxy-Authorization", "X-Auth-Token")
BODIES = (
    '{"username": "bob", "password": "%s"}',
    '{"username": "bob", "password": ["%s"]}',
    '{"refresh_token": "%s"}',
    '{"token": {"nested": "%s"}}',
    '{"password": "%s"',
    '["%s"]',
    '"%s"',
    "password=%s&username=bob",
)
ROUTES = ("/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/auth/register")
MESSAGES = (
    "postgresql+psycopg://mismartera:%s@database/mismartera does not answer",
    "redis://:%s@localhost refused",
    "the venue said: Authorization: Bearer %s",
    "request failed: https://api.example/v2?api_key=%s&symbol=AAPL",
    "cannot log in with password=%s",
    "{'headers': {'X-API-Key': '%s'}}",
)
KINDS = (DatabaseError, ExternalServiceError, RuntimeError)


@pytest.fixture
def leaky(installation: Installation) -> Iterator[tuple[Api, TestClient, Path, list[str]]]:
    """An application whose settings are secrets, with a route that raises what it is told."""
    planted = [secrets.token_urlsafe(32)]
    settings = installation.settings.model_copy(update={"secret_key": SecretStr(planted[0])})
    installation.settings = settings
    log = log_of(settings)
    set_level("TRACE")
    system = SystemManager(settings)
    app = create_app(settings, system=system)
    _add_broken_route(app)
    client = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    api = Api(installation, system, app, app.state.platform.clock)
    yield api, client, log, planted
    set_level("INFO")
    logger.remove()
    system.stop()


def _add_broken_route(app: FastAPI) -> None:
    told: dict[str, tuple[type[Exception], str]] = {}
    app.state.told = told

    @app.get("/broken/{name}")
    def broken(name: str) -> None:
        kind, message = told[name]
        if kind is HTTPException:
            raise HTTPException(400, message)
        raise kind(message) from ValueError(message)


def _is_path_of_it(answer: str, secret: str) -> bool:
    """A path that is none is named to its sender, in the one answer to it, and nowhere else."""
    return answer.startswith("404") and f"/no/{secret}" in answer


def test_fifty_planted_secrets_are_nowhere(
    leaky: tuple[Api, TestClient, Path, list[str]],
) -> None:
    api, client, log, planted = leaky
    seen: list[str] = []

    def plant() -> str:
        planted.append(secrets.token_urlsafe(24))
        return planted[-1]

    def ask(method: str, path: str, **what: Any) -> None:
        answer = client.request(method, path, **what)
        seen.append(f"{answer.status_code} {dict(answer.headers)} {answer.text}")

    for name in QUERIES:
        ask("GET", f"/api/v1/health?{name}={plant()}")
    for name in HEADERS:
        ask("GET", "/api/v1/health/detailed", headers={name: plant()})
    ask("GET", "/api/v1/health/detailed", headers={"Authorization": f"Bearer {plant()}"})
    basic = base64.b64encode(f"bob:{plant()}".encode()).decode()
    planted.append(basic)
    ask("GET", "/api/v1/health/detailed", headers={"Authorization": f"Basic {basic}"})
    ask("GET", f"/api/v1/no/{plant()}")
    for number, body in enumerate(BODIES):
        path = ROUTES[number % len(ROUTES)]
        json = {"Content-Type": "application/json"}
        ask("POST", path, content=body % plant(), headers=json)
    for kind in KINDS:
        for number, message in enumerate(MESSAGES):
            name = f"{kind.__name__}{number}"
            api.app.state.told[name] = (kind, message % plant())
            ask("GET", f"/broken/{name}")
    for number, message in enumerate(MESSAGES):
        name = f"http{number}"
        api.app.state.told[name] = (HTTPException, message % plant())
        ask("GET", f"/broken/{name}")
    logger.error("the secret is {}", planted[0])

    client.headers.update(api.as_("viewer").headers)
    figures = client.get("/metrics").text
    assert len(planted) >= 50
    for number, secret in enumerate(planted):
        said = [each for each in seen if secret in each and not _is_path_of_it(each, secret)]
        assert not said, (number, said)
        assert secret not in figures
        assert secret not in log.read_text(encoding="utf-8"), (number, secret)
    statuses = {each[:3] for each in seen}
    assert {"400", "401", "404", "422", "500", "503"} <= statuses
    assert log.read_text().count("Traceback") >= len(KINDS) * len(MESSAGES)
