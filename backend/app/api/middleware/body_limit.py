"""How long the body of a request may be."""

import re
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import error_response
from app.api.schemas.errors import ErrorCode
from app.config.settings import Settings
from app.core.users import Principal, Role

UPLOADS: Final = re.compile(r"/api(/v1)?/market-data/import")
"""Where files are imported; longer bodies are taken from those who may import."""
_FORM_BYTES: Final = 65_536
"""What the form may add to the file."""
SHORT_BYTES: Final = 8_192
"""As long as a body may be of whom we do not know, or who may only look, or where users are
managed: nothing longer is of any use there, and to read JSON holds up everybody else."""
_OF_USERS: Final = re.compile(r"/api(/v1)?/(auth|api-keys|users|invitations)(/|$)")


class BodyLimit:
    """Answers 413 when a body is, or says that it will be, longer than its sender may send."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, counting what is read."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        is_upload = _is_upload(scope)
        most = self._most(scope, is_upload=is_upload)
        words = _words(most, is_upload=is_upload)
        told = Headers(scope=scope).get("content-length", "")
        if told.isdecimal() and int(told) > most:
            await _too_long(words)(scope, receive, send)
            return
        left, begun = most, False

        async def counting() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, words)
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
            await _too_long(words)(scope, receive, send)

    def _most(self, scope: Scope, *, is_upload: bool) -> int:
        if is_upload:
            return (self._settings.import_max_mib << 20) + _FORM_BYTES
        if _is_trader(scope) and _OF_USERS.match(scope["path"]) is None:
            return self._settings.max_body_bytes
        return min(SHORT_BYTES, self._settings.max_body_bytes)


def _is_upload(scope: Scope) -> bool:
    is_there = scope["method"] == "POST" and UPLOADS.fullmatch(scope["path"]) is not None
    return is_there and _is_trader(scope)


def _is_trader(scope: Scope) -> bool:
    principal: Principal | None = scope["state"].get("principal")
    return principal is not None and principal.may(Role.TRADER)


def _words(most: int, *, is_upload: bool) -> str:
    if is_upload:
        return f"the file is larger than {most >> 20} MiB; import it in parts, or on the server"
    return f"the body is longer than the {most:,} bytes that may be sent here"


def _too_long(words: str) -> Response:
    close = {"Connection": "close"}
    return error_response(413, ErrorCode.PAYLOAD_TOO_LARGE, words, headers=close)
