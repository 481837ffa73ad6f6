"""The user manager on both databases, with a clock that stands until it is moved."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from app.config.settings import Settings
from app.core.administration import AuditEntry, Origin
from app.core.users import Role, User
from app.managers.time_manager.clock import FixedClock
from app.managers.user_manager import UserManager
from app.models.database import session_factory
from app.repositories.unit_of_work import UnitOfWork

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PASSWORD = "plum kettle orbit satin"  # noqa: S105
OTHER_PASSWORD = "satin orbit kettle plum"  # noqa: S105
HERE = Origin(actor="tests", address="203.0.113.9", request_id="request-1")


@dataclass
class Desk:
    """One database, one clock, and as many managers as processes would have."""

    settings: Settings
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOON))
    now: datetime = NOON

    def manager(self) -> UserManager:
        made = UserManager(self.settings, clock=self.clock)
        made.start()
        return made

    def work(self) -> UnitOfWork:
        return UnitOfWork(session_factory(self.settings.database_url))

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)
        self.clock.set(self.now)

    def audit(self) -> list[AuditEntry]:
        """The audit log, oldest first."""
        with self.work() as work:
            return list(reversed(work.audit.list(1_000)))

    def actions(self) -> list[str]:
        return [entry.action for entry in self.audit()]


@pytest.fixture
def desk(database_url: str) -> Desk:
    secret = SecretStr("q7Vn2xKf9Lr4Tz8Wb1Hc6Md3Ps5Gj0Ye")
    return Desk(Settings(_env_file=None, database_url=database_url, secret_key=secret))


@pytest.fixture
def users(desk: Desk) -> UserManager:
    return desk.manager()


@pytest.fixture
def alice(users: UserManager) -> User:
    return users.accounts.create("Alice", PASSWORD, Role.ADMIN, HERE)
