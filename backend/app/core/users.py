"""Who may use the platform: users, their API keys, and the tokens that keep them logged in.

None of these values holds a secret or its hash: what is not here cannot be shown or logged.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """What a user may do: look; trade too; manage users and the installation too."""

    VIEWER = "viewer"
    TRADER = "trader"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """Each role may do what those of a lower rank may."""
        return list(Role).index(self)


class Scope(StrEnum):
    """What an API key may be used for, at most; its owner's role bounds it too."""

    READ = "read"
    TRADE = "trade"
    ADMIN = "admin"

    @property
    def role(self) -> Role:
        """The role a key of this scope acts in."""
        return dict(zip(Scope, Role, strict=True))[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who a request comes from, and what it may do.

    `role` is the user's, or less if an API key with narrower scopes speaks for the user. One of
    `login_id`, the family of the login's refresh tokens, and `api_key_id` is None.
    """

    user_id: UUID
    username: str
    role: Role
    login_id: UUID | None
    api_key_id: UUID | None

    def may(self, role: Role) -> bool:
        """Whether it may do what `role` may."""
        return self.role.rank >= role.rank


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One user; `username` is lower-case. A user who may no longer log in is not active."""

    id: UUID
    username: str
    email: str | None
    role: Role
    is_active: bool
    created_at: datetime
    last_login_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key that a program logs in with; `prefix` is the beginning its owner knows it by.

    `scopes` in alphabetical order; `expires_at` None: it does not expire.
    """

    id: UUID
    user_id: UUID
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    def is_usable(self, now: datetime) -> bool:
        """Whether it opens anything at `now`."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """A token that is exchanged, once, for a new one of the same family.

    A family is one login. `used_at` is when the token was exchanged.
    """

    id: UUID
    user_id: UUID
    family_id: UUID
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """Lets somebody register, once, as a user of `role`.

    `is_for_first_user`: it holds only as long as there are no users. `used_by` is who registered
    with it, `invited_by` who made it; None: the command line or the program itself.
    """

    id: UUID
    role: Role
    is_for_first_user: bool
    invited_by: UUID | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    used_by: UUID | None
    revoked_at: datetime | None
