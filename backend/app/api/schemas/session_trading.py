"""Orders and fills of the session that runs, or ran last."""

from collections.abc import Sequence
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from app.api.schemas.examples import PRESENT
from app.api.schemas.session import SessionNow, now
from app.api.schemas.values import Moment, shown_as
from app.core.enums import OrderStatus, OrderType, Side, TimeInForce
from app.core.instants import utc
from app.managers.execution_manager import FillView
from app.managers.system_manager.status import SystemStatus
from app.monitoring.values import OrderState

_RUN = "4d805789-2b4c-4f0e-9a56-0d5f2c9a7e11"
_NEXT = "Give it as `after` for the next page; null: there is no more yet."


class SessionOrder(BaseModel):
    """An order as it is now; the record knows it by the same `client_order_id`."""

    client_order_id: str = Field(description="Its number in the run, from 1.", examples=["1"])
    strategy: str
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    status: OrderStatus
    quantity: float
    filled_quantity: float
    average_fill_price: float | None
    limit_price: float | None
    stop_price: float | None = Field(description="Of a trailing stop: where it stands now.")
    submitted: Moment
    filled: Moment | None
    tag: str
    reason: str | None

    @classmethod
    def of(cls, order: OrderState) -> Self:
        """As the API tells it."""
        return cls(
            client_order_id=str(order.id),
            strategy=order.strategy,
            symbol=order.symbol,
            side=Side(order.side),
            type=OrderType(order.type),
            time_in_force=TimeInForce(order.time_in_force),
            status=OrderStatus(order.status),
            quantity=abs(order.quantity),
            filled_quantity=abs(order.filled_quantity),
            average_fill_price=order.fill_price or None,
            limit_price=order.limit_price or None,
            stop_price=order.stop_price or None,
            submitted=utc(order.submitted_ns),
            filled=utc(order.filled_ns) if order.filled_ns else None,
            tag=order.tag,
            reason=order.reason or None,
        )


class SessionOrders(SessionNow):
    """Orders of the session in the order they came, as they are now."""

    model_config = shown_as(
        **PRESENT,
        run_id=_RUN,
        items=[
            {
                "client_order_id": "1",
                "strategy": "cross",
                "symbol": "ALPHA",
                "side": "buy",
                "type": "limit",
                "time_in_force": "day",
                "status": "new",
                "quantity": 100.0,
                "filled_quantity": 0.0,
                "average_fill_price": None,
                "limit_price": 99.5,
                "stop_price": None,
                "submitted": "2025-11-06T14:45:00Z",
                "filled": None,
                "tag": "entry",
                "reason": None,
            }
        ],
        next_after=None,
    )

    run_id: UUID
    items: list[SessionOrder]
    next_after: int | None = Field(description=_NEXT)

    @classmethod
    def of(
        cls, status: SystemStatus, run_id: UUID, orders: Sequence[OrderState], *, most: int
    ) -> Self:
        """As the API tells it; a full page has a next one."""
        return cls(
            **now(status),
            run_id=run_id,
            items=[SessionOrder.of(order) for order in orders],
            next_after=orders[-1].id if len(orders) == most else None,
        )


class SessionFill(BaseModel):
    """One execution; costs in the quote currency."""

    execution_id: str = Field(description="Its number in the run, from 1.", examples=["1"])
    client_order_id: str = Field(examples=["1"])
    strategy: str
    symbol: str
    side: Side
    quantity: float
    price: float
    commission: float
    slippage: float
    time: Moment

    @classmethod
    def of(cls, fill: FillView) -> Self:
        """As the API tells it."""
        return cls(
            execution_id=str(fill.number),
            client_order_id=str(fill.order),
            strategy=fill.strategy,
            symbol=fill.symbol,
            side=Side.BUY if fill.quantity > 0 else Side.SELL,
            quantity=abs(fill.quantity),
            price=fill.price,
            commission=fill.commission,
            slippage=fill.slippage,
            time=fill.time,
        )


class SessionFills(SessionNow):
    """Executions of the session in the order they happened."""

    model_config = shown_as(
        **PRESENT,
        run_id=_RUN,
        items=[
            {
                "execution_id": "1",
                "client_order_id": "1",
                "strategy": "cross",
                "symbol": "ALPHA",
                "side": "buy",
                "quantity": 100.0,
                "price": 99.5,
                "commission": 0.5,
                "slippage": 0.0,
                "time": "2025-11-06T14:46:00Z",
            }
        ],
        next_after=None,
    )

    run_id: UUID
    items: list[SessionFill]
    next_after: int | None = Field(description=_NEXT)

    @classmethod
    def of(
        cls, status: SystemStatus, run_id: UUID, fills: Sequence[FillView], *, most: int
    ) -> Self:
        """As the API tells it; a full page has a next one."""
        return cls(
            **now(status),
            run_id=run_id,
            items=[SessionFill.of(fill) for fill in fills],
            next_after=fills[-1].number if len(fills) == most else None,
        )
