"""From a password to tokens and to their end, on both databases."""

from dataclasses import replace
from datetime import timedelta
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import OperationalError

from app.core.administration import Origin
from app.core.exceptions import (
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    PermissionDeniedError,
    RateLimitedError,
)
from app.core.users import Role, Scope, User
from app.managers.user_manager import UserManager
from app.repositories.credential_repository import ApiKeyRepository
from app.repositories.user_repository import UserRepository
from app.services.security import passwords
from tests.integration.users.conftest import HERE, NOON, OTHER_PASSWORD, PASSWORD, Desk

PATIENCE_S = 20.0
WRONG = "the user name or the password is wrong"


def refused(users: UserManager, name: str, password: str) -> str:
    with pytest.raises(AuthenticationError) as refusal:
        users.logins.log_in(name, password, HERE)
    return str(refusal.value)


# ── in ───────────────────────────────────────────────────────────────────────


def test_a_login_says_who_it_is_until_it_expires(
    desk: Desk, users: UserManager, alice: User
) -> None:
    login = users.logins.log_in("ALICE", PASSWORD, HERE)
    principal = users.read_access_token(login.access_token)
    assert (principal.user_id, principal.username, principal.role) == (
        alice.id,
        "alice",
        Role.ADMIN,
    )
    assert login.user.last_login_at == NOON
    assert (login.access_seconds, (login.login_ends_at - NOON).days) == (600, 30)
    desk.wait(seconds=599)
    users.read_access_token(login.access_token)
    desk.wait(seconds=1)
    with pytest.raises(AuthenticationError, match="expired"):
        users.read_access_token(login.access_token)


def test_every_refusal_reads_alike(users: UserManager, alice: User) -> None:
    users.accounts.create("bob", PASSWORD, Role.VIEWER, HERE)
    users.accounts.change(users.accounts.named("bob").id, HERE, is_active=False)
    assert refused(users, "alice", "not her password") == WRONG
    assert refused(users, "nobody", PASSWORD) == WRONG
    assert refused(users, "bob", PASSWORD) == WRONG


def test_a_hash_of_other_parameters_is_renewed_by_a_login(
    desk: Desk, users: UserManager, alice: User
) -> None:
    from argon2 import PasswordHasher

    old = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(PASSWORD)
    with desk.work() as work:
        work.users.set_password_hash(alice.id, old)
    users.logins.log_in("alice", PASSWORD, HERE)
    with desk.work() as work:
        stored = work.users.password_hash("alice")
    assert stored is not None
    assert "$m=19456,t=2,p=1$" in stored
    assert passwords.verify_password(PASSWORD, stored) == (True, None)


def test_no_secret_shows_in_what_is_printed_of_a_login(users: UserManager, alice: User) -> None:
    login = users.logins.log_in("alice", PASSWORD, HERE)
    shown = repr(login) + repr(users.logins._tokens)
    for secret in (login.access_token, login.refresh_token, users.logins._tokens.secret):
        assert secret not in shown


# ── on ───────────────────────────────────────────────────────────────────────


def test_a_refresh_token_works_once_and_the_login_keeps_its_end(
    desk: Desk, users: UserManager, alice: User
) -> None:
    first = users.logins.log_in("alice", PASSWORD, HERE)
    login_id = users.read_access_token(first.access_token).login_id
    desk.wait(days=29)
    second = users.logins.refresh(first.refresh_token, HERE)
    assert second.refresh_token != first.refresh_token
    assert second.login_ends_at == first.login_ends_at
    assert users.read_access_token(second.access_token).login_id == login_id
    desk.wait(days=1)
    with pytest.raises(AuthenticationError):
        users.logins.refresh(second.refresh_token, HERE)


def test_a_refresh_token_sent_twice_ends_its_login_at_once(
    desk: Desk, users: UserManager, alice: User
) -> None:
    first = users.logins.log_in("alice", PASSWORD, HERE)
    other = users.logins.log_in("alice", PASSWORD, HERE)
    second = users.logins.refresh(first.refresh_token, HERE)
    with pytest.raises(AuthenticationError):
        users.logins.refresh(first.refresh_token, HERE)
    for dead in (first, second):
        with pytest.raises(AuthenticationError):
            users.read_access_token(dead.access_token)
        with pytest.raises(AuthenticationError):
            users.logins.refresh(dead.refresh_token, HERE)
    users.read_access_token(other.access_token)
    users.logins.refresh(other.refresh_token, HERE)
    assert desk.actions().count("auth.refresh_reused") == 1


