"""Orders, positions and the account of the session that is running."""

from app.managers.execution_manager.api import ExecutionManager, FillView

__all__ = ["ExecutionManager", "FillView"]
