"""What a backtest leaves in the record of trading, on SQLite and on PostgreSQL.

The day: each minute closes a tenth of a cent above the one before, from 100.000, and opens at
the close before it. `Bracketed` sees 100.002 on its third bar and is filled at the next open,
which is that price; its target lies in the eleventh bar. `Buyer` is filled at 100.004 and holds.
"""

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from sqlalchemy import delete, inspect, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from app.core.enums import OrderStatus, Side
from app.core.exceptions import DataNotFoundError
from app.core.trading_record import AccountRecord, EquityPoint, RunTrading, StrategyDefinition
from app.managers.system_manager import record_keeping
from app.models.backtest_run import BacktestRunRow
from app.models.database import downgrade_database, upgrade_database
from app.models.tables import all_tables
from app.repositories.bulk import instants, new_keys
from app.repositories.strategy_repository import StrategyRepository
from app.repositories.trading_repository import TradingRepository
from app.services.analytics.result import RunResult
from tests import session_strategies
from tests.system_fixtures import (
    PATIENCE_S,
    Installation,
    installation_at,
    minutes,
    session_config,
    utc,
)

DAY = date(2024, 3, 5)
COSTS = {
    "starting_cash": 100_000,
    "commission": {"model": "per_order", "rate": 2.0},
    "slippage": {"model": "none"},
}
CONFIG = session_config(
    "AAA",
    first="2024-03-05",
    last="2024-03-05",
    strategies={
        "bracketed": ("tests.session_strategies:Bracketed", {}),
        "buyer": ("tests.session_strategies:Buyer", {"on": 5}),
    },
    execution=COSTS,
)
KINDS = {"orders": 5, "order_events": 12, "fills": 3, "trades": 2, "positions": 1, "signals": 3}
NEW, HELD, FILLED = OrderStatus.NEW, OrderStatus.HELD, OrderStatus.FILLED
CANCELED, EXPIRED = OrderStatus.CANCELED, OrderStatus.EXPIRED


@pytest.fixture
def home(calendar_url: str, tmp_path: Path) -> Installation:
    made = installation_at(tmp_path / "installation", calendar_url)
    made.store("AAA", minutes(DAY))
    return made


@pytest.fixture
def run_id(home: Installation) -> UUID:
    record = home.run(CONFIG).record
    assert record is not None
    return record.id


@pytest.fixture
def db(home: Installation):
    with home.database() as session:
        yield session


def _trading(db: Session, run_id: UUID) -> tuple[TradingRepository, AccountRecord]:
    repository = TradingRepository(db)
    return repository, repository.account_of_run(run_id)


# ── what a run leaves ────────────────────────────────────────────────────────


def test_the_account_of_a_run(run_id: UUID, db: Session) -> None:
    # A round trip of 10 from 100.002 to 100.0095 less two commissions of 2, and 10 bought at
    # 100.004 for another 2 that are worth 100.389 each at the close.
    _, account = _trading(db, run_id)
    assert (account.run_id, account.broker, account.mode) == (run_id, "simulated", "backtest")
    assert account.starting_cash == Decimal(100_000)
    assert account.cash == Decimal("98994.035000")
    assert account.equity == Decimal("99997.925000")


def test_every_kind_is_counted(run_id: UUID, db: Session) -> None:
    counts = TradingRepository(db).counts(run_id)
    assert counts == KINDS | {"equity_points": 390, "indicator_snapshots": 2}
    assert set(TradingRepository(db).counts(uuid4()).values()) == {0}


