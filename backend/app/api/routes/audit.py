"""The audit log, for admins."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.api.platform import Served
from app.api.schemas.pages import Page, page_of
from app.api.schemas.queries import AuditQuery
from app.api.schemas.users import AuditView

router = APIRouter(prefix="/audit", tags=["audit"])


@router.get("", summary="Who changed what")
def entries(query: Annotated[AuditQuery, Query()], platform: Served) -> Page[AuditView]:
    """Newest first. Entries are never changed or removed."""
    with platform.work() as work:
        return page_of(AuditView.model_validate, work.audit.page(query.request()))
