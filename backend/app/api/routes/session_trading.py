"""What the running session has ordered and traded; once it is over, the record has it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.api.platform import Platform, Served
from app.api.responses import errors
from app.api.schemas.session_trading import SessionFills, SessionOrders
from app.core.exceptions import DataNotFoundError

router = APIRouter(prefix="/session", tags=["session"], responses=errors(404))

After = Annotated[int, Query(ge=0, le=2**31, description="Only those with a greater number.")]
Limit = Annotated[int, Query(ge=1, le=1_000, description="How many at most.")]


@router.get("/orders", summary="Orders of the session, as they are now")
def orders(platform: Served, after: After = 0, limit: Limit = 100) -> SessionOrders:
    """Each with the number it has in the record when the session is over.

    Who followed them over the WebSocket and missed some asks for them here.
    """
    run_id = _run_id(platform)
    found = platform.system.get_execution_manager().get_order_states(after, limit)
    return SessionOrders.of(platform.system.status(), run_id, found, most=limit)


@router.get("/fills", summary="Executions of the session")
def fills(platform: Served, after: After = 0, limit: Limit = 100) -> SessionFills:
    """Each with the number it has in the record when the session is over."""
    run_id = _run_id(platform)
    found = platform.system.get_execution_manager().get_fills(after, limit)
    return SessionFills.of(platform.system.status(), run_id, found, most=limit)


def _run_id(platform: Platform) -> UUID:
    ticket = platform.system.session_ticket()
    if ticket is None:
        raise DataNotFoundError("no session was started yet; start one first")
    return ticket.id