@pytest.mark.parametrize("token", ["", "nonsense", "\x00", "é" * 40])
def test_an_unknown_refresh_token_is_refused(users: UserManager, token: str) -> None:
    with pytest.raises(AuthenticationError):
        users.logins.refresh(token, HERE)


def test_a_refresh_carries_the_role_of_now(users: UserManager, alice: User) -> None:
    users.accounts.create("bob", PASSWORD, Role.VIEWER, HERE)
    bob = users.accounts.named("bob")
    login = users.logins.log_in("bob", PASSWORD, HERE)
    users.accounts.change(bob.id, HERE, role=Role.TRADER)
    with pytest.raises(AuthenticationError):
        users.logins.refresh(login.refresh_token, HERE)
    again = users.logins.log_in("bob", PASSWORD, HERE)
    assert users.read_access_token(again.access_token).role is Role.TRADER


# ── out ──────────────────────────────────────────────────────────────────────


def test_after_a_logout_its_tokens_are_refused_and_others_not(
    users: UserManager, alice: User
) -> None:
    login = users.logins.log_in("alice", PASSWORD, HERE)
    other = users.logins.log_in("alice", PASSWORD, HERE)
    users.logins.log_out(users.read_access_token(login.access_token), HERE)
    with pytest.raises(AuthenticationError, match="over"):
        users.read_access_token(login.access_token)
    with pytest.raises(AuthenticationError):
        users.logins.refresh(login.refresh_token, HERE)
    users.read_access_token(other.access_token)


def test_a_process_that_starts_refuses_what_was_ended_before(
    desk: Desk, users: UserManager, alice: User
) -> None:
    login = users.logins.log_in("alice", PASSWORD, HERE)
    kept = users.logins.log_in("alice", PASSWORD, HERE)
    users.logins.log_out(users.read_access_token(login.access_token), HERE)
    desk.wait(minutes=9)
    later = desk.manager()
    with pytest.raises(AuthenticationError, match="over"):
        later.read_access_token(login.access_token)
    later.read_access_token(kept.access_token)


def test_ended_logins_are_remembered_for_the_life_of_their_tokens_only(
    desk: Desk, users: UserManager, alice: User
) -> None:
    for _ in range(3):
        login = users.logins.log_in("alice", PASSWORD, HERE)
        users.logins.log_out(users.read_access_token(login.access_token), HERE)
        desk.wait(minutes=11)
    assert len(users.logins._ended) == 1
    assert len(desk.manager().logins._ended) == 0


def test_a_key_has_no_login_to_end_and_no_password_to_change(
    users: UserManager, alice: User
) -> None:
    key = users.keys.create(alice.id, "bot", [Scope.ADMIN], HERE)
    principal = users.read_api_key(key.secret)
    with pytest.raises(ConflictError):
        users.logins.log_out(principal, HERE)
    with pytest.raises(PermissionDeniedError):
        users.accounts.change_password(principal, PASSWORD, OTHER_PASSWORD, HERE)


# ── one's own password ───────────────────────────────────────────────────────


def test_a_new_password_ends_every_other_login(users: UserManager, alice: User) -> None:
    other = users.logins.log_in("alice", PASSWORD, HERE)
    mine = users.logins.log_in("alice", PASSWORD, HERE)
    me = users.read_access_token(mine.access_token)
    users.accounts.change_password(me, PASSWORD, OTHER_PASSWORD, HERE)
    users.read_access_token(mine.access_token)
    users.logins.refresh(mine.refresh_token, HERE)
    with pytest.raises(AuthenticationError):
        users.read_access_token(other.access_token)
    with pytest.raises(AuthenticationError):
        users.logins.refresh(other.refresh_token, HERE)
    assert refused(users, "alice", PASSWORD) == WRONG
    users.logins.log_in("alice", OTHER_PASSWORD, HERE)


