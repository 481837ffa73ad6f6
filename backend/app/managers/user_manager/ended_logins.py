"""Logins that are over while access tokens of theirs have not yet expired."""

from collections.abc import Iterable
from threading import Lock
from uuid import UUID

from app.core.types import SECOND_NS


class EndedLogins:
    """Which logins were ended in the last `life_s` seconds, the life of an access token.

    Older ones are forgotten: whatever token they had has expired by itself, so this holds no more
    than the logins ended in one such life. In this process's memory; safe to use from any thread.
    """

    def __init__(self, life_s: int) -> None:
        self._life_ns = life_s * SECOND_NS
        self._until_ns: dict[UUID, int] = {}
        self._lock = Lock()

    def add(self, logins: Iterable[UUID], ended_ns: int) -> None:
        """Refuse the access tokens of `logins`, which ended at `ended_ns`, from now on."""
        with self._lock:
            kept = {login: until for login, until in self._until_ns.items() if until > ended_ns}
            self._until_ns = kept | dict.fromkeys(logins, ended_ns + self._life_ns)

    def __contains__(self, login: UUID) -> bool:
        return login in self._until_ns

    def __len__(self) -> int:
        return len(self._until_ns)
