"""What is turned away at the door: names that are not ours, secrets in addresses, two lengths."""

from ipaddress import ip_address
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import error_response
from app.api.schemas.errors import ErrorCode
from app.config.settings import Settings

SECRET_PARAMETERS = frozenset(
    {
        "accesstoken",
        "apikey",
        "authorization",
        "bearer",
        "clientsecret",
        "jwt",
        "passwd",
        "password",
        "refreshtoken",
        "secret",
        "secretkey",
        "token",
        "xapikey",
    }
)
"""Query parameters that no request may have, in lower case, without ``-`` and ``_``."""

_IN_ADDRESS = (
    "a secret does not belong in an address, which is kept in logs and histories: send it as "
    "`Authorization: Bearer <access token>` or `X-API-Key: <key>`, and take it for known by others"
)


_TWO_LENGTHS = (
    "the body's length is told twice, by Content-Length and by Transfer-Encoding: send one of them"
)
_LENGTHS = (b"content-length", b"transfer-encoding")


class Entrance:
    """Refuses a Host that is not this installation's, secrets in the query, and two lengths.

    A page of another site can make its own name point to this machine (DNS rebinding) and would
    then be of one origin with us. Its name gives it away: an address and ``localhost`` are
    always ours, other names only if `allowed_hosts` lists them. Of a body with two lengths a proxy
    before us may believe the other one, and take its end for a request of somebody else's.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        named = (settings.api_host, *settings.listed(settings.allowed_hosts))
        self._names = frozenset(name.lower().strip("[]") for name in ("localhost", *named))
        self._known: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may enter."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        await (self._app if refusal is None else refusal)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        host, lengths = _host_and_lengths(scope)
        if lengths > 1:
            close = {"Connection": "close"}
            return error_response(400, ErrorCode.BAD_REQUEST, _TWO_LENGTHS, headers=close)
        if host not in self._known and not self._is_ours(host):
            return error_response(
                400,
                ErrorCode.BAD_REQUEST,
                "the Host of the request is not a name of this installation: add it to "
                "ALLOWED_HOSTS if it is",
            )
        if scope["query_string"] and _has_secret(scope["query_string"]):
            return error_response(400, ErrorCode.BAD_REQUEST, _IN_ADDRESS)
        return None

    def _is_ours(self, host: str) -> bool:
        name = _without_port(host).lower()
        ours = name in self._names or _is_address(name)
        if ours and len(self._known) < 64:
            self._known.add(host)
        return ours


def _host_and_lengths(scope: Scope) -> tuple[str, int]:
    """The first Host, and by how many headers it is told how long the body is."""
    host, lengths = None, 0
    for name, value in scope["headers"]:
        if name == b"host":
            host = value.decode("latin-1") if host is None else host
        elif name in _LENGTHS:
            lengths += 1
    return host or "", lengths


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _has_secret(query: bytes) -> bool:
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    names = (name.lower().replace("-", "").replace("_", "") for name, _ in pairs)
    return not SECRET_PARAMETERS.isdisjoint(names)
