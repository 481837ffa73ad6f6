"""What routes are given to work with."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from app.config.settings import Settings
from app.managers.data_manager.imports import Imports
from app.managers.data_manager.markets import Markets
from app.managers.system_manager import SystemManager
from app.managers.time_manager.clock import Clock
from app.managers.user_manager import UserManager
from app.models.database import session_factory
from app.monitoring.metrics import Metrics
from app.repositories.unit_of_work import UnitOfWork
from app.services.security.token_bucket import TokenBuckets


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """The façades one application serves, made once by `create_app`.

    `wrong_keys` counts the API keys that opened nothing, by the address they came from: a key
    costs a query, and a flood of wrong ones must not cost one each.
    """

    settings: Settings
    clock: Clock
    system: SystemManager
    users: UserManager
    markets: Markets
    imports: Imports
    wrong_keys: TokenBuckets
    metrics: Metrics = field(default_factory=Metrics)

    def work(self) -> UnitOfWork:
        """A unit of work on the record: ``with platform.work() as work: ...``."""
        return UnitOfWork(session_factory(self.settings.database_url))


def platform_of(connection: HTTPConnection) -> Platform:
    """The platform that the application of a request serves."""
    platform: Platform = connection.app.state.platform
    return platform


async def _platform(connection: HTTPConnection) -> Platform:
    return platform_of(connection)


Served = Annotated[Platform, Depends(_platform)]
"""Parameter of a route: the platform."""