def test_orders_and_what_became_of_them(run_id: UUID, db: Session) -> None:
    trading, account = _trading(db, run_id)
    orders = trading.orders(account.id)
    entry, target, stop, low, held = orders
    assert [order.client_order_id for order in orders] == ["1", "2", "3", "4", "5"]
    assert [order.side for order in orders] == [Side.BUY, Side.SELL, Side.SELL, Side.BUY, Side.BUY]
    assert (entry.take_profit, entry.stop_loss) == (Decimal("100.00950000"), Decimal(99))
    assert {target.parent_order_id, stop.parent_order_id} == {entry.id}
    assert target.limit_price == Decimal("100.0095")
    assert stop.stop_price == Decimal(99)
    assert (entry.limit_price, entry.stop_price, entry.tag) == (None, None, "third bar")
    assert entry.submitted == utc(2024, 3, 5, 14, 33)
    assert entry.filled is not None
    assert (entry.filled_quantity, entry.average_fill_price) == (10, Decimal("100.002"))
    assert (low.filled_quantity, low.average_fill_price, low.filled) == (0, None, None)
    assert held.strategy_id != entry.strategy_id
    states = [[event.status for event in trading.order_events(order.id)] for order in orders]
    assert states == [
        [NEW, FILLED],
        [HELD, NEW, FILLED],
        [HELD, NEW, CANCELED],
        [NEW, EXPIRED],
        [NEW, FILLED],
    ]


def test_fills_and_trades(run_id: UUID, db: Session) -> None:
    trading, account = _trading(db, run_id)
    prices = [(fill.side, fill.quantity, fill.price) for fill in trading.fills(account.id)]
    assert prices == [
        (Side.BUY, 10, Decimal("100.002")),
        (Side.BUY, 10, Decimal("100.004")),
        (Side.SELL, 10, Decimal("100.0095")),
    ]
    closed, still_open = trading.trades(account.id)
    orders = trading.orders(account.id)
    assert (closed.entry_order_id, closed.exit_order_id) == (orders[0].id, orders[1].id)
    assert (closed.direction, closed.stop_price) == ("long", Decimal(99))
    assert closed.target_price == Decimal("100.0095")
    assert (closed.gross_pnl, closed.commission) == (Decimal("0.075"), Decimal(4))
    assert closed.net_pnl == Decimal("-3.925")
    assert closed.market_context == {
        "close": 100.002,
        "indicators": {"average": pytest.approx(100.0015), "slow": None},
    }
    assert (still_open.exit, still_open.exit_price, still_open.exit_order_id) == (None, None, None)
    assert closed.net_pnl + still_open.net_pnl == account.equity - account.starting_cash


def test_positions_at_the_end(run_id: UUID, db: Session) -> None:
    trading, account = _trading(db, run_id)
    (position,) = trading.positions(account.id)
    assert (position.symbol, position.quantity) == ("AAA", 10)
    assert (position.average_price, position.last_price) == (Decimal("100.004"), Decimal("100.389"))
    assert position.unrealized_pnl == Decimal("3.85")
    assert position.time == utc(2024, 3, 5, 21)


def test_signals_say_what_was_seen_and_why_nothing_came_of_it(run_id: UUID, db: Session) -> None:
    bracket, low, hold = TradingRepository(db).signals(run_id)
    assert (bracket.action, bracket.executed, bracket.refusal) == ("BUY", True, None)
    assert (bracket.quantity, bracket.price) == (10, Decimal("100.002"))
    assert list(bracket.reasons) == ["third bar"]
    assert bracket.indicators == {"average": pytest.approx(100.0015), "slow": None}
    assert low.executed is False
    assert low.refusal
    assert low.indicators == bracket.indicators
    assert (hold.indicators, hold.executed, list(hold.reasons)) == ({}, True, [])


def test_equity_and_indicators_at_the_close(run_id: UUID, db: Session) -> None:
    trading, account = _trading(db, run_id)
    (close,) = trading.equity(account.id, session_closes=True)
    assert (close.time, close.equity) == (utc(2024, 3, 5, 21), account.equity)
    begin = trading.equity(account.id, last=utc(2024, 3, 5, 14, 32))
    assert [point.cash for point in begin] == [100_000, 100_000]
    values = {each.name: each.value for each in trading.indicator_snapshots(run_id)}
    assert values == {
        "SMA(timeperiod=2)": pytest.approx(100.3885),
        "SMA(timeperiod=100)": pytest.approx(100.3395),
    }


