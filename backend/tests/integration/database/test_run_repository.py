"""Records of runs: stored whole, found again, never changed."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from app.core.exceptions import ConfigurationError, DataNotFoundError
from app.core.run_record import RunRecord
from app.repositories.run_repository import RunRepository

RECORD = RunRecord(
    id=UUID("abcd0000-0000-4000-8000-000000000001"),
    session_name="example",
    mode="backtest",
    status="completed",
    reason=None,
    strategies=[{"name": "cross", "class": "SmaCross", "parameters": {"fast": 10, "slow": 30}}],
    symbols=["AAPL", "MSFT"],
    config={"session_name": "example", "backtest_config": {"backtest_days": 3}},
    started_at=datetime(2026, 11, 20, 10, 0, 0, 123_456, tzinfo=UTC),
    finished_at=datetime(2026, 11, 20, 10, 0, 2, tzinfo=UTC),
    first_session=date(2026, 11, 17),
    last_session=date(2026, 11, 19),
    bars=2_340,
    sessions=3,
    metrics={"Return": 0.0123456789012345, "Sharpe": None},
    data_quality={"AAPL": 99.9},
    data_fingerprint="f" * 64,
    code_version="0.1.0",
    order_hash="0" * 64,
    folder="/somewhere/runs/example",
    synthetic=True,
)


@pytest.fixture
def sessions(database_sessions: sessionmaker[Session]) -> sessionmaker[Session]:
    return database_sessions


def _store(sessions: sessionmaker[Session], *records: RunRecord) -> None:
    with sessions.begin() as db:
        for record in records:
            RunRepository(db).add(record)


def test_a_record_comes_back_as_it_went(sessions: sessionmaker[Session]) -> None:
    failed = replace(
        RECORD,
        id=UUID(int=7),
        status="failed",
        reason="data_processor: ValueError",
        first_session=None,
        last_session=None,
    )
    _store(sessions, RECORD, failed)
    with sessions() as db:
        assert RunRepository(db).get(RECORD.id) == RECORD
        assert RunRepository(db).get(failed.id) == failed


@pytest.mark.parametrize("key", ["abcd", "ABCD0000", "abcd0000-0000-4", str(RECORD.id)])
def test_a_unique_beginning_is_enough(sessions: sessionmaker[Session], key: str) -> None:
    _store(sessions, RECORD, replace(RECORD, id=UUID(int=1)))
    with sessions() as db:
        assert RunRepository(db).get(key) == RECORD


def test_an_ambiguous_or_unknown_id_says_so(sessions: sessionmaker[Session]) -> None:
    _store(sessions, RECORD, replace(RECORD, id=UUID("abcd" + "f" * 28)))
    with sessions() as db:
        with pytest.raises(ConfigurationError, match="several runs begin with abcd"):
            RunRepository(db).get("abcd")
        with pytest.raises(DataNotFoundError, match="no run 1234"):
            RunRepository(db).get("1234")
        for nonsense in ("", "%", "xyz", "ab_d"):
            with pytest.raises(ConfigurationError, match="not hexadecimal"):
                RunRepository(db).get(nonsense)


def test_the_newest_come_first(sessions: sessionmaker[Session]) -> None:
    records = [
        replace(RECORD, id=UUID(int=n), finished_at=RECORD.finished_at + timedelta(hours=n % 3))
        for n in range(1, 4)
    ]
    _store(sessions, *records)
    with sessions() as db:
        assert [record.id.int for record in RunRepository(db).list()] == [2, 1, 3]
        assert [record.id.int for record in RunRepository(db).list(1)] == [2]


def test_a_stored_run_cannot_be_changed(sessions: sessionmaker[Session]) -> None:
    _store(sessions, RECORD)
    with pytest.raises(IntegrityError, match="never change"), sessions.begin() as db:
        db.execute(text("UPDATE backtest_runs SET order_hash = 'x'"))
    with sessions() as db:
        assert RunRepository(db).get(RECORD.id) == RECORD


def test_a_stored_run_cannot_be_replaced(sessions: sessionmaker[Session]) -> None:
    replace_all = "INSERT OR REPLACE INTO backtest_runs SELECT * FROM backtest_runs"
    _store(sessions, RECORD)
    with sessions() as db:
        is_sqlite = db.connection().dialect.name == "sqlite"
        with pytest.raises(DBAPIError, match="never change" if is_sqlite else "syntax error"):
            db.execute(text(replace_all))


def test_a_run_is_stored_once(sessions: sessionmaker[Session]) -> None:
    _store(sessions, RECORD)
    with sessions() as db:
        is_sqlite = db.connection().dialect.name == "sqlite"
    with pytest.raises(IntegrityError, match="never change" if is_sqlite else r"(?i)unique"):
        _store(sessions, RECORD)


def test_nothing_is_stored_unless_the_caller_commits(sessions: sessionmaker[Session]) -> None:
    with sessions() as db:
        RunRepository(db).add(RECORD)
    with sessions() as db:
        assert RunRepository(db).list() == ()


def test_an_unknown_status_is_refused(sessions: sessionmaker[Session]) -> None:
    with pytest.raises(IntegrityError, match="known_status"):
        _store(sessions, replace(RECORD, status="fine"))
