"""The system: one object that builds everything, starts sessions and answers for them."""

from functools import cache

from app.config.settings import get_settings
from app.managers.system_manager.api import SystemManager
from app.managers.system_manager.run_queue import SHUT_DOWN, RunQueue
from app.managers.system_manager.run_ticket import RunState, RunTicket
from app.monitoring.logs import log_of


@cache
def get_system_manager() -> SystemManager:
    """The process's system manager, for the edges: command line, API, a user's script.

    The first call sends the log to ``logs/app.log`` in the data folder.
    """
    settings = get_settings()
    log_of(settings)
    return SystemManager(settings)


__all__ = ["SHUT_DOWN", "RunQueue", "RunState", "RunTicket", "SystemManager", "get_system_manager"]