def test_the_deepest_fall_is_among_the_points(home: Installation, db: Session) -> None:
    """10 bought at 100 are worth 10 more for one minute of each day, and on one day 200 less.

    Of 1,560 minutes 1,000 are kept for being evenly between the others, and those two are not
    among them.
    """
    days = [date(2024, 3, day) for day in (5, 6, 7, 8)]
    special = {(1, 110): 101.0, (2, 221): 80.0}
    home.store("AAA", minutes(*days, close=lambda day, minute: special.get((day, minute), 100.0)))
    strategies = {"buyer": ("tests.session_strategies:Buyer", {"on": 1})}
    config = session_config("AAA", first=str(days[0]), last=str(days[3]), strategies=strategies)
    record = home.run(config).record
    assert record is not None
    trading, account = _trading(db, record.id)
    points = trading.equity(account.id)
    peak, trough = (max(points, key=_equity), min(points, key=_equity))
    assert (peak.equity, peak.time) == (100_010, utc(2024, 3, 6, 16, 21))
    assert (trough.equity, trough.time) == (99_800, utc(2024, 3, 7, 18, 12))
    assert min(point.drawdown_pct for point in points) == pytest.approx(-21_000 / 100_010)
    assert record.metrics["max_drawdown_pct"] == pytest.approx(-21_000 / 100_010)
    assert len(points) <= 1_003


def _equity(point: EquityPoint) -> Decimal:
    return point.equity


