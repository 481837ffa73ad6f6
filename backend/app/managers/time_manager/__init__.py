"""The only source of time and of the market calendar."""

from app.managers.time_manager.api import TimeManager

__all__ = ["TimeManager"]
