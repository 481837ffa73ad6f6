"""Accounts, orders, fills, trades, positions, equity and signals, as values."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.core.enums import OrderStatus, OrderType, Side, TimeInForce
from app.core.exceptions import DataNotFoundError
from app.core.trading_record import (
    AccountRecord,
    EquityPoint,
    FillRecord,
    IndicatorSnapshot,
    OrderEventRecord,
    OrderRecord,
    PositionRecord,
    SignalRecord,
    TradeRecord,
)
from app.models.database import Base
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

Value = TypeVar("Value")
_LIMIT = 1_000
_WORDS: Mapping[str, Callable[[str], Any]] = {
    "side": Side,
    "type": OrderType,
    "time_in_force": TimeInForce,
    "status": OrderStatus,
}
_BY_ACCOUNT: Mapping[str, type[OrderRow | FillRow | TradeRow | PositionRow | EquityPointRow]] = {
    "orders": OrderRow,
    "fills": FillRow,
    "trades": TradeRow,
    "positions": PositionRow,
    "equity_points": EquityPointRow,
}
_BY_RUN: Mapping[str, type[SignalRow | IndicatorSnapshotRow]] = {
    "signals": SignalRow,
    "indicator_snapshots": IndicatorSnapshotRow,
}


class TradingRepository:
    """Reads the record of trading in the caller's unit of work.

    Lists are oldest first, at most `limit` long, and may begin `after` a value of theirs: its
    id, as keys of one run ascend in the order things happened.
    """

    def __init__(self, db: Session) -> None:
        self._db = db

    def account_of_run(self, run_id: UUID) -> AccountRecord:
        """The simulated account of a backtest.

        Raises:
            DataNotFoundError: the run left none: it was recorded before there was this record.
        """
        row = self._db.scalar(select(AccountRow).where(AccountRow.run_id == run_id))
        if row is None:
            raise DataNotFoundError(f"run {run_id} left no account: run it again to have one")
        return value_of(AccountRecord, row)

    def counts(self, run_id: UUID) -> dict[str, int]:
        """How many rows of each kind a run left; all zero for a run that left none."""
        account = select(AccountRow.id).where(AccountRow.run_id == run_id).scalar_subquery()
        queries = {
            name: select(func.count()).where(row.account_id == account)
            for name, row in _BY_ACCOUNT.items()
        } | {
            name: select(func.count()).where(row.run_id == run_id) for name, row in _BY_RUN.items()
        }
        events = select(func.count()).select_from(OrderEventRow).join(OrderRow)
        queries["order_events"] = events.where(OrderRow.account_id == account)
        return {name: self._db.scalar(query) or 0 for name, query in queries.items()}

    def orders(
        self, account_id: UUID, *, after: UUID | None = None, limit: int = _LIMIT
    ) -> tuple[OrderRecord, ...]:
        """Orders of an account."""
        query = select(OrderRow).where(OrderRow.account_id == account_id)
        return self._page(OrderRecord, query, OrderRow.id, after, limit)

    def order_events(self, order_id: UUID) -> tuple[OrderEventRecord, ...]:
        """Every transition of an order."""
        query = select(OrderEventRow).where(OrderEventRow.order_id == order_id)
        rows = self._db.scalars(query.order_by(OrderEventRow.sequence))
        return tuple(value_of(OrderEventRecord, row) for row in rows)

    def fills(
        self, account_id: UUID, *, after: UUID | None = None, limit: int = _LIMIT
    ) -> tuple[FillRecord, ...]:
        """Executions of an account."""
        query = select(FillRow).where(FillRow.account_id == account_id)
        return self._page(FillRecord, query, FillRow.id, after, limit)

    def trades(
        self, account_id: UUID, *, after: UUID | None = None, limit: int = _LIMIT
    ) -> tuple[TradeRecord, ...]:
        """Round trips of an account in the order they ended, open ones last."""
        query = select(TradeRow).where(TradeRow.account_id == account_id)
        return self._page(TradeRecord, query, TradeRow.id, after, limit)

    def positions(self, account_id: UUID) -> tuple[PositionRecord, ...]:
        """What an account holds."""
        query = select(PositionRow).where(PositionRow.account_id == account_id)
        return self._page(PositionRecord, query, PositionRow.id, None, None)

    def equity(
        self,
        account_id: UUID,
        *,
        first: datetime | None = None,
        last: datetime | None = None,
        session_closes: bool = False,
    ) -> tuple[EquityPoint, ...]:
        """What an account was worth, from `first` to `last`; at `session_closes` only if asked."""
        query = select(EquityPointRow).where(EquityPointRow.account_id == account_id)
        if first is not None:
            query = query.where(EquityPointRow.time_at >= first)
        if last is not None:
            query = query.where(EquityPointRow.time_at <= last)
        if session_closes:
            query = query.where(EquityPointRow.is_session_close)
        rows = self._db.scalars(query.order_by(EquityPointRow.time_at))
        return tuple(value_of(EquityPoint, row) for row in rows)

    def signals(
        self, run_id: UUID, *, after: UUID | None = None, limit: int = _LIMIT
    ) -> tuple[SignalRecord, ...]:
        """Signals of a backtest."""
        query = select(SignalRow).where(SignalRow.run_id == run_id)
        return self._page(SignalRecord, query, SignalRow.id, after, limit)

    def indicator_snapshots(
        self, run_id: UUID, *, after: UUID | None = None, limit: int = _LIMIT
    ) -> tuple[IndicatorSnapshot, ...]:
        """Indicators of a backtest at session closes, one after the other."""
        query = select(IndicatorSnapshotRow).where(IndicatorSnapshotRow.run_id == run_id)
        return self._page(IndicatorSnapshot, query, IndicatorSnapshotRow.id, after, limit)

    def _page(
        self,
        value: type[Value],
        query: Select[Any],
        key: InstrumentedAttribute[UUID],
        after: UUID | None,
        limit: int | None,
    ) -> tuple[Value, ...]:
        if after is not None:
            query = query.where(key > after)
        rows = self._db.scalars(query.order_by(key).limit(limit))
        return tuple(value_of(value, row) for row in rows)


def value_of(value: type[Value], row: Base) -> Value:
    """The fields of a value from the row's columns: times without their ``_at``."""
    columns = {name.removesuffix("_at"): name for name in row.__table__.c.keys()}  # noqa: SIM118  # a column collection iterates over columns
    given = {}
    for field in fields(value):  # type: ignore[arg-type]  # every value is a dataclass
        content = getattr(row, columns[field.name])
        word = _WORDS.get(field.name)
        given[field.name] = word(content) if word else content
    return value(**given)
