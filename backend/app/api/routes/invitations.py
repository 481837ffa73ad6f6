"""Invitations, for admins."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.api.audit import Sender
from app.api.platform import Served
from app.api.responses import errors
from app.api.schemas.pages import Page, page_of
from app.api.schemas.queries import InvitationQuery
from app.api.schemas.users import InvitationView, MadeInvitation, NewInvitationRequest

router = APIRouter(prefix="/invitations", tags=["users"])
_UNKNOWN = errors(404, text="There is no such invitation.")
_USED = errors(409, text="Somebody registered with it.")


@router.get("", summary="Invitations")
def invitations(
    query: Annotated[InvitationQuery, Query()], platform: Served
) -> Page[InvitationView]:
    """Those that expire last first; used and expired ones included."""
    return page_of(InvitationView.model_validate, platform.users.invitations.page(query.request()))


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