def test_a_password_is_changed_by_who_knows_it_and_for_a_good_one(
    users: UserManager, alice: User
) -> None:
    me = users.read_access_token(users.logins.log_in("alice", PASSWORD, HERE).access_token)
    with pytest.raises(PermissionDeniedError, match="current_password"):
        users.accounts.change_password(me, "wrong wrong wrong", OTHER_PASSWORD, HERE)
    with pytest.raises(ConfigurationError, match="password: it has 5 characters"):
        users.accounts.change_password(me, PASSWORD, "short", HERE)
    users.logins.log_in("alice", PASSWORD, HERE)


# ── the limit ────────────────────────────────────────────────────────────────


def from_(address: str | None) -> Origin:
    return replace(HERE, address=address)


def test_an_account_has_five_attempts_a_minute_from_everywhere_together(
    desk: Desk, users: UserManager, alice: User
) -> None:
    for number in range(5):
        with pytest.raises(AuthenticationError):
            users.logins.log_in("alice", "wrong", from_(f"198.51.100.{number}"))
        desk.wait(seconds=1)
    with pytest.raises(RateLimitedError, match="5 attempts in 60 s") as refusal:
        users.logins.log_in("Alice", PASSWORD, from_("198.51.100.99"))
    assert refusal.value.retry_after_s == pytest.approx(55)
    desk.wait(seconds=55)
    users.logins.log_in("alice", PASSWORD, from_("198.51.100.99"))
    with pytest.raises(RateLimitedError):
        users.logins.log_in("alice", PASSWORD, from_("198.51.100.99"))


def test_an_address_has_five_attempts_a_minute_for_all_accounts_together(
    users: UserManager, alice: User
) -> None:
    for number in range(5):
        refused(users, f"user{number}", "wrong")
    with pytest.raises(RateLimitedError):
        users.logins.log_in("alice", PASSWORD, HERE)
    users.logins.log_in("alice", PASSWORD, from_("198.51.100.1"))


def test_names_that_do_not_exist_are_limited_as_those_that_do(users: UserManager) -> None:
    for number in range(5):
        with pytest.raises(AuthenticationError):
            users.logins.log_in("nobody", "wrong", from_(f"198.51.100.{number}"))
    with pytest.raises(RateLimitedError):
        users.logins.log_in("nobody", "wrong", from_("198.51.100.99"))


# ── what happens meanwhile ───────────────────────────────────────────────────


def test_a_demotion_while_somebody_logs_in_counts(
    users: UserManager, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    users.accounts.create("bob", PASSWORD, Role.ADMIN, HERE)
    bob = users.accounts.named("bob")
    demoting = Thread(
        target=users.accounts.change, args=(bob.id, HERE), kwargs={"role": Role.VIEWER}
    )
    note_login = UserRepository.note_login

    def note_late(*arguments: Any) -> User:
        demoting.start()
        demoting.join(0.3)  # it is through by now, or waits until the login is
        return note_login(*arguments)

    monkeypatch.setattr(UserRepository, "note_login", note_late)
    login = users.logins.log_in("bob", PASSWORD, HERE)
    demoting.join(PATIENCE_S)
    assert users.accounts.named("bob").role is Role.VIEWER
    with pytest.raises(AuthenticationError, match="over"):
        users.read_access_token(login.access_token)


def test_a_key_opens_though_its_use_cannot_be_noted(
    desk: Desk, users: UserManager, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, tried = users.keys.create(alice.id, "bot", [Scope.READ], HERE).secret, []

    def fail(_: object, key_id: UUID, *__: object) -> None:
        tried.append(key_id)
        raise OperationalError("UPDATE api_keys", None, Exception("database is locked"))

    with monkeypatch.context() as broken:
        broken.setattr(ApiKeyRepository, "note_use", fail)
        for _ in range(3):
            assert users.read_api_key(secret).username == "alice"
    assert len(tried) == 1  # each try may wait for the database
    desk.wait(minutes=1)
    users.read_api_key(secret)
    assert users.keys.of_user(alice.id)[0].last_used_at == NOON + timedelta(minutes=1)
