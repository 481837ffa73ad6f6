"""Users, API keys, refresh tokens: found by name or hash, never without a hash."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from app.core.exceptions import ConflictError, DataNotFoundError
from app.core.users import ApiKey, RefreshToken, Role, User
from app.models.identity import ApiKeyRow, RefreshTokenRow, UserRow
from app.repositories.unit_of_work import UnitOfWork

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PASSWORD_HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"  # noqa: S105 - the hash of nothing

Sessions = sessionmaker[Session]


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


@pytest.fixture
def sessions(database_sessions: Sessions) -> Sessions:
    return database_sessions


@pytest.fixture
def alice(sessions: Sessions) -> User:
    with UnitOfWork(sessions) as work:
        return work.users.add("Alice", PASSWORD_HASH, role=Role.TRADER, email="Alice@example.org")


# ── users ────────────────────────────────────────────────────────────────────


def test_a_user_is_found_in_any_case(sessions: Sessions, alice: User) -> None:
    assert (alice.username, alice.email) == ("alice", "alice@example.org")
    assert alice.is_active
    assert alice.last_login_at is None
    with UnitOfWork(sessions) as work:
        assert work.users.find("ALICE") == work.users.get(alice.id) == alice
        assert work.users.password_hash("Alice") == PASSWORD_HASH
        assert work.users.find("bob") is None
        assert work.users.password_hash("bob") is None
        with pytest.raises(DataNotFoundError, match="no user 0000"):
            work.users.get(UUID(int=0))


def test_what_a_user_may_do_changes(sessions: Sessions, alice: User) -> None:
    with UnitOfWork(sessions) as work:
        work.users.set_role(alice.id, Role.ADMIN)
        work.users.note_login(alice.id, NOW)
        work.users.set_password_hash(alice.id, PASSWORD_HASH + "2")
    with UnitOfWork(sessions) as work:
        changed = work.users.get(alice.id)
        assert (changed.role, changed.last_login_at) == (Role.ADMIN, NOW)
        assert work.users.password_hash("alice") == PASSWORD_HASH + "2"
        assert (work.users.count(), work.users.count(role=Role.TRADER)) == (1, 0)
        work.users.set_active(alice.id, active=False)
        assert work.users.password_hash("alice") is None
        assert work.users.count(role=Role.ADMIN) == 0


def test_users_are_listed_by_name_page_by_page(sessions: Sessions) -> None:
    with UnitOfWork(sessions) as work:
        for name in ("dora", "bob", "carl"):
            work.users.add(name, PASSWORD_HASH, role=Role.VIEWER)
        first = work.users.list(2)
        assert [user.username for user in first] == ["bob", "carl"]
        rest = work.users.list(2, after=first[-1].username)
        assert [user.username for user in rest] == ["dora"]


@pytest.mark.parametrize(("name", "email"), [("ALICE", None), ("bob", "ALICE@example.org")])
def test_a_name_and_an_address_are_taken_once(
    sessions: Sessions, alice: User, name: str, email: str | None
) -> None:
    with pytest.raises(ConflictError, match="exists already"), UnitOfWork(sessions) as work:
        work.users.add(name, PASSWORD_HASH, role=Role.VIEWER, email=email)
    with UnitOfWork(sessions) as work:
        assert work.users.list() == (alice,)


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"password_hash": "secret"}, "password_is_hashed"),
        ({"role": "owner"}, "known_role"),
        ({"username": "Alice"}, "username_is_lower_case"),
        ({"username": ""}, "username_is_lower_case"),
    ],
)
def test_the_database_refuses_impossible_users(
    sessions: Sessions, alice: User, values: dict[str, str], constraint: str
) -> None:
    with pytest.raises(IntegrityError, match=constraint), sessions.begin() as db:
        db.execute(update(UserRow).values(**values))


def test_a_user_row_never_leaves_with_its_hash(alice: User) -> None:
    assert PASSWORD_HASH not in repr(alice)


# ── API keys ─────────────────────────────────────────────────────────────────


def _add_key(work: UnitOfWork, user: User, name: str = "bot", *, key: str = "s") -> ApiKey:
    return work.api_keys.add(
        user.id,
        name,
        prefix="mm_abc",
        key_hash=_hash(key),
        scopes=["runs:read", "data:read", "runs:read"],
        expires_at=NOW + HOUR,
    )


def test_a_key_opens_until_it_expires_or_is_revoked(sessions: Sessions, alice: User) -> None:
    with UnitOfWork(sessions) as work:
        key = _add_key(work, alice)
        assert key.scopes == ("data:read", "runs:read")
    with UnitOfWork(sessions) as work:
        find = work.api_keys.find
        assert find(_hash("s"), NOW) == key
        assert find(_hash("s"), NOW + HOUR) is None
        assert find(_hash("x"), NOW) is None
        work.api_keys.note_use(key.id, NOW)
        assert work.api_keys.revoke(key.id, NOW + HOUR).revoked_at == NOW + HOUR
        assert work.api_keys.revoke(key.id, NOW + 2 * HOUR).revoked_at == NOW + HOUR
        assert find(_hash("s"), NOW) is None
    with UnitOfWork(sessions) as work:
        (stored,) = work.api_keys.of_user(alice.id)
        assert (stored.last_used_at, stored.revoked_at) == (NOW, NOW + HOUR)
        with pytest.raises(DataNotFoundError, match="no API key"):
            work.api_keys.revoke(UUID(int=0), NOW)


def test_a_key_of_an_inactive_user_opens_nothing(sessions: Sessions, alice: User) -> None:
    with UnitOfWork(sessions) as work:
        _add_key(work, alice)
        work.users.set_active(alice.id, active=False)
        assert work.api_keys.find(_hash("s"), NOW) is None


@pytest.mark.parametrize(("name", "secret"), [("bot", "other"), ("other", "s")])
def test_a_key_is_named_once_and_made_once(
    sessions: Sessions, alice: User, name: str, secret: str
) -> None:
    with UnitOfWork(sessions) as work:
        _add_key(work, alice)
    with pytest.raises(ConflictError, match="exists already"), UnitOfWork(sessions) as work:
        _add_key(work, alice, name, key=secret)


def test_a_key_is_stored_as_a_hash_or_not_at_all(sessions: Sessions, alice: User) -> None:
    with pytest.raises(IntegrityError, match="key_is_hashed"), UnitOfWork(sessions) as work:
        work.api_keys.add(alice.id, "bot", prefix="mm", key_hash="mm_secret", scopes=[])


def test_keys_need_a_user_and_go_with_it(sessions: Sessions, alice: User) -> None:
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"), UnitOfWork(sessions) as work:
        work.api_keys.add(UUID(int=1), "bot", prefix="m", key_hash=_hash("s"), scopes=[])
    with UnitOfWork(sessions) as work:
        _add_key(work, alice)
        _add_token(work, alice)
    with sessions.begin() as db:
        db.execute(delete(UserRow))
        assert db.scalars(select(ApiKeyRow)).all() == []
        assert db.scalars(select(RefreshTokenRow)).all() == []


# ── refresh tokens ───────────────────────────────────────────────────────────

FAMILY = uuid4()


def _add_token(
    work: UnitOfWork, user: User, text: str = "one", family: UUID = FAMILY
) -> RefreshToken:
    return work.refresh_tokens.add(
        user.id, family_id=family, token_hash=_hash(text), expires_at=NOW + HOUR
    )


def test_a_token_works_once_and_a_second_use_ends_its_login(
    sessions: Sessions, alice: User
) -> None:
    with UnitOfWork(sessions) as work:
        token = _add_token(work, alice)
        _add_token(work, alice, "of another login", uuid4())
        used = work.refresh_tokens.use(_hash("one"), NOW)
        assert used is not None
        assert (used.id, used.used_at) == (token.id, NOW)
        _add_token(work, alice, "two")
    with UnitOfWork(sessions) as work:
        assert work.refresh_tokens.use(_hash("one"), NOW) is None
    with UnitOfWork(sessions) as work:
        assert work.refresh_tokens.use(_hash("two"), NOW) is None
        assert work.refresh_tokens.use(_hash("of another login"), NOW) is not None


def test_an_unknown_or_expired_token_is_worth_nothing(sessions: Sessions, alice: User) -> None:
    with UnitOfWork(sessions) as work:
        _add_token(work, alice)
        _add_token(work, alice, "two")
        assert work.refresh_tokens.use(_hash("none"), NOW) is None
        assert work.refresh_tokens.use(_hash("one"), NOW + HOUR) is None
        assert work.refresh_tokens.use(_hash("two"), NOW) is not None  # its family lives


def test_logins_are_ended_and_old_tokens_removed(sessions: Sessions, alice: User) -> None:
    with UnitOfWork(sessions) as work:
        for number in range(3):
            _add_token(work, alice, str(number), uuid4() if number else FAMILY)
        assert work.refresh_tokens.revoke_family(FAMILY, NOW) == 1
        assert work.refresh_tokens.revoke_user(alice.id, NOW) == 2
        assert work.refresh_tokens.use(_hash("2"), NOW) is None
        assert work.refresh_tokens.delete_expired(NOW + HOUR) == 0
        assert work.refresh_tokens.delete_expired(NOW + 2 * HOUR) == 3


def test_times_of_a_user_are_kept_by_the_database(sessions: Sessions, alice: User) -> None:
    with sessions.begin() as db:
        db.execute(update(UserRow).values(created_at=NOW, updated_at=NOW))
        db.execute(text("UPDATE users SET email = NULL"))
    with sessions() as db:
        row = db.scalars(select(UserRow)).one()
        assert row.created_at == alice.created_at != NOW
        assert row.updated_at != NOW
