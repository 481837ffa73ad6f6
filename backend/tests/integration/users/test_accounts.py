"""Accounts, invitations and keys on both databases: who becomes what, and what is written down."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest

from app.core.exceptions import (
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    DataNotFoundError,
    PermissionDeniedError,
    TradingError,
)
from app.core.paging import PageRequest
from app.core.users import Role, Scope, User
from app.managers.user_manager import UserManager
from tests.integration.users.conftest import HERE, NOON, OTHER_PASSWORD, PASSWORD, Desk


def at_once(*calls: Callable[[], object]) -> list[object]:
    """What calls made at the same time give, errors of the tree included."""

    def tried(call: Callable[[], object]) -> object:
        try:
            return call()
        except TradingError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(tried, calls))


# ── the first ────────────────────────────────────────────────────────────────


def test_the_first_user_is_an_admin_by_the_token_of_the_start(
    desk: Desk, users: UserManager
) -> None:
    stale, token = users.first_admin_token(), users.first_admin_token()
    assert stale is not None
    assert token is not None
    with pytest.raises(PermissionDeniedError):
        users.accounts.register(stale, "mallory", PASSWORD, HERE)
    first = users.accounts.register(token, "Alice", PASSWORD, HERE)
    assert (first.username, first.role) == ("alice", Role.ADMIN)
    assert users.first_admin_token() is None
    with pytest.raises(PermissionDeniedError):
        users.accounts.register(token, "mallory", PASSWORD, HERE)
    with desk.work() as work:
        assert token not in str(
            work.db.connection().exec_driver_sql("SELECT * FROM invitations").all()
        )


def test_the_token_of_the_start_holds_for_a_day_and_while_nobody_is_there(
    desk: Desk, users: UserManager
) -> None:
    token = str(users.first_admin_token())
    users.accounts.create("alice", PASSWORD, Role.VIEWER, HERE)
    with pytest.raises(PermissionDeniedError):
        users.accounts.register(token, "mallory", PASSWORD, HERE)
    users.accounts.change(users.accounts.named("alice").id, HERE, is_active=False)
    desk.wait(hours=24)
    with pytest.raises(PermissionDeniedError):
        users.accounts.register(token, "mallory", PASSWORD, HERE)


# ── by invitation ────────────────────────────────────────────────────────────


def test_an_invitation_makes_one_user_of_its_role(users: UserManager, alice: User) -> None:
    made = users.invitations.create(Role.TRADER, HERE, hours=1)
    bob = users.accounts.register(made.token, "bob", PASSWORD, HERE, email="bob@example.org")
    assert (bob.role, bob.email, bob.is_active) == (Role.TRADER, "bob@example.org", True)
    with pytest.raises(PermissionDeniedError, match="not valid"):
        users.accounts.register(made.token, "carl", PASSWORD, HERE)
    (stored,) = users.invitations.page(PageRequest()).items
    assert (stored.used_by, stored.used_at) == (bob.id, NOON)
    with pytest.raises(ConflictError, match="registered with it already"):
        users.invitations.revoke(stored.id, HERE)
    assert made.token not in repr(made)


def test_of_two_who_register_at_once_one_becomes_a_user(users: UserManager, alice: User) -> None:
    token = users.invitations.create(Role.VIEWER, HERE).token
    outcomes = at_once(
        lambda: users.accounts.register(token, "bob", PASSWORD, HERE),
        lambda: users.accounts.register(token, "carl", PASSWORD, HERE),
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "PermissionDeniedError",
        "User",
    ]
    assert users.accounts.count() == 2


def test_an_invitation_ends(desk: Desk, users: UserManager, alice: User) -> None:
    expired = users.invitations.create(Role.VIEWER, HERE, hours=1)
    revoked = users.invitations.create(Role.VIEWER, HERE, hours=48)
    users.invitations.revoke(revoked.invitation.id, HERE)
    desk.wait(hours=1)
    for token in (expired.token, revoked.token, "", "nonsense"):
        with pytest.raises(PermissionDeniedError):
            users.accounts.register(token, "bob", PASSWORD, HERE)
    with pytest.raises(DataNotFoundError):
        users.invitations.revoke(UUID(int=0), HERE)
    for hours in (0, 721):
        with pytest.raises(ConfigurationError, match=r"^hours: "):
            users.invitations.create(Role.VIEWER, HERE, hours=hours)


def test_a_refused_registration_leaves_the_invitation(users: UserManager, alice: User) -> None:
    token = users.invitations.create(Role.VIEWER, HERE).token
    with pytest.raises(ConflictError):
        users.accounts.register(token, "ALICE", PASSWORD, HERE)
    with pytest.raises(ConfigurationError, match=r"^password: "):
        users.accounts.register(token, "bob", "short", HERE)
    with pytest.raises(ConfigurationError, match=r"^username: "):
        users.accounts.register(token, "bob smith", PASSWORD, HERE)
    with pytest.raises(ConfigurationError, match=r"^email: "):
        users.accounts.register(token, "bob", PASSWORD, HERE, email="bob")
    assert users.accounts.register(token, "bob", PASSWORD, HERE).role is Role.VIEWER


@pytest.mark.parametrize(
    "name", ["", "-a", "a b", "a" * 65, "cli", "System", "anonymous", "é", "a\n"]
)
def test_some_names_are_not_taken(users: UserManager, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^username: "):
        users.accounts.create(name, PASSWORD, Role.VIEWER, HERE)


# ── changed ──────────────────────────────────────────────────────────────────


def test_who_is_deactivated_is_out_at_once(users: UserManager, alice: User) -> None:
    bob = users.accounts.create("bob", PASSWORD, Role.TRADER, HERE)
    login = users.logins.log_in("bob", PASSWORD, HERE)
    key = users.keys.create(bob.id, "bot", [Scope.TRADE], HERE)
    users.read_api_key(key.secret)
    users.accounts.change(bob.id, HERE, is_active=False)
    for refused in (
        lambda: users.read_access_token(login.access_token),
        lambda: users.logins.refresh(login.refresh_token, HERE),
        lambda: users.logins.log_in("bob", PASSWORD, HERE),
        lambda: users.read_api_key(key.secret),
    ):
        with pytest.raises(AuthenticationError):
            refused()
    users.accounts.change(bob.id, HERE, is_active=True)
    with pytest.raises(AuthenticationError):
        users.read_access_token(login.access_token)
    users.logins.log_in("bob", PASSWORD, HERE)
    with pytest.raises(AuthenticationError):
        users.read_api_key(key.secret)


def test_a_new_role_ends_logins_that_say_the_old_one(users: UserManager, alice: User) -> None:
    bob = users.accounts.create("bob", PASSWORD, Role.ADMIN, HERE)
    login = users.logins.log_in("bob", PASSWORD, HERE)
    assert users.accounts.change(bob.id, HERE, role=Role.ADMIN) == users.accounts.get(bob.id)
    users.read_access_token(login.access_token)
    users.accounts.change(bob.id, HERE, role=Role.VIEWER)
    with pytest.raises(AuthenticationError):
        users.read_access_token(login.access_token)


def test_the_last_active_admin_stays_one(users: UserManager, alice: User) -> None:
    bob = users.accounts.create("bob", PASSWORD, Role.ADMIN, HERE)
    users.accounts.change(bob.id, HERE, is_active=False)
    for change in ({"role": Role.TRADER}, {"is_active": False}):
        with pytest.raises(ConflictError, match="alice is the last active admin"):
            users.accounts.change(alice.id, HERE, **change)
    assert users.accounts.get(alice.id).role is Role.ADMIN
    users.accounts.change(bob.id, HERE, is_active=True)
    users.accounts.change(alice.id, HERE, role=Role.VIEWER)


def test_two_admins_who_demote_each_other_at_once_leave_one(
    users: UserManager, alice: User
) -> None:
    bob = users.accounts.create("bob", PASSWORD, Role.ADMIN, HERE)
    for _ in range(5):
        outcomes = at_once(
            lambda: users.accounts.change(alice.id, HERE, role=Role.VIEWER),
            lambda: users.accounts.change(bob.id, HERE, role=Role.VIEWER),
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ConflictError", "User"]
        for user in (alice, bob):
            users.accounts.change(user.id, HERE, role=Role.ADMIN)


def test_of_two_exchanges_at_once_one_wins_and_the_login_ends(
    users: UserManager, alice: User
) -> None:
    login = users.logins.log_in("alice", PASSWORD, HERE)
    outcomes = at_once(*[lambda: users.logins.refresh(login.refresh_token, HERE)] * 2)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "AuthenticationError",
        "LoggedIn",
    ]
    with pytest.raises(AuthenticationError):
        users.read_access_token(login.access_token)


def test_an_unknown_user_is_named(users: UserManager) -> None:
    with pytest.raises(DataNotFoundError, match="no user 'bob'"):
        users.accounts.named("bob")
    with pytest.raises(DataNotFoundError):
        users.accounts.change(UUID(int=0), HERE, role=Role.ADMIN)
    with pytest.raises(DataNotFoundError):
        users.accounts.set_password(UUID(int=0), OTHER_PASSWORD, HERE)


def test_users_are_listed_and_filtered(users: UserManager, alice: User) -> None:
    for name in ("dora", "bob", "carl"):
        users.accounts.create(name, PASSWORD, Role.VIEWER, HERE)
    first = users.accounts.page(PageRequest(limit=2))
    rest = users.accounts.page(PageRequest(limit=2, cursor=first.next_cursor))
    assert [user.username for user in (*first.items, *rest.items)] == [
        "alice",
        "bob",
        "carl",
        "dora",
    ]
    admins = users.accounts.page(PageRequest(filters={"role": Role.ADMIN, "is_active": True}))
    assert list(admins.items) == [alice]


# ── keys ─────────────────────────────────────────────────────────────────────


def test_a_key_stays_within_the_role_its_owner_has_when_it_is_used(
    users: UserManager, alice: User
) -> None:
    bob = users.accounts.create("bob", PASSWORD, Role.TRADER, HERE)
    with pytest.raises(PermissionDeniedError, match="admin goes beyond bob's role, trader"):
        users.keys.create(bob.id, "bot", [Scope.READ, Scope.ADMIN], HERE)
    reader = users.keys.create(bob.id, "reader", [Scope.READ], HERE)
    trader = users.keys.create(bob.id, "trader", [Scope.READ, Scope.TRADE], HERE)
    assert users.read_api_key(reader.secret).role is Role.VIEWER
    assert users.read_api_key(trader.secret).role is Role.TRADER
    users.accounts.change(bob.id, HERE, role=Role.VIEWER)
    assert users.read_api_key(trader.secret).role is Role.VIEWER
    assert trader.secret not in repr(trader)
    assert trader.secret.startswith(trader.api_key.prefix)


def test_a_key_expires_and_is_revoked(desk: Desk, users: UserManager, alice: User) -> None:
    short = users.keys.create(alice.id, "short", [Scope.READ], HERE, days=1)
    long = users.keys.create(alice.id, "long", [Scope.READ], HERE)
    bob = users.accounts.create("bob", PASSWORD, Role.VIEWER, HERE)
    with pytest.raises(DataNotFoundError):
        users.keys.revoke(long.api_key.id, HERE, owner=bob.id)
    users.read_api_key(long.secret)
    users.keys.revoke(long.api_key.id, HERE, owner=alice.id)
    desk.wait(days=1)
    for key in (short, long):
        with pytest.raises(AuthenticationError):
            users.read_api_key(key.secret)
    with pytest.raises(ConflictError):
        users.keys.create(alice.id, "long", [Scope.READ], HERE)


@pytest.mark.parametrize(
    ("name", "scopes", "days", "field"),
    [
        ("", [Scope.READ], None, "name"),
        ("a\nb", [Scope.READ], None, "name"),
        ("bot", [], None, "scopes"),
        ("bot", [Scope.READ], 0, "days"),
        ("bot", [Scope.READ], 3_651, "days"),
    ],
)
def test_a_key_that_cannot_be_made_is_refused(
    users: UserManager, alice: User, name: str, scopes: list[Scope], days: int | None, field: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"^{field}: "):
        users.keys.create(alice.id, name, scopes, HERE, days=days)


def test_the_last_use_is_written_once_a_minute(desk: Desk, users: UserManager, alice: User) -> None:
    key = users.keys.create(alice.id, "bot", [Scope.READ], HERE)
    seen = []
    for _ in range(5):
        users.read_api_key(key.secret)
        seen.append(users.keys.of_user(alice.id)[0].last_used_at)
        desk.wait(seconds=25)
    later = NOON + timedelta(seconds=75)
    assert seen == [NOON, NOON, NOON, later, later]


# ── written down ─────────────────────────────────────────────────────────────


def test_every_change_is_written_down_with_who_and_from_where(
    desk: Desk, users: UserManager
) -> None:
    first = users.accounts.register(str(users.first_admin_token()), "alice", PASSWORD, HERE)
    made = users.invitations.create(Role.VIEWER, HERE)
    users.invitations.revoke(made.invitation.id, HERE)
    bob = users.accounts.create("bob", PASSWORD, Role.TRADER, HERE)
    users.accounts.change(bob.id, HERE, role=Role.ADMIN, is_active=False)
    users.accounts.change(bob.id, HERE, is_active=True)
    users.accounts.set_password(bob.id, OTHER_PASSWORD, HERE)
    key = users.keys.create(first.id, "bot", [Scope.READ], HERE)
    users.keys.revoke(key.api_key.id, HERE)
    login = users.logins.log_in("alice", PASSWORD, HERE)
    users.logins.log_out(users.read_access_token(login.access_token), HERE)
    log = desk.audit()
    assert sorted((entry.action, (entry.target or "").split(":")[0]) for entry in log) == sorted(
        [
            ("invitation.first_admin", "invitation"),
            ("user.register", "user"),
            ("invitation.create", "invitation"),
            ("invitation.revoke", "invitation"),
            ("user.create", "user"),
            ("user.role", "user"),
            ("user.deactivate", "user"),
            ("user.activate", "user"),
            ("user.password", "user"),
            ("api_key.create", "api_key"),
            ("api_key.revoke", "api_key"),
            ("auth.login", "user"),
            ("auth.logout", "user"),
        ]
    )
    by_hand = [entry for entry in log if entry.action != "invitation.first_admin"]
    assert {entry.address for entry in by_hand} == {"203.0.113.9"}
    assert {entry.request_id for entry in by_hand} == {"request-1"}
    actors = {entry.action: (entry.actor, entry.actor_id) for entry in log}
    assert actors["invitation.first_admin"] == ("system", None)
    assert actors["user.register"] == actors["auth.login"] == ("alice", first.id)
    secrets = (PASSWORD, OTHER_PASSWORD, made.token, key.secret, login.refresh_token)
    assert not any(secret in repr(log) for secret in secrets)


def test_a_change_that_fails_is_not_written_down(
    desk: Desk, users: UserManager, alice: User
) -> None:
    before = desk.actions()
    with pytest.raises(ConflictError):
        users.accounts.change(alice.id, HERE, is_active=False)
    with pytest.raises(ConflictError):
        users.accounts.create("alice", PASSWORD, Role.VIEWER, HERE)
    assert desk.actions() == before
