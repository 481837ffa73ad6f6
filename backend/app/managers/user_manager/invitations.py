"""Invitations: how somebody who is not there yet becomes a user."""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from app.core.administration import SYSTEM, Origin
from app.core.exceptions import ConfigurationError
from app.core.paging import Page, PageRequest
from app.core.users import Invitation, Role
from app.managers.user_manager.record import Record
from app.managers.user_manager.standing import require_admin_still
from app.services.security.keys import new_invitation, secret_hash

DEFAULT_HOURS = 72
MOST_HOURS = 30 * 24
FIRST_ADMIN_HOURS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInvitation:
    """An invitation and its token, a secret that is shown once and stored as a hash."""

    invitation: Invitation
    token: str = field(repr=False)


class Invitations:
    """Makes and revokes invitations."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def create(self, role: Role, origin: Origin, *, hours: int = DEFAULT_HOURS) -> NewInvitation:
        """Invite somebody to become a user of `role` in the next `hours`.

        Raises:
            ConfigurationError: so long it may not hold.
            PermissionDeniedError: who invites is no active admin any more.
        """
        if not 1 <= hours <= MOST_HOURS:
            raise ConfigurationError(f"hours: {hours} must be from 1 to {MOST_HOURS}")
        token, now = new_invitation(), self._record.now()
        with self._record.work() as work:
            require_admin_still(work, origin)
            invitation = work.invitations.add(
                token_hash=secret_hash(token),
                role=role,
                expires_at=now + timedelta(hours=hours),
                invited_by=origin.actor_id,
            )
            target, details = _target(invitation), {"role": role.value, "hours": hours}
            work.audit.add(origin.entry("invitation.create", target, now, details))
        return NewInvitation(invitation=invitation, token=token)

    def first_admin_token(self) -> str | None:
        """A token that the first user registers with, as admin; None if there is a user.

        It holds for a day, as long as nobody is there, and until the next one is made.
        """
        token, now = new_invitation(), self._record.now()
        with self._record.work() as work:
            if work.users.count():
                return None
            work.invitations.revoke_for_first_user(now)
            invitation = work.invitations.add(
                token_hash=secret_hash(token),
                role=Role.ADMIN,
                expires_at=now + timedelta(hours=FIRST_ADMIN_HOURS),
                is_for_first_user=True,
            )
            work.audit.add(SYSTEM.entry("invitation.first_admin", _target(invitation), now))
        return token

    def page(self, request: PageRequest) -> Page[Invitation]:
        """Invitations, those that expire last first."""
        with self._record.work() as work:
            return work.invitations.page(request)

    def revoke(self, invitation_id: UUID, origin: Origin) -> None:
        """Let nobody register with it any more.

        Raises:
            DataNotFoundError: there is none.
            ConflictError: somebody did.
        """
        now = self._record.now()
        with self._record.work() as work:
            revoked = work.invitations.revoke(invitation_id, now)
            work.audit.add(origin.entry("invitation.revoke", _target(revoked), now))


def _target(invitation: Invitation) -> str:
    return f"invitation:{invitation.id}"
