"""Configuration values, symbols, the audit log, and the unit of work around them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from app.core.administration import AuditEntry, ValueType
from app.core.exceptions import ConfigurationError, ConflictError, DataNotFoundError
from app.core.instruments import Instrument
from app.core.users import Role
from app.models.instrument import SymbolRow
from app.repositories.unit_of_work import UnitOfWork

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
PASSWORD_HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"  # noqa: S105 - the hash of nothing
ENTRY = AuditEntry(
    id=UUID(int=1),
    occurred_at=NOW,
    actor_id=None,
    actor="cli",
    action="user.create",
    target="user:alice",
    details={"role": "trader"},
    address=None,
    request_id="r-1",
)

Sessions = sessionmaker[Session]


@pytest.fixture
def sessions(database_sessions: Sessions) -> Sessions:
    return database_sessions


# ── configuration ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("text", ValueType.STRING),
        (3, ValueType.INTEGER),
        (0.1, ValueType.NUMBER),
        (True, ValueType.BOOLEAN),
        ({"a": [1, None]}, ValueType.JSON),
    ],
)
def test_a_value_keeps_its_kind(sessions: Sessions, value: object, kind: ValueType) -> None:
    with UnitOfWork(sessions) as work:
        work.config.put("some.key", value)
    with UnitOfWork(sessions) as work:
        entry = work.config.get("some.key")
        assert entry is not None
        assert (entry.value, entry.value_type, entry.changed_by) == (value, kind, None)
        other = 1 if isinstance(value, str) else "other"
        with pytest.raises(ConfigurationError, match=f"some.key holds a {kind}"):
            work.config.put("some.key", other)


def test_who_changed_a_value_is_known_as_long_as_the_user_is(sessions: Sessions) -> None:
    with UnitOfWork(sessions) as work:
        user = work.users.add("alice", PASSWORD_HASH, role=Role.ADMIN)
        work.config.put("ui.theme", "dark")
        assert work.config.put("ui.theme", "light", changed_by=user.id).changed_by == user.id
        work.config.put("ui_x", 1.5)
        assert work.config.put("ui_x", 2).value == 2.0
        assert [entry.key for entry in work.config.list(prefix="ui.")] == ["ui.theme"]
        assert [entry.key for entry in work.config.list(prefix="ui_")] == ["ui_x"]
        work.db.execute(text("DELETE FROM users"))
    with UnitOfWork(sessions) as work:
        assert [entry.changed_by for entry in work.config.list()] == [None, None]
        assert work.config.remove("ui.theme")
        assert not work.config.remove("ui.theme")
        assert work.config.get("ui.theme") is None


def test_a_row_says_when_it_changed_whoever_changes_it(sessions: Sessions) -> None:
    with UnitOfWork(sessions) as work:
        work.config.put("a", 1)
        work.db.execute(text("UPDATE config SET updated_at = '2001-01-01 00:00:00'"))
    with UnitOfWork(sessions) as work:
        work.db.execute(text("UPDATE config SET value = '2'"))
    with UnitOfWork(sessions) as work:
        entry = work.config.get("a")
        assert entry is not None
        assert entry.value == 2
        assert entry.updated_at > datetime(2026, 1, 1, tzinfo=UTC)


# ── symbols ──────────────────────────────────────────────────────────────────

AAPL = Instrument(symbol="AAPL", exchange_group="US_EQUITY", asset_class="EQUITY", name="Apple")
BITCOIN = Instrument(
    symbol="BTC-USD",
    exchange_group="CRYPTO",
    asset_class="CRYPTO",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.00000001"),
)


def test_symbols_come_back_as_they_went(sessions: Sessions) -> None:
    with UnitOfWork(sessions) as work:
        work.symbols.put([BITCOIN, AAPL])
        work.symbols.put([renamed := replace(AAPL, name="Apple Inc.")])
    with UnitOfWork(sessions) as work:
        assert work.symbols.list() == (renamed, BITCOIN)
        assert work.symbols.list(after="AAPL") == (BITCOIN,)
        assert work.symbols.list(1, exchange_group="CRYPTO", asset_class="CRYPTO") == (BITCOIN,)
        assert work.symbols.get("AAPL", "US_EQUITY") == renamed
        with pytest.raises(DataNotFoundError, match="AAPL of CRYPTO is not known"):
            work.symbols.get("AAPL", "CRYPTO")


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"tick_size": 0}, "tick_size_above_zero"),
        ({"lot_size": -1}, "lot_size_above_zero"),
        ({"symbol": ""}, "symbol_is_not_empty"),
        ({"currency": "$"}, "currency_is_a_code"),
    ],
)
def test_the_database_refuses_impossible_symbols(
    sessions: Sessions, values: dict[str, object], constraint: str
) -> None:
    with UnitOfWork(sessions) as work:
        work.symbols.put([AAPL])
    with pytest.raises(IntegrityError, match=constraint), sessions.begin() as db:
        db.execute(update(SymbolRow).values(**values))


# ── the audit log ────────────────────────────────────────────────────────────


def test_the_log_is_read_newest_first_page_by_page(sessions: Sessions) -> None:
    entries = [
        replace(
            ENTRY,
            id=UUID(int=number),
            occurred_at=NOW + timedelta(seconds=number // 2),
            action="user.create" if number % 2 else "config.change",
        )
        for number in range(1, 6)
    ]
    with UnitOfWork(sessions) as work:
        for entry in entries:
            work.audit.add(entry)
    with UnitOfWork(sessions) as work:
        pages, before = [], None
        while page := work.audit.list(2, before=before):
            pages += page
            before = page[-1]
        assert pages == entries[::-1]
        found = work.audit.list(action="config.change")
        assert [entry.id.int for entry in found] == [4, 2]
        assert work.audit.list(actor_id=UUID(int=9)) == ()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'somebody else'",
        "DELETE FROM audit_log",
        "INSERT OR REPLACE INTO audit_log SELECT * FROM audit_log",
        (
            "INSERT OR REPLACE INTO audit_log (rowid, id, occurred_at, actor, action, details) "
            "SELECT rowid, lower(hex(randomblob(16))), occurred_at, 'x', action, details "
            "FROM audit_log"
        ),
        "TRUNCATE audit_log",
    ],
)
def test_the_log_can_only_grow(sessions: Sessions, statement: str) -> None:
    with UnitOfWork(sessions) as work:
        work.audit.add(ENTRY)
        dialect = work.db.get_bind().dialect.name
    if "REPLACE" in statement and dialect == "postgresql":
        statement = (
            "INSERT INTO audit_log SELECT * FROM audit_log ON CONFLICT (id) DO UPDATE SET actor='x'"
        )
    if "TRUNCATE" in statement and dialect == "sqlite":
        statement = "DELETE FROM audit_log WHERE 1 = 1"
    with (
        pytest.raises(IntegrityError, match=r"never (change|removed)"),
        sessions.begin() as db,
    ):
        db.execute(text(statement))
    with UnitOfWork(sessions) as work:
        assert work.audit.list() == (ENTRY,)


def test_a_user_in_the_log_cannot_be_deleted(sessions: Sessions) -> None:
    with UnitOfWork(sessions) as work:
        user = work.users.add("alice", PASSWORD_HASH, role=Role.ADMIN)
        work.audit.add(replace(ENTRY, actor_id=user.id, actor=user.username))
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"), sessions.begin() as db:
        db.execute(text("DELETE FROM users"))


# ── the unit of work ─────────────────────────────────────────────────────────


def test_a_change_and_its_entry_are_committed_together_or_not_at_all(sessions: Sessions) -> None:
    with pytest.raises(ConflictError):
        _change_and_collide(sessions)
    with UnitOfWork(sessions) as work:
        assert (work.audit.list(), work.config.list(), work.users.list()) == ((), (), ())
        work.audit.add(ENTRY)
        work.config.put("a", 1)
    with UnitOfWork(sessions) as work:
        assert len(work.audit.list()) == len(work.config.list()) == 1


def _change_and_collide(sessions: Sessions) -> None:
    with UnitOfWork(sessions) as work:
        work.audit.add(ENTRY)
        work.config.put("a", 1)
        for _ in range(2):
            work.users.add("alice", PASSWORD_HASH, role=Role.VIEWER)


def test_one_unit_may_be_used_again(sessions: Sessions) -> None:
    work = UnitOfWork(sessions)
    for number in range(2):
        with work:
            work.config.put(f"key {number}", number)
    with work:
        assert len(work.config.list()) == 2
