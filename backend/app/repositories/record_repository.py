"""The record as lists, page by page."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.core.exceptions import ConfigurationError, DataNotFoundError
from app.core.paging import Page, PageRequest
from app.core.run_record import RunRecord
from app.core.trading_record import (
    AccountRecord,
    EquityPoint,
    FillRecord,
    OrderEventRecord,
    OrderRecord,
    PositionRecord,
    SignalRecord,
    StrategyEvent,
    StrategyRecord,
    TradeRecord,
)
from app.models.backtest_run import BacktestRunRow
from app.models.trading_record import AccountRow, OrderEventRow, OrderRow
from app.repositories import record_lists as lists
from app.repositories.bulk import keys_made_at, milliseconds
from app.repositories.listing import Listing
from app.repositories.trading_repository import value_of

Value = TypeVar("Value")
Both: TypeAlias = tuple[Listing[Any, Value], Listing[Any, Value]]

_NOTHING: Page[Any] = Page(items=(), next_cursor=None)


class RecordRepository:
    """Lists of the record in the caller's unit of work.

    Each takes a `PageRequest`. Over all accounts a list is sorted by ``recorded``, the order in
    which things were written down; filters ``run_id`` and ``account_id`` narrow it to one
    account, within which it may have other orders. A filter that nothing has gives an empty list.

    Raises:
        ConfigurationError: limit, cursor or sort is not one of the list.
    """

    def __init__(self, db: Session) -> None:
        self._db = db

    def runs(self, request: PageRequest) -> Page[RunRecord]:
        """Runs, the one that finished last first."""
        return lists.RUNS.page(self._db, request)

    def strategies(self, request: PageRequest) -> Page[StrategyRecord]:
        """Strategies by name."""
        return lists.STRATEGIES.page(self._db, request)

    def strategy_events(self, request: PageRequest) -> Page[StrategyEvent]:
        """What happened to strategies, newest first."""
        return lists.STRATEGY_EVENTS.page(self._db, request)

    def order_events(self, request: PageRequest) -> Page[OrderEventRecord]:
        """What became of orders; of one order, of those of an account, or of all."""
        filters = dict(request.filters)
        if not _is_of_account(filters):
            return lists.ORDER_EVENTS.page(self._db, _without_account(request))
        account_id = self._account_id(filters)
        if account_id is None:
            return _NOTHING
        own = select(OrderRow.id).where(OrderRow.account_id == account_id)
        where = OrderEventRow.order_id.in_(own)
        return lists.ORDER_EVENTS.page(self._db, _without_account(request), where)

    def orders(self, request: PageRequest) -> Page[OrderRecord]:
        """Orders, newest first."""
        return self._of_account(lists.ORDERS, request, self._orders_of)

    def fills(self, request: PageRequest) -> Page[FillRecord]:
        """Executions, newest first."""
        return self._of_account(lists.FILLS, request)

    def trades(self, request: PageRequest) -> Page[TradeRecord]:
        """Round trips, newest first; of an account by their number."""
        return self._of_account(lists.TRADES, request)

    def positions(self, request: PageRequest) -> Page[PositionRecord]:
        """What is held; of an account strategy by strategy."""
        return self._of_account(lists.POSITIONS, request)

    def signals(self, request: PageRequest) -> Page[SignalRecord]:
        """Signals, newest first."""
        everywhere, of_run = lists.SIGNALS
        filters = dict(request.filters)
        if not _is_of_account(filters):
            _require_sort(everywhere, of_run, request)
            return everywhere.page(self._db, _without_account(request))
        run_id = self._run_id(filters)
        if run_id is None:
            return _NOTHING
        where = of_run.row.run_id == run_id
        return of_run.page(self._db, _without_account(request), where)

    def equity(self, account_id: UUID, request: PageRequest) -> Page[EquityPoint]:
        """What an account was worth, oldest first."""
        where = lists.EQUITY.row.account_id == account_id
        return lists.EQUITY.page(self._db, request, where)

    def order(self, order_id: UUID) -> OrderRecord:
        """The order with that id.

        Raises:
            DataNotFoundError: there is none.
        """
        row = self._db.get(OrderRow, order_id)
        if row is None:
            raise DataNotFoundError(f"there is no order {order_id}")
        return value_of(OrderRecord, row)

    def account(self, account_id: UUID) -> AccountRecord:
        """The account with that id.

        Raises:
            DataNotFoundError: there is none.
        """
        row = self._db.get(AccountRow, account_id)
        if row is None:
            raise DataNotFoundError(f"there is no account {account_id}")
        return value_of(AccountRecord, row)

    def latest_account(self) -> AccountRecord:
        """The account of the run that finished last.

        Raises:
            DataNotFoundError: no run has left one.
        """
        newest = select(AccountRow).join(BacktestRunRow, AccountRow.run_id == BacktestRunRow.id)
        row = self._db.scalar(newest.order_by(BacktestRunRow.finished_at.desc()).limit(1))
        if row is None:
            raise DataNotFoundError("no run has left an account yet: start one, POST /runs")
        return value_of(AccountRecord, row)

    # ── insides ──────────────────────────────────────────────────────────────

    def _of_account(
        self,
        both: Both[Value],
        request: PageRequest,
        own: Callable[[UUID], Sequence[ColumnElement[bool]]] | None = None,
    ) -> Page[Value]:
        everywhere, of_account = both
        filters = dict(request.filters)
        if not _is_of_account(filters):
            _require_sort(everywhere, of_account, request)
            return everywhere.page(self._db, _without_account(request))
        account_id = self._account_id(filters)
        if account_id is None:
            return _NOTHING
        where = own(account_id) if own else (of_account.row.account_id == account_id,)
        return of_account.page(self._db, _without_account(request), *where)

    def _orders_of(self, account_id: UUID) -> Sequence[ColumnElement[bool]]:
        """What orders of an account have in common, such that they are read by their keys.

        Those of a run lie together, since their keys begin with the instant it ended; by the
        index of accounts all of them would be found first and sorted then.
        """
        finished = self._db.scalar(
            select(BacktestRunRow.finished_at)
            .join(AccountRow, AccountRow.run_id == BacktestRunRow.id)
            .where(AccountRow.id == account_id)
        )
        if finished is None:
            return (OrderRow.account_id == account_id,)
        by_no_index = func.coalesce(OrderRow.account_id, OrderRow.account_id)
        return OrderRow.id.between(*keys_made_at(milliseconds(finished))), by_no_index == account_id

    def _account_id(self, filters: dict[str, Any]) -> UUID | None:
        """The account that is meant; None if there is none, or the run has another one."""
        wanted, run_id = filters.get("account_id"), filters.get("run_id")
        if run_id is None:
            return UUID(str(wanted))
        found = self._db.scalar(select(AccountRow.id).where(AccountRow.run_id == run_id))
        return found if wanted in (None, found) else None

    def _run_id(self, filters: dict[str, Any]) -> UUID | None:
        """The run that is meant; None if there is none, or the account is of another one."""
        wanted, account_id = filters.get("run_id"), filters.get("account_id")
        if account_id is None:
            return UUID(str(wanted))
        found = self._db.scalar(select(AccountRow.run_id).where(AccountRow.id == account_id))
        return found if wanted in (None, found) else None


def _is_of_account(filters: dict[str, Any]) -> bool:
    return filters.get("account_id") is not None or filters.get("run_id") is not None


def _without_account(request: PageRequest) -> PageRequest:
    rest = {k: v for k, v in request.filters.items() if k not in ("account_id", "run_id")}
    return replace(request, filters=rest)


def _require_sort(
    everywhere: Listing[Any, Any], within: Listing[Any, Any], request: PageRequest
) -> None:
    """Refuse an order that only the list of an account can have, and say so."""
    name = (request.sort or everywhere.default_sort).removeprefix("-")
    if name not in everywhere.sorts and name in within.sorts:
        raise ConfigurationError(f"sort: by {name} needs run_id or account_id: give one of them")
