"""Who changed what, written down: the one place where routes of this package do it."""

from typing import Any
from uuid import uuid4

from fastapi import Request

from app.api.platform import platform_of
from app.api.schemas.values import moment_of
from app.core.administration import AuditEntry
from app.core.users import Principal


def write_down(
    request: Request, actor: Principal, action: str, target: str | None = None, **details: Any
) -> None:
    """Enter into the audit log what `actor` has just done to what no database holds.

    In a unit of work of its own, after the deed: a session that ends meanwhile writes its record.
    """
    platform = platform_of(request)
    entry = AuditEntry(
        id=uuid4(),
        occurred_at=moment_of(platform.clock.now_ns()),
        actor_id=actor.user_id,
        actor=actor.username,
        action=action,
        target=target,
        details=details,
        address=request.client.host if request.client else None,
        request_id=getattr(request.state, "request_id", None),
    )
    with platform.work() as work:
        work.audit.add(entry)
