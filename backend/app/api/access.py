"""Who may use which route: one table, and the dependency that holds every route to it.

A route that is not in the table cannot be served: the application refuses to be built.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute

from app.api.platform import platform_of
from app.core.exceptions import AuthenticationError, PermissionDeniedError
from app.core.users import Principal, Role

PUBLIC = None
"""Anybody, also without a token."""

ACCESS: Mapping[str, Role | None] = {
    # users
    "DELETE /api-keys/{key_id}": Role.VIEWER,
    "DELETE /invitations/{invitation_id}": Role.ADMIN,
    "GET /api-keys": Role.VIEWER,
    "GET /audit": Role.ADMIN,
    "GET /auth/me": Role.VIEWER,
    "GET /invitations": Role.ADMIN,
    "GET /users": Role.ADMIN,
    "GET /users/{user_id}": Role.ADMIN,
    "PATCH /users/{user_id}": Role.ADMIN,
    "POST /api-keys": Role.VIEWER,
    "POST /auth/login": PUBLIC,
    "POST /auth/logout": Role.VIEWER,
    "POST /auth/password": Role.VIEWER,
    "POST /auth/refresh": PUBLIC,
    "POST /auth/register": PUBLIC,
    "POST /invitations": Role.ADMIN,
    "POST /users": Role.ADMIN,
    # health
    "GET /": PUBLIC,
    "GET /health": PUBLIC,
    "GET /health/detailed": Role.VIEWER,
    "GET /metrics": Role.VIEWER,
    "HEAD /health": PUBLIC,
    # the record
    "GET /events": Role.VIEWER,
    "GET /fills": Role.VIEWER,
    "GET /orders": Role.VIEWER,
    "GET /orders/{order_id}": Role.VIEWER,
    "GET /positions": Role.VIEWER,
    "GET /signals": Role.VIEWER,
    "GET /trades": Role.VIEWER,
    "GET /trading/orders": Role.VIEWER,
    "GET /trading/orders/{order_id}": Role.VIEWER,
    "GET /trading/portfolio": Role.VIEWER,
    "GET /trading/positions": Role.VIEWER,
    # runs
    "GET /runs": Role.VIEWER,
    "POST /runs": Role.TRADER,
    "GET /runs/compare": Role.VIEWER,
    "GET /runs/queue": Role.VIEWER,
    "GET /runs/{run_id}": Role.VIEWER,
    "POST /runs/{run_id}/cancel": Role.TRADER,
    "GET /runs/{run_id}/equity": Role.VIEWER,
    "GET /runs/{run_id}/metrics": Role.VIEWER,
    "GET /runs/{run_id}/report": Role.VIEWER,
    # strategies
    "GET /strategies": Role.VIEWER,
    "GET /strategies/{strategy_id}": Role.VIEWER,
    "PATCH /strategies/{strategy_id}": Role.TRADER,
    "GET /strategies/{strategy_id}/events": Role.VIEWER,
    # market data
    "GET /market-data/bars/{symbol:path}": Role.VIEWER,
    "GET /market-data/imports/{import_id}": Role.VIEWER,
    "GET /market-data/latest/{symbol:path}": Role.VIEWER,
    "GET /market-data/quality/{symbol:path}": Role.VIEWER,
    "GET /market-data/stream_status": Role.VIEWER,
    "GET /market-data/symbols": Role.VIEWER,
    "GET /market-data/ticks/{symbol:path}": Role.VIEWER,
    "POST /market-data/import": Role.TRADER,
    # session
    "GET /session/data": Role.VIEWER,
    "GET /session/fills": Role.VIEWER,
    "GET /session/indicators": Role.VIEWER,
    "GET /session/orders": Role.VIEWER,
    "GET /session/quality": Role.VIEWER,
    # system
    "GET /system/configs": Role.VIEWER,
    "GET /system/log-level": Role.ADMIN,
    "GET /system/status": Role.VIEWER,
    "POST /system/pause": Role.TRADER,
    "POST /system/resume": Role.TRADER,
    "POST /system/speed": Role.TRADER,
    "POST /system/start": Role.TRADER,
    "POST /system/step": Role.TRADER,
    "POST /system/stop": Role.TRADER,
    "PUT /system/log-level": Role.ADMIN,
    "PUT /system/speed": Role.TRADER,
}
"""The least role for each route, by method and path below ``/api/v1``."""

LOGIN_ONLY = frozenset(
    {
        "DELETE /invitations/{invitation_id}",
        "PATCH /users/{user_id}",
        "POST /invitations",
        "POST /users",
    }
)
"""Routes no API key opens: a stolen key could make a user that outlives it."""

PREFIX = re.compile(r"^/api(/v1)?(?=/)")
"""What a path may begin with; below it the routes are the same."""
_AT_THE_TOP = ("/", "/metrics")
"""Served without a prefix too."""

_REMEDY = "send `Authorization: Bearer <access token>` or `X-API-Key: <key>`"


async def authorise(request: Request) -> None:
    """Let a request through to its route if its sender may use it; who it is stays with it."""
    rule = f"{request.method} {request.scope['route'].path}"
    if ACCESS[rule] is PUBLIC:
        return
    principal = await identify(request)
    if principal is None:
        raise AuthenticationError(request.state.nobody)
    refusal = _refusal(rule, principal)
    if refusal is not None:
        raise PermissionDeniedError(refusal)


def _refusal(rule: str, principal: Principal) -> str | None:
    needed = ACCESS[rule]
    if needed is PUBLIC:
        return None
    if not principal.may(needed):
        if principal.api_key_id is not None:
            return f"this needs the role {needed}; the key's scopes make it a {principal.role}"
        return f"this needs the role {needed}; yours is {principal.role}"
    if rule in LOGIN_ONLY and principal.api_key_id is not None:
        return "an API key cannot do this: log in with your password"
    return None


async def identify(request: Request) -> Principal | None:
    """Who sent the request, looked up once; None, and why in its state, if nobody says so.

    A coroutine, so that a token costs no hop to another thread; a key does, for the database.
    """
    state = request.state
    if not hasattr(state, "principal"):
        state.principal = None
        try:
            state.principal = await _principal(request)
        except AuthenticationError as error:
            state.nobody = str(error)
    principal: Principal | None = state.principal
    return principal


async def _principal(request: Request) -> Principal:
    platform = platform_of(request)
    key = request.headers.get("x-api-key")
    if key is not None and "authorization" in request.headers:
        raise AuthenticationError(f"two say who is asking, and one is wanted: {_REMEDY}")
    if key is not None:
        return await run_in_threadpool(platform.users.read_api_key, key)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise AuthenticationError(f"nobody is logged in: {_REMEDY}")
    return platform.users.read_access_token(token)


async def current_principal(request: Request) -> Principal:
    """Who sent the request, on a route that is not public."""
    principal: Principal = request.state.principal
    return principal


Actor = Annotated[Principal, Depends(current_principal)]
"""Parameter of a route: who asks."""


def rule_names(routes: Iterable[BaseRoute]) -> set[str]:
    """The names that `ACCESS` must have for `routes`."""
    named = (route for route in routes if isinstance(route, APIRoute))
    return {f"{method} {route.path}" for route in named for method in route.methods or ()}


def allowed_methods(path: str) -> list[str]:
    """What may be asked of `path`, in whatever way it is prefixed, by the rules of `ACCESS`."""
    return sorted(rule.partition(" ")[0] for rule in _rules_of(path))


def may_ask(principal: Principal, method: str, path: str) -> bool:
    """Whether `authorise` will let `principal` through, before it is known which route it is.

    True for a path that has no rule: nothing is served there.
    """
    asked = (rule for rule in _rules_of(path) if rule.startswith(f"{method} "))
    return all(_refusal(rule, principal) is None for rule in asked)


def served_path(method: str, path: str) -> str | None:
    """The path of the route that serves `path`, as routes are written; None: there is none.

    For what is answered before it is asked which route it is.
    """
    prefix = PREFIX.match(path)
    if prefix is None and path not in _AT_THE_TOP:
        return None
    asked = (rule.partition(" ") for rule in _rules_of(path))
    found = next((template for verb, _, template in asked if verb == method), None)
    return found and (prefix[0] if prefix else "") + found


def _rules_of(path: str) -> list[str]:
    below = PREFIX.sub("", path)
    return [rule for rule, template in _TEMPLATES if template.fullmatch(below)]


def _template(path: str) -> re.Pattern[str]:
    def value(name: re.Match[str]) -> str:
        return ".+" if name[0].endswith(r":path\}") else "[^/]+"

    return re.compile(re.sub(r"\\{[^}]*\\}", value, re.escape(path)))


_TEMPLATES = [(rule, _template(rule.split(" ")[1])) for rule in ACCESS]


def require_complete_table(routes: Iterable[BaseRoute]) -> None:
    """Refuse routes without a rule, and rules without a route.

    Raises:
        AssertionError: naming them.
    """
    served = rule_names(routes)
    without, unused = served - ACCESS.keys(), ACCESS.keys() - served
    if without or unused:
        raise AssertionError(
            f"routes without a rule in ACCESS: {sorted(without)}; rules without a route: "
            f"{sorted(unused)}"
        )
