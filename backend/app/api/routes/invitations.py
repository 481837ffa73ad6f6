"""Invitations, for admins."""

from uuid import UUID

from fastapi import APIRouter

from app.api.audit import Sender
from app.api.errors import refusal
from app.api.lists import Listed
from app.api.platform import Served
from app.api.schemas.users import (
    InvitationPage,
    InvitationView,
    MadeInvitation,
    NewInvitationRequest,
)

router = APIRouter(prefix="/invitations", tags=["users"])
_UNKNOWN = refusal(404, "There is no such invitation.")
_USED = refusal(409, "Somebody registered with it.")


@router.get("", summary="Invitations")
def invitations(platform: Served, listed: Listed) -> InvitationPage:
    """Used and expired ones included; sort by `expires_at`."""
    page = platform.users.invitations.page(listed)
    items = [InvitationView.model_validate(invitation) for invitation in page.items]
    return InvitationPage(items=items, next_cursor=page.next_cursor)


@router.post("", status_code=201, summary="Invite somebody")
def invite(body: NewInvitationRequest, platform: Served, sender: Sender) -> MadeInvitation:
    """The token is shown once; whoever has it becomes a user of that role, once.

    Not with an API key.
    """
    made = platform.users.invitations.create(body.role, sender, hours=body.hours)
    return MadeInvitation(
        invitation=InvitationView.model_validate(made.invitation), token=made.token
    )


@router.delete(
    "/{invitation_id}", status_code=204, responses=_UNKNOWN | _USED, summary="Revoke an invitation"
)
def revoke(invitation_id: UUID, platform: Served, sender: Sender) -> None:
    """Nobody can register with it any more. Not with an API key."""
    platform.users.invitations.revoke(invitation_id, sender)
