"""Logins: from a password to short-lived access tokens, renewed until the login ends."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID, uuid4

from loguru import logger

from app.core.administration import Origin
from app.core.exceptions import AuthenticationError, ConflictError
from app.core.instants import ns_of
from app.core.users import Principal, RefreshToken, User
from app.managers.user_manager.ended_logins import EndedLogins
from app.managers.user_manager.record import Record
from app.repositories.unit_of_work import UnitOfWork
from app.services.security.addresses import limit_key
from app.services.security.attempts import MovingWindow
from app.services.security.keys import new_refresh_token, secret_hash
from app.services.security.passwords import verify_password
from app.services.security.tokens import AccessTokens

ATTEMPTS, ATTEMPTS_WINDOW_S = 5, 60
"""So many passwords may be tried in so many seconds, per account and per address."""

WRONG = "the user name or the password is wrong"
"""One answer for every reason: it does not tell which names there are."""
_OVER = "this login is over: log in again"
_KEPT = timedelta(days=1)
"""How long a refresh token is kept after it has expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """What a login holds; both tokens are secrets, shown here and nowhere else.

    `access_token` is true for `access_seconds`, `refresh_token` for one exchange before
    `login_ends_at`.
    """

    user: User
    access_token: str = field(repr=False)
    access_seconds: int
    refresh_token: str = field(repr=False)
    login_ends_at: datetime


