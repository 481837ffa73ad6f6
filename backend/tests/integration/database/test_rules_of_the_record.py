"""What never changes is neither replaced nor emptied, times are kept, and strategies known once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Barrier, Event, Timer
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session, sessionmaker

from app.core.trading_record import StrategyDefinition
from app.models.tables import all_tables
from app.repositories.run_repository import RunRepository
from app.repositories.run_trading_repository import RunTradingRepository
from app.repositories.strategy_repository import StrategyRepository
from app.repositories.trading_repository import TradingRepository
from tests.integration.database import test_record_of_coins as coins
from tests.integration.database.test_run_repository import RECORD
from tests.system_fixtures import Installation, installation_at, minutes, session_config, utc

DAY = date(2024, 3, 5)


@pytest.fixture
def home(calendar_url: str, tmp_path: Path) -> Installation:
    made = installation_at(tmp_path / "installation", calendar_url)
    made.store("AAA", minutes(DAY))
    return made


@pytest.fixture
def run_id(home: Installation) -> UUID:
    strategies = {"bracketed": ("tests.session_strategies:Bracketed", {})}
    strategies["buyer"] = ("tests.session_strategies:Buyer", {"on": 5})
    config = session_config("AAA", first=str(DAY), last=str(DAY), strategies=strategies)
    record = home.run(config).record
    assert record is not None
    return record.id


@pytest.fixture
def db(home: Installation, run_id: UUID):
    with home.database() as session:
        yield session


REPLACED = {
    "backtest_runs": ["id"],
    "strategy_events": ["id"],
    "equity_points": ["id", "time_at"],
    "indicator_snapshots": ["id", "time_at"],
}
"""By which of their columns rows can be aimed at, and by SQLite's number of them."""


def _copy(table: str, **changed: str) -> str:
    """A statement that puts a copy of a row, but for what is changed, in the place of another."""
    columns = [column.name for column in all_tables().tables[table].columns]
    told = ", ".join(changed.get(name, f'"{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    number = changed.get("rowid", "NULL")
    return (
        f"INSERT OR REPLACE INTO {table} (rowid, {names}) "
        f"SELECT {number}, {told} FROM {table} LIMIT 1"
    )


NEW_ID, NEW_TIME = "lower(hex(randomblob(16)))", "'2001-01-01 00:00:00.000000'"


@pytest.mark.parametrize("table", REPLACED)
def test_what_never_changes_is_not_replaced_in_sqlite(table: str, db: Session) -> None:
    """PostgreSQL has no statement that could."""
    if db.get_bind().dialect.name == "postgresql":
        with pytest.raises(DatabaseError, match="syntax error"):
            db.execute(text(_copy(table)))
        return
    new = {"id": NEW_ID} | ({"time_at": NEW_TIME} if "time_at" in REPLACED[table] else {})
    for key in REPLACED[table]:
        with pytest.raises(DatabaseError, match=f"rows of {table} never change"):
            db.execute(text(_copy(table, **{k: v for k, v in new.items() if k != key})))
    with pytest.raises(DatabaseError, match=f"rows of {table} never change"):
        db.execute(text(_copy(table, rowid="rowid", **new)))
    before = db.scalar(text(f"SELECT count(*) FROM {table}"))
    db.execute(text(_copy(table, **new)))
    assert db.scalar(text(f"SELECT count(*) FROM {table}")) == before + 1


@pytest.mark.parametrize("table", [*REPLACED, "fills", "order_events", "orders", "accounts"])
def test_what_never_changes_is_not_emptied_in_postgresql(table: str, db: Session) -> None:
    """SQLite has no statement that does."""
    postgresql = db.get_bind().dialect.name == "postgresql"
    with pytest.raises(DatabaseError, match="never change" if postgresql else "syntax error"):
        db.execute(text(f"TRUNCATE {table} CASCADE"))


def test_nobody_forges_the_times_of_a_row(db: Session) -> None:
    tables = ("accounts", "orders", "trades", "positions", "signals", "strategies")
    made = {table: db.scalar(text(f"SELECT min(created_at) FROM {table}")) for table in tables}
    for table, before in made.items():
        db.execute(text(f"UPDATE {table} SET created_at = '1999-01-01', updated_at = '1999-01-01'"))
        times = db.execute(text(f"SELECT min(created_at), min(updated_at) FROM {table}")).one()
        assert times[0] == before
        assert str(times[1]) >= str(before)


# ── strategies ───────────────────────────────────────────────────────────────


def test_two_runs_add_a_new_strategy_at_the_same_time(
    database_sessions: sessionmaker[Session],
) -> None:
    """The one that comes second waits for the first, on a connection of its own."""
    definition = StrategyDefinition(name="twin", class_="S", parameters={}, timeframe="1m")
    is_added, may_end = Event(), Event()

    def first() -> UUID:
        with database_sessions.begin() as db:
            known = StrategyRepository(db).require(definition, utc(2024, 3, 5))
            is_added.set()
            may_end.wait(10)
        return known.id

    def second() -> UUID:
        is_added.wait(10)
        with database_sessions.begin() as db:
            db.execute(text("SELECT 1"))
            Timer(0.1, may_end.set).start()
            return StrategyRepository(db).require(definition, utc(2024, 3, 6)).id

    with ThreadPoolExecutor(2) as pool:
        one, other = [pool.submit(run) for run in (first, second)]
        assert one.result(20) == other.result(20)
    with database_sessions() as db:
        assert [event.kind for event in StrategyRepository(db).events(one.result())] == ["created"]


def test_two_runs_add_the_same_strategies_in_another_order(
    database_sessions: sessionmaker[Session],
) -> None:
    begin = Barrier(2)
    ids: list[UUID] = []

    def run(names: str) -> None:
        did = replace(
            coins.trading(),
            strategies=[
                StrategyDefinition(name=name, class_="S", parameters={}, timeframe="1m")
                for name in names
            ],
        )
        key = uuid4()
        with database_sessions.begin() as db:
            begin.wait(10)
            RunRepository(db).add(replace(RECORD, id=key))
            RunTradingRepository(db).add(key, did, finished=RECORD.finished_at)
            ids.append(key)

    names = "abcdefgh"
    with ThreadPoolExecutor(2) as pool:
        for told in [pool.submit(run, each) for each in (names, names[::-1])]:
            told.result(20)
    with database_sessions() as db:
        read = TradingRepository(db)
        fills = [read.fills(read.account_of_run(key).id) for key in ids]
        strategies = {each.id: each.definition.name for each in StrategyRepository(db).list()}
        assert [len(each) for each in fills] == [1, 1]
        assert sorted(strategies.values()) == list(names)
        first = {strategies[read.orders(read.account_of_run(key).id)[0].strategy_id] for key in ids}
    assert first == {"a", "h"}
