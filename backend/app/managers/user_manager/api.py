"""UserManager: who may use the platform, and who is asking."""

from datetime import UTC, datetime

from app.config.settings import Settings
from app.core.exceptions import AuthenticationError
from app.core.types import SECOND_NS
from app.core.users import Principal, Role, Scope
from app.managers.time_manager.clock import Clock
from app.models.database import session_factory
from app.repositories.unit_of_work import UnitOfWork
from app.services.security.keys import secret_hash
from app.services.security.tokens import AccessTokens


class UserManager:
    """The façade of users, logins and API keys; every change is in the audit log."""

    def __init__(self, settings: Settings, *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._tokens = AccessTokens(
            secret=settings.secret_key.get_secret_value(),
            life_s=settings.access_token_minutes * 60,
        )

    # ── who is asking ────────────────────────────────────────────────────────

    def read_access_token(self, token: str) -> Principal:
        """Who an access token speaks for; looks nothing up.

        Raises:
            AuthenticationError: it is not ours, was changed, or has expired.
        """
        return self._tokens.read(token, self._clock.now_ns())

    def read_api_key(self, key: str) -> Principal:
        """Who an API key speaks for, in the role its scopes leave of the user's.

        Raises:
            AuthenticationError: it is unknown, revoked or expired, or its user may not log in.
        """
        with self._work() as work:
            found = work.api_keys.find(secret_hash(key), self._now())
            if found is None:
                raise AuthenticationError("the API key opens nothing: ask an admin for a new one")
            user = work.users.get(found.user_id)
            work.api_keys.note_use(found.id, self._now())
        scoped = [Scope(scope).role for scope in found.scopes] or [Role.VIEWER]
        widest = max(scoped, key=lambda role: role.rank)
        return Principal(
            user_id=user.id,
            username=user.username,
            role=min(user.role, widest, key=lambda role: role.rank),
            login_id=None,
            api_key_id=found.id,
        )

    # ── insides ──────────────────────────────────────────────────────────────

    def _work(self) -> UnitOfWork:
        return UnitOfWork(session_factory(self._settings.database_url))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ns() / SECOND_NS, UTC)
