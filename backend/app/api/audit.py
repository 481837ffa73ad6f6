"""Who makes a change, for the audit log."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from starlette.requests import HTTPConnection

from app.api.platform import platform_of
from app.api.schemas.values import moment_of
from app.core.administration import AuditEntry
from app.core.users import Principal
from app.repositories.unit_of_work import UnitOfWork


def audited(
    work: UnitOfWork,
    actor: Principal,
    request: HTTPConnection,
    action: str,
    target: str | None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry to the audit log in `work`: the change and its entry are stored together."""
    work.audit.add(
        AuditEntry(
            id=uuid4(),
            occurred_at=moment_of(platform_of(request).clock.now_ns()),
            actor_id=actor.user_id,
            actor=actor.username,
            action=action,
            target=target,
            details=details or {},
            address=request.client.host if request.client else None,
            request_id=getattr(request.state, "request_id", None),
        )
    )
