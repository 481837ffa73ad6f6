"""Users, logins, invitations, API keys and the audit log, as requests and responses."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StrictBool,
    StringConstraints,
)

from app.api.schemas.values import Asked, Whole
from app.core.users import Role, Scope
from app.managers.user_manager.api_keys import MOST_DAYS
from app.managers.user_manager.invitations import DEFAULT_HOURS, MOST_HOURS
from app.managers.user_manager.names import EMAIL, LABEL, USERNAME
from app.services.security.passwords import LONGEST, SHORTEST

WHEN = "2026-11-20T15:00:00Z"
SOME_ID = "3f2b8c1e-6f0a-4f5e-9f57-2a6f4f0c9d11"

Username = Annotated[str, StringConstraints(pattern=f"^{USERNAME}$"), Field(examples=["alice"])]
Email = Annotated[
    str, StringConstraints(pattern=f"^{EMAIL}$"), Field(examples=["alice@example.org"])
]
Label = Annotated[str, StringConstraints(pattern=f"^{LABEL}$"), Field(examples=["night batch"])]
Token = Annotated[SecretStr, Field(min_length=1, max_length=2_048, examples=["kq3Zx…"])]
Password = Annotated[
    SecretStr, Field(min_length=1, max_length=LONGEST, examples=["plum kettle orbit satin"])
]
NewPassword = Annotated[
    SecretStr,
    Field(min_length=SHORTEST, max_length=LONGEST, examples=["plum kettle orbit satin"]),
]


class Output(BaseModel):
    """A response's body, made from a value of the platform."""

    model_config = ConfigDict(from_attributes=True)


# ── users ────────────────────────────────────────────────────────────────────


class UserView(Output):
    """One user."""

    id: UUID = Field(examples=[SOME_ID])
    username: str = Field(examples=["alice"])
    email: str | None = Field(examples=["alice@example.org"])
    role: Role = Field(examples=["trader"])
    is_active: bool = Field(description="Whether the user may log in.", examples=[True])
    created_at: datetime = Field(examples=[WHEN])
    last_login_at: datetime | None = Field(examples=[WHEN])


class NewUser(Asked):
    """A user to add."""

    username: Username
    password: NewPassword
    role: Role = Field(examples=["viewer"])
    email: Email | None = None


class UserChange(Asked):
    """What is to be changed; a field left out or null stays as it is."""

    role: Role | None = Field(default=None, examples=["trader"])
    is_active: StrictBool | None = Field(default=None, examples=[False])


# ── logins ───────────────────────────────────────────────────────────────────


class Registration(Asked):
    """An invitation taken up."""

    token: Token = Field(description="The invitation's, or the first admin's.")
    username: Username
    password: NewPassword
    email: Email | None = None


class Credentials(Asked):
    """Who wants to log in."""

    username: Username
    password: Password


class Refresh(Asked):
    """A refresh token to exchange."""

    refresh_token: Token


class PasswordChange(Asked):
    """One's own password, old and new."""

    current_password: Password
    new_password: NewPassword


class LoginView(BaseModel):
    """What a login holds; the tokens are secrets."""

    access_token: str = Field(description="For `Authorization: Bearer`.", examples=["eyJhbGciOi…"])
    token_type: str = Field(default="bearer", examples=["bearer"])
    expires_in: int = Field(description="Seconds the access token is true.", examples=[600])
    refresh_token: str = Field(
        description="For one exchange at `/auth/refresh`.", examples=["kq3Zx…"]
    )
    login_ends_at: datetime = Field(description="When it must be logged in anew.", examples=[WHEN])
    user: UserView


class Me(BaseModel):
    """Who is asking, and what may be done."""

    user: UserView
    role: Role = Field(
        description="What this request may do: the user's role, or less with an API key.",
        examples=["trader"],
    )
    api_key_id: UUID | None = Field(examples=[None])


# ── invitations ──────────────────────────────────────────────────────────────


class NewInvitationRequest(Asked):
    """An invitation to make."""

    role: Role = Field(examples=["viewer"])
    hours: Whole = Field(
        default=DEFAULT_HOURS, ge=1, le=MOST_HOURS, description="How long it holds.", examples=[72]
    )


class InvitationView(Output):
    """One invitation, without its token."""

    id: UUID = Field(examples=[SOME_ID])
    role: Role = Field(examples=["viewer"])
    is_for_first_user: bool = Field(examples=[False])
    invited_by: UUID | None = Field(description="Null: the command line.", examples=[SOME_ID])
    created_at: datetime = Field(examples=[WHEN])
    expires_at: datetime = Field(examples=[WHEN])
    used_at: datetime | None = Field(examples=[None])
    used_by: UUID | None = Field(examples=[None])
    revoked_at: datetime | None = Field(examples=[None])


class MadeInvitation(BaseModel):
    """An invitation with its token, which is shown once."""

    invitation: InvitationView
    token: str = Field(description="For `/auth/register`.", examples=["kq3Zx…"])


# ── API keys ─────────────────────────────────────────────────────────────────


class NewApiKeyRequest(Asked):
    """A key to make."""

    name: Label
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope), examples=[["read"]])
    days: Whole | None = Field(
        default=None,
        ge=1,
        le=MOST_DAYS,
        description="Null: it does not expire.",
        examples=[90],
        json_schema_extra={
            "anyOf": [{"type": "integer", "minimum": 1, "maximum": MOST_DAYS}, {"type": "null"}]
        },
    )
    """Pydantic leaves out of the document what holds for a number that may be null."""


class ApiKeyView(Output):
    """One key, without its secret."""

    id: UUID = Field(examples=[SOME_ID])
    user_id: UUID = Field(examples=[SOME_ID])
    name: str = Field(examples=["night batch"])
    prefix: str = Field(description="How the key begins.", examples=["mm_kq3ZxP0aB"])
    scopes: list[str] = Field(examples=[["read"]])
    created_at: datetime = Field(examples=[WHEN])
    expires_at: datetime | None = Field(examples=[WHEN])
    last_used_at: datetime | None = Field(description="To the minute.", examples=[WHEN])
    revoked_at: datetime | None = Field(examples=[None])


class MadeApiKey(BaseModel):
    """A key with its secret, which is shown once."""

    api_key: ApiKeyView
    secret: str = Field(description="For `X-API-Key`.", examples=["mm_kq3ZxP0aB…"])


# ── audit log ────────────────────────────────────────────────────────────────


class AuditView(Output):
    """One change that somebody made."""

    id: UUID = Field(examples=[SOME_ID])
    occurred_at: datetime = Field(examples=[WHEN])
    actor_id: UUID | None = Field(
        description="Null: the command line or the program itself.", examples=[SOME_ID]
    )
    actor: str = Field(examples=["alice"])
    action: str = Field(examples=["user.create"])
    target: str | None = Field(examples=["user:bob"])
    details: dict[str, Any] = Field(examples=[{"role": "viewer"}])
    address: str | None = Field(examples=["127.0.0.1"])
    request_id: str | None = Field(examples=["5d1f6c0e"])
