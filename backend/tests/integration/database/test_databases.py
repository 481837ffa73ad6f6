"""Both kinds of database: how they are reached, and what they are told."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from app.core.exceptions import ConfigurationError, DatabaseUnavailableError
from app.models.addresses import database_address
from app.models.database import (
    SCHEMA_REVISION,
    make_engine,
    schema_revision,
    session_factory,
)


def test_a_new_database_is_at_the_newest_schema(
    database_sessions: sessionmaker[Session], database_url: str, empty_database_url: str
) -> None:
    assert schema_revision(database_url) == SCHEMA_REVISION
    assert schema_revision(empty_database_url) is None
    with database_sessions() as db:
        assert db.scalar(text("SELECT count(*) FROM market_hours")) == 0


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_reached_by_psycopg_however_it_is_spelled(scheme: str) -> None:
    address = database_address(f"{scheme}://me:secret@localhost/mine")
    assert address.drivername == "postgresql+psycopg"
    assert address.password == "secret"  # noqa: S105 - the one in the line above


def test_the_pool_of_postgresql_keeps_five_and_adds_ten(postgresql_databases) -> None:
    engine = make_engine(postgresql_databases.empty())
    connections = [engine.connect() for _ in range(15)]
    assert engine.pool.checkedout() == 15
    for connection in connections:
        connection.close()
    assert engine.pool.checkedin() == 5
    with engine.connect() as connection:
        told = {
            name: connection.scalar(text(f"SHOW {name}"))
            for name in ("TimeZone", "synchronous_commit")
        }
    assert told == {"TimeZone": "UTC", "synchronous_commit": "on"}
    engine.dispose()


@pytest.mark.parametrize(
    "url",
    ["mysql://localhost/x", "no address", "postgresql+asyncpg://h/x", "postgresql://h:port/x"],
)
def test_another_kind_of_database_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"DATABASE_URL .*postgresql://user:password@host"):
        make_engine(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@/mine?host={}", "me:***@"),
        ("postgresql://me@/mine?password=secret&host={}", "me@/mine?host="),
    ],
)
def test_a_server_that_does_not_answer_is_named_without_its_password(
    tmp_path: Path, url: str, shown: str
) -> None:
    url = url.format(tmp_path)
    for reach in (session_factory, schema_revision):
        with pytest.raises(DatabaseUnavailableError, match="does not answer") as caught:
            reach(url)
        assert "secret" not in str(caught.value)
        assert shown in str(caught.value)
