"""Users, for admins."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.api.audit import Sender
from app.api.errors import refusal
from app.api.lists import Listed
from app.api.platform import Served
from app.api.schemas.users import NewUser, UserChange, UserPage, UserView
from app.core.users import Role

router = APIRouter(prefix="/users", tags=["users"])
_UNKNOWN = refusal(404, "There is no such user.")
_TAKEN = refusal(409, "The name or the address is taken.")
_LAST = refusal(409, "No active admin would be left.")


@router.get("", summary="Users")
def users(
    platform: Served,
    listed: Listed,
    role: Role | None = None,
    is_active: Annotated[bool | None, Query(description="Who may log in, or who may not.")] = None,
) -> UserPage:
    """By name; sort by `username`."""
    wanted = replace(listed, filters={"role": role, "is_active": is_active})
    page = platform.users.accounts.page(wanted)
    items = [UserView.model_validate(user) for user in page.items]
    return UserPage(items=items, next_cursor=page.next_cursor)


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

    Not with an API key.
    """
    changed = platform.users.accounts.change(
        user_id, sender, role=body.role, is_active=body.is_active
    )
    return UserView.model_validate(changed)
