"""Who makes a change and from where, for the audit log."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from app.api.platform import platform_of
from app.core.administration import Origin
from app.core.instants import utc
from app.core.users import Principal
from app.repositories.unit_of_work import UnitOfWork
from app.services.security import addresses
from app.services.security.addresses import client_address, networks

NOBODY = "anonymous"
"""The actor of a request without a token."""


def address_of(connection: HTTPConnection) -> str | None:
    """Where a request comes from: the socket's peer, or whom a trusted proxy says it is."""
    if connection.client is None:
        return None
    proxies = networks(platform_of(connection).settings.trusted_proxies)
    forwarded = connection.headers.getlist("x-forwarded-for")
    return client_address(connection.client.host, forwarded, proxies)


def is_behind_tls(connection: HTTPConnection) -> bool:
    """Whether a trusted proxy says that it was asked over TLS."""
    proxies = networks(platform_of(connection).settings.trusted_proxies)
    if not proxies or connection.client is None:
        return False
    forwarded = connection.headers.getlist("x-forwarded-proto")
    return addresses.is_behind_tls(connection.client.host, forwarded, proxies)


def origin_of(connection: HTTPConnection, actor: Principal | None) -> Origin:
    """What every audit entry of a request says of its sender."""
    return Origin(
        actor=NOBODY if actor is None else actor.username,
        actor_id=None if actor is None else actor.user_id,
        api_key_id=None if actor is None else actor.api_key_id,
        address=address_of(connection),
        request_id=getattr(connection.state, "request_id", None),
    )


def audited(
    work: UnitOfWork,
    actor: Principal,
    request: HTTPConnection,
    action: str,
    target: str | None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry to the audit log in `work`: the change and its entry are stored together.

    Args:
        work: the unit of work the change is made in.
        actor: who asked for it.
        request: the request it is part of.
        action: what was done, as ``run.start``.
        target: what it was done to, as ``run:<id>``; None for the whole installation.
        details: plain JSON without secrets.
    """
    now = utc(platform_of(request).clock.now_ns())
    work.audit.add(origin_of(request, actor).entry(action, target, now, details))


def write_down(
    request: Request, actor: Principal, action: str, target: str | None = None, **details: Any
) -> None:
    """Enter into the audit log what `actor` does to something that no database holds.

    In a unit of work of its own: a session that ends meanwhile writes its record.
    """
    with platform_of(request).work() as work:
        audited(work, actor, request, action, target, details)


async def _sender(request: Request) -> Origin:
    return origin_of(request, getattr(request.state, "principal", None))


Sender = Annotated[Origin, Depends(_sender)]
"""Parameter of a route: who asks and from where, to hand to a façade that writes the audit log."""
