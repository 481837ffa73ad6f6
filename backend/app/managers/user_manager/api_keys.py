"""API keys: how programs speak for a user."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from loguru import logger
from sqlalchemy.exc import SQLAlchemyError

from app.core.administration import Origin
from app.core.exceptions import (
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    DataNotFoundError,
    PermissionDeniedError,
    TradingError,
)
from app.core.paging import Page, PageRequest
from app.core.users import ApiKey, Principal, Role, Scope, User
from app.managers.user_manager.names import require_label
from app.managers.user_manager.record import Record
from app.repositories.unit_of_work import UnitOfWork
from app.services.security.keys import SHOWN, new_api_key, secret_hash

MOST_DAYS = 3_650
MOST_KEYS = 50
"""Of one user that open something: each may ask as often as its user, so there is an end."""
_NOTED_EVERY = timedelta(minutes=1)
"""A key that is used all the time writes its last use no more often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """A key as it is known, and the secret itself, shown once and stored as a hash."""

    api_key: ApiKey
    secret: str = field(repr=False)


class ApiKeys:
    """Makes, reads and revokes API keys."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._noted: dict[UUID, datetime] = {}

    def read(self, secret: str) -> Principal:
        """Who a key speaks for, in the role its scopes leave of the user's.

        Raises:
            AuthenticationError: it is unknown, revoked or expired, or its user may not log in.
        """
        now = self._record.now()
        with self._record.work() as work:
            found = work.api_keys.find(secret_hash(secret), now)
            if found is None:
                raise AuthenticationError(
                    "the API key opens nothing, or not any more: log in and make a new one"
                )
            user = work.users.get(found.user_id)
        if _is_due(found.last_used_at, now) and _is_due(self._noted.get(found.id), now):
            self._note_use(found, now)
        return Principal(
            user_id=user.id,
            username=user.username,
            role=min(user.role, _widest(found.scopes), key=lambda role: role.rank),
            login_id=None,
            api_key_id=found.id,
        )

    def _note_use(self, api_key: ApiKey, now: datetime) -> None:
        """Write down when a key was used; where that cannot be, it opens all the same.

        It is tried no more often than it is to be written: each try may wait for other writers.
        """
        self._noted[api_key.id] = now
        try:
            with self._record.work() as work:
                work.api_keys.note_use(api_key.id, now)
        except (TradingError, SQLAlchemyError) as error:
            logger.warning("the use of API key {} was not noted: {}", api_key.prefix, error)

    def create(
        self,
        user_id: UUID,
        name: str,
        scopes: Collection[Scope],
        origin: Origin,
        *,
        days: int | None = None,
    ) -> NewApiKey:
        """A new key of a user; it expires after `days`, None: never.

        Raises:
            PermissionDeniedError: a scope goes beyond what the user may do.
            ConfigurationError: the name, the days or no scopes.
            ConflictError: the user has a key of that name, revoked ones included, or `MOST_KEYS`.
        """
        label, secret, now = _checked(name, scopes, days), new_api_key(), self._record.now()
        with self._record.work() as work:
            user = work.users.lock(user_id)
            _require_within(user, scopes)
            _require_room(work, user, now)
            api_key = work.api_keys.add(
                user_id,
                label,
                prefix=secret[:SHOWN],
                key_hash=secret_hash(secret),
                scopes=[scope.value for scope in scopes],
                expires_at=None if days is None else now + timedelta(days=days),
            )
            details = {"scopes": list(api_key.scopes), "days": days}
            work.audit.add(origin.entry("api_key.create", _target(user, api_key), now, details))
        return NewApiKey(api_key=api_key, secret=secret)

    def page(self, request: PageRequest) -> Page[ApiKey]:
        """Keys, newest first, revoked ones included; filter `user_id`."""
        with self._record.work() as work:
            return work.api_keys.page(request)

    def of_user(self, user_id: UUID) -> tuple[ApiKey, ...]:
        """All keys of a user by name, revoked ones included."""
        with self._record.work() as work:
            return work.api_keys.of_user(user_id)

    def revoke(self, key_id: UUID, origin: Origin, *, owner: UUID | None = None) -> None:
        """Close a key for ever, one of `owner` or, None, of anybody.

        Raises:
            DataNotFoundError: there is none; another's is not there either.
        """
        now = self._record.now()
        with self._record.work() as work:
            api_key = work.api_keys.get(key_id)
            if owner not in (None, api_key.user_id):
                raise DataNotFoundError(f"there is no API key {key_id}")
            work.api_keys.revoke(key_id, now)
            target = _target(work.users.get(api_key.user_id), api_key)
            work.audit.add(origin.entry("api_key.revoke", target, now))


def _is_due(noted: datetime | None, now: datetime) -> bool:
    return noted is None or now - noted >= _NOTED_EVERY


def _widest(scopes: Collection[str]) -> Role:
    roles = [Scope(scope).role for scope in scopes] or [Role.VIEWER]
    return max(roles, key=lambda role: role.rank)


def _checked(name: str, scopes: Collection[Scope], days: int | None) -> str:
    if not scopes:
        raise ConfigurationError(f"scopes: none is given; take of {', '.join(Scope)}")
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise ConfigurationError(f"days: {days} must be from 1 to {MOST_DAYS}")
    return require_label(name)


def _require_within(user: User, scopes: Collection[Scope]) -> None:
    if not user.is_active:
        raise PermissionDeniedError(f"{user.username} is deactivated and gets no keys")
    beyond = [scope for scope in scopes if scope.role.rank > user.role.rank]
    if beyond:
        raise PermissionDeniedError(
            f"scopes: {', '.join(beyond)} goes beyond {user.username}'s role, {user.role}"
        )


def _require_room(work: UnitOfWork, user: User, now: datetime) -> None:
    usable = sum(key.is_usable(now) for key in work.api_keys.of_user(user.id))
    if usable >= MOST_KEYS:
        raise ConflictError(
            f"{user.username} has {usable} API keys, and more are not made: revoke one first"
        )


def _target(user: User, api_key: ApiKey) -> str:
    return f"api_key:{user.username}/{api_key.name}"
