"""What a run did, written into the record of trading in one go."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import numpy as np
from sqlalchemy import Table, insert
from sqlalchemy.orm import Session

from app.core.instants import utc
from app.core.trading_record import Columns, RunTrading
from app.models.database import Base
from app.models.record_types import Exact, Money
from app.models.strategy_record import IndicatorSnapshotRow, SignalRow
from app.models.trading_record import (
    AccountRow,
    EquityPointRow,
    FillRow,
    OrderEventRow,
    OrderRow,
    PositionRow,
    TradeRow,
)
from app.repositories.bulk import insert_rows, instants, milliseconds, new_keys
from app.repositories.exact_numbers import exact
from app.repositories.strategy_repository import StrategyRepository, fingerprint_of

SIMULATED = "simulated"
"""The broker of a run's account."""

_ORDER_COLUMNS = ("order", "parent_order", "replaces_order", "entry_order", "exit_order")
_ACCOUNT_TABLES = {"orders", "fills", "trades", "positions", "equity_points"}


class RunTradingRepository:
    """Adds what runs did, in the caller's unit of work."""

    def __init__(self, db: Session) -> None:
        self._db = db

    def add(self, run_id: UUID, trading: RunTrading, *, finished: datetime) -> None:
        """Store everything the recorded run `run_id` did; a strategy not known yet is added."""
        strategies = self._strategies(run_id, trading, finished)
        account_id = self._account(run_id, trading)
        writer = _Writer(self._db, run_id.hex, account_id.hex, [key.hex for key in strategies])
        writer.price_step = trading.price_step
        writer.time_ns = milliseconds(finished)
        writer.orders = writer.write(OrderRow, trading.orders)
        writer.write(OrderEventRow, trading.order_events)
        writer.write(FillRow, trading.fills)
        writer.write(TradeRow, trading.trades)
        writer.write(PositionRow, trading.positions)
        writer.write(EquityPointRow, trading.equity_points)
        writer.write(SignalRow, trading.signals)
        writer.write(IndicatorSnapshotRow, trading.indicator_snapshots)

    def _strategies(self, run_id: UUID, trading: RunTrading, finished: datetime) -> list[UUID]:
        """Their keys. All runs add new ones in one order, lest two wait for each other."""
        repository = StrategyRepository(self._db)
        ordered = sorted(trading.strategies, key=lambda each: (each.name, fingerprint_of(each)))
        known = [(each, repository.require(each, finished).id) for each in ordered]
        keys = [next(key for each, key in known if each is own) for own in trading.strategies]
        for strategy, time_ns, why in trading.ended:
            moment = utc(time_ns)
            repository.add_event(keys[strategy], moment, "ended", why, run_id=run_id)
        return keys

    def _account(self, run_id: UUID, trading: RunTrading) -> UUID:
        key = uuid4()
        amounts = (trading.starting_cash, trading.final_cash, trading.final_equity)
        money = exact("accounts", amounts, Money(), trading.price_step).tolist()
        values = {
            "id": key,
            "run_id": run_id,
            "broker": SIMULATED,
            "number": run_id.hex,
            "mode": trading.mode,
            **dict(zip(("starting_cash", "cash", "equity"), money, strict=True)),
        }
        self._db.execute(insert(AccountRow), [values])
        return key


class _Writer:
    """Turns columns of a run into rows: positions and numbers into keys, times into text."""

    def __init__(
        self, db: Session, run_key: str, account_key: str, strategy_keys: Sequence[str]
    ) -> None:
        self._db = db
        self._run_key = run_key
        self._account_key = account_key
        self._strategy_keys = strategy_keys
        self.price_step = 1e-8
        self.time_ns = 0
        self.orders: list[str] = []
        self._texts: dict[int, str | None] = {}

    def write(self, row: type[Base], columns: Columns) -> list[str]:
        """Store one table's columns; the new keys."""
        table = row.__table__
        assert isinstance(table, Table)  # noqa: S101  # no model here is a join
        count = len(next(iter(columns.values())))
        keys = new_keys(count, self.time_ns)
        if not count:
            return keys
        if table.name == "orders":
            self.orders = keys
        given: dict[str, Sequence[Any]] = {"id": keys}
        if "run_id" in table.c:
            given["run_id"] = [self._run_key] * count
        if table.name in _ACCOUNT_TABLES:
            given["account_id"] = [self._account_key] * count
        for name, column in columns.items():
            given.update([self._stored(table, name, column)])
        insert_rows(self._db, table, list(given), list(given.values()))
        return keys

    def _stored(self, table: Table, name: str, column: Any) -> tuple[str, Sequence[Any]]:
        """Name and values of a column as the table has them."""
        if name == "strategy":
            return "strategy_id", [self._strategy_keys[position] for position in column]
        if name in _ORDER_COLUMNS:
            keys = self.orders
            return f"{name}_id", [keys[number - 1] if number > 0 else None for number in column]
        if name.endswith("_ns"):
            return f"{name[:-3]}_at", self._instants(column)
        kind = table.c[name].type
        if isinstance(kind, Exact):
            return name, _numbers(exact(f"{table.name}.{name}", column, kind, self.price_step))
        if isinstance(column, np.ndarray):
            return name, _numbers(column)
        return name, column

    def _instants(self, times_ns: Any) -> list[str | None]:
        """Times as text; most of a run's occur in several tables."""
        times = times_ns.tolist() if isinstance(times_ns, np.ndarray) else times_ns
        if not all(map(self._texts.__contains__, times)):
            new = list(set(times) - self._texts.keys())
            self._texts.update(zip(new, instants(new), strict=True))
        return list(map(self._texts.__getitem__, times))


def _numbers(values: np.typing.NDArray[Any]) -> list[Any]:
    """The numbers, and None for what is not one."""
    missing = np.isnan(values)
    if not missing.any():
        return list(values.tolist())
    if missing.all():
        return [None] * len(values)
    return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124  # NaN
