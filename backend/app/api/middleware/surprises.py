"""Errors nobody thought of become the one form of error, inside everything that observes them."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from loguru import logger
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import error_response, surprise
from app.api.schemas.errors import ErrorCode
from app.core.shown import shown_path

_OF_THE_BODY: Final = (b"content-type", b"content-length")


class Surprises:
    """Answers what no handler has answered, unless a response has begun already.

    A response that breaks off is passed on: the server then closes the connection, and the
    client sees that something is missing. What the framework answers as plain text, as for a
    range that a file does not have, becomes the one form. Who leaves while it sends is no surprise.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and answer for what goes wrong."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False
        plain: Message | None = None
        text = b""

        async def sending(message: Message) -> None:
            nonlocal begun, plain, text
            begun = True
            if plain is None and not _is_plain_error(message):
                await send(message)
            elif plain is None:
                plain = message
            else:
                text += message.get("body", b"")
                if not message.get("more_body", False):
                    await _in_the_one_form(plain, text)(scope, receive, send)

        try:
            await self._app(scope, receive, sending)
        except ClientDisconnect:
            logger.info("{} {}: who asked has left", scope["method"], shown_path(scope["path"]))
        except Exception as error:  # the one broad except of the API
            response = surprise(Request(scope), error)
            if begun:
                raise
            await response(scope, receive, send)


def _is_plain_error(message: Message) -> bool:
    if message["type"] != "http.response.start" or message["status"] < HTTPStatus.BAD_REQUEST:
        return False
    kinds = (value for name, value in message["headers"] if name == b"content-type")
    return next(kinds, b"").startswith(b"text/plain")


def _in_the_one_form(plain: Message, text: bytes) -> Response:
    """The same answer, with all it says beside its body."""
    status = HTTPStatus(plain["status"])
    told: Iterable[tuple[bytes, bytes]] = plain["headers"]
    message = text.decode("utf-8", "replace") or status.phrase
    response = error_response(status.value, ErrorCode.BAD_REQUEST, message)
    response.raw_headers += [line for line in told if line[0] not in _OF_THE_BODY]
    return response
