"""API keys: everybody's own, and everybody's for admins."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.api.access import Actor
from app.api.audit import Sender
from app.api.platform import Served
from app.api.responses import errors
from app.api.schemas.pages import Page, page_of
from app.api.schemas.queries import KeyQuery
from app.api.schemas.users import ApiKeyView, MadeApiKey, NewApiKeyRequest
from app.core.exceptions import PermissionDeniedError
from app.core.users import Role

router = APIRouter(prefix="/api-keys", tags=["api-keys"])
_UNKNOWN = errors(404, text="There is no such key of yours.")
_TAKEN = errors(409, text="There is a key of that name.")


@router.get("", summary="API keys")
def api_keys(
    query: Annotated[KeyQuery, Query()], platform: Served, actor: Actor
) -> Page[ApiKeyView]:
    """Newest first, revoked ones included."""
    sees_all = actor.may(Role.ADMIN)
    if not sees_all and query.user_id not in (None, actor.user_id):
        raise PermissionDeniedError("keys of other users are for admins")
    owner = query.user_id if sees_all else actor.user_id
    request = replace(query.request(), filters={"user_id": owner})
    return page_of(ApiKeyView.model_validate, platform.users.keys.page(request))


@router.post("", status_code=201, responses=_TAKEN, summary="Make an API key of one's own")
def create(body: NewApiKeyRequest, platform: Served, actor: Actor, sender: Sender) -> MadeApiKey:
    """Its scopes stay within one's role. The secret is shown once; a key cannot make keys."""
    if actor.api_key_id is not None:
        raise PermissionDeniedError("an API key cannot make keys: log in")
    made = platform.users.keys.create(actor.user_id, body.name, body.scopes, sender, days=body.days)
    return MadeApiKey(api_key=ApiKeyView.model_validate(made.api_key), secret=made.secret)


@router.delete("/{key_id}", status_code=204, responses=_UNKNOWN, summary="Revoke an API key")
def revoke(key_id: UUID, platform: Served, actor: Actor, sender: Sender) -> None:
    """For ever. One's own; admins: anybody's. A key can revoke itself and no other."""
    if actor.api_key_id not in (None, key_id):
        raise PermissionDeniedError(
            "an API key can revoke itself alone: log in with your password to revoke others"
        )
    owner = None if actor.may(Role.ADMIN) else actor.user_id
    platform.users.keys.revoke(key_id, sender, owner=owner)
