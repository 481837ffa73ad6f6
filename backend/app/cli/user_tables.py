"""Tables about users and keys, as the commands print them."""

from collections.abc import Iterable
from datetime import datetime

from rich.table import Table
from rich.text import Text

from app.core.users import ApiKey, User


def render_users(users: Iterable[User]) -> Table:
    """One line for each user; times in UTC."""
    table = Table("User", "Role", "May log in", "Email", "Created", "Last login")
    for user in users:
        may = Text("yes", style="green") if user.is_active else Text("no", style="red")
        times = (_time(user.created_at), _time(user.last_login_at))
        table.add_row(Text(user.username), user.role, may, Text(user.email or ""), *times)
    return table


def render_keys(keys: Iterable[ApiKey]) -> Table:
    """One line for each key; times in UTC."""
    table = Table("Key", "Begins", "Scopes", "Created", "Expires", "Last use", "Revoked")
    for key in keys:
        moments = (key.created_at, key.expires_at, key.last_used_at, key.revoked_at)
        table.add_row(Text(key.name), Text(key.prefix), ", ".join(key.scopes), *map(_time, moments))
    return table


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
