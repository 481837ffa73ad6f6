"""The API on an installation of its own, spoken to by clients in each role."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.testclient import TestClient

from app.api.app import create_app
from app.config.settings import Settings
from app.core.types import SECOND_NS
from app.core.users import Principal, Role, User
from app.managers.system_manager import SystemManager
from app.managers.time_manager.clock import SystemClock
from app.models.database import session_factory
from app.repositories.unit_of_work import UnitOfWork
from app.services.security.tokens import AccessTokens
from tests.system_fixtures import Installation

SECRET = "a secret of the tests that is longer than thirty-two bytes"  # noqa: S105
ANY_HASH = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$bm9ib2R5IGxvZ3MgaW4gd2l0aCB0aGlz"
ANY_NUMBER = 10_000_000
"""Requests a minute: tests ask as fast as they can."""


class MovedClock(SystemClock):
    """The computer's clock, moved forward by as much as a test says, or held where it is."""

    def __init__(self) -> None:
        self._moved_ns = 0
        self._held_ns: int | None = None

    def now_ns(self) -> int:
        now_ns = super().now_ns() if self._held_ns is None else self._held_ns
        return now_ns + self._moved_ns

    def hold(self) -> None:
        """Move from now on by as much as a test says, and not by itself."""
        self._held_ns = super().now_ns()

    def advance(self, seconds: float) -> None:
        self._moved_ns += round(seconds * SECOND_NS)


@dataclass
class Api:
    """One application; `as_` gives clients of users that exist, one user per role."""

    installation: Installation
    system: SystemManager
    app: FastAPI
    clock: MovedClock
    users: dict[Role, User] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return self.installation.settings

    def work(self) -> UnitOfWork:
        return UnitOfWork(session_factory(self.settings.database_url))

    def anonymous(self) -> TestClient:
        return TestClient(self.app, base_url="http://127.0.0.1", raise_server_exceptions=False)

    def as_(self, role: Role | str) -> TestClient:
        client = self.anonymous()
        client.headers["Authorization"] = f"Bearer {self.token(Role(role))}"
        return client

    def user(self, role: Role) -> User:
        if role not in self.users:
            with self.work() as work:
                self.users[role] = work.users.add(role.value, ANY_HASH, role=role)
        return self.users[role]

    def token(self, role: Role) -> str:
        user = self.user(role)
        principal = Principal(
            user_id=user.id,
            username=user.username,
            role=role,
            login_id=uuid4(),
            api_key_id=None,
        )
        tokens = AccessTokens(secret=self.settings.secret_key.get_secret_value(), life_s=600)
        return tokens.issue(principal, self.clock.now_ns())


@pytest.fixture
def api(installation: Installation) -> Iterator[Api]:
    """An application on the empty `installation`, its start and stop included."""
    settings = installation.settings.model_copy(
        update={"secret_key": SecretStr(SECRET), "rate_limit_per_minute": ANY_NUMBER}
    )
    installation.settings = settings
    system, clock = installation.system(), MovedClock()
    made = Api(installation, system, create_app(settings, system=system, clock=clock), clock)
    with made.anonymous():
        yield made
