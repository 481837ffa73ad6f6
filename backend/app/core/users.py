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
