"""Nothing that a user left behind opens the platform again once the user may no longer."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.core.exceptions import (
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    PermissionDeniedError,
)
from app.core.users import Role, Scope, User
from app.managers.user_manager import UserManager
from app.managers.user_manager.api_keys import MOST_KEYS
from tests.integration.users.conftest import HERE, NOON, OTHER_PASSWORD, PASSWORD, Desk


@pytest.fixture
def mallory(users: UserManager, alice: User) -> User:
    """The second admin."""
    return users.accounts.create("mallory", PASSWORD, Role.ADMIN, HERE)


def invited_by(user: User, users: UserManager) -> str:
    origin = replace(HERE, actor=user.username, actor_id=user.id)
    return users.invitations.create(Role.ADMIN, origin).token


CHANGES: dict[str, Callable[[UserManager, User], object]] = {
    "deactivated": lambda users, who: users.accounts.change(who.id, HERE, is_active=False),
    "demoted": lambda users, who: users.accounts.change(who.id, HERE, role=Role.TRADER),
    "password": lambda users, who: users.accounts.set_password(who.id, OTHER_PASSWORD, HERE),
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_open_invitations_end_with_who_made_them(
    desk: Desk, users: UserManager, alice: User, mallory: User, change: str
) -> None:
    secret, other = invited_by(mallory, users), invited_by(alice, users)
    CHANGES[change](users, mallory)
    told = [entry.details.get("invitations_revoked", 0) for entry in desk.audit()]
    assert sorted(told)[-2:] == [0, 1]
    users.accounts.change(mallory.id, HERE, role=Role.ADMIN, is_active=True)
    with pytest.raises(PermissionDeniedError, match="not valid"):
        users.accounts.register(secret, "mallory2", PASSWORD, HERE)
    assert users.accounts.register(other, "bob", PASSWORD, HERE).role is Role.ADMIN


def test_one_s_own_new_password_ends_one_s_invitations(users: UserManager, alice: User) -> None:
    token = invited_by(alice, users)
    login = users.logins.log_in("alice", PASSWORD, HERE)
    principal = users.read_access_token(login.access_token)
    users.accounts.change_password(principal, PASSWORD, OTHER_PASSWORD, HERE)
    with pytest.raises(PermissionDeniedError, match="not valid"):
        users.accounts.register(token, "bob", PASSWORD, HERE)


@pytest.mark.parametrize("values", [{"is_active": False}, {"role": "trader"}])
def test_an_invitation_holds_while_who_made_it_is_an_admin(
    desk: Desk, users: UserManager, mallory: User, values: dict[str, object]
) -> None:
    """Also one that came to be while its maker was deactivated, and so was not revoked."""
    token = invited_by(mallory, users)
    with desk.work() as work:
        if "role" in values:
            work.users.set_role(mallory.id, Role.TRADER)
        else:
            work.users.set_active(mallory.id, active=False)
    with pytest.raises(PermissionDeniedError, match="not valid"):
        users.accounts.register(token, "mallory2", PASSWORD, HERE)
    assert users.accounts.count() == (2 if "role" in values else 1)


def test_a_promotion_and_a_reactivation_end_no_invitation(
    users: UserManager, alice: User, mallory: User
) -> None:
    bob = users.accounts.create("bob", PASSWORD, Role.VIEWER, HERE)
    token = invited_by(mallory, users)
    for role in (Role.TRADER, Role.ADMIN):
        users.accounts.change(bob.id, HERE, role=role)
    users.accounts.change(mallory.id, HERE, role=Role.ADMIN)
    assert users.accounts.register(token, "carl", PASSWORD, HERE).role is Role.ADMIN


def test_keys_of_who_was_deactivated_stay_closed(
    desk: Desk, users: UserManager, mallory: User
) -> None:
    keys = [users.keys.create(mallory.id, scope, [scope], HERE) for scope in Scope]
    users.keys.revoke(keys[0].api_key.id, HERE)
    desk.wait(seconds=1)
    users.accounts.change(mallory.id, HERE, is_active=False)
    assert desk.audit()[-1].details["keys_revoked"] == 2
    with pytest.raises(PermissionDeniedError, match="deactivated"):
        users.keys.create(mallory.id, "another", [Scope.READ], HERE)
    users.accounts.change(mallory.id, HERE, is_active=True)
    for key in keys:
        with pytest.raises(AuthenticationError):
            users.read_api_key(key.secret)
    closed = {key.name: key.revoked_at for key in users.keys.of_user(mallory.id)}
    assert closed["read"] == NOON
    assert closed["trade"] == closed["admin"] == NOON + timedelta(seconds=1)


def test_a_new_password_closes_keys_of_admins_and_no_others(
    users: UserManager, mallory: User
) -> None:
    admin = users.keys.create(mallory.id, "admin", [Scope.READ, Scope.ADMIN], HERE)
    trade = users.keys.create(mallory.id, "trade", [Scope.TRADE], HERE)
    users.accounts.set_password(mallory.id, OTHER_PASSWORD, HERE)
    assert users.read_api_key(trade.secret).role is Role.TRADER
    with pytest.raises(AuthenticationError):
        users.read_api_key(admin.secret)


def test_who_is_no_admin_any_more_makes_no_users_with_a_token_that_says_admin(
    users: UserManager, alice: User, mallory: User
) -> None:
    """As a server knows no better whose user was changed by another process."""
    users.accounts.change(mallory.id, HERE, role=Role.TRADER)
    stale = replace(HERE, actor="mallory", actor_id=mallory.id)
    for attempt in (
        lambda: users.accounts.create("mallory2", PASSWORD, Role.ADMIN, stale),
        lambda: users.accounts.change(mallory.id, stale, role=Role.ADMIN),
        lambda: users.accounts.change(alice.id, stale, is_active=False),
        lambda: users.invitations.create(Role.ADMIN, stale),
    ):
        with pytest.raises(PermissionDeniedError, match="yours no longer"):
            attempt()
    assert users.accounts.get(mallory.id).role is Role.TRADER
    assert users.accounts.count() == 2


def test_a_user_has_so_many_keys_and_no_more(desk: Desk, users: UserManager, alice: User) -> None:
    made = [users.keys.create(alice.id, f"k{n}", [Scope.READ], HERE) for n in range(MOST_KEYS - 1)]
    users.keys.create(alice.id, "short", [Scope.READ], HERE, days=1)
    with pytest.raises(ConflictError, match="alice has 50 API keys"):
        users.keys.create(alice.id, "one more", [Scope.READ], HERE)
    users.keys.revoke(made[0].api_key.id, HERE)
    users.keys.create(alice.id, "in its place", [Scope.READ], HERE)
    desk.wait(days=1)
    users.keys.create(alice.id, "in place of the expired", [Scope.READ], HERE)
    with pytest.raises(ConflictError):
        users.keys.create(alice.id, "one more", [Scope.READ], HERE)


@pytest.mark.parametrize(
    "sign", ["\u202e", "\u2066", "\u200b", "\ufeff", "\x85", "\u2028", "\u061c"]
)
def test_the_name_of_a_key_reads_as_it_is_written(
    users: UserManager, alice: User, sign: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"^name: "):
        users.keys.create(alice.id, f"night{sign}batch", [Scope.READ], HERE)
    assert users.keys.create(alice.id, "Nacht-Stapel №1 夜", [Scope.READ], HERE)
