"""Users, their logins and their keys."""

from app.managers.user_manager.api import UserManager

__all__ = ["UserManager"]
