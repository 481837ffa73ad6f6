"""Errors nobody thought of become the one form of error, inside everything that observes them."""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import surprise


class Surprises:
    """Answers what no handler has answered, unless a response has begun already.

    A response that breaks off is passed on: the server then closes the connection, and the
    client sees that something is missing.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and answer for what goes wrong."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:  # the one broad except of the API
            response = surprise(Request(scope), error)
            if begun:
                raise
            await response(scope, receive, send)