def test_where_a_run_is_stopped_no_session_closes(
    home: Installation, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = home.system()

    def stop(strategy: Any, _bar: Any) -> None:
        if f"{strategy.now:%H:%M}" == "10:30":
            system.stop()

    monkeypatch.setitem(session_strategies.HOOKS, "on_bar", stop)
    names = {"stops": "Hooked", "watches": "AlikeByName"}
    strategies = {name: (f"tests.session_strategies:{each}", {}) for name, each in names.items()}
    home.store("AAA", minutes(DAY, date(2024, 3, 6)))
    day = {"first": str(DAY), "last": "2024-03-06", "strategies": strategies}
    system.start(session_config("AAA", **day))
    assert system.wait(PATIENCE_S)
    assert system.record is not None
    assert system.record.status == "stopped"
    trading, account = _trading(db, system.record.id)
    assert trading.equity(account.id, session_closes=True) == ()
    assert trading.equity(account.id)[-1].time == utc(2024, 3, 5, 15, 30)
    snapshots = trading.indicator_snapshots(system.record.id)
    assert [each.time for each in snapshots] == [utc(2024, 3, 5, 15, 30)] * 3


def test_indicators_of_the_same_name_are_told_apart(home: Installation, db: Session) -> None:
    strategies = {name: ("tests.session_strategies:AlikeByName", {}) for name in ("one", "two")}
    config = session_config("AAA", first=str(DAY), last=str(DAY), strategies=strategies)
    system = home.run(config)
    assert system.record is not None, system.reason
    values = {
        each.name: each.value
        for each in TradingRepository(db).indicator_snapshots(system.record.id)
    }
    assert values == {
        "closes() [one.own]": pytest.approx(100.389),
        "closes() [one.doubled]": pytest.approx(200.778),
        "closes() [one.tripled]": pytest.approx(301.167),
    }
    with Path(system.record.folder, "validation.csv").open() as lines:
        *_, last = csv.DictReader(lines)
    assert {name: float(last[f"1m.{name}"]) for name in values} == values


def test_lists_go_on_after_an_id(run_id: UUID, db: Session) -> None:
    trading, account = _trading(db, run_id)
    first = trading.orders(account.id, limit=2)
    rest = trading.orders(account.id, after=first[-1].id)
    assert first + rest == trading.orders(account.id)


def test_a_strategy_that_is_ended_leaves_an_event(home: Installation, db: Session) -> None:
    strategies = {
        "fails": ("tests.session_strategies:Raises", {"on": 2}),
        "buyer": ("tests.session_strategies:Buyer", {}),
    }
    config = session_config("AAA", first=str(DAY), last=str(DAY), strategies=strategies)
    record = home.run(config).record
    assert record is not None
    repository = StrategyRepository(db)
    fails = {each.definition.name: each for each in repository.list()}["fails"]
    events = {event.kind: event for event in repository.events(fails.id)}
    assert (events["created"].run_id, events["ended"].run_id) == (None, record.id)
    assert "own mistake" in events["ended"].message
    assert events["ended"].time == utc(2024, 3, 5, 14, 32)


def test_words_no_database_takes_lose_no_run(home: Installation, db: Session) -> None:
    strategies = {
        "raises": ("tests.session_strategies:RaisesOddly", {}),
        "tags": ("tests.session_strategies:TagsOddly", {}),
        "buyer": ("tests.session_strategies:Buyer", {}),
    }
    config = session_config("AAA", first=str(DAY), last=str(DAY), strategies=strategies)
    record = home.run(config).record
    assert record is not None
    assert record.reason is not None
    assert "odd \ufffd and \ufffd words" in record.reason
    assert r"tag is 'odd \x00 tag'; no database takes NUL" in record.reason
    repository = StrategyRepository(db)
    ended = {
        known.definition.name: event.message
        for known in repository.list()
        for event in repository.events(known.id)
        if event.kind == "ended"
    }
    assert ended.keys() == {"raises", "tags"}
    assert ended["raises"] in record.reason


def test_the_least_cash_can_be_recorded(home: Installation, db: Session) -> None:
    record = home.run({**CONFIG, "execution": {**COSTS, "starting_cash": 1e-6}}).record
    assert record is not None
    assert _trading(db, record.id)[1].starting_cash == Decimal("0.000001")


def test_the_same_strategies_are_known_once(run_id: UUID, home: Installation, db: Session) -> None:
    home.run(CONFIG)
    known = StrategyRepository(db).list()
    assert [each.definition.name for each in known] == ["bracketed", "buyer"]
    assert known[1].definition.parameters == {"on": 5, "quantity": 10.0, "interval": "1m"}
    assert (known[1].definition.timeframe, known[1].lifecycle) == ("1m", "RESEARCH")


def test_what_a_run_did_goes_with_it(run_id: UUID, db: Session) -> None:
    db.execute(delete(BacktestRunRow).where(BacktestRunRow.id == run_id))
    db.commit()
    assert set(TradingRepository(db).counts(run_id).values()) == {0}
    for table in ("accounts", *KINDS):
        assert db.scalar(text(f"SELECT count(*) FROM {table}")) == 0
    with pytest.raises(DataNotFoundError, match="run it again"):
        TradingRepository(db).account_of_run(run_id)


def _left_by(home: Installation) -> set[str]:
    """Names of the files in the one folder of a run, and of what is beside it."""
    (folder,) = home.settings.runs_dir.iterdir()
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("most_bars", [0, 500_000], ids=["files-first", "beside-the-rows"])
def test_a_run_that_cannot_be_recorded_says_so_and_keeps_its_files(
    home: Installation, monkeypatch: pytest.MonkeyPatch, most_bars: int
) -> None:
    monkeypatch.setattr(record_keeping, "_MOST_BARS_BESIDE_ROWS", most_bars)
    with home.database() as db:
        db.execute(text("ALTER TABLE signals RENAME TO elsewhere"))
        db.commit()
    system = home.run(CONFIG)
    assert (system.state, system.record) == ("FAILED", None)
    assert system.reason is not None
    assert "could not be recorded (signals: " in system.reason
    assert "mend the database (`db check`), and run it again" in system.reason
    assert "INSERT" not in system.reason
    (folder,) = home.settings.runs_dir.iterdir()
    assert f"its files are in runs/{folder.name} in DATA_DIR" in system.reason
    assert str(home.settings.data_dir) not in system.reason
    with home.database() as db:
        for table in ("backtest_runs", "strategies", "accounts", "orders", "fills", "trades"):
            assert db.scalar(text(f"SELECT count(*) FROM {table}")) == 0
        db.execute(text("ALTER TABLE elsewhere RENAME TO signals"))
        db.commit()
    again = home.run(CONFIG)
    assert again.state == "STOPPED"
    assert {path.name for path in folder.iterdir()} == {
        path.name for path in Path(again.record.folder).iterdir()
    }


def _told_as_our_fault(
    home: Installation, monkeypatch: pytest.MonkeyPatch, making: Callable[..., RunTrading]
) -> str:
    """The reason of a run whose rows are made so; its files are left."""
    monkeypatch.setattr(record_keeping, "make_trading", making)
    reason = home.run(CONFIG).reason
    assert reason is not None
    assert reason.endswith("this is a fault of the program, please report it")
    assert "metrics.json" in _left_by(home)
    return reason


def test_a_row_of_ours_that_is_refused_is_a_fault_of_the_program(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_trading = record_keeping.make_trading

    def wrongly(*run: Any) -> RunTrading:
        trading = make_trading(*run)
        filled = [10.0 * quantity for quantity in trading.orders["quantity"]]
        return replace(trading, orders={**trading.orders, "filled_quantity": np.array(filled)})

    assert "filled_within_quantity" in _told_as_our_fault(home, monkeypatch, wrongly)


def test_rows_that_cannot_be_made_are_a_fault_of_the_program(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_run: Any) -> RunTrading:
        raise ZeroDivisionError("our own mistake")

    reason = _told_as_our_fault(home, monkeypatch, fails)
    assert "could not be recorded (ZeroDivisionError: our own mistake): it has no rows" in reason


def test_values_no_driver_takes_are_a_fault_of_the_program(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_trading = record_keeping.make_trading

    def wrongly(*run: Any) -> RunTrading:
        trading = make_trading(*run)
        return replace(trading, orders={**trading.orders, "tag": [object()] * 5})

    _told_as_our_fault(home, monkeypatch, wrongly)


def test_files_that_fail_with_the_rows_are_what_is_told_and_go(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_run: Any) -> RunTrading:
        raise ZeroDivisionError("our own mistake")

    def full(*_run: Any) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(record_keeping, "make_trading", fails)
    monkeypatch.setattr(RunResult, "save", full)
    reason = home.run(CONFIG).reason
    assert reason is not None
    assert "No space left on device" in reason
    assert "recorded" not in reason
    assert list(home.settings.runs_dir.iterdir()) == []


def test_what_was_recorded_outlives_a_table_that_is_made_anew(
    run_id: UUID, home: Installation
) -> None:
    """The accounts are, by the eleventh migration, and their orders hang on them."""
    counted = [f"SELECT count(*) FROM {table}" for table in ("accounts", "orders", "fills")]

    def counts() -> list[object]:
        with home.database() as db:
            return [db.scalar(text(each)) for each in counted]

    before = counts()
    assert all(before)
    downgrade_database(home.settings.database_url, "0010")
    upgrade_database(home.settings.database_url)
    assert counts() == before
    with home.database() as db:
        db.execute(delete(BacktestRunRow).where(BacktestRunRow.id == run_id))
        db.commit()
    assert counts() == [0, 0, 0]


# ── what must never be ───────────────────────────────────────────────────────


REFUSED = {
    "orders SET quantity = 0 WHERE filled_quantity = 0": "quantity_above_zero",
    "orders SET side = 'hold'": "known_side",
    "orders SET status = 'lost'": "known_status",
    "orders SET limit_price = -1": "limit_price_above_zero",
    "orders SET filled_quantity = 11": "filled_within_quantity",
    "orders SET average_fill_price = NULL": "a_fill_has_a_price",
    "accounts SET starting_cash = 0": "starting_cash_above_zero",
    "accounts SET mode = 'live'": "run_by_mode",
    "trades SET entry_price = 0": "entry_price_above_zero",
    "trades SET exit_at = NULL": "whole_exit",
    "trades SET exit_at = '2001-01-01 00:00:00'": "exit_after_entry",
    "positions SET quantity = 0": "holds_something",
    "signals SET executed = NOT executed": "executed_or_why_not",
    "signals SET action = 'HOLD'": "hold_does_nothing",
    "signals SET action = 'HOLD', executed = false, refusal = 'why'": "hold_orders_nothing",
    "backtest_runs SET bars = -1": "never change",
    "orders SET filled_quantity = 0, average_fill_price = NULL": "filled_by_status",
    "orders SET status = 'rejected'": "filled_by_status",
    "orders SET type = 'stop_limit', stop_price = 1": "prices_by_type",
    "orders SET type = 'stop', stop_price = NULL": "prices_by_type",
    "orders SET time_in_force = 'gtd'": "gtd_has_an_end",
    "orders SET filled_at = '1999-01-01 00:00:00'": "filled_after_submitted",
    "orders SET quantity = 1e30": "quantity_above_zero",
    "accounts SET cash = 1e30": "cash_is_a_number",
    "trades SET net_pnl = -1e30": "net_pnl_is_a_number",
    "positions SET unrealized_pnl = 1e30": "unrealized_pnl_is_a_number",
    "strategies SET lifecycle = 'DREAM'": "known_lifecycle",
    "fills SET price = 1": "never change",
    "order_events SET cause = 'x'": "never change",
    "equity_points SET equity = 1": "never change",
    "strategy_events SET message = 'x'": "never change",
    "indicator_snapshots SET value = 1": "never change",
}


def test_the_database_refuses(run_id: UUID, db: Session) -> None:
    for change, rule in REFUSED.items():
        with pytest.raises(DatabaseError, match=rule):
            db.execute(text(f"UPDATE {change}"))
        db.rollback()


def test_every_foreign_key_begins_an_index() -> None:
    ours = ("strategies", "accounts", "strategy_events", "equity_points", "indicator_snapshots")
    for name in (*ours, *KINDS):
        table = all_tables().tables[name]
        begins = {next(iter(index.columns)).name for index in table.indexes}
        begins |= {next(iter(each.columns)).name for each in table.constraints if _is_unique(each)}
        assert {column.name for column in table.columns if column.foreign_keys} <= begins, name


def _is_unique(constraint: object) -> bool:
    return type(constraint).__name__ == "UniqueConstraint"


def test_updated_at_is_the_databases(run_id: UUID, db: Session) -> None:
    assert "updated_at" in {each["name"] for each in inspect(db.bind).get_columns("orders")}
    db.execute(text("UPDATE orders SET updated_at = '2001-01-01 00:00:00'"))
    db.execute(text("UPDATE orders SET tag = 'other'"))
    db.commit()
    oldest = db.scalar(text("SELECT min(updated_at) FROM orders"))
    assert str(oldest) > "2020"


# ── strategies ───────────────────────────────────────────────────────────────


def test_the_life_of_a_strategy(database_sessions) -> None:
    definition = StrategyDefinition(
        name="cross", class_="SmaCross", parameters={"fast": 10}, timeframe="5m"
    )
    begin, later = utc(2024, 3, 5), utc(2024, 3, 6)
    with database_sessions.begin() as db:
        known = StrategyRepository(db).require(definition, begin)
        assert StrategyRepository(db).require(definition, later) == known
        StrategyRepository(db).set_lifecycle(known.id, "PAPER", later)
        StrategyRepository(db).set_regime_notes(known.id, "trending days")
    with database_sessions() as db:
        now = StrategyRepository(db).get(known.id)
        assert (now.lifecycle, now.regime_notes) == ("PAPER", "trending days")
        assert StrategyRepository(db).list(lifecycle="LIVE") == ()
        events = StrategyRepository(db).events(known.id)
        assert [event.kind for event in events] == ["created", "lifecycle"]
        assert events[1].message == "from RESEARCH to PAPER"
        with pytest.raises(DataNotFoundError, match="no strategy"):
            StrategyRepository(db).get(uuid4())


# ── keys and instants ────────────────────────────────────────────────────────


def test_keys_ascend_and_carry_their_time() -> None:
    keys = new_keys(5_000, 1_700_000_000_123_000_000)
    assert keys == sorted(keys)
    assert len(set(keys)) == 5_000
    assert {(UUID(key).version, UUID(key).variant) for key in keys} == {
        (7, "specified in RFC 4122")
    }
    assert {int(key[:12], 16) for key in keys} == {1_700_000_000_123}


def test_instants_are_told_to_the_microsecond() -> None:
    told = ["2023-11-14 22:13:20.123456", None]
    assert instants([1_700_000_000_123_456_789, 0]) == told
    assert instants([]) == []
