"""The system: one object that builds everything, starts sessions and answers for them."""

from functools import cache

from app.managers.system_manager.api import SystemManager


@cache
def get_system_manager() -> SystemManager:
    """The process's system manager, for the edges: command line, API, a user's script."""
    return SystemManager()


__all__ = ["SystemManager", "get_system_manager"]
