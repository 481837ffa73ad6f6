"""Invitations to register, by the hashes of their tokens, to and from the database."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.exceptions import ConflictError, DataNotFoundError
from app.core.paging import Page, PageRequest
from app.core.users import Invitation, Role
from app.models.identity import InvitationRow
from app.repositories.listing import Listing
from app.repositories.storing import refusing_copies


class InvitationRepository:
    """Adds, uses and revokes invitations in the caller's unit of work."""

    def __init__(self, db: Session) -> None:
        self._db = db

    def add(
        self,
        *,
        token_hash: str,
        role: Role,
        expires_at: datetime,
        invited_by: UUID | None = None,
        is_for_first_user: bool = False,
    ) -> Invitation:
        """A new invitation. `token_hash` is SHA-256 in hexadecimal.

        Raises:
            ConflictError: the token is not new.
        """
        row = InvitationRow(
            token_hash=token_hash,
            role=role.value,
            expires_at=expires_at,
            invited_by=invited_by,
            is_for_first_user=is_for_first_user,
        )
        self._db.add(row)
        with refusing_copies("an invitation was made twice"):
            self._db.flush()
        return _invitation(row)

    def find(self, token_hash: str, now: datetime) -> Invitation | None:
        """The invitation, if somebody can register with it at `now`."""
        row = self._db.scalar(
            select(InvitationRow).where(
                InvitationRow.token_hash == token_hash,
                InvitationRow.expires_at > now,
                InvitationRow.used_at.is_(None),
                InvitationRow.revoked_at.is_(None),
            )
        )
        return None if row is None else _invitation(row)

    def use(self, invitation_id: UUID, user_id: UUID, at: datetime) -> bool:
        """Note who registered with it; False if somebody else did, or it was revoked, meanwhile."""
        using = (
            update(InvitationRow)
            .where(
                InvitationRow.id == invitation_id,
                InvitationRow.used_at.is_(None),
                InvitationRow.revoked_at.is_(None),
            )
            .values(used_at=at, used_by=user_id)
        )
        return self._db.scalar(using.returning(InvitationRow.id)) is not None

    def revoke(self, invitation_id: UUID, at: datetime) -> Invitation:
        """Close it for ever; one that is revoked already keeps its time.

        Raises:
            DataNotFoundError: there is none.
            ConflictError: somebody registered with it.
        """
        row = self._db.get(InvitationRow, invitation_id, with_for_update=True)
        if row is None:
            raise DataNotFoundError(f"there is no invitation {invitation_id}")
        if row.used_at is not None:
            raise ConflictError("somebody registered with it already: deactivate the user instead")
        row.revoked_at = row.revoked_at or at
        self._db.flush()
        return _invitation(row)

    def revoke_of(self, user_id: UUID, at: datetime) -> int:
        """Close every open invitation that a user made; how many there were."""
        closing = (
            update(InvitationRow)
            .where(
                InvitationRow.invited_by == user_id,
                InvitationRow.used_at.is_(None),
                InvitationRow.revoked_at.is_(None),
            )
            .values(revoked_at=at)
        )
        return len(self._db.scalars(closing.returning(InvitationRow.id)).all())

    def revoke_for_first_user(self, at: datetime) -> None:
        """Close every open invitation of a first user."""
        self._db.execute(
            update(InvitationRow)
            .where(
                InvitationRow.is_for_first_user,
                InvitationRow.used_at.is_(None),
                InvitationRow.revoked_at.is_(None),
            )
            .values(revoked_at=at)
        )

    def page(self, request: PageRequest) -> Page[Invitation]:
        """Invitations, those that expire last first."""
        return _INVITATIONS.page(self._db, request)


def _invitation(row: InvitationRow) -> Invitation:
    return Invitation(
        id=row.id,
        role=Role(row.role),
        is_for_first_user=row.is_for_first_user,
        invited_by=row.invited_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        used_by=row.used_by,
        revoked_at=row.revoked_at,
    )


_INVITATIONS = Listing(
    row=InvitationRow,
    value=_invitation,
    sorts={"expires_at": InvitationRow.expires_at},
    default_sort="-expires_at",
)
