"""What all parts of the user manager stand on: the database, the settings and the clock."""

from dataclasses import dataclass
from datetime import datetime

from app.config.settings import Settings
from app.core.instants import utc
from app.managers.time_manager.clock import Clock
from app.models.database import session_factory
from app.repositories.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Where users are kept, and what time it is."""

    settings: Settings
    clock: Clock

    def work(self) -> UnitOfWork:
        """A unit of work on the database of the settings."""
        return UnitOfWork(session_factory(self.settings.database_url))

    def now(self) -> datetime:
        """The time, in UTC."""
        return utc(self.clock.now_ns())
