"""Every request gets an id, a time, a line in the log, a place in the figures, and safe headers."""

import re
from secrets import token_hex
from time import perf_counter
from typing import Final

from loguru import logger
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.access import served_path
from app.api.audit import address_of, is_behind_tls
from app.core.shown import shown_path
from app.monitoring.metrics import Metrics

_TOKEN: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
UNMATCHED: Final = "unmatched"
"""What log and figures call a path that is no route's: it may be anything, a secret too."""

Header = tuple[bytes, bytes]
EVERYWHERE: Final[tuple[Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_RESPONSES: Final = ("http.response.start", "websocket.http.response.start")
"""The second is a WebSocket's handshake that is answered with an error."""
_HSTS: Final[Header] = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
NOT_KEPT: Final[Header] = (b"cache-control", b"no-store")
_POLICY: Final = b"content-security-policy"
DATA_POLICY: Final[Header] = (_POLICY, b"default-src 'none'; frame-ancestors 'none'")
DOCS_POLICY: Final[Header] = (
    _POLICY,
    (
        b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        b"img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'"
    ),
)
REPORT_POLICY: Final[Header] = (
    _POLICY,
    (
        b"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
        b"img-src data:; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'; sandbox allow-scripts"
    ),
)
"""A run's report has its scripts inside; the sandbox leaves it no origin to act for."""


class Observer:
    """The outermost: it sees what every other part of the way has made of a request.

    What it leaves in the state: ``request_id``, and ``address``, where the request comes from.
    A request's own ``X-Request-ID`` is kept if it is a short token: letters, digits, ``._-``.
    The path is logged as it stands in an address, without its query, shortened, and not at all
    where there is no such route.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and note what came of it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        request_id = _request_id(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        connection = HTTPConnection(scope)
        state["address"] = address_of(connection) or "-"
        if is_behind_tls(connection):
            scope["scheme"] = "wss" if scope["type"] == "websocket" else "https"
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] in _RESPONSES:
                status = message["status"]
                headers = message["headers"] = list(message.get("headers", ()))
                _add_headers(headers, scope, request_id, perf_counter() - began)
            elif message["type"] == "websocket.accept":
                status = 101
            elif message["type"] == "websocket.close":
                status = status or 403  # closed before it was accepted, which is answered so
            await send(message)

        with logger.contextualize(request_id=request_id):
            try:
                await self._app(scope, receive, sending)
            finally:
                self._note(scope, status, perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = _template(scope)
        method = scope.get("method", "WEBSOCKET")
        is_request = scope["type"] == "http"  # a WebSocket's life is not how long an answer took
        self._metrics.note_request(method, route, status, seconds if is_request else None)
        principal = scope["state"].get("principal")
        path = UNMATCHED if route == UNMATCHED else shown_path(scope["path"])
        logger.info(
            "{} {} {} {:.1f} ms {} user={}",
            method,
            path,
            status or "no response",
            1_000.0 * seconds,
            scope["state"]["address"],
            principal.username if principal else "-",
        )


def _template(scope: Scope) -> str:
    """The path of the route that answered, or would have; our pages' routes have no parameters."""
    route = scope.get("route")
    if route is not None:
        return str(route.path)
    if "endpoint" in scope:
        return str(scope["path"])
    method = scope.get("method")
    return served_path(method, scope["path"]) or UNMATCHED if method else UNMATCHED


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _TOKEN.fullmatch(value):
            token: str = value.decode()
            return token
    return token_hex(8)


def _add_headers(headers: list[Header], scope: Scope, request_id: str, seconds: float) -> None:
    present = dict(headers)
    headers.append((b"x-request-id", request_id.encode()))
    headers.append((b"x-process-time", b"%.6f" % seconds))
    headers.extend(EVERYWHERE)
    if scope["scheme"] in ("https", "wss"):
        headers.append(_HSTS)
    if b"cache-control" not in present:
        headers.append(NOT_KEPT)
    headers.append(_policy(scope, present))


def _policy(scope: Scope, present: dict[bytes, bytes]) -> Header:
    if not present.get(b"content-type", b"").startswith(b"text/html"):
        return DATA_POLICY
    return DOCS_POLICY if scope["path"].startswith("/docs") else REPORT_POLICY
