"""What was done to something no database holds, written down."""

from typing import Any

from fastapi import Request

from app.api.audit import audited
from app.api.platform import platform_of
from app.core.users import Principal


def write_down(
    request: Request, actor: Principal, action: str, target: str | None = None, **details: Any
) -> None:
    """Enter into the audit log what `actor` has just done to what no database holds.

    In a unit of work of its own, after the deed: a session that ends meanwhile writes its record.
    """
    with platform_of(request).work() as work:
        audited(work, actor, request, action, target, details)
