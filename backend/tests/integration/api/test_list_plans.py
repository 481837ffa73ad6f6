"""No list sorts a table to show a page of it: how SQLite goes about each, asked of itself."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from app.core.paging import PageRequest
from app.core.run_record import RunRecord
from app.repositories.record_repository import RecordRepository
from tests.integration.api.run_fixtures import DAYS, sample_config
from tests.system_fixtures import Installation, minutes

FULL_SORT = "USE TEMP B-TREE FOR ORDER BY"
OVER_ALL = ("runs", "strategies", "strategy_events", "order_events")
OF_A_RUN = ("orders", "fills", "trades", "signals", "positions")


@pytest.fixture
def run(installation: Installation) -> RunRecord:
    for symbol in ("AAA", "BBB"):
        installation.store(symbol, minutes(*DAYS))
    record = installation.run(sample_config()).record
    assert record is not None
    return record


@pytest.fixture
def db(run: RunRecord, installation: Installation) -> Iterator[Session]:
    with installation.database() as session:
        yield session


def plan(db: Session, ask: Callable[[], object]) -> list[str]:
    """The steps of every query that `ask` makes."""
    asked: list[tuple[str, Any]] = []
    engine = db.get_bind()

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        ask()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert asked
    return [
        str(step[-1])
        for statement, parameters in asked
        for step in db.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    ]


def pages(db: Session, kind: str, **asked: Any) -> list[str]:
    """The steps of the first page of a list and of the next one."""
    page = getattr(RecordRepository(db), kind)
    cursor = page(PageRequest(limit=1, **asked)).next_cursor
    requests = [PageRequest(limit=1, cursor=place, **asked) for place in {None, cursor}]
    return [step for each in requests for step in plan(db, partial(page, each))]


def test_a_full_sort_is_seen(db: Session) -> None:
    steps = plan(db, lambda: db.execute(text("SELECT * FROM backtest_runs ORDER BY bars")))
    assert FULL_SORT in steps


@pytest.mark.parametrize("kind", [*OVER_ALL, *OF_A_RUN])
def test_lists_over_all(kind: str, db: Session) -> None:
    assert FULL_SORT not in pages(db, kind)


@pytest.mark.parametrize("kind", OF_A_RUN)
def test_lists_of_a_run(kind: str, db: Session, run: RunRecord) -> None:
    assert FULL_SORT not in pages(db, kind, filters={"run_id": run.id})


@pytest.mark.parametrize("sort", ["started_at", "-started_at", "finished_at"])
def test_orders_of_runs(sort: str, db: Session) -> None:
    assert FULL_SORT not in pages(db, "runs", sort=sort)


def test_the_equity_of_a_run(db: Session, run: RunRecord) -> None:
    record = RecordRepository(db)
    account = record.latest_account()
    steps = plan(db, lambda: record.equity(account.id, PageRequest(limit=10)))
    assert FULL_SORT not in steps
