"""How uvicorn has to be told to serve the WebSocket: its options, and an end that says goodbye."""

import asyncio  # noqa: TID251  # app/api is where the event loop lives
import logging
import socket
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.api.doors import LoopErrors
from app.api.websocket.gateway import Gateway

_LOG: Final = logging.getLogger("uvicorn.websocket")
"""Uvicorn's own lines would have the query in them, and paths that are no route."""
_LOG.setLevel("WARNING")


class Protocol(WebSocketsSansIOProtocol):
    """Uvicorn's, which knows that a handshake it has refused is over.

    Uvicorn notes that of an accepted and of a closed one only: after any other refusal it wrote
    an error to the log, which strangers could fill so. Of each connection the observer of
    requests leaves a line; what goes wrong is logged as ever.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.logger = self.conn.logger = _LOG

    async def send(self, message: Any) -> None:
        """Send one message of the application."""
        await super().send(message)
        is_refusal = message["type"] == "websocket.http.response.body"
        if is_refusal and not message.get("more_body", False):
            self.handshake_complete = True


WEBSOCKET_OPTIONS: Final[dict[str, Any]] = {
    "ws": Protocol,
    "ws_max_size": 64 * 1024,
    "ws_ping_interval": 20.0,
    "ws_ping_timeout": 20.0,
    "ws_per_message_deflate": False,
}
"""For `uvicorn.Config`.

Larger messages end a connection (1009) before they are held in memory; one whose pings are not
answered is ended (1011). Without compression the bytes of a message are the same for everyone.
"""


class Server(uvicorn.Server):
    """Uvicorn that tells WebSocket clients that it goes (1001) before it closes connections."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._gateway: Gateway = app.state.gateway

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, with what the event loop has to say kept short."""
        asyncio.get_running_loop().set_exception_handler(LoopErrors())
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say goodbye, then end as uvicorn does."""
        await self._gateway.close()
        await super().shutdown(sockets)
