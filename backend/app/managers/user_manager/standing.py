"""What a user leaves behind that would open the platform again, and how it is closed."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from app.core.administration import Origin
from app.core.exceptions import PermissionDeniedError
from app.core.users import Role, Scope, User
from app.repositories.unit_of_work import UnitOfWork


def close_after_change(
    work: UnitOfWork, before: User, after: User, at: datetime
) -> Mapping[str, int]:
    """Close what `before` could open and `after` should not; how many of each, without zeros.

    Who is deactivated loses invitations and API keys for good: were they to open again by
    themselves, whoever made them in secret would come back with the user. Who gets a lesser role
    loses the invitations; keys go as far as the role does and stay.
    """
    if not after.is_active:
        return _counted(invitations=_invitations(work, after, at), keys=_keys(work, after, at))
    if after.role.rank < before.role.rank:
        return _counted(invitations=_invitations(work, after, at))
    return {}


def close_after_password(work: UnitOfWork, user: User, at: datetime) -> Mapping[str, int]:
    """Close what somebody who had the old password may have made to stay admin; as above.

    Keys of lesser scopes go on, as programs that trade do not depend on a password.
    """
    keys = _keys(work, user, at, with_scope=Scope.ADMIN)
    return _counted(invitations=_invitations(work, user, at), keys=keys)


def is_active_admin(work: UnitOfWork, user_id: UUID | None) -> bool:
    """Whether the user, whom nobody changes until `work` ends, may manage users; None may.

    None is the command line or the program itself.
    """
    if user_id is None:
        return True
    user = work.users.lock(user_id)
    return user.is_active and user.role is Role.ADMIN


def require_admin_still(work: UnitOfWork, origin: Origin) -> None:
    """Refuse who was an admin when the token of the request was made, and is none now.

    Raises:
        PermissionDeniedError: the actor is no active admin any more.
    """
    if not is_active_admin(work, origin.actor_id):
        raise PermissionDeniedError("this needs the role admin, which is yours no longer")


def _invitations(work: UnitOfWork, user: User, at: datetime) -> int:
    return work.invitations.revoke_of(user.id, at)


def _keys(work: UnitOfWork, user: User, at: datetime, *, with_scope: Scope | None = None) -> int:
    """Keys that expired are closed too: they cannot open, and it is told that they will not."""
    still_open = [key for key in work.api_keys.of_user(user.id) if key.revoked_at is None]
    closing = [key for key in still_open if with_scope is None or with_scope in key.scopes]
    for key in closing:
        work.api_keys.revoke(key.id, at)
    return len(closing)


def _counted(**numbers: int) -> Mapping[str, int]:
    return {f"{name}_revoked": number for name, number in numbers.items() if number}
