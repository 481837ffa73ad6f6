"""The audit log, for admins."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AfterValidator, AwareDatetime

from app.api.lists import Listed
from app.api.platform import Served
from app.api.schemas.users import WHEN, AuditPage, AuditView

router = APIRouter(prefix="/audit", tags=["audit"])


def _storable(moment: datetime) -> datetime:
    if not 1970 <= moment.year <= 2999:
        raise ValueError("take an instant from 1970 to 2999")
    return moment


Instant = Annotated[AwareDatetime, AfterValidator(_storable)]


@router.get("", summary="Who changed what")
def entries(
    platform: Served,
    listed: Listed,
    actor_id: Annotated[UUID | None, Query(description="Of one user.")] = None,
    action: Annotated[
        str | None,
        Query(max_length=64, pattern=r"^[a-z_.]+$", examples=["user.create"]),
    ] = None,
    since: Annotated[
        Instant | None, Query(alias="from", description="At it or later.", examples=[WHEN])
    ] = None,
    before: Annotated[Instant | None, Query(description="Earlier.", examples=[WHEN])] = None,
) -> AuditPage:
    """Newest first; sort by `occurred_at`. Entries are never changed or removed."""
    filters = {"actor_id": actor_id, "action": action, "from": since, "before": before}
    with platform.work() as work:
        page = work.audit.page(replace(listed, filters=filters))
    items = [AuditView.model_validate(entry) for entry in page.items]
    return AuditPage(items=items, next_cursor=page.next_cursor)
