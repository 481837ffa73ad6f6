"""How long the body of a request may be."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import error_response
from app.api.schemas.errors import ErrorCode
from app.config.settings import Settings
from app.core.users import Principal, Role

UPLOADS = "/market-data/import"
"""Where files are imported; longer bodies are taken from those who may import."""


class BodyLimit:
    """Answers 413 when a body is, or says that it will be, longer than the settings allow."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._most = settings.max_body_bytes
        self._most_of_upload = (settings.import_max_mib << 20) + settings.max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, counting what is read."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        most = self._most_of_upload if _is_upload(scope) else self._most
        told = Headers(scope=scope).get("content-length", "")
        if told.isdecimal() and int(told) > most:
            await _too_long(most)(scope, receive, send)
            return
        left, begun = most, False

        async def counting() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _words(most))
            return message

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, counting, sending)
        except HTTPException:
            if begun or left >= 0:
                raise
            await _too_long(most)(scope, receive, send)


def _is_upload(scope: Scope) -> bool:
    principal: Principal | None = scope["state"].get("principal")
    return UPLOADS in scope["path"] and principal is not None and principal.may(Role.TRADER)


def _words(most: int) -> str:
    return f"the body is longer than the {most:,} bytes that may be sent here"


def _too_long(most: int) -> Response:
    close = {"Connection": "close"}
    return error_response(413, ErrorCode.PAYLOAD_TOO_LARGE, _words(most), headers=close)
