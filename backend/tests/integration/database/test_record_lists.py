"""The lists of the record, on SQLite and on PostgreSQL: filters, orders, pages, and indexes.

Two runs of one day, the second without BBB: each buys AAA on the fifth bar, and brackets it.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.config.settings import Settings
from app.core.exceptions import ConfigurationError, DataNotFoundError
from app.core.paging import Page, PageRequest
from app.core.run_record import RunRecord
from app.models.database import session_factory
from app.repositories.record_repository import RecordRepository
from app.repositories.trading_repository import TradingRepository
from tests.system_fixtures import Installation, minutes, session_config, utc

DAY = date(2024, 3, 5)
STRATEGIES = {
    "bracketed": ("tests.session_strategies:Bracketed", {}),
    "buyer": ("tests.session_strategies:Buyer", {"on": 5}),
}
WITHIN = {"fills": "time", "trades": "number", "signals": "time"}
"""What more a list of one run is sorted by, and is by default."""
KINDS = ("orders", "positions", *WITHIN)


@pytest.fixture
def runs(calendar_url: str, tmp_path: Path) -> list[RunRecord]:
    folder = tmp_path / "installation"
    home = Installation(
        Settings(
            data_dir=folder / "data",
            validation_dir=folder / "validation",
            database_url=calendar_url,
        )
    )
    for symbol in ("AAA", "BBB"):
        home.store(symbol, minutes(DAY))
    day, records = str(DAY), []
    for symbols in (("AAA", "BBB"), ("AAA",)):
        config = session_config(*symbols, first=day, last=day, strategies=STRATEGIES)
        record = home.run(config | {"session_name": f"over_{len(symbols)}"}).record
        assert record is not None
        records.append(record)
    return records


@pytest.fixture
def record(runs: list[RunRecord], calendar_url: str) -> Iterator[RecordRepository]:
    with session_factory(calendar_url)() as db:
        yield RecordRepository(db)


def walk(page: Callable[[PageRequest], Page[Any]], *, limit: int = 2, **asked: Any) -> list[Any]:
    items: list[Any] = []
    cursor = None
    while True:
        found = page(PageRequest(limit=limit, cursor=cursor, **asked))
        assert len(found.items) <= limit
        items += found.items
        cursor = found.next_cursor
        if cursor is None:
            return items


def test_runs(record: RecordRepository, runs: list[RunRecord]) -> None:
    both, one = (each.id for each in runs)

    def found(**filters: Any) -> list[UUID]:
        return [each.id for each in walk(record.runs, limit=1, filters=filters)]

    assert found() == [one, both]
    assert found(symbol="BBB") == [both]
    assert found(symbol="AAA", strategy="buyer", status="completed", mode="backtest") == [one, both]
    assert found(strategy="Buyer") == found(strategy="%") == found(symbol="AA") == []
    assert found(session_name="over_1") == [one]
    assert found(**{"from": runs[1].finished_at}) == [one]
    assert found(to=runs[1].finished_at) == [both]
    asked = walk(record.runs, limit=1, sort="started_at")
    assert [each.id for each in asked] == [both, one]


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_once_and_the_newest_run_first(
    kind: str, record: RecordRepository, runs: list[RunRecord]
) -> None:
    page = getattr(record, kind)
    everything = walk(page)
    assert [each.id for each in everything] == sorted((x.id for x in everything), reverse=True)
    assert walk(page, sort="recorded") == everything[::-1]
    own = [walk(page, filters={"run_id": run.id}, sort="-recorded") for run in runs]
    assert own[1] + own[0] == everything
    assert all(own)
    account = TradingRepository(record._db).account_of_run(runs[0].id)
    assert walk(page, filters={"account_id": account.id}, sort="-recorded") == own[0]
    assert walk(page, filters={"run_id": runs[1].id, "account_id": account.id}) == []
    assert walk(page, filters={"run_id": uuid4()}) == []


@pytest.mark.parametrize("kind", WITHIN)
def test_lists_of_one_run_have_more_orders(
    kind: str, record: RecordRepository, runs: list[RunRecord]
) -> None:
    page, name = getattr(record, kind), WITHIN[kind]
    newest = walk(page, filters={"run_id": runs[0].id})
    times = [getattr(each, name) for each in newest]
    assert times == sorted(times, reverse=True)
    oldest = walk(page, filters={"run_id": runs[0].id}, sort=name)
    assert {each.id for each in oldest} == {each.id for each in newest}
    assert [getattr(each, name) for each in oldest] == times[::-1]
    with pytest.raises(ConfigurationError, match=f"^sort: by {name} needs run_id or account_id"):
        page(PageRequest(sort=name))


def test_filters(record: RecordRepository, runs: list[RunRecord]) -> None:
    run_id = runs[0].id

    def count(kind: str, **filters: Any) -> int:
        return len(walk(getattr(record, kind), limit=50, filters={"run_id": run_id, **filters}))

    # Per symbol: the bracket's entry and its two exits, an order too low, and the buyer's.
    assert count("orders") == 10
    assert count("orders", symbol="AAA") == count("orders", symbol="BBB") == 5
    assert (count("orders", side="sell"), count("orders", status="expired")) == (4, 2)
    assert count("orders", symbol="AAA' OR 'a'='a") == 0
    # Both bracketed orders were sent at the close of the third bar, the buyer's of the fifth.
    assert count("orders", to=utc(2024, 3, 5, 14, 34)) == 8
    assert count("orders", **{"from": utc(2024, 3, 5, 14, 34)}) == 2
    assert (count("fills"), count("fills", side="sell"), count("fills", symbol="BBB")) == (6, 2, 3)
    assert (count("trades", is_open=True), count("trades", is_open=False)) == (2, 2)
    assert (count("trades", direction="long"), count("trades", direction="short")) == (4, 0)
    assert (count("signals", action="BUY"), count("signals", executed=False)) == (6, 2)
    assert (count("positions"), count("positions", symbol="AAA")) == (2, 1)
    buyer = next(each for each in walk(record.strategies) if each.definition.name == "buyer")
    for kind, expected in (("orders", 2), ("trades", 2), ("signals", 2), ("positions", 2)):
        assert count(kind, strategy_id=buyer.id) == expected, kind
    sold = {"run_id": run_id, "side": "sell", "symbol": "AAA"}
    (fill,) = walk(record.fills, filters=sold)
    assert count("fills", order_id=fill.order_id) == 1


def test_strategies_and_events(record: RecordRepository, runs: list[RunRecord]) -> None:
    known = walk(record.strategies, limit=1)
    assert [each.definition.name for each in known] == ["bracketed", "buyer"]
    assert walk(record.strategies, sort="-name") == known[::-1]
    assert walk(record.strategies, filters={"lifecycle": "LIVE"}) == []
    assert len(walk(record.strategies, filters={"class": known[1].definition.class_})) == 1
    created = walk(record.strategy_events, limit=1)
    assert [each.kind for each in created] == ["created", "created"]
    assert [each.time for each in created] == [runs[0].finished_at] * 2
    of_one = walk(record.strategy_events, filters={"strategy_id": known[0].id})
    assert [each.strategy_id for each in of_one] == [known[0].id]
    late = {"from": runs[0].finished_at + timedelta(microseconds=1)}
    assert walk(record.strategy_events, filters=late) == []
    of_orders = walk(record.order_events, limit=5, filters={"run_id": runs[1].id})
    assert [each.status.value for each in of_orders].count("filled") == 3
    one = of_orders[0].order_id
    of_order = walk(record.order_events, filters={"order_id": one})
    assert [each.sequence for each in of_order] == list(range(len(of_order), 0, -1))


def test_equity(record: RecordRepository, runs: list[RunRecord]) -> None:
    account = TradingRepository(record._db).account_of_run(runs[0].id)
    points = walk(lambda request: record.equity(account.id, request), limit=100)
    assert [point.time for point in points] == sorted({point.time for point in points})
    assert len(points) == 390
    closes = record.equity(account.id, PageRequest(filters={"session_closes": True}))
    assert [point.equity for point in closes.items] == [account.equity]


def test_single_values(record: RecordRepository, runs: list[RunRecord]) -> None:
    newest = record.latest_account()
    assert newest.run_id == runs[1].id
    assert record.account(newest.id) == newest
    order = record.orders(PageRequest(limit=1)).items[0]
    assert record.order(order.id) == order
    for missing in (record.order, record.account):
        with pytest.raises(DataNotFoundError):
            missing(uuid4())
