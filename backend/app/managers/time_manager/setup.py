"""From nothing, or from an older version, to a database that is ready to use."""

from collections.abc import Callable

from app.core.calendar_days import ImportedCalendar
from app.managers.time_manager.api import TimeManager
from app.models.database import session_factory, upgrade_database
from app.repositories.unit_of_work import UnitOfWork


def initialise_database(
    url: str,
    *,
    time_manager: TimeManager | None = None,
    on_progress: Callable[[str], None] = lambda _step: None,
) -> tuple[ImportedCalendar, ...]:
    """Create or upgrade the database at `url` and fill the calendars that are not up to date.

    Safe to repeat, and quick when there is nothing to do; of several programs that do it at once
    one does the work, and the others wait. `on_progress` is told each step.
    """
    on_progress("schema")
    upgrade_database(url)
    manager = time_manager or TimeManager()
    with UnitOfWork(session_factory(url)) as work:
        return manager.import_calendars(work.db, only_outdated=True, on_progress=on_progress)