class Logins:
    """Begins, renews and ends logins."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._life_s = record.settings.access_token_minutes * 60
        self._ended = EndedLogins(self._life_s)
        self._attempts = MovingWindow(ATTEMPTS, ATTEMPTS_WINDOW_S)

    @cached_property
    def _tokens(self) -> AccessTokens:
        secret = self._record.settings.secret_key.get_secret_value()
        return AccessTokens(secret=secret, life_s=self._life_s)

    def recall(self) -> None:
        """Refuse again what was ended shortly before this process began.

        Raises:
            ConfigurationError: the secret is too short, or there is no database.
        """
        _ = self._tokens  # made now, so that a bad secret is told at the start
        with self._record.work() as work:
            since = self._record.now() - timedelta(seconds=self._life_s)
            ended = work.refresh_tokens.families_revoked_since(since)
        for login, at in sorted(ended.items(), key=lambda each: each[1]):
            self._ended.add([login], ns_of(at))

    def read(self, access_token: str) -> Principal:
        """Who an access token speaks for; looks nothing up.

        Raises:
            AuthenticationError: it is not ours, was changed, has expired, or its login is over.
        """
        principal = self._tokens.read(access_token, self._record.clock.now_ns())
        if principal.login_id is not None and principal.login_id in self._ended:
            raise AuthenticationError(_OVER)
        return principal

    def log_in(self, username: str, password: str, origin: Origin) -> LoggedIn:
        """Begin a login of an active user.

        Raises:
            AuthenticationError: name or password is wrong, which of them is not said.
            RateLimitedError: the account or the address tried too often.
        """
        self.count_attempt(username, origin)
        with self._record.work() as work:
            stored = work.users.password_hash(username)
        right, renewed = verify_password(password, stored)
        if not right or stored is None:
            logger.warning("login of {!r} from {} refused", username.lower(), origin.address)
            raise AuthenticationError(WRONG)
        return self._begin(username, stored, renewed, origin)

    def count_attempt(self, username: str, origin: Origin) -> None:
        """Count one password tried for `username` by `origin`.

        Raises:
            RateLimitedError: the account or the address tried too often.
        """
        names = [f"user:{username.lower()}"]
        if origin.address is not None:
            names.append(f"address:{limit_key(origin.address)}")
        self._attempts.require(names, self._record.clock.now_ns())

    def refresh(self, refresh_token: str, origin: Origin) -> LoggedIn:
        """Exchange a refresh token for a new one and a new access token; it works once.

        A token that comes a second time ends its login: one of the two who sent it is a thief.

        Raises:
            AuthenticationError: it is unknown, expired, used, or its login or user is over.
        """
        token_hash, now = secret_hash(refresh_token), self._record.now()
        with self._record.work() as work:
            known = work.refresh_tokens.find(token_hash)
            user = None if known is None else work.users.lock(known.user_id)
            taken = work.refresh_tokens.use(token_hash, now)
            if taken is not None and user is not None and user.is_active:
                return self._renewed(work, user, taken)
            if known is not None and user is not None and taken is None:
                self._note_reuse(work, known, user, origin)
        if known is not None:
            self._forget([known.family_id])
        raise AuthenticationError(_OVER)

    def log_out(self, principal: Principal, origin: Origin) -> None:
        """End the login `principal` speaks by; its access tokens are refused from now on.

        Raises:
            ConflictError: it speaks by an API key, which has no login.
        """
        if principal.login_id is None:
            raise ConflictError("an API key has no login to end: revoke the key instead")
        with self._record.work() as work:
            work.refresh_tokens.revoke_family(principal.login_id, self._record.now())
            self._note(work, "auth.logout", principal.username, origin)
        self._forget([principal.login_id])

    def end_all(
        self, work: UnitOfWork, user_id: UUID, *, but: UUID | None = None
    ) -> frozenset[UUID]:
        """End the logins of a user in `work`, `but` one; give them to `ended` once it is committed.

        The user is locked by the caller, so that no login is renewed meanwhile.
        """
        families = work.refresh_tokens.open_families(user_id) - {but}
        for family in families:
            work.refresh_tokens.revoke_family(family, self._record.now())
        return families

    def ended(self, logins: Iterable[UUID]) -> None:
        """Refuse the access tokens of logins that were ended by `end_all`."""
        self._forget(logins)

    # ── insides ──────────────────────────────────────────────────────────────

    def _begin(self, username: str, stored: str, renewed: str | None, origin: Origin) -> LoggedIn:
        now = self._record.now()
        with self._record.work() as work:
            found = work.users.find(username)
            user = None if found is None else work.users.lock(found.id)
            if user is None or work.users.password_hash(username) != stored:
                raise AuthenticationError(WRONG)  # it was changed while we compared
            if renewed is not None:
                work.users.set_password_hash(user.id, renewed)
            user = work.users.note_login(user.id, now)
            work.refresh_tokens.delete_expired(now - _KEPT)
            login, ends = uuid4(), now + timedelta(days=self._record.settings.refresh_token_days)
            token = self._new_token(work, user, login, ends)
            self._note(work, "auth.login", user.username, replace_actor(origin, user))
        return self._logged_in(user, login, token, ends)

    def _renewed(self, work: UnitOfWork, user: User, taken: RefreshToken) -> LoggedIn:
        token = self._new_token(work, user, taken.family_id, taken.expires_at)
        return self._logged_in(user, taken.family_id, token, taken.expires_at)

    def _new_token(self, work: UnitOfWork, user: User, login: UUID, ends: datetime) -> str:
        token = new_refresh_token()
        work.refresh_tokens.add(
            user.id, family_id=login, token_hash=secret_hash(token), expires_at=ends
        )
        return token

    def _logged_in(self, user: User, login: UUID, token: str, ends: datetime) -> LoggedIn:
        principal = Principal(
            user_id=user.id,
            username=user.username,
            role=user.role,
            login_id=login,
            api_key_id=None,
        )
        return LoggedIn(
            user=user,
            access_token=self._tokens.issue(principal, self._record.clock.now_ns()),
            access_seconds=self._life_s,
            refresh_token=token,
            login_ends_at=ends,
        )

    def _note_reuse(
        self, work: UnitOfWork, known: RefreshToken, user: User, origin: Origin
    ) -> None:
        if known.used_at is not None and known.revoked_at is None:
            logger.warning("a refresh token of {!r} came twice: its login ends", user.username)
            self._note(work, "auth.refresh_reused", user.username, replace_actor(origin, user))

    def _note(self, work: UnitOfWork, action: str, username: str, origin: Origin) -> None:
        work.audit.add(origin.entry(action, f"user:{username}", self._record.now()))

    def _forget(self, logins: Iterable[UUID]) -> None:
        self._ended.add(logins, self._record.clock.now_ns())


def replace_actor(origin: Origin, user: User) -> Origin:
    """`origin`, now that it is known which user it is."""
    return replace(origin, actor=user.username, actor_id=user.id)
