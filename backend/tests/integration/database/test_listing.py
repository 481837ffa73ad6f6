"""Lists in pages, on both databases: every row once, in order, whatever is added meanwhile."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.core.exceptions import ConfigurationError
from app.core.paging import PageRequest
from app.models.identity import UserRow
from app.repositories.listing import Listing, equals

HASH = "$argon2id$nothing"
USERS: Listing[UserRow, str] = Listing(
    row=UserRow,
    value=lambda row: row.username,
    sorts={"created_at": UserRow.created_at, "username": UserRow.username},
    conditions={"role": equals(UserRow.role)},
    default_sort="-created_at",
)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def add(db: Session, name: str, *, hours: int, role: str = "viewer") -> None:
    moment = NOON + timedelta(hours=hours)
    db.add(UserRow(username=name, password_hash=HASH, role=role, is_active=True, created_at=moment))
    db.flush()


def walk(db: Session, **request: object) -> list[str]:
    names: list[str] = []
    cursor = None
    while True:
        page = USERS.page(db, PageRequest(cursor=cursor, limit=2, **request))  # type: ignore[arg-type]
        names += page.items
        cursor = page.next_cursor
        if cursor is None:
            return names


@pytest.fixture
def db(database_sessions: sessionmaker[Session]):  # type: ignore[no-untyped-def]
    with database_sessions() as session:
        for number, name in enumerate("bdace"):
            add(session, name, hours=number // 2, role="admin" if name in "ac" else "viewer")
        yield session


def test_pages_hold_every_row_once_in_order(db: Session) -> None:
    assert walk(db, sort="username") == list("abcde")
    assert walk(db, sort="-username") == list("edcba")


def test_rows_of_one_moment_are_told_apart_by_their_id(db: Session) -> None:
    newest_first = walk(db)
    assert newest_first[0] == "e"
    assert set(newest_first[1:3]) == {"a", "c"}
    assert set(newest_first[3:]) == {"b", "d"}
    assert walk(db, sort="created_at") == newest_first[::-1]


def test_what_is_added_before_the_cursor_shifts_nothing(db: Session) -> None:
    first = USERS.page(db, PageRequest(limit=2, sort="username"))
    add(db, "aa", hours=9)
    second = USERS.page(db, PageRequest(limit=9, sort="username", cursor=first.next_cursor))
    assert [*first.items, *second.items] == list("abcde")


def test_filters_are_held_across_pages(db: Session) -> None:
    assert walk(db, sort="username", filters={"role": "viewer"}) == list("bde")


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (PageRequest(sort="password_hash"), "sort"),
        (PageRequest(limit=0), "limit"),
        (PageRequest(limit=1_001), "limit"),
        (PageRequest(cursor="nonsense"), "cursor"),
        (PageRequest(cursor="bnVsbA"), "cursor"),
        (PageRequest(cursor="\u2713"), "cursor"),
    ],
)
def test_what_is_not_of_this_list_is_named(db: Session, request_: PageRequest, field: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{field}: "):
        USERS.page(db, request_)


def test_a_cursor_of_another_order_is_refused(db: Session) -> None:
    first = USERS.page(db, PageRequest(limit=2, sort="username"))
    with pytest.raises(ConfigurationError, match="sorted by username, not -username"):
        USERS.page(db, PageRequest(sort="-username", cursor=first.next_cursor))
