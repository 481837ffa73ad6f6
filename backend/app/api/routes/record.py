"""Lists of the record: signals, orders, fills, trades, positions, events, and an account."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.api.platform import Served
from app.api.responses import errors
from app.api.schemas import record as shown
from app.api.schemas.pages import Page, page_of
from app.api.schemas.queries import (
    EventQuery,
    EventSource,
    FillQuery,
    OrderQuery,
    PositionQuery,
    SignalQuery,
    TradeQuery,
)
from app.core.exceptions import ConfigurationError
from app.core.paging import MOST, PageRequest
from app.core.trading_record import AccountRecord
from app.repositories.unit_of_work import UnitOfWork

router = APIRouter(tags=["record"])


@router.get("/signals", summary="What strategies wanted, and what came of it")
def signals(query: Annotated[SignalQuery, Query()], platform: Served) -> Page[shown.Signal]:
    """Newest first. In a backtest a signal is an order a strategy sent."""
    with platform.work() as work:
        return page_of(shown.Signal.model_validate, work.record.signals(query.request()))


@router.get("/trading/orders", summary="Orders")
@router.get("/orders", summary="Orders")
def orders(query: Annotated[OrderQuery, Query()], platform: Served) -> Page[shown.Order]:
    """Newest first."""
    with platform.work() as work:
        return page_of(shown.Order.model_validate, work.record.orders(query.request()))


@router.get("/trading/orders/{order_id}", responses=errors(404), summary="An order")
@router.get("/orders/{order_id}", responses=errors(404), summary="An order")
def order(order_id: UUID, platform: Served) -> shown.OrderDetails:
    """With what became of it and its executions: the first thousand of each, oldest first.

    Where there are more, `next_events_cursor` and `next_fills_cursor` say where they begin.
    """
    asked = PageRequest(limit=MOST, sort="recorded", filters={"order_id": order_id})
    with platform.work() as work:
        found = shown.Order.model_validate(work.record.order(order_id))
        events, fills = work.record.order_events(asked), work.record.fills(asked)
        return shown.OrderDetails(
            **found.model_dump(),
            events=[shown.Event.of_order(event) for event in events.items],
            next_events_cursor=events.next_cursor,
            fills=[shown.Fill.model_validate(fill) for fill in fills.items],
            next_fills_cursor=fills.next_cursor,
        )


@router.get("/fills", summary="Executions")
def fills(query: Annotated[FillQuery, Query()], platform: Served) -> Page[shown.Fill]:
    """Newest first."""
    with platform.work() as work:
        return page_of(shown.Fill.model_validate, work.record.fills(query.request()))


@router.get("/trades", summary="Round trips")
def trades(query: Annotated[TradeQuery, Query()], platform: Served) -> Page[shown.Trade]:
    """Newest first; a trade without an exit is still open."""
    with platform.work() as work:
        return page_of(shown.Trade.model_validate, work.record.trades(query.request()))


@router.get("/trading/positions", summary="What is held")
@router.get("/positions", summary="What is held")
def positions(query: Annotated[PositionQuery, Query()], platform: Served) -> Page[shown.Position]:
    """At the end of each run, what each strategy held in each symbol."""
    with platform.work() as work:
        return page_of(shown.Position.model_validate, work.record.positions(query.request()))


@router.get("/events", summary="What happened to strategies, or to orders")
def events(query: Annotated[EventQuery, Query()], platform: Served) -> Page[shown.Event]:
    """Newest first. `of` says which filters there are."""
    with platform.work() as work:
        if query.of is EventSource.ORDERS:
            return page_of(shown.Event.of_order, work.record.order_events(query.request()))
        return page_of(shown.Event.of_strategy, work.record.strategy_events(query.request()))


@router.get("/trading/portfolio", responses=errors(404), summary="An account and what it holds")
def portfolio(
    platform: Served, account_id: UUID | None = None, run_id: UUID | None = None
) -> shown.Portfolio:
    """Cash, equity and positions: of an account, of a run's, or of the latest run's.

    An account and a run that is not its own are refused.
    """
    with platform.work() as work:
        account = _account(work, account_id, run_id)
        held = [shown.Position.model_validate(one) for one in work.trading.positions(account.id)]
        return shown.Portfolio.of(account, held)


def _account(work: UnitOfWork, account_id: UUID | None, run_id: UUID | None) -> AccountRecord:
    if account_id is not None:
        account = work.record.account(account_id)
        if run_id not in (None, account.run_id):
            wrong = f"run_id: account {account_id} is not of run {run_id}; leave one of them out"
            raise ConfigurationError(wrong, (wrong,))
        return account
    if run_id is not None:
        return work.trading.account_of_run(run_id)
    return work.record.latest_account()
