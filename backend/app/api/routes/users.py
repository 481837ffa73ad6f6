"""Users, for admins."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.api.audit import Sender
from app.api.platform import Served
from app.api.responses import errors
from app.api.schemas.pages import Page, page_of
from app.api.schemas.queries import UserQuery
from app.api.schemas.users import NewUser, UserChange, UserView

router = APIRouter(prefix="/users", tags=["users"])
_UNKNOWN = errors(404, text="There is no such user.")
_TAKEN = errors(409, text="The name or the address is taken.")
_LAST = errors(409, text="No active admin would be left.")


@router.get("", summary="Users")
def users(query: Annotated[UserQuery, Query()], platform: Served) -> Page[UserView]:
    """By name."""
    return page_of(UserView.model_validate, platform.users.accounts.page(query.request()))


@router.post("", status_code=201, responses=_TAKEN, summary="Add a user")
def create(body: NewUser, platform: Served, sender: Sender) -> UserView:
    """An active user with a first password; an invitation lets people choose their own.

    Not with an API key.
    """
    user = platform.users.accounts.create(
        body.username, body.password.get_secret_value(), body.role, sender, email=body.email
    )
    return UserView.model_validate(user)


@router.get("/{user_id}", responses=_UNKNOWN, summary="One user")
def user(user_id: UUID, platform: Served) -> UserView:
    """The user with that id."""
    return UserView.model_validate(platform.users.accounts.get(user_id))


@router.patch("/{user_id}", responses=_UNKNOWN | _LAST, summary="Change a user")
def change(user_id: UUID, body: UserChange, platform: Served, sender: Sender) -> UserView:
    """The role, or whether the user may log in; a change ends the user's logins at once.

    Open invitations made by whoever is deactivated or gets a lesser role are revoked, and of who
    is deactivated the API keys. Not with an API key.
    """
    changed = platform.users.accounts.change(
        user_id, sender, role=body.role, is_active=body.is_active
    )
    return UserView.model_validate(changed)
