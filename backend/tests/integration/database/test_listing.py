"""Lists in pages, on both databases: every row once, in order, whatever is added meanwhile."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.core.exceptions import ConfigurationError
from app.core.paging import PageRequest
from app.models.backtest_run import BacktestRunRow
from app.models.identity import UserRow
from app.models.strategy_record import StrategyEventRow
from app.models.trading_record import TradeRow
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


def walk(db: Session, **request: Any) -> list[str]:
    names: list[str] = []
    cursor = None
    for _ in range(20):
        page = USERS.page(db, PageRequest(cursor=cursor, limit=2, **request))
        names += page.items
        cursor = page.next_cursor
        if cursor is None:
            return names
    raise AssertionError(f"the list has no end: {names}")


@pytest.fixture
def db(database_sessions: sessionmaker[Session]) -> Iterator[Session]:
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


@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
def test_rows_whose_time_the_database_fills_in(
    sort: str, database_sessions: sessionmaker[Session]
) -> None:
    """All at once: SQLite writes the second, and no decimals as for times it is handed."""
    with database_sessions() as db:
        for name in "abcdefg":
            db.add(UserRow(username=name, password_hash=HASH, role="viewer", is_active=True))
        db.flush()
        assert sorted(walk(db, sort=sort)) == list("abcdefg")


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


COLUMNS: dict[str, tuple[Any, Any]] = {
    "created_at": (UserRow, UserRow.created_at),
    "username": (UserRow, UserRow.username),
    "number": (TradeRow, TradeRow.number),
    "pnl": (TradeRow, TradeRow.net_pnl),
    "bars": (BacktestRunRow, BacktestRunRow.bars),
    "id": (StrategyEventRow, StrategyEventRow.id),
}
FORGED: tuple[tuple[str, Any], ...] = (
    ("created_at", "2026-01-01T00:00:00"),
    ("created_at", "0001-01-01T00:00:00+14:00"),
    ("created_at", "9999-12-31T23:59:59-14:00"),
    ("created_at", 5),
    ("number", "9" * 30),
    ("number", str(2**31)),
    ("number", "9" * 5_000),
    ("bars", str(2**63)),
    ("bars", str(-(2**63) - 1)),
    ("username", "\ud800"),
    ("username", "a\x00b"),
    ("username", ["a"]),
    ("username", None),
    ("pnl", "nan"),
    ("pnl", "-Infinity"),
    ("pnl", "1e99999"),
    ("pnl", "1e30"),
    ("pnl", "1e-401"),
    ("pnl", "1e-99999"),
    ("id", "a"),
)


def listing(sort: str) -> Listing[Any, Any]:
    row, column = COLUMNS[sort]
    return Listing(row=row, value=lambda each: each.id, sorts={sort: column}, default_sort=sort)


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(("sort", "value"), FORGED)
def test_a_forged_cursor_is_refused(db: Session, sort: str, value: Any) -> None:
    cursor = encoded(json.dumps([sort, value, uuid4().hex]))
    with pytest.raises(ConfigurationError, match=r"^cursor: .{1,110} is none; take next_cursor"):
        listing(sort).page(db, PageRequest(cursor=cursor))


@pytest.mark.parametrize(
    ("sort", "value"),
    [
        ("created_at", "0001-01-01T00:00:00+00:00"),
        ("number", str(2**31 - 1)),
        ("bars", str(2**63 - 1)),
        ("bars", str(-(2**63))),
        ("username", "\U0001f600"),
        ("pnl", "-0.000000"),
        ("pnl", "-99999999999999999999.999999"),
        ("pnl", "0.0000000000012"),
    ],
)
def test_a_cursor_at_the_edge_of_what_a_column_holds_is_a_place(
    db: Session, sort: str, value: str
) -> None:
    cursor = encoded(json.dumps([sort, value, uuid4().hex]))
    listing(sort).page(db, PageRequest(cursor=cursor))


def test_a_cursor_of_nothing_but_depth_is_refused(db: Session) -> None:
    for text in ("[" * 20_000, '["\\ud800", "a", "b"]', json.dumps(["x" * 9_000, "a", "b"])):
        with pytest.raises(ConfigurationError, match=r"^cursor: ") as told:
            USERS.page(db, PageRequest(cursor=encoded(text)))
        assert len(str(told.value).encode()) < 300
