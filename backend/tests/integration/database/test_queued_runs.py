"""Requests for runs in the database: in order, handed over, gone with the run's record."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.core.queued_run import QueuedRun
from app.repositories.queued_run_repository import QueuedRunRepository
from app.repositories.run_repository import RunRepository
from tests.integration.database.test_run_repository import RECORD

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
OLD, NEW, OTHER = (UUID(int=number) for number in (1, 2, 3))


def queued(after_s: float) -> QueuedRun:
    asked = NOON + timedelta(seconds=after_s)
    return QueuedRun(id=uuid4(), config={"session_name": "one"}, submitted_at=asked)


@pytest.fixture
def three(database_sessions: sessionmaker[Session]) -> list[QueuedRun]:
    """In the order they were asked for; stored in another."""
    runs = [queued(0.0), queued(0.000_001), queued(1.0)]
    with database_sessions.begin() as db:
        for run in (runs[1], runs[2], runs[0]):
            QueuedRunRepository(db).add(run, data_dir="/data", server_id=OLD)
        QueuedRunRepository(db).add(queued(0.5), data_dir="/elsewhere", server_id=OTHER)
    return runs


def test_they_come_back_as_they_were_in_their_order(
    database_sessions: sessionmaker[Session], three: list[QueuedRun]
) -> None:
    with database_sessions() as db:
        assert QueuedRunRepository(db).of_server(OLD) == tuple(three)
        assert list(QueuedRunRepository(db).servers("/data")) == [OLD]


@pytest.mark.parametrize("interrupted", [True, False])
def test_another_server_gets_all_and_the_first_was_cut_off(
    database_sessions: sessionmaker[Session], three: list[QueuedRun], *, interrupted: bool
) -> None:
    with database_sessions.begin() as db:
        QueuedRunRepository(db).hand_over(OLD, NEW, interrupted=interrupted)
    with database_sessions() as db:
        first = replace(three[0], interruptions=int(interrupted))
        assert QueuedRunRepository(db).of_server(NEW) == (first, *three[1:])
        assert QueuedRunRepository(db).of_server(OLD) == ()
        assert len(QueuedRunRepository(db).of_server(OTHER)) == 1


def test_what_is_recorded_is_queued_no_longer(
    database_sessions: sessionmaker[Session], three: list[QueuedRun]
) -> None:
    with database_sessions.begin() as db:
        RunRepository(db).add(replace(RECORD, id=three[0].id))
    with database_sessions() as db:
        assert QueuedRunRepository(db).of_server(OLD) == tuple(three[1:])


def test_what_was_recorded_before_its_request_was_stored_is_not_handed_over(
    database_sessions: sessionmaker[Session], three: list[QueuedRun]
) -> None:
    late = queued(-1.0)
    with database_sessions.begin() as db:
        RunRepository(db).add(replace(RECORD, id=late.id))
        QueuedRunRepository(db).add(late, data_dir="/data", server_id=OLD)
        QueuedRunRepository(db).hand_over(OLD, NEW, interrupted=True)
    with database_sessions() as db:
        handed = QueuedRunRepository(db).of_server(NEW)
        assert [run.id for run in handed] == [run.id for run in three]
        assert [run.interruptions for run in handed] == [1, 0, 0]


def test_one_that_is_forgotten_is_gone(
    database_sessions: sessionmaker[Session], three: list[QueuedRun]
) -> None:
    with database_sessions.begin() as db:
        QueuedRunRepository(db).remove(three[1].id)
        QueuedRunRepository(db).remove(uuid4())
    with database_sessions() as db:
        assert QueuedRunRepository(db).of_server(OLD) == (three[0], three[2])
