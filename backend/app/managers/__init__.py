"""Façades of the platform: time, data, execution and the system itself.

``from app.managers import get_system_manager`` works as written; the import of the system, which
brings the whole engine, waits until the name is asked for, so that a command that needs only the
calendar starts quickly.
"""

from typing import Any

__all__ = ["SystemManager", "get_system_manager"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from app.managers import system_manager  # noqa: PLC0415  # as the docstring says

        return getattr(system_manager, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
