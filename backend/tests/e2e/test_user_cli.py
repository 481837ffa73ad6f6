"""``user`` as it is typed: people and keys, and passwords that nobody sees."""

import io
import os
import sys
from collections.abc import Callable

import pytest

from app.core.administration import AuditEntry
from app.models.database import session_factory
from app.repositories.unit_of_work import UnitOfWork
from app.services.security.keys import secret_hash
from app.services.security.passwords import verify_password
from tests.command_line import CommandLine, Ended, Typed
from tests.e2e.test_terminal import Terminal

PASSWORD = "plum kettle orbit satin"  # noqa: S105
OTHER_PASSWORD = "satin orbit kettle plum"  # noqa: S105


@pytest.fixture
def line(cli: CommandLine, typed: Callable[[CommandLine], Typed]) -> Typed:
    return typed(cli)


@pytest.fixture
def create(line: Typed, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """``create("alice", "--role", "admin")``, with the password on standard input."""

    def run(*arguments: str, password: str = PASSWORD) -> Ended:
        monkeypatch.setattr(sys, "stdin", io.StringIO(password + "\n"))
        return line.run("user", "create", *arguments, "--password-stdin")

    return run


def work(line: Typed) -> UnitOfWork:
    return UnitOfWork(session_factory(f"sqlite:///{line.home / 'data' / 'trading_app.db'}"))


def audit(line: Typed) -> list[AuditEntry]:
    with work(line) as found:
        return list(reversed(found.audit.list()))


def opens(line: Typed, name: str, password: str) -> bool:
    with work(line) as found:
        return verify_password(password, found.users.password_hash(name))[0]


def test_users_are_made_changed_and_listed(line: Typed, create: Callable[..., Ended]) -> None:
    made = create("Alice", "--role", "admin", "--email", "alice@example.org")
    assert (made.returncode, made.stdout) == (0, "alice may log in as admin\n")
    assert create("bob").stdout == "bob may log in as viewer\n"
    assert line.ok("user", "role", "BOB", "trader") == "bob may log in as trader\n"
    assert line.ok("user", "deactivate", "bob") == "bob may not log in\n"
    alice, bob = line.json("user", "list")
    assert (alice["username"], alice["email"], alice["role"]) == (
        "alice",
        "alice@example.org",
        "admin",
    )
    assert (bob["role"], bob["is_active"]) == ("trader", False)
    assert not any("password" in key for key in alice)
    assert "│ bob   │ trader │ no " in line.ok("user", "list")
    assert line.ok("user", "activate", "bob") == "bob may log in as trader\n"
    told = [(entry.actor, entry.action, entry.target) for entry in audit(line)]
    assert told == [
        ("cli", "user.create", "user:alice"),
        ("cli", "user.create", "user:bob"),
        ("cli", "user.role", "user:bob"),
        ("cli", "user.deactivate", "user:bob"),
        ("cli", "user.activate", "user:bob"),
    ]


@pytest.mark.parametrize(
    ("arguments", "password", "reason"),
    [
        (("alice",), "short", "password: it has 5 characters"),
        (("alice",), "", "password: it has 0 characters"),
        (("alice",), "password1234", "password: it is among those tried first"),
        (("a b",), PASSWORD, "username: 'a b' cannot be taken"),
        (("alice", "--email", "alice"), PASSWORD, "email: 'alice' cannot be taken"),
    ],
)
def test_mistakes_end_with_status_2(
    line: Typed,
    create: Callable[..., Ended],
    arguments: tuple[str, ...],
    password: str,
    reason: str,
) -> None:
    done = create(*arguments, password=password)
    assert (done.returncode, reason in done.stderr) == (2, True), done.stderr
    assert line.json("user", "list") == []


def test_what_cannot_be_done_ends_with_status_1(line: Typed, create: Callable[..., Ended]) -> None:
    create("alice", "--role", "admin")
    assert "exists already" in create("ALICE").stderr
    for arguments, reason in (
        (("role", "alice", "viewer"), "alice is the last active admin"),
        (("deactivate", "alice"), "alice is the last active admin"),
        (("activate", "bob"), "there is no user 'bob'"),
        (("revoke-key", "alice", "bot"), "alice has no key 'bot'"),
    ):
        done = line.run("user", *arguments)
        assert (done.returncode, reason in done.stderr) == (1, True), done.stderr


def test_a_password_is_replaced(
    line: Typed, create: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    create("alice")
    monkeypatch.setattr(sys, "stdin", io.StringIO(OTHER_PASSWORD + "\nmore\n"))
    assert line.ok("user", "password", "alice", "--password-stdin") == (
        "alice has another password\n"
    )
    assert opens(line, "alice", OTHER_PASSWORD)
    assert not opens(line, "alice", PASSWORD)


def test_a_password_is_no_argument(line: Typed) -> None:
    for arguments in (("create", "alice", PASSWORD), ("password", "alice", PASSWORD)):
        assert line.run("user", *arguments).returncode == 2
    assert line.run("user", "create", "alice", "--password", PASSWORD).returncode == 2


def test_a_password_typed_in_a_terminal_is_asked_for_twice_and_not_shown(
    cli: CommandLine, line: Typed
) -> None:
    terminal = Terminal(cli, "user", "create", "alice", "--role", "admin")
    for question in ("Password: ", "Once more: "):  # the blank comes when nothing is shown any more
        terminal.read_until(lambda text, question=question: text.endswith(question))
        os.write(terminal._own, (PASSWORD + "\n").encode())
    assert terminal.end() == 0, terminal.text
    assert PASSWORD not in terminal.text
    assert opens(line, "alice", PASSWORD)


def test_an_invitation_is_shown_once_and_stored_as_a_hash(line: Typed) -> None:
    made = line.json("user", "invite", "--role", "trader", "--hours", "1")
    assert made["invitation"]["role"] == "trader"
    token = line.ok("user", "invite").splitlines()[-1]
    with work(line) as found:
        for secret in (made["token"], token):
            stored = found.db.connection().exec_driver_sql("SELECT token_hash FROM invitations")
            assert secret_hash(secret) in stored.scalars().all()
    assert line.run("user", "invite", "--hours", "721").returncode == 2


def test_keys_are_made_listed_and_revoked(line: Typed, create: Callable[..., Ended]) -> None:
    create("bob", "--role", "trader")
    told = line.ok("user", "add-key", "bob", "night batch", "--scope", "read", "--days", "90")
    secret = told.splitlines()[-1]
    assert secret.startswith("mm_")
    (key,) = line.json("user", "keys", "bob")
    assert (key["name"], key["scopes"], key["revoked_at"]) == ("night batch", ["read"], None)
    assert secret not in line.ok("user", "keys", "bob")
    beyond = line.run("user", "add-key", "bob", "x", "--scope", "admin")
    assert (beyond.returncode, "goes beyond bob's role" in beyond.stderr) == (1, True)
    line.ok("user", "revoke-key", "bob", "night batch")
    assert line.json("user", "keys", "bob")[0]["revoked_at"] is not None
