"""Logins: how somebody becomes known, stays known and leaves."""

from fastapi import APIRouter, Depends, Response

from app.api.access import Actor
from app.api.audit import Sender
from app.api.platform import Served
from app.api.responses import errors
from app.api.schemas.users import (
    Credentials,
    LoginView,
    Me,
    PasswordChange,
    Refresh,
    Registration,
    UserView,
)
from app.managers.user_manager.logins import LoggedIn


async def _never_stored(response: Response) -> None:
    """No cache keeps what is in here (RFC 6749, section 5.1)."""
    response.headers["Cache-Control"] = "no-store"


router = APIRouter(prefix="/auth", tags=["auth"], dependencies=[Depends(_never_stored)])
_TAKEN = errors(409, text="The name or the address is taken.")
_NO_LOGIN = errors(409, text="An API key has no login to end.")


@router.post(
    "/register", status_code=201, responses=_TAKEN, summary="Become a user by an invitation"
)
def register(body: Registration, platform: Served, sender: Sender) -> UserView:
    """In the invitation's role. The first user comes with the token that `server` prints."""
    user = platform.users.accounts.register(
        body.token.get_secret_value(),
        body.username,
        body.password.get_secret_value(),
        sender,
        email=body.email,
    )
    return UserView.model_validate(user)


@router.post("/login", summary="Log in with a password")
def log_in(body: Credentials, platform: Served, sender: Sender) -> LoginView:
    """Five passwords a minute may be tried, per account and per address."""
    return _view(
        platform.users.logins.log_in(body.username, body.password.get_secret_value(), sender)
    )


@router.post("/refresh", summary="Exchange a refresh token for new tokens")
def refresh(body: Refresh, platform: Served, sender: Sender) -> LoginView:
    """A refresh token works once; sent a second time, it ends its login."""
    return _view(platform.users.logins.refresh(body.refresh_token.get_secret_value(), sender))


@router.post("/logout", status_code=204, responses=_NO_LOGIN, summary="End this login")
def log_out(platform: Served, actor: Actor, sender: Sender) -> None:
    """Its access tokens are refused at once, and its refresh token."""
    platform.users.logins.log_out(actor, sender)


@router.get("/me", summary="Who is asking")
def me(platform: Served, actor: Actor) -> Me:
    """The user a token or a key speaks for, and in which role."""
    user = platform.users.accounts.get(actor.user_id)
    return Me(user=UserView.model_validate(user), role=actor.role, api_key_id=actor.api_key_id)


@router.post("/password", status_code=204, summary="Change one's own password")
def change_password(body: PasswordChange, platform: Served, actor: Actor, sender: Sender) -> None:
    """Every other login of the user ends; this one goes on.

    Open invitations of one's own and API keys of scope admin are revoked.
    """
    platform.users.accounts.change_password(
        actor,
        body.current_password.get_secret_value(),
        body.new_password.get_secret_value(),
        sender,
    )


def _view(login: LoggedIn) -> LoginView:
    return LoginView(
        access_token=login.access_token,
        expires_in=login.access_seconds,
        refresh_token=login.refresh_token,
        login_ends_at=login.login_ends_at,
        user=UserView.model_validate(login.user),
    )
